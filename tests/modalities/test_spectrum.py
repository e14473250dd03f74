import numpy as np
import pyarrow as pa

from skybind.modalities.spectrum import Spectrum, SpectrumOptions, resample
from skybind.ragged import Ragged

from .conftest import make_table


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
    flux, error, seen = resample(ragged, np.array([9.0, 11.0, 14.0, 16.0, 17.0]))
    np.testing.assert_allclose(flux[0], [0, 1.5, 3.0, 4.0, 0])
    np.testing.assert_allclose(error[0], [0, 0.5, 0.5, 0.5, 0])
    assert seen[0].tolist() == [False, True, True, True, False]


def test_release_takes_the_mad_over_nonzero_flux_and_the_mean_over_all(schema):
    # half of the grid is beyond the observed range, where the resampled flux is zero
    wavelength = np.arange(4000, 4052, 2.0)
    flux = 5 + np.cos(wavelength)
    prepared = build(schema, wavelength_min=4000, wavelength_max=4100, mad_over="nonzero").prepare(
        one(wavelength, flux, np.ones(len(wavelength)))
    )
    mad = np.median(np.abs(flux - np.median(flux)))
    mean = flux.sum() / 50
    np.testing.assert_allclose(prepared.arrays["log_mad"][0], np.log10(mad), rtol=1e-5)
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
