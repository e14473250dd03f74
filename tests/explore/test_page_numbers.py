"""What the page says of redshifts and bands, in Debian's Chromium."""

import json

import numpy as np
import pytest

from skybind.drawing.observed import LightCurve, Spectrum
from skybind.explore.objects import curve_json, spectrum_json
from skybind.files import plain_json
from skybind.runs.run import Run


@pytest.fixture
def shown(page, served, hostile_run):
    """Open an object of which some parts are told otherwise than they are."""
    row = int(np.flatnonzero(Run.open(hostile_run).dataset.present("spectrum"))[0])
    name = str(Run.open(hostile_run).dataset.object_ids[row])
    own = served.json("object", id=name)

    def show(fold=None, **parts):
        body = json.dumps(plain_json({**own, **parts}))
        page.unroute("**/api/object?*")
        page.route("**/api/object?*", lambda route: route.fulfill(body=body))
        if fold:
            page.route("**/api/fold?*", lambda route: route.fulfill(body=fold))
        page.goto(f"{served.address}#id={name}")
        page.reload()
        page.wait_for_selector(f'#side[data-id="{name}"]')
        return page

    return show


def spectrum(redshift, *more):
    grid = np.linspace(4000, 9000, 300)
    return spectrum_json(Spectrum(grid, np.sin(grid), redshift, *more[:1]), *more[1:])


def test_lines_stand_at_the_catalogue_s_or_the_expected_redshift(shown):
    page = shown(spectrum=spectrum(0.1, "z_spec", (0.3, True)))
    place, said = page.locator("#side .plot[data-redshift]"), page.locator("#side .redshift")
    assert place.get_attribute("data-redshift") == "0.1"
    assert said.inner_text() == "z_spec 0.1; lines stand there; the catalogue's redshift is doubted"
    choice = page.get_by_label("at", exact=True)
    assert choice.locator("option").all_inner_texts() == [
        "z_spec 0.1 (doubted)",
        "expected by those most alike 0.3",
    ]
    choice.select_option("expected")
    assert place.get_attribute("data-redshift") == "0.3"
    assert said.inner_text().startswith("lines stand at the redshift of the objects most alike")


def test_an_unknown_redshift_is_said_and_shifts_nothing(shown):
    page = shown(spectrum=spectrum(np.nan))
    assert page.locator("#side .redshift").inner_text() == "redshift unknown: no lines are drawn"
    assert not page.get_by_text("rest frame").is_visible()
    assert page.get_by_label("at", exact=True).count() == 0


def test_a_single_band_is_named_in_its_colour(shown):
    time = np.arange(30.0)
    curve = LightCurve(time, np.sin(time), band=np.full(30, "r"), bands=["g", "i", "r"])
    page = shown(curve=curve_json(curve))
    row = page.locator("#side .u-legend .u-series", has_text="r").last
    assert row.is_visible()
    marker = row.locator(".u-marker")
    assert "213, 94, 0" in marker.evaluate("e => getComputedStyle(e).backgroundColor + e.outerHTML")


MANY = 300_000


def test_observations_longer_than_a_stack_are_drawn(shown):
    time = np.arange(MANY) * 20 / 86400
    flux = np.sin(2 * np.pi * time / 0.7)
    grid = np.linspace(3800, 6900, MANY)
    pixels = 1 + 0.1 * np.sin(grid)
    pixels[::3000] = 50.0
    curve = LightCurve(time, flux)
    parts = {
        "curve": {**curve_json(curve), "period": 0.7},
        "spectrum": spectrum_json(Spectrum(grid, pixels, 0.1, "z")),
    }
    phase = json.dumps({"period": 0.7, "phase": np.mod(time / 0.7, 1).tolist()})
    page = shown(fold=phase, **parts)
    page.wait_for_selector("#folded[data-period='0.7'] canvas")
    assert f"{MANY} epochs" in page.inner_text("#side")
    plot = page.locator("#side .plot[data-flux]")
    low, high = map(float, plot.get_attribute("data-flux").split())
    assert 0 < low < 0.9
    assert 1.1 < high < 1.5
    assert page.inner_text("#cut").startswith("100 of 300,000 pixels")
    assert not page.locator("#error").is_visible()
