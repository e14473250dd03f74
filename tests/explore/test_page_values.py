"""Numbers beyond single precision, and dates that are one in it, in Debian's Chromium."""

import re

import pytest

from tests.explore.conftest import opened_page
from tests.explore.observed import SPOILT, N
from tests.explore.test_page_views import choose


@pytest.fixture
def page(browser, observed):
    with opened_page(browser, observed.address) as opened:
        yield opened


def bar(page):
    """The ends of the colour bar, as they are written."""
    low, high = page.locator("#legend > span:not(.bar)").all_inner_texts()[1:3]
    return low, high


def test_luminosities_are_coloured_and_none_is_missing(page):
    choose(page, "colour", "lbol")
    low, high = (float(text) for text in bar(page))
    assert 1e43 <= low < high <= 1e46
    assert "no value" not in page.inner_text("#grey")


def test_dates_of_one_night_are_told_apart(page):
    choose(page, "map", "scatter")
    choose(page, "colour", "jd")
    page.get_by_label("clip").select_option("0")
    page.wait_for_function("!document.getElementById('grey').innerText")
    low, high = (float(text) for text in bar(page))
    jd = SPOILT["jd"]
    assert (low, high) == pytest.approx((jd[0], jd[-1]), abs=1e-5)


def test_two_columns_are_drawn_beyond_single_precision(page):
    choose(page, "map", "scatter")
    choose(page, "x", "lbol")
    choose(page, "y", "jd")
    page.wait_for_timeout(300)
    left, right, low, high = map(float, page.get_attribute("#axes", "data-range").split())
    lbol, jd = SPOILT["lbol"], SPOILT["jd"]
    assert left <= lbol[0] < lbol[-1] <= right < 2e46
    assert low <= jd[0] < jd[-1] <= high < jd[-1] + 0.03
    page.locator("#points").focus()
    page.keyboard.press("v")
    page.wait_for_selector(f"#side[data-selected='{N}']")


#: Note what is written on canvases from here on.
NOTED = """() => {
  window.written = [];
  const { prototype } = CanvasRenderingContext2D;
  const own = prototype.fillText;
  prototype.fillText = function (text, ...at) {
    window.written.push(text);
    own.call(this, text, ...at);
  };
}"""


def test_ticks_of_dates_are_written_with_their_digits(page):
    choose(page, "map", "scatter")
    choose(page, "x", "lbol")
    page.evaluate(NOTED)
    choose(page, "y", "jd")
    page.wait_for_function("written.some((text) => text.startsWith('2459000.5'))")
    page.wait_for_timeout(200)
    said = {text for text in page.evaluate("written") if re.fullmatch(r"2459000\.5\d*", text)}
    assert len(said) >= 3


def offered(page, text):
    page.fill("#condition", text)
    options = page.locator("#columns option")
    return options.evaluate_all("(all) => all.map((one) => one.value)")


def test_names_are_completed_as_a_condition_reads_them(page):
    assert offered(page, "r > 16.5 and g") == ["r > 16.5 and `g-r`"]
    assert offered(page, "g")[0] == "`g-r`"
    assert offered(page, "`g-") == ["`g-r`"]
    assert offered(page, "`g-r` < 1 and lb") == ["`g-r` < 1 and lbol"]
    assert offered(page, "`g-r` < 1 and ") == []
    # renamed beside the run's own split, it is asked by its own name
    assert offered(page, "spl") == ["split"]
    half = int((SPOILT["split"] == "north").sum())
    page.fill("#condition", "split == 'north'")
    page.press("#condition", "Enter")
    page.wait_for_selector(f"#side[data-selected='{half}']")
    page.fill("#condition", offered(page, "g")[0] + " < 0.495")
    page.press("#condition", "Enter")
    n = int((SPOILT["g-r"] < 0.495).sum())
    page.wait_for_selector(f"#side[data-selected='{n}']")


def test_a_class_is_completed_as_a_whole(page, observed):
    known = observed.json("survey")["classes"]
    page.get_by_label("select by").select_option("class")
    assert offered(page, known[0][:2])[0] == known[0]
    assert offered(page, f"x {known[0][:2]}") == []
