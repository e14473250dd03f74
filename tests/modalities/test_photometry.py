import numpy as np
import pyarrow as pa
import pytest

from skybind.data.schema import Column
from skybind.errors import ConfigError, DataError
from skybind.modalities.cleaning import AB_ZERO_FLUX
from skybind.modalities.photometry import Photometry, PhotometryOptions
from skybind.ragged import Ragged
from tests.modalities.conftest import make_table


def one_curve(time, value, error, name="flux", period=None):
    n = len(time)
    curve = Ragged(
        {
            "time": np.asarray(time, float),
            name: np.asarray(value, float),
            f"{name}_err": np.asarray(error, float),
        },
        np.array([0, n]),
        np.array([True]),
    )
    columns = {"photometry": curve.to_arrow(), "amplitude": [0.5]}
    columns["period"] = pa.array([period], pa.float64())
    return pa.table(columns)


def build(schema, **options):
    return Photometry("photometry", PhotometryOptions(**options), schema)


def test_channels_are_those_of_the_paper(schema):
    time, flux, error = [2.0, 4.0, 10.0, 12.0], [1.0, 2.0, 4.0, 9.0], [0.1, 0.1, 0.2, 0.3]
    modality = build(schema, length=6)
    prepared = modality.prepare(one_curve(time, flux, error, period=2.0))
    modality.fit(prepared, np.array([0]))
    out = modality.batch(prepared, np.array([0]))
    values, mask = out["values"][0].numpy(), out["mask"][0].numpy()
    mad = np.median(np.abs(np.array(flux) - np.median(flux)))  # raw, about the median
    np.testing.assert_allclose(mask, [1, 1, 1, 1, 0, 0])
    np.testing.assert_allclose(values[:4, 0], [0, 0.2, 0.8, 1], atol=1e-6)
    np.testing.assert_allclose(values[:4, 1], (np.array(flux) - 4) / mad, rtol=1e-6)
    np.testing.assert_allclose(values[:4, 2], np.array(error) / mad, rtol=1e-6)
    # features, standardised on this one object, are zero; log10(MAD) and the span are as they are
    np.testing.assert_allclose(values[:4, 3:5], 0, atol=1e-6)
    np.testing.assert_allclose(values[:4, 5], np.log10(mad), rtol=1e-6)
    np.testing.assert_allclose(values[:4, 6], 10 / 365, rtol=1e-6)
    np.testing.assert_array_equal(values[4:], 0)


def test_long_curves_are_cropped_in_the_centre_or_at_random(schema):
    modality = build(schema, length=50)
    prepared = modality.prepare(make_table([120, 50, 30]))
    modality.fit(prepared, np.arange(3))
    rows = np.zeros(40, int)
    centre = modality.batch(prepared, np.array([0]))["values"][0, :, 0].numpy()
    whole = prepared.arrays["values"][:120, 0]
    np.testing.assert_array_equal(centre, whole[35:85])
    drawn = modality.batch(prepared, rows, np.random.default_rng(0))["values"][:, 0, 0].numpy()
    assert len(np.unique(drawn)) > 20
    assert set(drawn) <= set(whole[:71])  # a window of 50 fits from places 0 to 70


def test_sampling_takes_epochs_over_the_whole_curve(schema):
    modality = build(schema, length=50, crop="sample")
    prepared = modality.prepare(make_table([400, 20]))
    modality.fit(prepared, np.arange(2))
    for rng in (None, np.random.default_rng(1)):
        out = modality.batch(prepared, np.arange(2), rng)
        time = out["values"][0, :, 0].numpy()
        assert (np.diff(time) >= 0).all()
        assert len(np.unique(time)) == 50
        assert time[0] < 0.1
        assert time[-1] > 0.9
        assert out["mask"][1].sum() == 20


def test_batches_do_not_depend_on_company_and_absent_is_zero(schema):
    modality = build(schema, length=40, phase=True)
    table = make_table([100, 0, 60, 25])
    prepared = modality.prepare(table)
    modality.fit(prepared, np.arange(4))
    together = modality.batch(prepared, np.arange(4))
    for row in range(4):
        alone = modality.batch(prepared, np.array([row]))
        np.testing.assert_array_equal(alone["values"][0], together["values"][row])
    assert not together["values"][1].any()
    assert not together["mask"][1].any()
    assert together["values"].isfinite().all()
    assert prepared.present.tolist() == [True, False, True, True]


def test_phase_channels_fold_at_the_period_and_at_twice_it(schema):
    rng = np.random.default_rng(3)
    period = 0.7
    time = np.sort(rng.uniform(0, 200, 150))
    flux = 5 - np.exp(-0.5 * ((np.mod(time / (2 * period), 1) - 0.25) / 0.05) ** 2)
    modality = build(schema, length=150, phase=True)
    prepared = modality.prepare(one_curve(time, flux, np.full(150, 0.01), period=period))
    modality.fit(prepared, np.array([0]))
    values = modality.batch(prepared, np.array([0]))["values"][0].numpy()
    phase = np.arctan2(values[:, -2], values[:, -1]) / (2 * np.pi)
    # the faintest part, at 0.25 of the double period, is phase zero, to a bin of 1/40
    expected = np.mod(time / (2 * period) - 0.25, 1)
    difference = np.mod(phase - expected + 0.5, 1) - 0.5
    assert np.abs(difference).max() < 1 / 40 + 1e-3
    np.testing.assert_allclose(np.ptp(difference), 0, atol=2e-3)
    double = np.arctan2(values[:, -4], values[:, -3]) / (2 * np.pi)
    np.testing.assert_allclose(np.mod(double - 2 * phase + 0.5, 1) - 0.5, 0, atol=1e-5)


def test_without_a_period_the_phase_channels_are_zero(schema):
    modality = build(schema, length=10, phase=True)
    prepared = modality.prepare(one_curve([1, 2, 3.0], [1, 2, 4.0], [0.1] * 3, period=None))
    modality.fit(prepared, np.array([0]))
    for rng in (None, np.random.default_rng(0)):
        assert not modality.batch(prepared, np.array([0]), rng)["values"][..., -4:].any()


def test_training_draws_the_phase_zero(schema):
    modality = build(schema, length=30, phase=True)
    prepared = modality.prepare(make_table([30]))
    modality.fit(prepared, np.array([0]))
    rng = np.random.default_rng(0)
    one, two = (modality.batch(prepared, np.array([0]), rng)["values"][0] for _ in range(2))
    np.testing.assert_array_equal(one[:, :2], two[:, :2])
    assert not np.allclose(one[:, -2:], two[:, -2:])


def test_dropping_epochs_only_in_training(schema):
    modality = build(schema, length=100, drop=0.5)
    prepared = modality.prepare(make_table([100] * 50))
    modality.fit(prepared, np.arange(50))
    kept = modality.batch(prepared, np.arange(50), np.random.default_rng(0))["mask"].sum(1).numpy()
    assert 65 < kept.mean() < 85  # a quarter is dropped on average
    assert modality.batch(prepared, np.arange(50))["mask"].all()


def test_magnitudes_and_fluxes_are_converted(schema):
    time = np.arange(5.0)
    magnitude = np.array([10.0, 10.5, 11.0, 11.5, 13.0])
    flux = AB_ZERO_FLUX * 10 ** (-0.4 * magnitude)
    as_mag = one_curve(time, magnitude, np.full(5, 0.01), "magnitude", 1.0)
    as_flux = one_curve(time, flux, flux * 0.01 * np.log(10) / 2.5, "flux", 1.0)
    for space in ("flux", "magnitude"):
        modality = build(schema, length=5, space=space)
        one, two = (modality.prepare(t).arrays["values"] for t in (as_mag, as_flux))
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
    # brighter is larger in both spaces
    assert (np.diff(one[:, 1]) < 0).all()


def test_constant_and_one_epoch_curves_are_set_aside_with_a_reason(schema):
    modality = build(schema, length=5)
    constant = modality.prepare(one_curve([1, 2, 3], [2, 2, 2], [0.1] * 3, period=1.0))
    assert not constant.present[0]
    assert "zero MAD" in constant.reason[0]
    single = modality.prepare(one_curve([1], [2], [0.1], period=1.0))
    assert not single.present[0]
    assert single.reason[0] == "one epoch"


def test_statistics_come_from_the_training_objects_alone(schema):
    table = make_table([20] * 10)
    modality = build(schema, length=20, standardise_constants=True)
    prepared = modality.prepare(table)
    train = np.arange(6)
    modality.fit(prepared, train)
    values = modality.batch(prepared, train)["values"][:, 0, 3:].numpy()
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(values.std(0), 1, atol=1e-4)
    again = build(schema, length=20, standardise_constants=True)
    again.load_state(modality.state())
    np.testing.assert_array_equal(
        again.batch(prepared, np.arange(10))["values"],
        modality.batch(prepared, np.arange(10))["values"],
    )


def test_an_unknown_feature_is_named(schema):
    with pytest.raises(ConfigError, match="no photometry feature 'perid'"):
        build(schema, features=["perid"])


def test_a_chunk_without_any_light_curve_is_all_zero(schema):
    modality = build(schema, length=10, phase=True)
    prepared = modality.prepare(make_table([0, 0, 0]))
    for rng in (None, np.random.default_rng(0)):
        batch = modality.batch(prepared, np.arange(3), rng)
        assert not batch["values"].any()
        assert not batch["mask"].any()


def two_bands(mean=(20.0, 5.0), amplitude=(4.0, 0.5), n=60, period=2.0, extra=()):
    """Give a sine wave observed in turn in the bands g and i, of other levels and amplitudes."""
    time = np.linspace(0, 100.3, n)
    which = np.arange(n) % 2
    wave = np.sin(2 * np.pi * time / period)
    flux = np.asarray(mean)[which] + np.asarray(amplitude)[which] * wave
    band = np.array(["g", "i"])[which]
    time = np.concatenate([time, 50.01 + np.arange(len(extra))])
    flux = np.concatenate([flux, np.full(len(extra), 1000.0)])
    fields = {"time": time, "flux": flux, "flux_err": np.full(len(time), 0.1)}
    fields["band"] = np.concatenate([band, np.asarray(extra, band.dtype)])
    curve = Ragged(fields, np.array([0, len(time)]), np.array([True]))
    columns = {"photometry": curve.to_arrow(), "amplitude": [0.5], "period": [period]}
    return pa.table(columns), wave, which


@pytest.mark.parametrize("space", ["flux", "magnitude"])
def test_each_band_is_normalised_by_itself(schema, space):
    table, wave, which = two_bands(amplitude=(0.2, 0.01))
    modality = build(schema, length=60, bands=["g", "i"], space=space, standardise_constants=True)
    prepared = modality.prepare(table)
    modality.standard.scale[:] = 1  # so that constants are as they are
    out = modality.batch(prepared, np.array([0]))["values"][0].numpy()
    assert out.shape == (60, modality.shape.channels) == (60, 5 + 2 + 3 * 2)
    # a sine of any amplitude is the same sine, over the MAD of its epochs
    mads = []
    for band in (0, 1):
        centred = wave[which == band] - wave[which == band].mean()
        mads.append(np.median(np.abs(centred - np.median(centred))))
        expected = centred / mads[-1]
        np.testing.assert_allclose(out[which == band, 1], expected, atol=0.02)
    np.testing.assert_array_equal(out[:, -2:], np.eye(2)[which])
    colour_g, ratio_g, colour_i, ratio_i = out[0, 5:9]
    assert colour_g - colour_i == pytest.approx(2.5 * np.log10(20 / 5), abs=2e-3)
    assert colour_g + colour_i == pytest.approx(0, abs=1e-5)
    share = 0.2 / 0.01 if space == "flux" else 0.2 / 20 / (0.01 / 5)
    share *= mads[0] / mads[1]
    assert ratio_g - ratio_i == pytest.approx(np.log10(share), abs=0.01)


def test_epochs_in_other_bands_are_left_out(schema):
    plain, _, _ = two_bands()
    more, _, _ = two_bands(extra=["z", "z"])
    modality = build(schema, length=62, bands=["g", "i"], phase=True)
    outs = []
    for table in (plain, more):
        prepared = modality.prepare(table)
        modality.fit(prepared, np.array([0]))
        outs.append(modality.batch(prepared, np.array([0])))
    np.testing.assert_array_equal(outs[0]["mask"], outs[1]["mask"])
    np.testing.assert_array_equal(outs[0]["values"], outs[1]["values"])
    only = build(schema, length=62, bands=["z"])
    alone = only.prepare(two_bands(extra=["z"])[0])
    assert alone.reason.tolist() == ["fewer than two epochs in the bands in use"]
    assert not alone.present.any()


def test_a_band_that_does_not_vary_takes_the_scale_of_all(schema):
    table, _, which = two_bands(amplitude=(1.0, 0.0))
    modality = build(schema, length=60, bands=["g", "i"])
    prepared = modality.prepare(table)
    modality.fit(prepared, np.array([0]))
    values = modality.batch(prepared, np.array([0]))["values"][0].numpy()
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values[which == 1, 1], 0, atol=1e-6)


def test_bands_that_are_not_there_are_told(schema):
    with pytest.raises(DataError, match="have no field 'band'"):
        build(schema, bands=["g"]).prepare(make_table([30]))
    modality = build(schema, bands=["g", "u"])
    with pytest.raises(DataError, match="no training object was observed in band 'u'"):
        modality.fit(modality.prepare(two_bands()[0]), np.array([0]))
    # an object without one of the bands has the training mean there, whatever the band
    modality = build(schema, length=60, bands=["g", "i"])
    prepared = modality.prepare(pa.concat_tables([two_bands()[0], two_bands(n=4)[0]]))
    modality.fit(prepared, np.arange(2))
    assert np.isfinite(modality.batch(prepared, np.arange(2))["values"].numpy()).all()


def test_a_band_an_object_lacks_stands_at_the_training_mean(schema):
    table, _, which = two_bands()
    curve = Ragged.from_arrow(table["photometry"])
    only = table.set_column(
        0, "photometry", pa.chunked_array([curve.filter(which == 0).to_arrow()])
    )
    modality = build(schema, length=60, bands=["g", "i"])
    prepared = modality.prepare(pa.concat_tables([table, only]))
    modality.fit(prepared, np.arange(2))
    values = modality.batch(prepared, np.arange(2))["values"].numpy()
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values[1, :, 7:9], 0)  # colour and amplitude of i


def test_a_period_in_hours_folds_like_one_in_days(schema):
    rng = np.random.default_rng(3)
    time = np.sort(rng.uniform(0, 20, 60))
    flux = 5 + np.sin(2 * np.pi * time / 0.7)
    hours = schema.with_columns({"period": Column("feature", "h", modality="photometry")})
    made = [
        build(known, length=60, phase=True)
        .prepare(one_curve(time, flux, np.full(60, 0.01), period=period))
        .arrays["phase"]
        for known, period in ((schema, 0.7), (hours, 16.8))
    ]
    np.testing.assert_allclose(made[0], made[1], atol=1e-6)
    wrong = schema.with_columns({"period": Column("feature", "mag", modality="photometry")})
    with pytest.raises(ConfigError, match="'mag' cannot be converted to d"):
        build(wrong, phase=True)


def test_the_release_repeats_the_constants_over_the_padding(schema):
    curve = one_curve([2.0, 4.0, 10.0], [1.0, 3.0, 7.0], [0.1, 0.1, 0.2], period=2.0)
    made = {}
    for padding in ("zero", "constants"):
        modality = build(schema, length=6, padding=padding, phase=True)
        prepared = modality.prepare(curve)
        modality.fit(prepared, np.array([0]))
        made[padding] = modality.batch(prepared, np.array([0]))["values"][0].numpy()
    np.testing.assert_array_equal(made["constants"][:3], made["zero"][:3])
    assert not made["zero"][3:].any()
    after = made["constants"][3:]
    assert not after[:, :3].any()  # time, flux, error
    assert not after[:, -4:].any()  # phases
    np.testing.assert_array_equal(after[:, 3:-4], made["constants"][:3, 3:-4])
    assert after[:, 5].all()  # log10(MAD)


def test_absent_curves_stay_zero_whatever_the_padding(schema):
    modality = build(schema, length=6, padding="constants")
    prepared = modality.prepare(make_table([5, 0]))
    modality.fit(prepared, np.array([0]))
    assert not modality.batch(prepared, np.array([1]))["values"].any()


def test_ties_are_sorted_by_flux_and_error_where_that_is_asked(schema):
    time, flux = [1.0, 3.0, 3.0, 3.0, 5.0], [1.0, 7.0, 2.0, 2.0, 4.0]
    curve = one_curve(time, flux, [0.1, 0.1, 0.3, 0.2, 0.1])
    for ties, order in (("source", [0, 1, 2, 3, 4]), ("value", [0, 3, 2, 1, 4])):
        prepared = build(schema, ties=ties).prepare(curve)
        errors = prepared.arrays["values"][:, 2]
        want = np.array([0.1, 0.1, 0.3, 0.2, 0.1])[order]
        np.testing.assert_allclose(errors / errors[0] * 0.1, want, rtol=1e-5)
