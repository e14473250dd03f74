"""Light curves of transients: times from a reference, and brightness whose colours survive."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.data.schema import BASE_COLUMNS, Column, DatasetSchema
from skybind.errors import ConfigError
from skybind.modalities.cleaning import AB_ZERO_FLUX
from skybind.modalities.photometry import Photometry, PhotometryOptions
from skybind.ragged import Ragged

#: Two bands of one supernova: g rises and fades faster than r.
TIME = np.array([55000.0, 55003.0, 55010.0, 55010.0, 55030.0, 55030.0, 55060.0])
BAND = np.array(["g", "r", "g", "r", "g", "r", "r"], dtype=object)
MAGNITUDE = np.array([19.0, 19.2, 17.1, 17.4, 19.3, 18.0, 19.0])
TRANSIENT = {"normalise": "peak", "bands": ["g", "r"], "standardise_constants": True}


def schema(value="magnitude", dated=True, **features):
    """A schema of light curves of two bands, and features of a unit each."""
    unit = "mag" if value == "magnitude" else "mJy"
    fields = {"time": "d", value: unit, f"{value}_err": unit, "band": None}
    attributes = {"time_system": "JD"} if dated else {}
    return DatasetSchema(
        {
            **BASE_COLUMNS,
            "photometry": Column("observation", fields=fields, attributes=attributes),
            **{
                name: Column("feature", unit, modality="photometry")
                for name, unit in features.items()
            },
        }
    )


def curve(time=TIME, value=MAGNITUDE, error=0.05, band=BAND, name="magnitude", **columns):
    """A table of one light curve."""
    n = len(time)
    fields = {
        "time": np.asarray(time, float) + 2400000.5,
        name: np.asarray(value, float),
        f"{name}_err": np.broadcast_to(error, n).astype(float),
        "band": band,
    }
    return pa.table(
        {
            "photometry": Ragged(fields, np.array([0, n]), np.array([True])).to_arrow(),
            **{key: pa.array([number], pa.float64()) for key, number in columns.items()},
        }
    )


def epochs(table, of=None, **options):
    """Time, brightness and error of the epochs as an encoder gets them, and all constants."""
    modality = Photometry("photometry", PhotometryOptions(**TRANSIENT | options), of or schema())
    prepared = modality.prepare(table)
    assert prepared.present.all(), prepared.reason
    names = modality.channel_names
    first = len(names) - prepared.arrays["constants"].shape[1]
    assert first > 0
    constants = dict(zip(names[3:], prepared.arrays["constants"][0], strict=False))
    return prepared.arrays["values"].T, constants


def refused(table, of=None, **options):
    modality = Photometry("photometry", PhotometryOptions(**TRANSIENT | options), of or schema())
    prepared = modality.prepare(table)
    assert not prepared.present.any()
    return prepared.reason[0]


def test_times_count_from_the_maximum_or_from_the_first_detection():
    (time, brightness, _), _ = epochs(curve(), time_zero="maximum", time_scale=5)
    np.testing.assert_allclose(time, np.arcsinh((TIME - 55010) / 5), rtol=1e-5)
    assert time[np.argmax(brightness)] == 0
    (time, _, _), _ = epochs(curve(), time_zero="first", time_scale=5)
    np.testing.assert_allclose(time, np.arcsinh((TIME - 55000) / 5), rtol=1e-5)


@settings(deadline=None, max_examples=25)
@given(st.integers(-40_000, 40_000), st.sampled_from(["first", "maximum", "peak_time"]))
def test_a_shift_of_all_times_changes_nothing(days, zero):
    dated = schema(peak_time="MJD")
    one, constants = epochs(curve(peak_time=55008.0), dated, time_zero=zero)
    two, shifted = epochs(curve(TIME + days, peak_time=55008.0 + days), dated, time_zero=zero)
    np.testing.assert_array_equal(one, two)
    assert constants == shifted


def test_times_count_from_a_column_whatever_its_zero_point():
    expected = np.arcsinh((TIME - 55008) / 20)
    columns = {"MJD": 55008.0, "JD": 2455008.5, "BJD - 2457000": -1991.5}
    for unit, number in columns.items():
        (time, _, _), constants = epochs(
            curve(peak=number, extinction=0.1),
            schema(peak=unit, extinction="mag"),
            time_zero="peak",
        )
        np.testing.assert_allclose(time, expected, rtol=1e-5)
        assert "peak" in constants  # the brightness; the column is no feature any more
        assert next(iter(constants)) == "extinction"
        assert constants["peak"] == pytest.approx(2.5 * np.log10(AB_ZERO_FLUX) - 17.1)


def test_a_column_of_times_is_refused_where_it_cannot_be_compared():
    with pytest.raises(ConfigError, match=r"'peek'.*did you mean 'peak'\?"):
        epochs(curve(), schema(peak="MJD"), time_zero="peek")
    with pytest.raises(ConfigError, match=r"are Julian dates \(JD\), but those of 'peak' do not"):
        epochs(curve(peak=8.0), schema(peak="d"), time_zero="peak")
    with pytest.raises(ConfigError, match="are no dates, but those of 'peak' are dates"):
        epochs(curve(peak=55008.0), schema(dated=False, peak="MJD"), time_zero="peak")


def test_an_object_without_a_time_of_zero_is_set_aside_with_a_reason():
    dated = schema(peak="MJD")
    assert "no 'peak' to count" in refused(curve(peak=None), dated, time_zero="peak")
    assert "decades" in refused(curve(peak=5.5e6), dated, time_zero="peak")


def test_fluxes_count_from_three_standard_errors():
    noise = np.array([0.1, -0.2, 0.25])
    time = np.concatenate([54950.0 + np.arange(3), TIME])
    flux = np.concatenate([noise, 10 ** (-0.4 * (MAGNITUDE - 19))])
    band = np.concatenate([["g", "r", "g"], BAND]).astype(object)
    table = curve(time, flux, 0.1, band, "flux")
    (since, brightness, error), constants = epochs(table, schema("flux"), time_zero="first")
    np.testing.assert_allclose(since, np.arcsinh((time - 55000) / 20), rtol=1e-5)
    peak = flux.max()
    np.testing.assert_allclose(brightness, flux / peak, rtol=1e-5)
    np.testing.assert_allclose(error, 0.1 / peak, rtol=1e-5)
    assert constants["peak"] == pytest.approx(2.5 * np.log10(peak))
    faint = curve(time, np.resize(noise, len(time)), 0.1, band, "flux")
    for zero in ("first", "maximum", None):
        assert "no detection" in refused(faint, schema("flux"), time_zero=zero)


def test_colours_and_the_fading_survive_in_magnitudes():
    (_, brightness, error), constants = epochs(curve(), space="magnitude")
    np.testing.assert_allclose(brightness, 17.1 - MAGNITUDE, atol=1e-5)
    np.testing.assert_allclose(error, 0.05, rtol=1e-5)
    assert constants["peak"] == pytest.approx(-17.1)
    assert constants["g peak"] == pytest.approx(0)
    assert constants["r peak"] == pytest.approx(17.1 - 17.4)
    # the usual normalisation, band by band, keeps neither g - r nor how far a band fades
    (_, usual, _), _ = epochs(curve(), space="magnitude", normalise="band")
    assert abs((usual[3] - usual[2]) - (brightness[3] - brightness[2])) > 0.1


def test_a_redder_supernova_looks_redder_and_a_fainter_one_only_has_a_fainter_maximum():
    red = np.where(BAND == "g", MAGNITUDE + 0.3, MAGNITUDE)
    (_, one, _), before = epochs(curve(), space="magnitude")
    (_, two, _), after = epochs(curve(value=red), space="magnitude")
    # g - r is 0.3 mag more wherever both were observed
    np.testing.assert_allclose((two[3] - two[2]) - (one[3] - one[2]), 0.3, atol=1e-5)
    (_, faint, _), fainter = epochs(curve(value=MAGNITUDE + 2), space="magnitude")
    np.testing.assert_allclose(faint, one, atol=1e-5)
    assert fainter.pop("peak") == pytest.approx(before.pop("peak") - 2)
    assert fainter == pytest.approx(before)
    assert after["r peak"] - before["r peak"] == pytest.approx(0.3)


@pytest.mark.parametrize("space", ["flux", "magnitude"])
def test_fluxes_and_magnitudes_give_the_same(space):
    flux = AB_ZERO_FLUX * 10 ** (-0.4 * MAGNITUDE)
    as_flux = curve(value=flux, error=flux * 0.05 * np.log(10) / 2.5, name="flux")
    one, before = epochs(curve(), space=space, time_zero="maximum")
    two, after = epochs(as_flux, schema("flux"), space=space, time_zero="maximum")
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
    # a flux [mJy] has another zero point
    zero = 0 if space == "flux" else 2.5 * np.log10(AB_ZERO_FLUX)
    assert before["peak"] == pytest.approx(after.pop("peak") - zero, abs=1e-5)
    assert before == pytest.approx(after | {"peak": before["peak"]}, abs=1e-5)


def test_two_epochs_in_two_bands_are_a_light_curve():
    sparse = curve(TIME[:2], MAGNITUDE[:2], 0.05, BAND[:2])
    for zero in ("first", "maximum"):
        (time, brightness, _), constants = epochs(sparse, space="magnitude", time_zero=zero)
        np.testing.assert_allclose(time, np.arcsinh([0, 3 / 20]), rtol=1e-5)
        np.testing.assert_allclose(brightness, [0, -0.2], atol=1e-5)
        assert constants["r peak"] == pytest.approx(-0.2)
    unobserved = curve(TIME[[0, 2]], MAGNITUDE[[0, 2]], 0.05, BAND[[0, 2]])
    assert np.isnan(epochs(unobserved)[1]["r peak"])


def test_an_early_detection_of_equal_brightness_is_the_maximum():
    flat = np.array([19.0, 19.2, 17.1, 17.1, 19.3, 18.0, 17.1])
    (time, _, _), _ = epochs(curve(value=flat), time_zero="maximum")
    np.testing.assert_allclose(time, np.arcsinh((TIME - 55010) / 20), rtol=1e-5)


def test_common_bands_are_those_of_a_run():
    with pytest.raises(ConfigError, match="found when a run is started"):
        Photometry("photometry", PhotometryOptions(bands="common"), schema())


@pytest.mark.parametrize(
    "options", [{}, {"normalise": "band", "time_zero": "first"}, {"time_zero": "maximum"}]
)
def test_fluxes_from_their_mean_have_no_maximum(options):
    own = schema("flux")
    own.columns["photometry"].attributes["flux_zero"] = "mean"
    with pytest.raises(ConfigError, match="counted from their mean"):
        Photometry("photometry", PhotometryOptions(**TRANSIENT | options), own)
    fine = {"normalise": "band", "bands": None}
    Photometry("photometry", PhotometryOptions(**TRANSIENT | fine), own)
