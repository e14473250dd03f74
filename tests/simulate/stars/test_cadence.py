import numpy as np
import pytest

from skybind.simulate.stars import cadence


@pytest.fixture(scope="module")
def epochs():
    ra = np.random.default_rng(0).uniform(0, 360, 400)
    time, offsets = cadence.observing_times(ra, 1, np.random.default_rng(1))
    return ra, time, offsets


def test_numbers_of_epochs_are_those_of_asassn(epochs):
    _, _, offsets = epochs
    lengths = np.diff(offsets)
    assert 150 < np.median(lengths) < 320
    assert lengths.min() >= 10
    assert np.mean(lengths > 200) > 0.4


def test_times_rise_within_each_star_and_lie_in_the_survey(epochs):
    _, time, offsets = epochs
    inside = np.ones(len(time) - 1, bool)
    inside[offsets[1:-1] - 1] = False
    assert np.all(np.diff(time)[inside] > 0)
    assert time.min() > cadence.FIRST_NIGHT - 1
    assert time.max() < cadence.LAST_NIGHT + 2


def test_no_star_is_seen_beside_the_sun(epochs):
    ra, time, offsets = epochs
    sun = ((time - 2456372) * 360 / 365.25) % 360
    away = np.abs((np.repeat(ra, np.diff(offsets)) - sun + 180) % 360 - 180)
    assert away.min() > 45


def test_there_are_seasonal_gaps_and_nightly_steps(epochs):
    _, time, offsets = epochs
    steps = np.diff(time[offsets[0] : offsets[1]])
    assert steps.max() > 60
    assert 0.9 < np.median(steps) < 15


def test_cloudy_nights_are_shared(epochs):
    _, time, _ = epochs
    nights = np.bincount((time - cadence.FIRST_NIGHT - 0.9 + 0.5).astype(int))[100:2000]
    assert np.mean(nights < 5) > 0.15


def test_flux_of_magnitude_zero_and_five():
    np.testing.assert_allclose(
        cadence.flux_of_magnitude(np.array([0.0, 5.0])),
        [cadence.ZERO_POINT, cadence.ZERO_POINT / 100],
    )


def test_noise_grows_with_magnitude_as_in_asassn():
    flux = cadence.flux_of_magnitude(np.array([11.0, 13.0, 15.0, 16.0, 17.0]))
    relative = cadence.flux_noise(flux, np.ones(5)) / flux
    assert np.all(np.diff(relative) > 0)
    assert 0.008 < relative[0] < 0.02
    assert 0.1 < relative[4] < 0.25


def test_scatter_is_what_the_errors_say():
    offsets = np.array([0, 20000])
    flux, error = cadence.observe(np.full(20000, 15.0), offsets, np.random.default_rng(0))
    pull = (flux - cadence.flux_of_magnitude(15.0)) / error
    assert np.median(np.abs(pull)) == pytest.approx(0.6745, abs=0.02)
    # and a few epochs are bad
    assert 0.001 < np.mean(np.abs(pull) > 6) < 0.01
