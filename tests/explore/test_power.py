import numpy as np
import pytest
from astropy.timeseries import LombScargle

from skybind.drawing.observed import ExampleObject, LightCurve
from skybind.errors import DataError
from skybind.explore.power import POINTS, power_of


def star(**more):
    rng = np.random.default_rng(3)
    time = np.sort(rng.uniform(0, 300, 200))
    value = 1 + 0.2 * np.sin(2 * np.pi * time / 0.6173) + rng.normal(0, 0.05, 200)
    curve = LightCurve(**{"time": time, "value": value, "error": np.full(200, 0.05), **more})
    return ExampleObject("x", split="", light_curve=curve)


def test_its_highest_peak_is_the_period_and_as_high_as_astropys():
    found = power_of(star())
    period, power = np.array(found["period"]), np.array(found["power"])
    assert len(period) <= POINTS
    assert (np.diff(period) > 0).all()
    best = period[power.argmax()]
    assert best == pytest.approx(0.6173, rel=1e-3)
    curve = star().light_curve
    expected = LombScargle(curve.time, curve.value, curve.error).power(1 / period)
    np.testing.assert_allclose(power, expected, atol=1e-4)


def test_bands_are_searched_together_about_their_means():
    curve = star().light_curve
    band = np.where(np.arange(200) % 2, "g", "r")
    shifted = curve.value + np.where(band == "g", 5.0, 0.0)
    found = power_of(star(value=shifted, band=band))
    plain = power_of(star())
    assert max(found["power"]) == pytest.approx(max(plain["power"]), abs=0.02)
    assert found["period"][int(np.argmax(found["power"]))] == pytest.approx(0.6173, rel=1e-3)


def test_without_errors_all_epochs_weigh_alike():
    one, other = power_of(star(error=None)), power_of(star())
    np.testing.assert_allclose(one["power"], other["power"], atol=1e-4)


def test_errors_of_which_none_is_known_weigh_alike_too():
    """Loaders give 0, never None, where a file has no errors."""
    one, other = power_of(star(error=np.zeros(200))), power_of(star(error=None))
    np.testing.assert_allclose(one["power"], other["power"])


def test_an_error_that_is_not_known_is_the_median_of_the_others():
    error = np.full(200, 0.05)
    error[::2] = 0.1
    error[[3, 5, 8]] = 0, np.nan, -1
    found = power_of(star(error=error))
    error[[3, 5, 8]] = np.median(np.delete(error, [3, 5, 8]))
    assert found == power_of(star(error=error))


def test_what_cannot_be_searched_is_a_sentence():
    with pytest.raises(DataError, match="no light curve"):
        power_of(ExampleObject("x", split=""))
    few = {"time": np.arange(3.0), "value": np.arange(3.0), "error": None}
    with pytest.raises(DataError, match="too short"):
        power_of(star(**few))


def test_a_peak_is_clicked_and_folded_at(page, hostile_run):
    from skybind.runs.run import Run
    from tests.explore.test_page import find

    run = Run.open(hostile_run)
    row = int(np.flatnonzero(run.dataset.present("photometry") & (run.class_names == "RRAB"))[0])
    find(page, str(run.dataset.object_ids[row]))
    page.wait_for_selector("#folded[data-period]")
    page.get_by_role("button", name="power").click()
    page.wait_for_selector("#power canvas")
    box = page.locator("#power .u-over").bounding_box()
    before = page.get_attribute("#folded", "data-period")
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
    page.wait_for_function(f"document.getElementById('folded').dataset.period != '{before}'")
    page.get_by_role("button", name="power").click()
    page.wait_for_selector("#power canvas", state="detached")
