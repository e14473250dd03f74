"""Light curve, spectrum and image of an object as a person looks at them, in Debian's Chromium."""

import numpy as np
import pytest
from astropy.io import fits

from skybind.data.dataset import Dataset
from skybind.runs.run import Run
from tests.explore.conftest import opened_page
from tests.explore.observed import EPOCHS, LIMITS


@pytest.fixture
def shown(browser, observed):
    """The page of an object."""
    with opened_page(browser, f"{observed.address}#id=g3") as page:
        page.wait_for_selector("#alike[data-drawn]")
        page.wait_for_selector("#folded[data-period]")
        yield page


def section(page, title):
    return page.locator("#side section", has=page.locator("h3", has_text=title)).first


def ink(canvas, left=0.0, right=1.0):
    """Pixels of a canvas that are drawn on, between two shares of its width."""
    return canvas.evaluate(
        """(canvas, [left, right]) => {
          const at = Math.floor(left * canvas.width);
          const wide = Math.ceil((right - left) * canvas.width);
          const { data } = canvas.getContext("2d").getImageData(at, 0, wide, canvas.height);
          let n = 0;
          for (let i = 3; i < data.length; i += 4) n += data[i] > 128;
          return n;
        }""",
        [left, right],
    )


def test_upper_limits_are_drawn_and_counted(shown, observed):
    told = observed.json("object", id="g3")["curve"]
    assert len(told["limits"]["time"]) == LIMITS
    assert set(told["limits"]["value"]) == {19.0}
    part = section(shown, "Light curve")
    assert f"{EPOCHS} epochs, {LIMITS} upper limits (▽)" in part.inner_text()
    # epochs end at 5/8 of the axis: beyond lie the limits alone
    canvas = part.locator(".plot canvas").first
    with_limits = ink(canvas, 0.8, 1)
    shown.route(
        "**/api/object*",
        lambda route: route.fulfill(json=_without_limits(route.fetch().json())),
    )
    shown.reload()
    shown.wait_for_selector("#folded[data-period]")
    part = section(shown, "Light curve")
    assert "upper" not in part.inner_text()
    canvas = part.locator(".plot canvas").first
    assert with_limits != ink(canvas, 0.8, 1)


def test_a_light_curve_of_limits_alone_is_drawn_where_they_are(shown):
    def limits_alone(route):
        told = route.fetch().json()
        times = [2459000.5 + day for day in range(LIMITS)]
        told["curve"]["limits"] |= {"time": times, "value": [19.0] * LIMITS}
        told["curve"] |= {"time": [], "value": [], "error": None, "period": None, "band": []}
        told["curve"]["limits"]["band"] = ["g"] * LIMITS
        route.fulfill(json=told)

    shown.route("**/api/object*", limits_alone)
    shown.reload()
    part = section(shown, "Light curve")
    part.locator("canvas").first.wait_for()
    assert f"0 epochs, {LIMITS} upper limits (▽)" in part.inner_text()
    canvas = part.locator(".plot canvas").first
    assert canvas.evaluate("c => c.parentElement.parentElement.outerHTML").count("NaN") == 0
    # they lie all along the axis
    assert ink(canvas, 0.2, 0.5) > 0
    assert ink(canvas, 0.7, 1) > 0


def test_a_seventh_band_has_a_shape_of_its_own(shown):
    part = section(shown, "Light curve")
    canvas = part.locator("canvas").first
    plain = ink(canvas)
    assert {"g", "r"} <= set(part.locator(".u-label").all_inner_texts())

    def squares(route):
        told = route.fetch().json()
        told["curve"]["bands"]["r"], told["curve"]["shapes"]["r"] = told["curve"]["bands"]["g"], 1
        route.fulfill(json=told)

    shown.route("**/api/object*", squares)
    shown.reload()
    shown.wait_for_selector("#folded[data-period]")
    assert {"● g", "■ r"} <= set(part.locator(".u-label").all_inner_texts())
    # circles of 4 pixels become squares of 5
    assert ink(canvas) > plain + EPOCHS // 2 * 5


def _without_limits(told):
    return {**told, "curve": {**told["curve"], "limits": None}}


def axis(page):
    """Ends of the flux axis that is drawn."""
    plot = section(page, "Spectrum").locator(".plot")
    return [float(v) for v in plot.get_attribute("data-flux").split()]


def test_a_line_is_whole_and_a_spike_is_told(shown):
    _, high = axis(shown)
    assert 40 < high < 900
    said = shown.inner_text("#cut")
    assert "1 of 86 pixels in view lie" in said
    shown.get_by_label("whole range").check()
    assert axis(shown)[1] > 900
    assert shown.inner_text("#cut") == ""
    shown.get_by_label("whole range").uncheck()
    shown.get_by_label("Smoothing in pixels").fill("3")
    assert 30 < axis(shown)[1] < 60
    assert "3 of 86 pixels in view lie" in shown.inner_text("#cut")
    shown.get_by_label("Smoothing in pixels").fill("1")
    # the axis follows the wavelengths in view
    over = section(shown, "Spectrum").locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    middle = box["y"] + box["height"] / 2
    shown.mouse.move(box["x"] + 0.3 * box["width"], middle)
    shown.mouse.down()
    shown.mouse.move(box["x"] + 0.4 * box["width"], middle, steps=5)
    shown.mouse.up()
    shown.wait_for_timeout(200)
    assert axis(shown)[1] < 5
    assert shown.inner_text("#cut") == ""


def test_smoothing_tells_its_width_and_keeps_gaps(shown, observed):
    part = section(shown, "Spectrum")
    assert "off" in part.locator("output").inner_text()
    part.get_by_label("Smoothing in pixels").fill("15")
    assert part.locator("output").inner_text() == "15 pixels, 150 Å"
    gap = part.locator(".plot").get_attribute("data-gap")
    assert int(gap) == 10
    part.get_by_label("rest frame").check()
    z = observed.json("object", id="g3")["spectrum"]["redshift"]
    said = float(part.locator("output").inner_text().split()[2])
    assert said == pytest.approx(150 / (1 + z), abs=0.6)


def test_daily_aliases(shown):
    period = float(shown.get_attribute("#folded", "data-period"))
    for name, turns in (("one turn a day more", 1), ("one turn a day less", -1)):
        shown.get_by_role("button", name="own").click()
        shown.wait_for_function(
            f"Math.abs(document.getElementById('folded').dataset.period - {period}) < 1e-6"
        )
        shown.get_by_role("button", name=name).click()
        alias = 1 / abs(1 / period + turns)
        shown.wait_for_function(
            f"Math.abs(document.getElementById('folded').dataset.period - {alias}) < 1e-6"
        )


def test_it_says_which_period_is_folded_with(shown, browser, observed):
    own = float(shown.get_attribute("#folded", "data-period"))
    said = shown.locator("#whose-period")
    told = f"the period of the catalogue, {own:.9g} d"
    assert said.inner_text() == "folded with the period of the catalogue"
    for name, text in (
        ("Half the period", f"folded with half {told}"),
        ("own", "folded with the period of the catalogue"),
        ("Three times the period", f"folded with three times {told}"),
        ("own", "folded with the period of the catalogue"),
        ("one turn a day more", f"folded with a daily alias of {told}"),
    ):
        shown.get_by_role("button", name=name).click()
        shown.wait_for_function(
            "(text) => document.getElementById('whose-period').innerText === text", arg=text
        )
    slider = shown.get_by_label("Period, by up to")
    slider.focus()
    slider.press("ArrowRight")
    other = f"folded with another period than {told}"
    shown.wait_for_function(
        "(text) => document.getElementById('whose-period').innerText === text", arg=other
    )
    with opened_page(browser, f"{observed.address}#id=g3&period=0.5") as page:
        page.wait_for_selector("#folded[data-period='0.5']")
        assert page.inner_text("#whose-period") == other


COLOURS = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const found = new Set();
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] === 255) found.add([data[i], data[i + 1], data[i + 2]].join());
  return found.size;
}"""


def test_small_multiples_tell_bands_apart(shown, observed):
    first = shown.locator("#alike .slot").first
    first.locator("canvas").first.wait_for()
    assert first.locator("canvas").first.evaluate(COLOURS) == 2


def test_an_image_has_a_stretch(shown, observed):
    image = shown.locator("img.picture")
    own = image.get_attribute("src")
    seen = {own}
    for stretch in ("linear", "asinh", "log"):
        shown.get_by_label("stretch").select_option(stretch)
        shown.wait_for_selector(f"img.picture[data-stretch='{stretch}']")
        seen.add(image.get_attribute("src"))
    assert len(seen) == 4
    before = image.get_attribute("src")
    shown.get_by_label("Percentile of white").fill("60")
    shown.get_by_label("Percentile of white").press("Enter")
    shown.wait_for_function(f"document.querySelector('img.picture').src !== {before!r}")
    shown.get_by_label("Percentile of black").fill("70")
    shown.get_by_label("Percentile of black").press("Enter")
    part = section(shown, "Image")
    part.get_by_text("the lower first").wait_for()
    shown.get_by_label("stretch").select_option("")
    shown.wait_for_function(f"document.querySelector('img.picture').src === {own!r}")
    status, _, _ = observed.ask("/api/picture", id="g3", stretch="none")
    assert status == 400


def test_an_image_of_ones_own_is_shown(browser, observed, tmp_path):
    dataset = Dataset.open(Run.open(observed.folder).dataset.path)
    image = dataset.ragged("image", np.array([3])).fields
    side = round(len(image["g"]) ** 0.5)
    cube = np.stack([image[band].reshape(side, side) for band in "grz"])
    header = fits.Header({"BANDS": "grz", "BUNIT": "nanomaggy"})
    fits.PrimaryHDU(cube, header).writeto(tmp_path / "own.fits")
    with opened_page(browser, observed.address) as page:
        page.set_input_files("#file", tmp_path / "own.fits")
        page.wait_for_selector("#side[data-file='own.fits']")
        picture = page.locator("img.picture")
        # the same pixels make the same picture
        told = observed.json("object", id="g3")["image"]["png"]
        assert picture.get_attribute("src") == told
        page.get_by_label("stretch").select_option("log")
        page.wait_for_selector("img.picture[data-stretch='log']")
        assert picture.get_attribute("src") != told


def test_plots_say_what_they_show(shown, observed):
    told = observed.json("object", id="g3")["curve"]
    named = shown.locator("#side .u-wrap")
    said = named.evaluate_all(
        "(all) => all.map((one) => [one.getAttribute('role'), one.getAttribute('aria-label')])"
    )
    assert {role for role, _ in said} == {"img"}
    in_time, folded, spectrum = (text for _, text in said)
    assert f"{EPOCHS} epochs and {LIMITS} upper limits of bands g, r, time from" in in_time
    assert in_time.startswith("Light curve: ")
    assert folded.startswith(f"Light curve folded at {told['period']:.9g} d: {EPOCHS} epochs")
    assert spectrum.startswith("Spectrum of 96 pixels from 4000 to 4950 Å, with lines")


def test_a_plot_is_zoomed_by_keys(shown):
    whole = axis(shown)
    plot = section(shown, "Spectrum").locator(".u-wrap")
    plot.focus()
    zoom = shown.evaluate("location.hash")
    for _ in range(6):
        plot.press("+")
    near = axis(shown)
    assert near != whole
    plot.press("Home")
    shown.wait_for_timeout(100)
    assert axis(shown) == whole
    shown.wait_for_timeout(400)
    assert shown.evaluate("location.hash") == zoom  # the map stays where it is


def test_a_peak_is_chosen_without_a_pointer(shown, observed):
    told = observed.json("power", id="g3")
    highest = told["period"][int(np.argmax(told["power"]))]
    shown.click("#power-button")
    options = shown.get_by_label("fold at").locator("option")
    options.nth(1).wait_for(state="attached")
    assert options.nth(1).inner_text().startswith(f"{highest:.6g} d (power ")
    shown.get_by_label("fold at").select_option(index=1)
    shown.wait_for_function(
        "(at) => Math.abs(document.getElementById('folded').dataset.period / at - 1) < 1e-8",
        arg=highest,
    )
    said = shown.get_attribute("#power .u-wrap", "aria-label")
    assert f"the highest peaks at {highest:.6g}, " in said


POWER = "document.querySelector('#power canvas').toDataURL()"


def test_the_periodogram_marks_the_period_that_is_folded_with(shown):
    waiting = []
    shown.route("**/api/fold?*", lambda route: waiting.append(route))
    shown.click("#power-button")
    shown.wait_for_selector("#power canvas")
    shown.wait_for_timeout(300)
    seen = [shown.evaluate(POWER)]
    shown.get_by_label("fold at").select_option(index=3)
    shown.wait_for_timeout(300)
    assert shown.evaluate(POWER) == seen[0]  # it is not folded yet
    waiting[0].continue_()
    shown.unroute("**/api/fold?*")
    for press in (None, "Half the period"):
        if press:
            shown.get_by_role("button", name=press).click()
        shown.wait_for_function(f"(seen) => !seen.includes({POWER})", arg=seen)
        seen.append(shown.evaluate(POWER))


def test_a_periodogram_that_is_asked_for_twice_is_drawn_once(shown):
    waiting = []
    shown.route("**/api/power?*", lambda route: waiting.append(route))
    for _ in range(3):
        shown.click("#power-button")
    shown.wait_for_timeout(300)
    assert len(waiting) == 2
    for route in waiting:
        with shown.expect_response("**/api/power?*"):
            route.continue_()
    shown.wait_for_selector("#power canvas")
    shown.wait_for_timeout(300)
    assert shown.locator("#power canvas").count() == 1
    assert shown.get_by_label("fold at").count() == 1


def test_an_alias_is_made_of_every_digit_of_the_period(shown):
    def almost_a_day(route):
        told = route.fetch().json()
        told["curve"]["period"] = 0.9972695663
        route.fulfill(json=told)

    shown.route("**/api/object*", almost_a_day)
    shown.reload()
    shown.wait_for_selector("#folded[data-period='0.9972695663']")
    shown.get_by_role("button", name="one turn a day less").click()
    shown.wait_for_function("document.getElementById('folded').dataset.period > 300")
    said = "folded with a daily alias of the period of the catalogue, 0.997269566 d"
    assert shown.inner_text("#whose-period") == said
