"""Weighted Fourier series: against least squares written out, and against known coefficients."""

import numpy as np
import pytest

from skybind.lightcurves.fourier import FourierSums, fit_harmonics, harmonic_chi2


@pytest.fixture
def curve():
    rng = np.random.default_rng(3)
    time = np.sort(rng.uniform(0, 300, 90))
    error = rng.uniform(0.01, 0.1, 90)
    value = 12 + 0.3 * np.sin(2 * np.pi * time / 1.7) + rng.normal(0, error)
    return time, value, error


def design(time, frequency, terms):
    phase = 2 * np.pi * frequency * time
    columns = [np.ones_like(time)]
    for k in range(1, terms + 1):
        columns += [np.cos(k * phase), np.sin(k * phase)]
    return np.stack(columns, axis=1)


def test_nested_fits_equal_least_squares(curve):
    time, value, error = curve
    frequencies = np.array([1 / 1.7, 0.31, 2.9])
    chi2 = harmonic_chi2(FourierSums.of_frequencies(time, value, error, frequencies, 5))
    weight = error**-2 / np.sum(error**-2)
    for row, frequency in enumerate(frequencies):
        for terms in range(6):
            root = np.sqrt(weight)[:, None]
            matrix = design(time, frequency, terms) * root
            solved = np.linalg.lstsq(matrix, value * root[:, 0], rcond=None)[0]
            rest = value - design(time, frequency, terms) @ solved
            assert chi2[row, terms] == pytest.approx(weight @ rest**2, rel=1e-3)


def test_one_harmonic_is_the_floating_mean_periodogram(curve):
    from astropy.timeseries import LombScargle

    time, value, error = curve
    frequencies = np.linspace(0.1, 3, 50)
    chi2 = harmonic_chi2(FourierSums.of_frequencies(time, value, error, frequencies, 1))
    power = LombScargle(time, value, error).power(frequencies, method="slow")
    np.testing.assert_allclose(1 - chi2[:, 1] / chi2[:, 0], power, atol=2e-4)


def test_coefficients_are_found_back_and_unused_terms_are_zero():
    rng = np.random.default_rng(0)
    owner = np.repeat([0, 1], [200, 150])
    phase = rng.uniform(0, 1, 350)
    turn = 2 * np.pi * phase
    value = np.where(
        owner == 0,
        5 + 0.4 * np.cos(turn) + 0.1 * np.sin(2 * turn),
        -2 + 0.2 * np.cos(turn + 1.0),
    )
    sums = FourierSums.of_phases(phase, value, rng.uniform(1, 2, 350), owner, 2, 4)
    found = fit_harmonics(sums, np.array([2, 1]))
    assert found[0, 1] == pytest.approx(0.4, abs=1e-4)
    assert found[0, 2] == pytest.approx(-0.1j, abs=1e-4)
    assert found[1, 1] == pytest.approx(0.2 * np.exp(1j), abs=1e-4)
    assert np.all(found[0, 3:] == 0)
    assert np.all(found[1, 2:] == 0)
    np.testing.assert_allclose(sums.mean + found[:, 0].real, [5, -2], atol=1e-4)


def test_sums_of_phases_equal_sums_of_frequencies(curve):
    time, value, error = curve
    one = FourierSums.of_frequencies(time, value, error, np.array([0.4]), 3)
    owner = np.zeros(len(time), int)
    two = FourierSums.of_phases(time * 0.4, value, error**-2.0, owner, 1, 3)
    np.testing.assert_allclose(one.weight, two.weight, atol=1e-12)
    np.testing.assert_allclose(one.signal, two.signal, atol=1e-12)
    assert one.power == pytest.approx(two.power)


def test_sums_of_no_light_curve_are_zero():
    none = np.zeros(0)
    sums = FourierSums.of_phases(none, none, none, np.zeros(0, np.int64), 3, 2)
    assert sums.mean.tolist() == [0, 0, 0]
    assert sums.mean.dtype == np.float64
