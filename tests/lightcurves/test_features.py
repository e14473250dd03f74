"""Light-curve features: known answers for a sine, a sawtooth, eclipses and noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.errors import DataError
from skybind.lightcurves.features import FEATURES, light_curve_features
from skybind.lightcurves.periods import Periods
from skybind.ragged import Ragged

PERIOD = 0.731


def ragged_of(curves):
    names = ("time", "magnitude", "magnitude_err")
    fields = {
        name: np.concatenate([np.asarray(curve[place], float) for curve in curves])
        for place, name in enumerate(names)
    }
    lengths = [len(curve[0]) for curve in curves]
    return Ragged(fields, np.concatenate([[0], np.cumsum(lengths)]), np.array(lengths) > 0)


def periods_of(period, harmonics, ls_period=None):
    period = np.atleast_1d(np.asarray(period, float))
    ls_period = period if ls_period is None else np.atleast_1d(np.asarray(ls_period, float))
    full = np.ones(len(period))
    terms = np.full(len(period), harmonics)
    return Periods(period, ls_period, 0.8 * full, 0.4 * full, terms, *(3 * [np.nan * full]))


def features_of(shape, harmonics, period=PERIOD, ls_period=None, number=800, error=0.01, seed=0):
    """Features of one curve of the given shape (a function of phase)."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 500, number))
    value = 10 + shape(time / period % 1.0) + rng.normal(0, error, number)
    ragged = ragged_of([(time, value, np.full(number, error))])
    found = light_curve_features(ragged, periods_of(period, harmonics, ls_period))
    return {name: values[0] for name, values in found.items()}


def sine(phase):
    return 0.3 * np.sin(2 * np.pi * phase)


def sawtooth(phase):
    return 0.5 * (phase - 0.5)


def eclipses(phase):
    away = np.abs((phase[:, None] - np.array([0.1, 0.6]) + 0.5) % 1.0 - 0.5)
    return np.exp(-0.5 * (away / 0.03) ** 2) @ np.array([0.8, 0.4])


def test_sine():
    found = features_of(sine, 1)
    assert found["fourier_amplitude"] == pytest.approx(0.3, rel=0.01)
    assert found["r21"] < 0.02
    assert found["std"] == pytest.approx(0.3 / np.sqrt(2), rel=0.05)
    assert found["mad"] == pytest.approx(0.3 * np.sin(np.pi / 4), rel=0.05)
    assert found["amplitude"] == pytest.approx(0.6 * np.sin(0.45 * np.pi), rel=0.03)
    assert found["kurtosis"] == pytest.approx(-1.5, abs=0.1)
    assert found["skewness"] == pytest.approx(0, abs=0.1)
    assert found["stetson_k"] == pytest.approx(2 * np.sqrt(2) / np.pi, rel=0.02)
    assert found["eta"] == pytest.approx(2, abs=0.25)
    assert found["lksl_statistic"] < 0.01
    assert found["variance_explained"] > 0.99
    assert found["residual_chi2"] == pytest.approx(1, abs=0.15)
    assert found["rise_fraction"] == pytest.approx(0.5, abs=0.02)
    assert found["faint_width"] == pytest.approx(0.5, abs=0.02)
    assert found["depth_ratio"] == 0
    # Twice the period of a sine: two equal minima and nothing at odd harmonics.
    assert found["orbital_period"] == pytest.approx(2 * PERIOD)
    assert found["orbital_amplitude"] == pytest.approx(0.3, rel=0.01)
    assert found["depth_ratio_orbital"] == pytest.approx(1, abs=0.02)
    assert found["odd_power_orbital"] < 1e-3
    assert found["r42_orbital"] < 0.02


def test_sawtooth_has_its_fourier_series():
    # phase - 1/2 = -sum_k sin(2 pi k phase) / (pi k): amplitudes fall as 1 / k
    found = features_of(sawtooth, 8, error=0.003, number=3000)
    for name, expected in (("r21", 1 / 2), ("r31", 1 / 3), ("r41", 1 / 4)):
        assert found[name] == pytest.approx(expected, rel=0.06)
    # -sin x = cos(x + pi / 2): phi_k = pi / 2 for all k
    assert found["phi21"] == pytest.approx(2 * np.pi - np.pi / 2, abs=0.05)
    assert found["phi31"] == pytest.approx(np.pi, abs=0.1)
    # It fades slowly and jumps up: the faintest point is just before the brightest.
    assert found["rise_fraction"] < 0.15


def test_eclipses():
    found = features_of(eclipses, 12)
    assert found["depth_ratio"] == pytest.approx(0.5, abs=0.05)
    assert found["minima_distance"] == pytest.approx(0.5, abs=0.01)
    assert found["faint_width"] == pytest.approx(2.355 * 0.03, rel=0.25)
    assert found["skewness"] > 1.5
    assert found["asymmetry"] > 0.8
    assert found["faint_fraction"] > 0.05
    assert found["bright_fraction"] == 0


def test_wrong_period_looks_like_noise_and_the_half_like_two_curves():
    right = features_of(eclipses, 12)
    wrong = features_of(lambda phase: eclipses(phase * PERIOD / 0.617 * 777 % 1.0), 12)
    assert right["lksl_statistic"] < 0.1 < 0.5 < wrong["lksl_statistic"]
    half = features_of(lambda phase: sine(2 * phase % 1.0), 1, ls_period=PERIOD / 2)
    assert half["period_ratio"] == pytest.approx(2)
    assert half["lksl_double"] == pytest.approx(half["lksl_statistic"])


def contact(phase):
    """Contact binary: two rounded minima, the second a little less deep."""
    turn = 2 * np.pi * phase
    return 0.2 * np.cos(2 * turn) + 0.04 * np.cos(4 * turn) + 0.02 * np.cos(turn)


def test_orbital_fold_is_the_same_at_the_orbit_and_at_half_of_it():
    whole = features_of(contact, 4)
    rng = np.random.default_rng(0)
    time = np.sort(rng.uniform(0, 500, 800))
    value = 10 + contact(time / PERIOD % 1.0) + rng.normal(0, 0.01, 800)
    ragged = ragged_of([(time, value, np.full(800, 0.01))])
    found = light_curve_features(ragged, periods_of(PERIOD / 2, 2))
    half = {name: values[0] for name, values in found.items()}
    assert whole["orbital_period"] == pytest.approx(PERIOD)
    assert half["orbital_period"] == pytest.approx(PERIOD)
    assert whole["orbital_amplitude"] == pytest.approx(0.2, abs=0.005)
    assert whole["r42_orbital"] == pytest.approx(0.2, abs=0.01)
    assert np.cos(whole["phi42_orbital"]) == pytest.approx(1, abs=0.02)
    # The primary is 0.04 mag deeper than the secondary: range 0.42 to 0.38 over the bright level.
    assert 0.85 < whole["depth_ratio_orbital"] < 0.95
    for name in ("r42_orbital", "r62_orbital", "orbital_amplitude", "depth_ratio_orbital"):
        assert half[name] == pytest.approx(whole[name], abs=0.02)


def test_noise_and_trend():
    rng = np.random.default_rng(1)
    time = np.sort(rng.uniform(0, 1000, 4000))
    noise = rng.normal(0, 0.05, 4000)
    error = np.full(4000, 0.05)
    ragged = ragged_of([(time, noise, error), (time, noise + 0.5 * time / 365.25, error)])
    found = light_curve_features(ragged, periods_of([3.3, 3.3], 1))
    assert found["lksl_statistic"][0] == pytest.approx(1, abs=0.06)
    assert found["eta"][0] == pytest.approx(2, abs=0.1)
    assert found["stetson_k"][0] == pytest.approx(np.sqrt(2 / np.pi), abs=0.01)
    assert found["reduced_chi2"][0] == pytest.approx(1, abs=0.06)
    assert abs(found["stetson_j"][0]) < 0.05
    assert found["stetson_j"][1] > 3
    assert found["eta"][1] < 0.1
    np.testing.assert_allclose(found["slope"], [0, 0.5], atol=0.01)


def test_skewness_and_kurtosis_equal_scipy():
    from scipy import stats

    rng = np.random.default_rng(2)
    value = rng.exponential(1.0, 300)
    ragged = ragged_of([(np.arange(300.0), value, np.ones(300))])
    found = light_curve_features(ragged, periods_of(7.0, 2))
    assert found["skewness"][0] == pytest.approx(stats.skew(value))
    assert found["kurtosis"][0] == pytest.approx(stats.kurtosis(value))


def random_curves(rng, number=12):
    curves = []
    for length in rng.integers(2, 80, number):
        time = np.sort(rng.uniform(0, 100, length))
        value = 10 + sine(time / 1.3 % 1.0) + rng.normal(0, 0.1, length)
        curves.append((time, value, rng.uniform(0.05, 0.2, length)))
    return curves


def test_each_curve_is_independent_of_its_company_and_of_chunks(monkeypatch):
    curves = random_curves(np.random.default_rng(3))
    periods = periods_of(np.linspace(0.5, 3, len(curves)), 3)
    together = light_curve_features(ragged_of(curves), periods)
    monkeypatch.setattr("skybind.lightcurves.features.CHUNK", 60)
    chunks = light_curve_features(ragged_of(curves), periods)
    for name in FEATURES:
        np.testing.assert_allclose(chunks[name], together[name], rtol=1e-6, atol=1e-9)


def test_order_of_epochs_and_bad_epochs_do_not_matter():
    rng = np.random.default_rng(4)
    (curve,) = random_curves(rng, 1)
    order = rng.permutation(len(curve[0]) + 1)
    bad = (50.0, np.nan, 0.1)
    worse = [np.append(array, extra)[order] for array, extra in zip(curve, bad, strict=True)]
    periods = periods_of(1.3, 2)
    one = light_curve_features(ragged_of([curve]), periods)
    two = light_curve_features(ragged_of([worse]), periods)
    for name in FEATURES:
        np.testing.assert_allclose(one[name], two[name], rtol=1e-6, atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.floats(0, 1e4), st.floats(-20, 20), st.floats(1e-3, 10)),
        min_size=2,
        max_size=30,
    ),
    st.floats(0.05, 100) | st.just(float("nan")),
    st.integers(0, 12),
)
def test_any_curve_of_two_epochs_has_finite_features(points, period, harmonics):
    time, value, error = np.array(points).T
    found = light_curve_features(ragged_of([(time, value, error)]), periods_of(period, harmonics))
    assert list(found) == list(FEATURES)
    for name, values in found.items():
        assert np.isfinite(values).all(), name


def test_curves_without_two_epochs_are_nan():
    ragged = ragged_of([([], [], []), ([1.0], [2.0], [0.1]), ([1.0, 2.0], [2.0, 2.1], [0.1, 0.1])])
    found = light_curve_features(ragged, periods_of([np.nan] * 3, 0))
    np.testing.assert_array_equal(found["n_obs"], [0, 1, 2])
    for name in set(FEATURES) - {"n_obs"}:
        np.testing.assert_array_equal(np.isnan(found[name]), [True, True, False], err_msg=name)
    assert found["period"][2] == found["time_span"][2] == 1.0


def test_periods_of_other_objects_are_refused():
    with pytest.raises(DataError, match="periods of 2 objects for 1 light curves"):
        light_curve_features(ragged_of([([0.0, 1], [1, 2], [1, 1])]), periods_of([1, 2], 1))
