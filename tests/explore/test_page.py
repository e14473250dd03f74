"""The page as a person uses it, in Debian's Chromium."""

import numpy as np
import pytest
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.data.where import fulfilled
from tests.explore.conftest import CLASS, OBJECT, opened_page


@pytest.fixture(scope="module")
def stars(hostile_run):
    return Dataset.open(hostile_run.parent / "stars")


@pytest.fixture(scope="module")
def both(stars):
    """An object with a light curve and a spectrum."""
    seen = stars.present("photometry") & stars.present("spectrum")
    return str(stars.object_ids[np.flatnonzero(seen)[2]])


def find(page, name):
    page.fill("#query", name)
    page.press("#query", "Enter")
    # the name in quotes, as CSS has it
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    page.wait_for_selector(f'#side[data-id="{quoted}"]')


def painted(page):
    """Colours in the middle of the map, as the canvas shows them."""
    page.wait_for_selector("body[data-drawn]")
    page.wait_for_timeout(200)
    return page.locator("#points").screenshot()


def test_the_map_is_drawn_and_coloured(page):
    legend = page.locator("#legend button")
    names = [text.strip() for text in legend.all_inner_texts()]
    assert any(name.startswith(CLASS) for name in names)
    before = painted(page)
    drawn = page.get_attribute("body", "data-drawn")
    page.get_by_label("colour").select_option("period")
    page.wait_for_function(f"document.body.dataset.drawn != {drawn}")
    assert "period [d]" in page.inner_text("#legend")
    assert painted(page) != before


def test_pointing_tells_and_clicking_opens(page):
    box = page.locator("#points").bounding_box()
    # from the left, until something lies under the pointer
    for step in range(5, 195):
        x, y = box["x"] + box["width"] * step / 200, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.wait_for_timeout(80)
        if page.locator("#card").is_visible():
            break
    page.mouse.move(x, y)
    page.wait_for_selector("#card", state="visible")
    name = page.inner_text("#card b")
    page.mouse.click(x, y)
    page.wait_for_selector("#side[data-id]")
    assert page.get_attribute("#side", "data-id") == name
    assert "id=" in page.url


#: Where the rings lie: of each pixel that is drawn on, the mean place.
RINGS = """() => {
  const canvas = document.getElementById("marks");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let [n, x, y] = [0, 0, 0];
  for (let i = 3; i < data.length; i += 4) if (data[i] > 128) {
    n += 1; x += ((i - 3) / 4) % canvas.width; y += Math.floor((i - 3) / 4 / canvas.width);
  }
  return n ? [n, x / n / devicePixelRatio, y / n / devicePixelRatio] : null;
}"""


def test_the_object_that_was_clicked_is_ringed(page):
    # a map that is moved takes its rings along, and what is opened next takes them away
    test_pointing_tells_and_clicking_opens(page)
    first = page.get_attribute("#side", "data-id")
    page.wait_for_selector(f'#alike[data-drawn="{first}"]')
    page.wait_for_selector("#marks[data-rings='13']")  # the object and its 12 neighbours
    _, x, y = page.evaluate(RINGS)
    box = page.locator("#points").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 30, box["y"] + box["height"] / 2 + 20, steps=5)
    page.mouse.up()
    page.wait_for_timeout(300)
    _, moved_x, moved_y = page.evaluate(RINGS)
    assert moved_x - x == pytest.approx(30, abs=5)
    assert moved_y - y == pytest.approx(20, abs=5)
    page.go_back()
    page.wait_for_selector("#side:not([data-id])")
    page.wait_for_selector("#marks[data-rings='0']", state="attached")
    assert page.evaluate(RINGS) is None


#: Pixels of the map that are neither grey nor the background.
COLOURED = """() => {
  const canvas = document.getElementById("points");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let n = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b] = data.slice(i, i + 3);
    if (data[i + 3] > 64 && Math.max(r, g, b) - Math.min(r, g, b) > 60) n += 1;
  }
  return n;
}"""


def test_what_is_not_selected_is_grey(page, stars):
    page.wait_for_selector("body[data-drawn]")
    page.wait_for_timeout(300)
    every = page.evaluate(COLOURED)
    period = stars.column("period")
    known = np.sort(period[np.isfinite(period)])
    page.fill("#condition", f"period < {known[len(known) // 10]}")
    page.press("#condition", "Enter")
    page.wait_for_selector("#side[data-selected]")
    page.wait_for_timeout(300)
    assert 0 < page.evaluate(COLOURED) < every / 3
    page.get_by_role("button", name="clear").click()
    page.wait_for_selector("#side:not([data-selected])")
    page.wait_for_timeout(300)
    assert page.evaluate(COLOURED) == pytest.approx(every, rel=0.05)


def test_an_object_by_its_name(page, stars, both):
    find(page, both)
    assert page.locator("#side h2").inner_text() == both
    # in time, folded, spectrum: the folded one waits for its phases
    page.wait_for_function("document.querySelectorAll('#side canvas').length >= 3")
    row = page.locator(".catalogue tr", has_text="parallax").first
    assert "mas" in row.inner_text()
    page.wait_for_selector(f'#alike[data-drawn="{both}"]')
    assert page.locator("#alike li").count() == 12


def test_half_the_period_by_key_and_by_button(page, stars, both):
    find(page, both)
    page.wait_for_selector("#folded[data-period]")
    period = float(page.get_attribute("#folded", "data-period"))
    assert period == pytest.approx(stars[both].period.value)
    page.locator("#side h2").click()
    page.keyboard.press("h")
    page.wait_for_function(f"+document.getElementById('folded').dataset.period < {0.6 * period}")
    assert float(page.get_attribute("#folded", "data-period")) == pytest.approx(period / 2)
    page.get_by_role("button", name="Twice the period").click()
    page.wait_for_function(f"+document.getElementById('folded').dataset.period > {0.9 * period}")
    slider = page.get_by_label("Period, by up to")
    slider.focus()
    slider.press("ArrowRight")
    page.wait_for_function(
        f"+document.getElementById('folded').dataset.period > {1.000001 * period}"
    )


def test_a_copied_address_shows_the_same(page, both):
    find(page, both)
    page.wait_for_selector("#folded[data-period]")
    page.locator("#side h2").click()
    page.keyboard.press("d")
    page.wait_for_function("location.hash.includes('period=')")
    period = page.get_attribute("#folded", "data-period")
    page.get_by_label("colour").select_option("period")
    page.wait_for_function("location.hash.includes('colour=period')")
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("#folded[data-period]")
    assert other.get_attribute("#folded", "data-period") == period
    assert other.locator("#side h2").inner_text() == both
    assert "period [d]" in other.inner_text("#legend")
    other.close()


def test_neighbours_across_modalities(page, both):
    find(page, both)
    page.wait_for_selector("#alike[data-drawn]")
    page.get_by_label("by", exact=True).select_option("photometry")
    page.get_by_label("in", exact=True).select_option("spectrum")
    page.wait_for_function(
        "document.querySelector('#alike small').textContent.includes('photometry → spectrum')"
    )
    first = page.locator("#alike li [data-id]").first
    name = first.get_attribute("data-id")
    first.click()
    page.wait_for_function(f"document.getElementById('side').dataset.id == '{name}'")
    page.go_back()
    page.wait_for_function(f"document.getElementById('side').dataset.id == '{both}'")


def test_going_back_shows_what_was_before(page, stars, both):
    page.fill("#condition", "period < 0.5")
    page.press("#condition", "Enter")
    page.wait_for_selector("#side[data-selected]")
    n = page.get_attribute("#side", "data-selected")
    find(page, both)
    page.go_back()
    page.wait_for_selector(f"#side[data-selected='{n}']")
    page.go_back()
    page.wait_for_selector("#side:not([data-selected]):not([data-id])")
    assert page.locator("#side h2").inner_text() == stars.path.name
    assert page.input_value("#condition") == ""


def test_a_slow_answer_does_not_replace_a_newer_one(page, both):
    held = []
    page.route("**/api/selection*", lambda route: held.append(route))
    page.fill("#condition", "period < 0.5")
    page.press("#condition", "Enter")
    page.wait_for_function("location.hash.includes('select=')")
    while not held:
        page.wait_for_timeout(20)
    find(page, both)
    with page.expect_response("**/api/selection*"):
        held[0].continue_()
    page.wait_for_timeout(200)
    assert page.get_attribute("#side", "data-id") == both


def test_every_digit_of_the_catalogue_is_shown(page, stars, both):
    find(page, both)
    shown = page.locator(".catalogue tr", has=page.locator("th", has_text="ra")).first
    row = int(np.flatnonzero(stars.object_ids == both)[0])
    assert float(shown.locator("td").first.inner_text()) == stars.column("ra")[row]


def test_markup_in_names_is_shown_as_text(page):
    find(page, OBJECT)
    # marks of direction are written out
    shown = OBJECT.replace("\u202e", "\\u202e")
    assert page.locator("#side h2").inner_text() == shown
    assert page.locator("img[src='x']").count() == 0
    page.fill("#query", '"><img')
    page.wait_for_selector("#found li")
    assert page.locator("#found li").first.inner_text() == shown
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#alike[data-drawn]")
    assert page.get_attribute("#side", "data-id") == OBJECT


def test_by_keys_alone(page):
    page.keyboard.press("/")
    page.keyboard.type("SIM0000001")
    page.wait_for_selector("#found li")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#alike[data-drawn]")
    first = page.get_attribute("#side", "data-id")
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.getElementById('side').dataset.id != '{first}'")
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_a_late_list_of_names_keeps_what_was_chosen(page):
    page.fill("#query", "SIM000000")
    page.wait_for_selector("#found li")
    page.keyboard.press("ArrowDown")
    chosen = page.get_attribute("#found [aria-selected=true]", "data-id")
    with page.expect_response("**/find?**"):
        page.keyboard.type(chosen[len("SIM000000") :])
    page.wait_for_function("document.querySelectorAll('#found li').length === 1")
    page.wait_for_selector(f"#found [aria-selected=true][data-id={chosen}]")


def test_a_name_that_is_not_there_says_so(page):
    page.fill("#query", "nobody")
    page.wait_for_selector("#found .hint")
    page.press("#query", "Enter")
    page.wait_for_selector("#error")
    assert "no object 'nobody'" in page.inner_text("#error")


def test_without_a_token_the_page_says_what_to_do(browser, served):
    opened = browser.new_page()
    opened.goto(f"http://{served.host}/")
    opened.wait_for_selector("#error")
    assert "address that was printed" in opened.inner_text("#error")
    opened.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_narrow_page_needs_no_scrolling_sideways(browser, served, both, theme):
    opened = browser.new_page(viewport={"width": 400, "height": 800}, color_scheme=theme)
    opened.goto(f"{served.address}#id={both}")
    opened.wait_for_selector("#alike[data-drawn]")
    assert opened.evaluate("document.documentElement.scrollWidth") <= 400
    back = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") == (theme == "light")
    opened.close()


def test_a_selection_by_condition_is_saved_as_a_votable(page, stars):
    condition = "period < 0.6 and period > 0.4"
    page.locator("#side h2").click()
    page.keyboard.press("w")
    page.keyboard.type(condition)
    page.keyboard.press("Enter")
    page.wait_for_selector("#side[data-selected]")
    expected = np.flatnonzero(fulfilled(stars, condition))
    assert int(page.get_attribute("#side", "data-selected")) == len(expected)
    with page.expect_download() as download:
        page.locator("[data-export='.vot']").click()
    table = Table.read(download.value.path(), format="votable")
    assert [str(name) for name in table["object_id"]] == stars.object_ids[expected].tolist()
    assert str(table["period"].unit) == "d"
    # one of them, and back
    page.locator(".listed button").first.click()
    page.wait_for_selector("#side[data-id]")
    page.get_by_role("button", name="selected").click()
    page.wait_for_selector("#side[data-selected]")
    # less some
    page.get_by_label("selection", exact=True).select_option("subtract")
    page.fill("#condition", "period < 0.5")
    page.press("#condition", "Enter")
    left = int((stars.column("period")[expected] >= 0.5).sum())
    page.wait_for_selector(f"#side[data-selected='{left}']")


def lasso_around_everything(page):
    """Draw a lasso around the map; how many objects that selects."""
    box = page.locator("#points").bounding_box()
    (left, top), (width, height) = (box["x"], box["y"]), (box["width"], box["height"])
    page.keyboard.press("l")
    page.mouse.move(left + 3, top + 3)
    page.mouse.down()
    low, high = 0.005, 0.995
    corners = [(high, low), (high, high), (low, high), (low, 2 * low)]
    for x, y in corners:
        page.mouse.move(left + x * width, top + y * height, steps=12)
        page.wait_for_timeout(20)
    page.mouse.up()
    page.wait_for_selector("#side[data-selected]")
    return int(page.get_attribute("#side", "data-selected"))


def objects_of_map(page):
    shown = page.get_by_label("map", exact=True).locator("option").first.inner_text()
    return int(shown.split("(")[1].rstrip(")").replace(",", ""))


def test_a_lasso_around_everything_selects_the_map(page):
    assert lasso_around_everything(page) >= 0.9 * objects_of_map(page)


@pytest.fixture
def crowd(browser, served, monkeypatch):
    """The page of a survey that has more points than are drawn one by one."""
    monkeypatch.setattr("skybind.explore.told.CROWD", 20)
    with opened_page(browser, served.address) as opened:
        opened.wait_for_selector("#plot[data-drawn-as='density']")
        yield opened


PAINTED = """() => {
    const canvas = document.getElementById("density");
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let cells = 0;
    for (let i = 3; i < data.length; i += 4) cells += data[i] > 0;
    return cells;
}"""


def test_a_crowd_is_drawn_as_a_density_of_all(crowd):
    n = objects_of_map(crowd)
    assert n > 40
    # every object paints a cell; few share one
    assert 0.7 * n <= crowd.evaluate(PAINTED) <= n
    assert lasso_around_everything(crowd) >= 0.9 * n


def test_zoomed_in_a_crowd_is_points_again(crowd):
    points = crowd.locator("#points")
    points.hover()
    for _ in range(30):
        crowd.mouse.wheel(0, -300)
        crowd.wait_for_timeout(30)
        if crowd.get_attribute("#plot", "data-drawn-as") == "points":
            break
    crowd.wait_for_selector("#plot[data-drawn-as='points']")
    assert crowd.locator("#density").is_hidden()
    points.focus()
    crowd.keyboard.press("0")
    crowd.wait_for_selector("#plot[data-drawn-as='density']")
    assert crowd.evaluate(PAINTED) > 40


def test_in_a_crowd_an_object_is_ringed_where_it_is(crowd):
    """Any object, too, that the renderer does not hold."""
    crowd.keyboard.press("/")
    crowd.keyboard.type("SIM00000011")
    crowd.keyboard.press("Enter")
    crowd.wait_for_selector("#side[data-id]")
    crowd.wait_for_function("Number(document.getElementById('marks').dataset.rings) > 0")
