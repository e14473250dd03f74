import numpy as np
import pytest

from skybind.simulate.simulated import choose_observed
from skybind.simulate.stars import faults
from skybind.simulate.stars.classes import ALL_CLASSES, new_stars
from skybind.simulate.stars.lines import WAVELENGTH


def test_wrong_labels_are_a_fraction_and_plausible():
    names = np.array(["EW", "M", "RRC", "DSCT"] * 5000)
    labels, wrong = faults.wrong_labels(names, 0.1, np.random.default_rng(0))
    assert np.mean(wrong) == pytest.approx(0.1, abs=0.01)
    np.testing.assert_array_equal(labels != names, wrong)
    for true, label in set(zip(names[wrong], labels[wrong], strict=True)):
        assert label in ALL_CLASSES[true].confused_with


def test_periods_are_off_by_two_where_planted():
    stars = new_stars(np.array(["EW", "EA", "RRAB", "DSCT"] * 2000))
    stars["period"] = np.random.default_rng(1).uniform(0.1, 5, 8000)
    period, factor = faults.catalogue_periods(stars, 0.05, np.random.default_rng(0))
    assert np.mean(factor != 1) == pytest.approx(0.05, abs=0.01)
    assert set(factor) == {0.5, 1.0, 2.0}
    np.testing.assert_allclose(period, stars["period"] * factor, rtol=2e-5)


def test_periods_of_giants_are_less_certain():
    stars = new_stars(np.array(["SR"] * 3000))
    period, _ = faults.catalogue_periods(stars, 0.0, np.random.default_rng(0))
    assert 0.01 < np.median(np.abs(period - 1)) < 0.1


@pytest.mark.parametrize("missing", [0.0, 0.1, 0.3, 0.5, 0.66])
def test_missing_fraction_holds_for_every_modality(missing):
    observed = choose_observed(40000, missing, 3, np.random.default_rng(0))
    np.testing.assert_allclose(1 - observed.mean(axis=0), missing, atol=0.012)
    assert observed.any(axis=1).all()


def test_outbursts_brighten_and_fadings_dim():
    time = np.tile(np.arange(0, 2000, 4.0), 3)
    offsets = np.arange(4) * 500
    magnitude = np.full(1500, 14.0)
    kind = np.array(["outburst", "", "fading"])
    faults.disturb_light_curves(magnitude, time, offsets, kind, np.random.default_rng(0))
    up, calm, down = magnitude.reshape(3, -1)
    assert up.min() < 13.5
    assert up.max() <= 14
    assert np.all(calm == 14)
    assert down.max() > 14.5


def test_spectral_outliers():
    stars = new_stars(np.array(["EW"] * 3))
    flux = np.ones((3, 4320), np.float32) * np.array([[1.0], [2.0], [3.0]], np.float32)
    kind = np.array(["emission spectrum", "", "wrong spectrum"])
    before = flux.copy()
    faults.disturb_spectra(flux, stars, kind, np.random.default_rng(0))
    near = np.abs(WAVELENGTH - 6564.6) < 3
    assert np.all(flux[0, near] > before[0, near] + 1)
    np.testing.assert_array_equal(flux[1], before[1])
    assert flux[2, 0] in before[:, 0]


def test_high_velocity_stars_move():
    stars = new_stars(np.array(["EW"] * 2))
    for key in ("pmra", "pmdec", "radial_velocity"):
        stars[key] = np.zeros(2)
    stars["distance"] = np.ones(2)
    faults.disturb_stars(stars, np.array(["high velocity", ""]), np.random.default_rng(0))
    speed = 4.74047 * np.hypot(stars["pmra"], stars["pmdec"])
    assert speed[0] > 340
    assert speed[1] == 0


def test_infrared_excess_grows_to_the_red():
    change = faults.infrared_excess(np.array(["infrared excess", ""]), np.random.default_rng(0))
    assert np.all(np.diff(change[0, 4:]) < 0)
    assert np.all(change[1] == 0)
