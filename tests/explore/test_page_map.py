"""The map's colours, its view, and moving it by keys, in Debian's Chromium."""

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.runs.run import Run
from tests.explore.conftest import opened_page
from tests.explore.test_page import COLOURED, painted
from tests.explore.test_page_views import choose


@pytest.fixture(scope="module")
def stars(hostile_run):
    return Dataset.open(hostile_run.parent / "stars")


def settled(page):
    """Wait until the address tells the view."""
    page.wait_for_timeout(800)


def zoom(page):
    """What the address tells of the view."""
    found = page.evaluate("new URLSearchParams(location.hash.slice(1)).get('zoom')")
    return None if found is None else [float(v) for v in found.split(",")]


def pressed(page, *keys):
    page.locator("#points").focus()
    for key in keys:
        page.keyboard.press(key)
    settled(page)


def again(page, act):
    """Do what draws the map anew, and wait for that."""
    drawn = page.get_attribute("body", "data-drawn")
    act()
    page.wait_for_function(f"document.body.dataset.drawn != {drawn}")


def coloured(page):
    """Coloured pixels of the map, when it is drawn whole."""
    last, found = None, 0
    while not found or found != last:
        page.wait_for_timeout(300)
        last, found = found, page.evaluate(COLOURED)
    return found


def test_a_logarithm_is_of_one_column_and_what_is_grey_is_counted(page, stars):
    choose(page, "map", "scatter")
    choose(page, "colour", "pmra")
    again(page, lambda: page.get_by_label("log", exact=True).last.check())
    shown = page.get_by_label("x", exact=True).input_value()
    other = page.get_by_label("y", exact=True).input_value()
    there = np.isfinite(stars.numbers(shown)) & np.isfinite(stars.numbers(other))
    pmra = stars.numbers("pmra")[there]
    negative = int((pmra <= 0).sum())
    assert negative > 10
    assert f"{negative} are not above 0 and have no logarithm" in page.inner_text("#grey")
    assert "scale=log" in page.url
    again(page, lambda: page.get_by_label("clip").select_option("5"))
    assert "clip=5" in page.url
    choose(page, "colour", "parallax")
    assert not page.get_by_label("log", exact=True).last.is_checked()
    assert page.get_by_label("clip").input_value() == "1"
    assert "scale=" not in page.url
    assert "clip=" not in page.url
    assert "logarithm" not in page.inner_text("#grey")


def test_objects_without_a_value_are_counted(page, stars):
    choose(page, "map", "sky:galactic")
    missing = {
        column: int((~np.isfinite(stars.numbers(column))).sum())
        for column in stars.flat_columns
        if stars.arrow_schema.field(column).type in ("double", "float")
    }
    column = max(missing, key=missing.get)
    assert missing[column] > 0
    choose(page, "colour", column)
    assert f"{missing[column]} have no value (grey)" in page.inner_text("#grey")


def test_parts_of_the_split_are_told_apart_in_any_colouring(page, browser, hostile_run):
    split = Run.open(hostile_run).split
    choose(page, "map", "sky:galactic")
    every = coloured(page)
    for colour in ("class", "period"):
        if colour == "period":
            choose(page, "colour", colour)
            every = coloured(page)
        again(page, lambda: page.locator("#parts").get_by_label("train", exact=True).uncheck())
        share = coloured(page) / every
        assert share == pytest.approx((split.part != "train").mean(), abs=0.2)
        if colour == "class":
            again(page, lambda: page.locator("#parts").get_by_label("train", exact=True).check())
    assert "hide=train" in page.url
    with opened_page(browser, page.url) as other:
        other.wait_for_selector("body[data-drawn]")
        assert not other.locator("#parts").get_by_label("train", exact=True).is_checked()
        assert coloured(other) < every * 0.75


def test_a_copied_address_shows_zoom_and_shading(page, browser):
    name = page.locator("#legend button").first.inner_text().split("\n")[0].strip()
    again(page, lambda: page.locator("#legend button").first.click())
    assert page.locator("#legend button[aria-pressed='true']").count() == 1
    assert "only=" in page.url
    pressed(page, "+", "+", "ArrowLeft")
    there = zoom(page)
    assert there[2] == pytest.approx(0.49, abs=0.01)
    assert there[0] < 0
    before = painted(page)
    with opened_page(browser, page.url) as other:
        other.wait_for_selector("body[data-drawn]")
        settled(other)
        assert zoom(other) == pytest.approx(there, abs=1e-3)
        chosen = other.locator("#legend button[aria-pressed='true']")
        assert chosen.inner_text().startswith(name)
        assert painted(other) == before


def test_another_view_begins_whole(page):
    pressed(page, "+", "+", "+")
    assert zoom(page)[2] < 0.5
    choose(page, "map", "sky:galactic")
    settled(page)
    assert zoom(page) is None
    whole = painted(page)
    pressed(page, "+")
    assert painted(page) != whole
    pressed(page, "0")
    page.wait_for_function("!location.hash.includes('zoom=')")
    # a colour changes nothing of the view
    pressed(page, "-")
    there = zoom(page)
    choose(page, "colour", "period")
    settled(page)
    assert zoom(page) == there


def test_by_keys_the_map_moves_and_what_is_in_view_is_selected(page, stars):
    choose(page, "map", "scatter")
    choose(page, "x", "ra")
    choose(page, "y", "dec")
    settled(page)
    pressed(page, "v")
    page.wait_for_selector(f"#side[data-selected='{len(stars)}']")
    assert "what was in view" in page.inner_text("#side header")
    pressed(page, "+", "+", "+", "ArrowRight", "ArrowUp")
    left, right, low, high = map(float, page.get_attribute("#axes", "data-range").split())
    page.locator("#in-view").click()
    ra, dec = stars.numbers("ra"), stars.numbers("dec")
    n = int(((ra >= left) & (ra <= right) & (dec >= low) & (dec <= high)).sum())
    assert 0 < n < len(stars) / 2
    # the axis tells from 20 pixels below the rim on
    page.wait_for_function(
        f"Math.abs(document.getElementById('side').dataset.selected - {n}) <= {0.1 * n + 3}"
    )
    # and all that these keys do stands in the help
    page.keyboard.press("?")
    said = page.inner_text("#help")
    for words in ("move the map", "select what is in view"):
        assert words in said


def test_arrows_move_no_map_where_they_do_something_else(page):
    page.locator("#points").focus()
    pressed(page, "ArrowLeft")
    there = zoom(page)
    assert there is not None
    page.get_by_label("colour", exact=True).focus()
    page.keyboard.press("ArrowDown")
    settled(page)
    assert zoom(page) == there
