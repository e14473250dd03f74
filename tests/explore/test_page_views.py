"""The sky, two columns, and what is selected in them, in Debian's Chromium."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from skybind.data.dataset import Dataset
from tests.explore.conftest import opened_page
from tests.explore.test_page import painted


@pytest.fixture(scope="module")
def stars(hostile_run):
    return Dataset.open(hostile_run.parent / "stars")


def choose(page, label, value):
    drawn = page.get_attribute("body", "data-drawn")
    page.get_by_label(label, exact=True).select_option(value)
    page.wait_for_function(f"document.body.dataset.drawn != {drawn}")


def drag(page, corners):
    box = page.locator("#points").bounding_box()
    places = [(box["x"] + a * box["width"], box["y"] + b * box["height"]) for a, b in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(places[0][0] + 1, places[0][1] + 1)  # a hand does not jump
    for place in places[1:]:
        page.mouse.move(*place, steps=12)
        page.wait_for_timeout(20)
    page.mouse.up()


def test_the_sky_is_drawn_and_a_rectangle_selects_on_it(page, stars):
    before = painted(page)
    choose(page, "map", "sky:galactic")
    assert f"Sky, galactic, of {len(stars)} objects" in page.get_attribute("#points", "aria-label")
    assert painted(page) != before
    # the degrees lie over the points
    assert page.evaluate(
        "(() => { const c = document.getElementById('axes');"
        " const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);"
        " return data.some(v => v > 0) })()"
    )
    # nothing of what is drawn lies beyond the ellipse; all of it lies in the rectangle
    page.locator("#points").focus()
    page.keyboard.press("r")
    drag(page, [(0.005, 0.005), (0.995, 0.995)])
    page.wait_for_selector(f"#side[data-selected='{len(stars)}']")
    # the left half: galactic longitudes from 0 to 180
    drag(page, [(0.005, 0.005), (0.5, 0.995)])
    there = SkyCoord(stars.numbers("ra"), stars.numbers("dec"), unit="deg").galactic
    n = int((there.l.deg < 180).sum())
    page.wait_for_function(f"Math.abs(document.getElementById('side').dataset.selected - {n}) <= 2")


def test_two_columns_with_logarithms_are_at_the_address(page, browser, stars):
    choose(page, "map", "scatter")
    choose(page, "x", "period")
    drawn = page.get_attribute("body", "data-drawn")
    page.get_by_label("Logarithm of x").check()
    page.wait_for_function(f"document.body.dataset.drawn != {drawn}")
    page.wait_for_timeout(300)
    low, high = (float(text) for text in page.get_attribute("#axes", "data-range").split()[:2])
    known = np.log10(stars.column("period")[stars.column("period") > 0])
    assert low <= known.min()
    assert high >= known.max()
    assert high - low < 2 * (known.max() - known.min())
    n = int(
        (
            np.isfinite(stars.column(page.get_by_label("y", exact=True).input_value()))
            & (stars.column("period") > 0)
        ).sum()
    )
    assert f"{n} of {len(stars)} objects have both values, above 0" in page.inner_text("#lacks")
    with opened_page(browser, page.url) as other:
        other.wait_for_selector("body[data-drawn]")
        assert other.get_by_label("x", exact=True).input_value() == "period"
        assert other.get_by_label("Logarithm of x").is_checked()


def test_magnitudes_stand_upside_down(page, stars):
    name = next(
        name
        for name, column in stars.schema.columns.items()
        if column.unit == "mag" and "magnitude" in column.description.lower()
    )
    choose(page, "map", "scatter")
    choose(page, "y", name)
    values = stars.column(name)
    rows = np.flatnonzero(np.isfinite(values))
    page.locator("#points").focus()
    page.keyboard.press("r")
    drag(page, [(0.005, 0.005), (0.995, 0.5)])  # the upper half
    page.wait_for_selector("#side[data-selected]")
    page.wait_for_function("document.querySelectorAll('.listed tbody tr').length > 0")
    ids = stars.object_ids.tolist()
    listed = [ids.index(t) for t in page.locator(".listed button").all_inner_texts() if t in ids]
    assert values[listed].max() < (values[rows].max() + values[rows].min()) / 2 + 0.1


def test_a_cone_and_names_select_what_they_name(page, stars):
    page.get_by_label("select by").select_option("cone")
    page.fill("#condition", "285.8 11.1 40")
    page.press("#condition", "Enter")
    own = SkyCoord(stars.numbers("ra"), stars.numbers("dec"), unit="deg")
    n = int((own.separation(SkyCoord(285.8, 11.1, unit="deg")) <= 40 * u.deg).sum())
    page.wait_for_selector(f"#side[data-selected='{n}']")
    page.get_by_label("select by").select_option("names")
    names = stars.object_ids[[1, 2, 5]].tolist()
    page.fill("#condition", ", ".join([*names, "nobody"]))
    page.press("#condition", "Enter")
    page.wait_for_selector("#side[data-selected='3']")
    assert "1 of 4 names are not there: nobody" in page.inner_text("#side header")
    page.get_by_label("select by").select_option("cone")
    page.fill("#condition", "somewhere")
    page.press("#condition", "Enter")
    page.wait_for_selector("#error", state="visible")
    assert "RA DEC RADIUS" in page.inner_text("#error")


def test_points_grow_with_suspicion(browser, judged):
    with opened_page(browser, judged.address) as page:
        before = painted(page)
        choose(page, "size", "suspicion")
        assert painted(page) != before
        choose(page, "size", "")
        assert "size=" not in page.url


def held(page, pattern):
    """Hold the first question of a kind back; the function that lets it go."""
    waiting = []
    page.route(pattern, lambda route: waiting.append(route), times=1)

    def let_go():
        while not waiting:
            page.wait_for_timeout(20)
        with page.expect_response(pattern):
            waiting[0].continue_()
        page.wait_for_timeout(300)

    return let_go


def test_a_late_answer_takes_no_place_of_a_newer_view_or_colour(page, stars):
    late = held(page, "**/api/sky*")
    page.get_by_label("map", exact=True).select_option("sky:galactic")
    choose(page, "map", "scatter")
    late()
    assert " against " in page.get_attribute("#points", "aria-label")
    late = held(page, "**/api/column*")
    page.get_by_label("colour", exact=True).select_option("period")
    choose(page, "colour", "amplitude")
    late()
    assert "amplitude" in page.inner_text("#legend")


def test_keys_and_marks_are_of_what_stands_beside(page, stars):
    name = str(stars.object_ids[np.flatnonzero(stars.column("period") > 0)[0]])
    page.fill("#query", name)
    page.press("#query", "Enter")
    page.wait_for_selector("#folded[data-period]")
    page.fill("#condition", "period < 0.5")
    page.press("#condition", "Enter")
    page.wait_for_selector("#side[data-selected]")
    address = page.url
    page.locator("#points").focus()
    page.keyboard.press("h")  # folds nothing that is not there
    page.keyboard.press("t")  # and the selection stays
    page.wait_for_timeout(300)
    page.keyboard.press("t")
    assert page.get_attribute("#side", "data-selected")
    assert page.url == address


def test_what_is_kept_opens_as_it_is_whatever_the_menu_says(browser, judged):
    with opened_page(browser, judged.address) as page:
        page.fill("#condition", "period < 0.5")
        page.press("#condition", "Enter")
        page.wait_for_selector("#side[data-selected]")
        n = int(page.get_attribute("#side", "data-selected"))
        page.get_by_label("selection", exact=True).select_option("add")
        page.fill("#condition", "period >= 0.5")
        page.press("#condition", "Enter")
        page.wait_for_function(f"document.getElementById('side').dataset.selected > {n}")
        page.go_back()
        page.wait_for_selector(f"#side[data-selected='{n}']")
        # the menu still adds, and so does what is selected next
        assert page.get_by_label("selection", exact=True).input_value() == "add"
        page.fill("#condition", "period >= 0.5")
        page.press("#condition", "Enter")
        page.wait_for_function(f"document.getElementById('side').dataset.selected > {n}")
        assert "(period < 0.5) or (period >= 0.5)" in page.inner_text("#side header")


def test_a_rectangle_around_one_object_selects_it_and_around_none_nothing(page, stars):
    choose(page, "map", "scatter")
    choose(page, "x", "period")
    choose(page, "y", "amplitude")
    page.wait_for_timeout(300)
    values = np.where(np.isfinite(stars.column("amplitude")), stars.column("period"), np.nan)
    second, last = np.sort(values[np.isfinite(values)])[-2:]
    left, right = (float(text) for text in page.get_attribute("#axes", "data-range").split()[:2])
    between, edge = ((v - left) / (right - left) for v in ((second + last) / 2, last))
    assert edge - between > 0.004
    page.fill("#condition", "period < 0.5")
    page.press("#condition", "Enter")
    page.wait_for_selector("#side[data-selected]")
    n = int(page.get_attribute("#side", "data-selected"))
    page.get_by_label("selection", exact=True).select_option("add")
    page.locator("#points").focus()
    page.keyboard.press("r")
    drag(page, [(between, 0.02), (0.99, 0.98)])
    page.wait_for_selector(f"#side[data-selected='{n + 1}']")
    # an address tells conditions, and nothing of what they were added to
    assert "select=" not in page.url
    page.locator(".listed .link").first.click()
    page.wait_for_selector("#alike[data-drawn]")
    page.go_back()
    page.wait_for_selector(f"#side[data-selected='{n + 1}']")
    before = painted(page)
    drag(page, [(0.985, 0.02), (0.995, 0.05)])
    page.wait_for_timeout(300)
    assert page.get_attribute("#side", "data-selected") == str(n + 1)
    assert painted(page) == before
