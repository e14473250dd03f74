import numpy as np
import pytest

from skybind.simulate.stars.features import light_curve_features, string_length


def curve(period, amplitude, noise, n=400, seed=0):
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 1000, n))
    magnitude = 14 + amplitude / 2 * np.sin(2 * np.pi * time / period)
    flux = 3.636e6 * 10 ** (-0.4 * (magnitude + noise * rng.normal(0, 1, n)))
    return time, flux, np.full(n, 0.01)


def features(*curves, period):
    time, flux, error = (np.concatenate(x) for x in zip(*curves, strict=True))
    offsets = np.concatenate([[0], np.cumsum([len(c[0]) for c in curves])])
    return light_curve_features(time, flux, error, offsets, np.asarray(period))


def test_a_clean_sine():
    found = features(curve(3.7, 0.5, 0.001), period=[3.7])
    assert found["amplitude"][0] == pytest.approx(0.5, abs=0.01)
    assert found["lksl_statistic"][0] < 0.02
    assert found["rfr_score"][0] > 0.97
    assert found["period"][0] == 3.7


def test_noise_has_a_string_length_of_one_and_no_score():
    found = features(curve(3.7, 0.0, 0.1), period=[3.7])
    assert found["lksl_statistic"][0] == pytest.approx(1, abs=0.12)
    assert found["rfr_score"][0] < 0.05


def test_a_wrong_period_is_noticed():
    found = features(curve(3.7, 0.5, 0.02), curve(3.7, 0.5, 0.02), period=[3.7, 4.9])
    assert found["lksl_statistic"][1] > 10 * found["lksl_statistic"][0]
    assert found["rfr_score"][1] < 0.2 < found["rfr_score"][0]


def test_objects_do_not_mix():
    a, b = curve(2.0, 0.4, 0.02, 150, 1), curve(0.7, 1.1, 0.03, 60, 2)
    both = features(a, b, period=[2.0, 0.7])
    for i, (one, period) in enumerate(((a, 2.0), (b, 0.7))):
        alone = features(one, period=[period])
        for name in both:
            assert both[name][i] == pytest.approx(alone[name][0], rel=1e-9)


def test_string_length_by_hand():
    phase, magnitude = np.array([0.1, 0.6, 0.3]), np.array([1.0, 3.0, 2.0])
    # folded: 1, 2, 3 and back to 1: (1 + 1 + 4) / 2 * (3 - 1) / (2 * 3)
    found = string_length(phase, magnitude, np.array([0, 3]), np.zeros(3, int))
    assert found[0] == pytest.approx(1.0)
