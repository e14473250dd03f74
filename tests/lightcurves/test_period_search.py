"""The rules and constants of the period search, each by a curve or numbers that need it."""

import numpy as np
import pytest

from skybind.lightcurves.period_search import (
    SIDEREAL,
    _candidates,
    _peaks,
    _refine,
)
from skybind.lightcurves.periods import find_period
from tests.lightcurves.test_periods import nights, noisy


def test_a_trend_seen_at_the_same_sidereal_time_does_not_give_a_sidereal_day():
    rng = np.random.default_rng(0)
    # a star that is observed when it crosses the meridian, for years
    time = np.sort(np.floor(rng.uniform(0, 1500, 250)) * 0.99726957 + rng.uniform(-0.05, 0.05, 250))
    data = noisy(rng, time, 2e-4 * time + 0.1 * np.sin(2 * np.pi * time / 0.3391))
    found = find_period(*data, minimum_frequency=0.02, maximum_frequency=5.0)
    assert found.period[0] == pytest.approx(0.3391, rel=1e-3)
    careless = find_period(*data, minimum_frequency=0.02, maximum_frequency=5.0, whole_days=False)
    assert careless.ls_period[0] == pytest.approx(0.9973, abs=1e-3)


def test_the_sidereal_day_is_that_of_the_almanac():
    seconds = 86400 / SIDEREAL
    assert seconds == pytest.approx(86164.0905, abs=0.005)


def test_a_slow_variation_is_preferred_to_its_mirror_images_near_whole_days():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        time = np.sort(np.floor(rng.uniform(0, 1500, 60)) + rng.uniform(-0.03, 0.03, 60))
        data = noisy(rng, time, 0.5 * np.sin(2 * np.pi * time / 310 + 1), 0.1)
        found = find_period(*data, maximum_frequency=5.0)
        assert found.period[0] == pytest.approx(310, rel=0.02), seed


def test_a_period_near_a_day_is_kept_where_its_slow_mirror_image_explains_less():
    rng = np.random.default_rng(0)
    time = np.sort(np.floor(rng.uniform(0, 1500, 250)) + rng.uniform(-0.25, 0.25, 250))
    data = noisy(rng, time, 0.2 * np.sin(2 * np.pi * time * 1.012))
    found = find_period(*data, maximum_frequency=5.0)
    assert 1 / found.period[0] == pytest.approx(1.012, abs=2e-4)


def test_noise_adds_no_harmonics_to_a_sine_and_does_not_double_its_period():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        time = nights(rng, 60, 300.0)
        data = noisy(rng, time, 0.1 * np.sin(2 * np.pi * time / 0.5773), 0.03)
        found = find_period(*data, maximum_frequency=5.0)
        assert found.harmonics[0] == 1, seed
        assert found.period[0] == pytest.approx(0.5773, rel=1e-3), seed


def test_terms_are_no_more_than_a_third_of_the_epochs():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        time = nights(rng, 14, 60.0)
        data = noisy(rng, time, 0.8 * ((time / 0.5512) % 1.0))
        assert find_period(*data, maximum_frequency=3.0).harmonics[0] <= 2, seed


def test_candidates_are_multiples_fractions_and_daily_aliases():
    found = _candidates(np.array([0.8, 0.3]), 0.25, 2.5, span=30.0)
    # 1.8027 and 1.2055 are aliases at one and two sidereal days, 2.8055 and 0.2027 out of range
    whole = [0.8, 0.3, 1.8027, 1.2055]
    doubled = [1.6, 0.6, 2 * 0.2027, 2 * 1.2055]
    # a fraction repeats at least 20 times in 30 days
    parts = [1.8027 / 2, 2.8055 / 2, 2.8055 / 3, 2.8055 / 4]
    np.testing.assert_allclose(np.sort(found), np.sort(whole + doubled + parts), atol=1e-4)
    longer = _candidates(np.array([2.4]), 0.25, 2.5, span=300.0)
    assert np.isclose(longer, 2.4 / 6).any()


def test_peaks_are_separate_maxima_by_height_and_lie_between_grid_points():
    frequency = np.linspace(0, 1, 101)
    power = np.maximum(0.9 - ((frequency - 0.303) / 0.05) ** 2, 0)  # a parabola
    power[34] = 0.7  # on the flank of the first: nearer than the separation
    power[80] = 0.5
    tops, heights = _peaks(frequency, power, 8, separation=0.05)
    np.testing.assert_allclose(tops, [0.303, 0.8], atol=1e-9)
    assert heights[1] == 0.5
    assert len(_peaks(frequency, power, 8, separation=0.03)[0]) == 3
    assert len(_peaks(frequency, power, 1, separation=0.05)[0]) == 1


def test_the_second_peak_is_no_side_lobe_of_the_first():
    rng = np.random.default_rng(0)
    time = np.sort(rng.uniform(0, 100, 2000))
    found = find_period(*noisy(rng, time, 0.2 * np.sin(2 * np.pi * time * 1.7)))
    assert found.ls_power[0] > 0.9
    # the first side lobe of 100 days of epochs has 0.047, the second 0.016
    assert found.ls_power_second[0] < 0.03


def test_a_period_is_refined_to_a_hundredth_of_the_resolution():
    rng = np.random.default_rng(0)
    time = nights(rng, 300)
    phase = 2 * np.pi * time / 0.5512
    data = noisy(rng, time, 0.3 * np.sin(phase) + 0.1 * np.cos(2 * phase), 0.001)
    for offset in (-0.19, -0.07, 0.13):
        refined = _refine(*data, 1 / 0.5512 + offset / 1500, terms=2, span=1500.0)
        assert abs(refined - 1 / 0.5512) < 0.01 / 1500
