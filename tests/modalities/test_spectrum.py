import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from skybind.modalities.resampling import interpolate
from skybind.modalities.spectrum import Spectrum, SpectrumOptions
from skybind.ragged import Ragged
from tests.modalities.conftest import make_table


def build(schema, **options):
    return Spectrum("spectrum", SpectrumOptions(**options), schema)


def one(wavelength, flux, ivar):
    n = len(wavelength)
    ragged = Ragged(
        {
            "wavelength": np.asarray(wavelength, float),
            "flux": np.asarray(flux, float),
            "ivar": np.asarray(ivar, float),
        },
        np.array([0, n]),
        np.array([True]),
    )
    return pa.table({"spectrum": ragged.to_arrow()})


def test_the_published_grid(schema):
    modality = build(schema, wavelength_min=3850, wavelength_max=9000, wavelength_step=2)
    np.testing.assert_array_equal(modality.grid, np.arange(3850, 9000, 2))
    assert modality.shape.length == 2575
    assert modality.shape.channels == 3


def test_channels_are_those_of_the_paper(schema):
    grid = np.arange(4000, 4100, 2.0)
    flux = 3 + np.sin(grid / 7)
    modality = build(schema, wavelength_min=4000, wavelength_max=4100)
    prepared = modality.prepare(one(grid, flux, np.full(len(grid), 25.0)))
    values = modality.batch(prepared, np.array([0]))["values"][0].numpy()
    mad = np.median(np.abs(flux - np.median(flux)))
    np.testing.assert_allclose(values[0], (flux - flux.mean()) / mad, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(values[1], 0.2 / mad, rtol=1e-5)
    np.testing.assert_allclose(values[2], np.log10(mad), rtol=1e-5)


def test_interpolation_is_linear_and_bridges_masked_pixels():
    wavelength = np.array([10.0, 12.0, 14.0, 16.0])
    ragged = Ragged(
        {
            "wavelength": wavelength,
            "flux": np.array([1.0, 2.0, 99.0, 4.0]),
            "flux_err": np.full(4, 0.5),
            "mask": np.array([False, False, True, False]),
        },
        np.array([0, 4]),
        np.array([True]),
    )
    flux, error, seen = interpolate(ragged, np.array([9.0, 11.0, 14.0, 16.0, 17.0]))
    np.testing.assert_allclose(flux[0], [0, 1.5, 3.0, 4.0, 0])
    np.testing.assert_allclose(error[0], [0, 0.5, 0.5, 0.5, 0])
    assert seen[0].tolist() == [False, True, True, True, False]


def test_release_takes_the_mad_over_nonzero_flux_and_the_mean_over_all(schema):
    # half of the grid is beyond the observed range, where the resampled flux is zero
    wavelength = np.arange(4000, 4052, 2.0)
    flux = 5 + np.cos(wavelength / 9)
    prepared = build(schema, wavelength_min=4000, wavelength_max=4100, mad_over="nonzero").prepare(
        one(wavelength, flux, np.ones(len(wavelength)))
    )
    mad = np.median(np.abs(flux - np.median(flux)))
    mean = flux.sum() / 50
    np.testing.assert_allclose(prepared.arrays["log_scale"][0], np.log10(mad), rtol=1e-5)
    np.testing.assert_allclose(prepared.arrays["values"][0, 0, :26], (flux - mean) / mad, rtol=1e-5)


def test_all_masked_out_of_range_and_constant_are_set_aside(schema):
    modality = build(schema)
    grid = np.linspace(4000, 8000, 50)
    wavy = 1 + 0.1 * np.sin(grid)
    cases = {
        "all pixels masked": one(grid, wavy, np.zeros(50)),
        "no pixel in the wavelength range": one(grid + 20000, wavy, np.ones(50)),
        "constant flux (zero MAD)": one(grid, np.ones(50), np.ones(50)),
    }
    for reason, table in cases.items():
        prepared = modality.prepare(table)
        assert not prepared.present[0]
        assert prepared.reason[0] == reason
        assert not prepared.arrays["values"].any()


def test_noise_is_added_in_training_only(schema):
    modality = build(schema, noise=1.0)
    prepared = modality.prepare(make_table([5]))
    rows = np.array([0])
    plain = modality.batch(prepared, rows)["values"][0]
    noisy = modality.batch(prepared, rows, np.random.default_rng(0))["values"][0]
    pulls = ((noisy[0] - plain[0]) / plain[1]).numpy()
    assert abs(pulls.std() - 1) < 0.1
    np.testing.assert_array_equal(noisy[1:], plain[1:])


def test_stars_get_the_numbers_of_a_plain_loop_to_the_bit(schema):
    table = make_table([5] * 4)
    modality = build(schema)
    batch = modality.batch(modality.prepare(table), np.arange(4))["values"].numpy()
    spectra = Ragged.from_arrow(table["spectrum"])
    for i in range(4):
        part = slice(spectra.offsets[i], spectra.offsets[i + 1])
        w, f, v = (spectra.fields[k][part] for k in ("wavelength", "flux", "ivar"))
        flux = np.interp(modality.grid, w, f)
        error = np.interp(modality.grid, w, 1 / np.sqrt(v))
        mad = np.median(np.abs(flux - np.median(flux)))
        mean = flux.sum() / len(flux)
        np.testing.assert_array_equal(batch[i, 0], ((flux - mean) / mad).astype(np.float32))
        np.testing.assert_array_equal(batch[i, 1], (error / mad).astype(np.float32))
        np.testing.assert_array_equal(batch[i, 2], np.log10(mad).astype(np.float32))


DESI = {
    "wavelength_min": 3600,
    "wavelength_step": 0.8,
    "bins": 7781,
    "resample": "conserving",
    "normalise": "zscore",
    "channels": ["flux"],
}


def test_flux_may_stay_as_it_is(schema):
    grid = 4000 + 10.0 * np.arange(60)
    flux = 3 + np.sin(grid / 70)
    modality = build(
        schema, wavelength_min=4000, wavelength_step=10, bins=64, normalise="none",
        channels=["flux", "uncertainty", "scale"],
    )  # fmt: skip
    prepared = modality.prepare(one(grid, flux, np.full(60, 25.0)))
    assert prepared.present.all()
    values = modality.batch(prepared, np.array([0]))["values"][0].numpy()
    np.testing.assert_allclose(values[0, :60], flux, rtol=1e-6)
    np.testing.assert_allclose(values[1, :60], 0.2, rtol=1e-6)
    assert not values[:, 60:].any()  # not observed
    assert not values[2].any()


def test_galaxies_have_desi_s_grid_and_zscores(schema):
    modality = build(schema, **DESI)
    np.testing.assert_allclose(modality.grid, 3600 + 0.8 * np.arange(7781), rtol=0, atol=1e-9)
    assert abs(modality.grid[-1] - 9824) < 1e-9
    assert (modality.shape.channels, modality.shape.length) == (1, 7781)
    prepared = modality.prepare(make_table([5, 5], pixels=6000))
    values = modality.batch(prepared, np.arange(2))["values"]
    assert values.shape == (2, 1, 7781)
    seen = (modality.grid > 3702) & (modality.grid < 9098)
    np.testing.assert_allclose(values[:, 0, seen].mean(1), 0, atol=1e-2)
    np.testing.assert_allclose(values[:, 0, seen].std(1), 1, atol=1e-2)
    assert not values[:, 0, modality.grid < 3699].any()
    assert not values[:, 0, modality.grid > 9101].any()
    assert prepared.arrays["values"].shape == (2, 1, 7781)
    assert modality.summary(prepared, np.arange(2)).shape == (2, 101)


def test_masked_pixels_take_no_part_and_are_zero(schema):
    grid = 4000 + 2.0 * np.arange(200)
    flux, ivar = np.sin(grid / 20), np.full(200, 4.0)
    flux[50:60], ivar[50:60] = 1e4, 0
    options = {"resample": "conserving", "normalise": "zscore", "bins": 200}
    modality = build(schema, wavelength_min=4000, channels=["flux", "ivar", "scale"], **options)
    values = modality.batch(modality.prepare(one(grid, flux, ivar)), np.array([0]))["values"][0]
    assert not values[:2, 50:60].any()
    good = ivar > 0
    mean, std = flux[good].mean(), flux[good].std()
    np.testing.assert_allclose(values[0, good], (flux[good] - mean) / std, atol=1e-4)
    np.testing.assert_allclose(values[1, good], 4 * std**2, rtol=1e-4)
    np.testing.assert_allclose(values[2], np.log10(std), rtol=1e-4)


def test_a_log_grid_has_even_steps_in_the_logarithm(schema):
    modality = build(
        schema, wavelength_min=4000, wavelength_max=8000, wavelength_step=1e-3, spacing="log"
    )
    np.testing.assert_allclose(np.diff(np.log10(modality.grid)), 1e-3, rtol=1e-6)
    assert modality.grid[0] == pytest.approx(4000)
    assert 7980 < modality.grid[-1] < 8000
    assert modality.shape.length == len(modality.grid) == 302


def test_noise_needs_no_uncertainty_channel(schema):
    modality = build(schema, **DESI, noise=1.0)
    prepared = modality.prepare(make_table([5], pixels=6000))
    plain, noisy = (
        modality.batch(prepared, np.array([0]), rng)["values"]
        for rng in (None, np.random.default_rng(0))
    )
    assert plain.shape == (1, 1, 7781)
    assert 0.5 < (noisy - plain)[:, :, 500:6000].std() < 5


def test_windows_are_hidden_in_training_only(schema):
    modality = build(schema, hide=0.4, hide_length=20)
    assert modality.augments
    prepared = modality.prepare(make_table([5] * 50, pixels=2000))
    rows = np.arange(50)
    plain = modality.batch(prepared, rows)["values"].numpy()
    hidden = modality.batch(prepared, rows, np.random.default_rng(0))["values"].numpy()
    gone = (hidden[:, 0] == 0) & (plain[:, 0] != 0)
    fraction = gone.mean(axis=1)
    assert 0.1 < fraction.mean() < 0.25
    assert fraction.max() <= 0.41
    assert np.ptp(fraction) > 0.1
    np.testing.assert_array_equal(
        hidden[:, :2][~np.stack([gone] * 2, 1)], plain[:, :2][~np.stack([gone] * 2, 1)]
    )
    np.testing.assert_array_equal(hidden[:, 2], plain[:, 2])
    assert not hidden[:, 1][gone].any()


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(ValidationError, match="not larger"):
        SpectrumOptions(wavelength_min=5000, wavelength_max=4000)
    with pytest.raises(ValidationError, match="twice"):
        SpectrumOptions(channels=["flux", "flux"])


def test_edges_go_on_where_that_is_asked(schema):
    wave = np.arange(4020.0, 4060.0, 2)
    flux = 3 + np.arange(20) % 7
    modality = build(schema, wavelength_min=4000, wavelength_max=4100, edges="extend")
    prepared = modality.prepare(one(wave, flux, np.full(20, 25.0)))
    values = modality.batch(prepared, np.array([0]))["values"][0].numpy()
    want = np.interp(modality.grid, wave, flux)  # numpy's own goes on with the ends
    mad = np.median(np.abs(want - np.median(want)))
    np.testing.assert_allclose(values[0], (want - want.mean()) / mad, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(values[1], 0.2 / mad, rtol=1e-5)
    far = modality.prepare(one(wave + 900, flux, np.full(20, 25.0)))
    assert far.reason[0] == "no pixel in the wavelength range"


def test_pixels_without_an_error_are_used_where_that_is_asked(schema):
    wave = np.arange(4000.0, 4040.0, 2)
    flux, ivar = 3.0 + np.arange(20) % 7, np.full(20, 25.0)
    flux[8], ivar[8] = 40.0, 0
    for masked, at in (("bridge", (flux[7] + flux[9]) / 2), ("use", 40.0)):
        modality = build(schema, wavelength_min=4000, wavelength_max=4040, masked=masked)
        prepared = modality.prepare(one(wave, flux, ivar))
        values = modality.batch(prepared, np.array([0]))["values"][0].numpy()
        want = np.where(np.arange(20) == 8, at, flux)
        mad = np.median(np.abs(want - np.median(want)))
        np.testing.assert_allclose(values[0], (want - want.mean()) / mad, rtol=1e-5, atol=1e-6)
        assert (values[1, 8] == 0) == (masked == "use")
    with pytest.raises(ValidationError, match="belong to resample: linear"):
        SpectrumOptions(resample="conserving", edges="extend")
