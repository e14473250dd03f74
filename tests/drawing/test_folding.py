"""Phase zero is at the minimum of the fitted curve, with any bands, outliers and errors."""

import numpy as np
import pytest

from skybind.drawing.folding import fold
from skybind.drawing.observed import LightCurve

PERIOD = 0.617


def algol(phase):
    """Magnitudes of an eclipsing binary: the primary eclipse at phase 0, a shallow one at 0.5."""
    deep, shallow = np.minimum(phase, 1 - phase), np.abs(phase - 0.5)
    return np.clip(1 - deep / 0.06, 0, 1) + 0.3 * np.clip(1 - shallow / 0.06, 0, 1)


def sampled(shape, n, at=0.31, noise=0.02, seed=0):
    """Times, phases and magnitudes of a star whose minimum light is at phase `at` of its times."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 300, n))
    true = np.mod(time / PERIOD - at, 1)
    return time, true, shape(true) + noise * rng.normal(size=n)


def off(phase, true):
    """How far phases are from the true ones; all are moved by the same."""
    difference = np.mod(phase - true + 0.5, 1) - 0.5
    assert np.ptp(difference) < 1e-9
    assert ((phase >= 0) & (phase < 1)).all()
    return abs(difference[0])


@pytest.mark.parametrize("value_name", ["Flux", "Magnitude"])
@pytest.mark.parametrize("at", [0.0, 0.31, 0.97])
def test_folding_puts_minimum_light_at_phase_zero(value_name, at):
    time = np.sort(np.random.default_rng(0).uniform(0, 300, 600))
    depth = np.cos(2 * np.pi * (time / PERIOD - at)) * (-1 if value_name == "Flux" else 1)
    phase = fold(LightCurve(time, depth, period=PERIOD, value_name=value_name))
    true = np.mod(time / PERIOD - at, 1)
    assert ((phase >= 0) & (phase < 1)).all()
    difference = np.mod(phase - true + 0.5, 1) - 0.5
    assert np.ptp(difference) < 1e-9
    assert abs(difference[0]) < 0.02


def test_bands_lie_apart_and_are_folded_as_one():
    time, true, magnitude = sampled(algol, 200)
    for seed in range(10):
        red = np.random.default_rng(seed).random(len(time)) < 0.4
        band = np.where(red, "r", "g")
        value = magnitude + np.where(red, -2.5, 0.0)
        phase = fold(LightCurve(time, value, None, PERIOD, value_name="Magnitude", band=band))
        assert off(phase, true) < 0.01


def test_an_outlier_is_no_minimum():
    time, true, magnitude = sampled(algol, 150)
    magnitude[np.flatnonzero(np.abs(true - 0.25) < 0.05)[:2]] += 8
    phase = fold(LightCurve(time, magnitude, None, PERIOD, value_name="Magnitude"))
    assert off(phase, true) < 0.01


def test_epochs_count_by_their_errors():
    time, true, magnitude = sampled(algol, 150)
    poor = (true > 0.6) & (true < 0.8)
    error = np.where(poor, 1.0, 0.02)
    rng = np.random.default_rng(3)
    value = magnitude + np.where(poor, 0.8 + rng.normal(0, 0.5, len(true)), 0)
    phase = fold(LightCurve(time, value, error, PERIOD, value_name="Magnitude"))
    assert off(phase, true) < 0.01


def test_no_minimum_is_made_up_where_there_are_no_epochs():
    for seed in range(20):
        time, true, magnitude = sampled(algol, 120, seed=seed)
        seen = (true < 0.55) | (true > 0.8)
        curve = LightCurve(time[seen], magnitude[seen], None, PERIOD, value_name="Magnitude")
        assert off(fold(curve), true[seen]) < 0.02


def test_of_few_epochs_the_faintest_about_its_band_is_at_zero():
    time = np.arange(6.0)
    band = np.array(["g", "r"] * 3)
    value = np.array([10.0, 2.0, 11.0, 1.0, 13.5, 3.0])  # the faintest about its mean: the fifth
    curve = LightCurve(time, value, None, 7.0, value_name="Magnitude", band=band)
    assert fold(curve)[4] == 0


def test_what_is_not_known_does_not_count():
    time, true, magnitude = sampled(algol, 100)
    magnitude[3], error = np.nan, np.full(100, np.nan)
    phase = fold(LightCurve(time, magnitude, error, PERIOD, value_name="Magnitude"))
    assert off(phase, true) < 0.01
    nothing = fold(LightCurve(time, np.full(100, np.nan), None, PERIOD))
    np.testing.assert_allclose(nothing, np.mod(time / PERIOD, 1))
    assert fold(LightCurve(np.zeros(0), np.zeros(0), None, PERIOD)).shape == (0,)


@pytest.mark.parametrize("n", [9, 60, 200])
def test_rounding_of_the_arithmetic_moves_no_zero_of_whole_magnitudes(n):
    for seed in range(40):
        time, _, magnitude = sampled(lambda phase: np.sin(np.pi * phase), n, noise=0.1, seed=seed)
        values = np.round(15 + 0.5 * magnitude)
        nudged = values + 1e-13 * np.random.default_rng(seed).normal(size=n)
        one, other = (
            fold(LightCurve(time, value, None, PERIOD, value_name="Magnitude"))
            for value in (values, nudged)
        )
        assert np.abs(np.mod(one - other + 0.5, 1) - 0.5).max() < 1e-9
