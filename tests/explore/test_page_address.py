"""What an address asks for and is not there leaves it, and what is shown is told by it."""

import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from skybind.embeddings.store import Embeddings
from skybind.runs.run import Run
from tests.explore.conftest import keep_and_open, opened_page


@pytest.fixture(scope="module")
def both(hostile_run):
    """An object with a light curve and a spectrum."""
    embeddings = Embeddings.read(Run.open(hostile_run).paths.embeddings)
    there = embeddings.present["photometry"] & embeddings.present["spectrum"]
    return str(embeddings.object_id[np.flatnonzero(there)[0]])


def told(page):
    return {name: value for name, (value,) in parse_qs(urlsplit(page.url).fragment).items()}


def shown(browser, served, address):
    return opened_page(browser, f"{served.address}#{address}")


def test_unknown_values_leave_the_address(browser, served):
    asked = "map=nope&colour=nope&only=FOO&clip=7&hide=foo%2Btrain&x=foo&size=foo&scale=odd"
    with shown(browser, served, asked) as page:
        page.wait_for_selector("body[data-ready]")
        left = told(page)
        shown_map = page.locator("#mapbar select").first.input_value()
    assert left == {"map": shown_map, "colour": "class", "hide": "train"}


def test_a_size_of_a_run_without_suspicions_is_none(browser, served):
    with shown(browser, served, "size=suspicion") as page:
        page.wait_for_selector("body[data-ready]")
        assert "size" not in told(page)
        assert page.locator("#lasso").count() == 1


def test_what_is_shown_well_stays_in_the_address(browser, served):
    with shown(browser, served, "map=scatter&colour=period&clip=5&scale=log&x=period") as page:
        page.wait_for_selector("body[data-ready]")
        left = told(page)
    assert left["map"] == "scatter"
    expected = {"colour": "period", "clip": "5", "scale": "log", "x": "period"}
    assert expected.items() <= left.items()


def test_weights_of_an_address_are_those_of_the_sliders(browser, served, both):
    address = f"id={both}&by=photometry&contrast=spectrum&there=5&here=abc"
    with shown(browser, served, address) as page:
        with page.expect_response(re.compile("api/neighbours")) as asked:
            page.reload()
        page.wait_for_selector("#alike[data-drawn]")
        assert {"here", "there"}.isdisjoint(parse_qs(urlsplit(asked.value.url).query))
        assert page.locator("#alike input[type=range]").evaluate_all(
            "(all) => all.map((one) => one.value)"
        ) == ["1", "1"]


def test_a_modality_is_not_offered_as_its_own_contrast(browser, served, both):
    with shown(browser, served, f"id={both}&by=photometry&to=spectrum&contrast=spectrum") as page:
        page.wait_for_selector("#alike[data-drawn]")
        said = page.inner_text("#alike .ranked")
        assert "Here: cosine of photometry with spectrum; there: of spectrum with spectrum" in said

        def offered():
            menu = page.locator("#alike select").nth(2)
            return menu.locator("option").evaluate_all("(all) => all.map((one) => one.value)")

        assert {"photometry", "spectrum"} <= set(offered())
        page.locator("#alike select").nth(1).select_option("photometry")
        page.wait_for_function(
            "!document.querySelector('#alike [role=status]')?.textContent.startsWith('searching')"
        )
        assert "photometry" not in offered()
        page.locator("#alike select").nth(2).select_option("spectrum")
        page.locator("#alike select").nth(0).select_option("spectrum")
        page.locator("#alike select").nth(1).select_option("spectrum")
        page.wait_for_function("!location.hash.includes('contrast')")


def test_a_selection_says_how_it_was_made(browser, served):
    with shown(browser, served, "") as page:
        page.wait_for_selector("body[data-ready]")

        def select(mode, text):
            page.locator("#mapbar select[aria-label=selection]").select_option(mode)
            page.fill("#condition", text)
            page.press("#condition", "Enter")
            page.wait_for_function(
                "(text) => document.querySelector('#side header p')?.innerText.includes(text)",
                arg=text,
            )
            return page.inner_text("#side header p")

        assert select("add", "period < 0.3") == "period < 0.3"
        assert select("add", "period > 100") == "(period < 0.3) or (period > 100)"
        both = "((period < 0.3) or (period > 100)) and not (ra > 180)"
        assert select("subtract", "ra > 180") == both


def test_a_spectrum_keeps_its_zoom(browser, served, both):
    with shown(browser, served, f"id={both}") as page:
        page.wait_for_selector("#alike[data-drawn]")
        section = page.locator("#side section:has(> h3:text-is('Spectrum'))")
        plot = section.locator(".u-over")
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()

        def flux():
            page.wait_for_timeout(100)
            return section.locator(".plot").get_attribute("data-flux")

        whole = flux()
        page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 50, steps=4)
        page.mouse.up()
        near = flux()
        assert near != whole
        section.get_by_label("lines", exact=True).uncheck()
        assert flux() == near


def test_a_period_of_a_day_has_no_alias_of_one_turn_less(browser, served, both):
    with shown(browser, served, f"id={both}&period=1") as page:
        page.wait_for_selector("#folded[data-period='1']")
        less = page.get_by_role("button", name="Daily alias: one turn a day less")
        assert less.is_disabled()
        page.get_by_role("button", name="Half the period").click()
        page.wait_for_selector("#folded[data-period='0.5']")
        assert less.is_enabled()


def test_what_is_in_view_leaves_out_grey_parts(browser, served, hostile_run):
    part = Run.open(hostile_run).split.part
    with shown(browser, served, "map=sky:galactic&hide=train") as page:
        page.wait_for_selector("body[data-ready]")
        page.click("#in-view")
        n = int((part != "train").sum())
        page.wait_for_selector(f"#side[data-selected='{n}']")
        left = f"{int((part == 'train').sum()):,}"
        assert f"without {left} in grey parts" in page.inner_text("#side header")


def drawn(page):
    """How the object is drawn, as its controls tell."""
    page.wait_for_selector("#folded[data-period]")
    return {
        "smooth": page.get_by_label("Smoothing in pixels").input_value(),
        "rest": page.get_by_label("rest frame").is_checked(),
        "lines": page.get_by_label("lines", exact=True).is_checked(),
        "whole": page.get_by_label("whole range").is_checked(),
        "stretch": page.get_by_label("stretch").input_value(),
        "black": page.get_by_label("Percentile of black").input_value(),
        "power": page.get_attribute("#power-button", "aria-pressed"),
    }


PLAIN = {"smooth": "1", "rest": False, "lines": True, "whole": False, "stretch": "", "black": "1"}
PLAIN["power"] = "false"


def test_how_an_object_is_drawn_is_in_its_address_alone(browser, observed):
    with shown(browser, observed, "id=g3") as page:
        assert drawn(page) == PLAIN
        page.get_by_label("Smoothing in pixels").fill("9")
        for name in ("rest frame", "whole range"):
            page.get_by_label(name).check()
        page.get_by_label("lines", exact=True).uncheck()
        page.get_by_label("stretch").select_option("asinh")
        page.wait_for_selector("img.picture[data-stretch='asinh']")
        page.get_by_label("Percentile of black").fill("5")
        page.get_by_label("Percentile of black").press("Enter")
        page.click("#power-button")
        page.wait_for_selector("#power canvas")
        page.wait_for_function("location.hash.includes('black=5')")
        asked = {"smooth": "9", "rest": "yes", "lines": "none", "whole": "yes"}
        asked |= {"stretch": "asinh", "black": "5", "power": "yes"}
        assert asked.items() <= told(page).items()
        now = drawn(page)
        with opened_page(browser, page.url) as other:
            other.wait_for_selector("#power canvas")
            other.wait_for_selector("img.picture[data-stretch='asinh']")
            assert drawn(other) == now
            flux = "#side .plot[data-flux]"
            assert other.get_attribute(flux, "data-flux") == page.get_attribute(flux, "data-flux")
        # the next object is drawn plainly, and so is this one when it is opened again
        page.fill("#query", "g4")
        page.press("#query", "Enter")
        page.wait_for_selector("#side[data-id='g4']")
        assert drawn(page) == PLAIN
        assert set(told(page)) == {"map", "colour", "id"}
        page.go_back()
        page.wait_for_selector("#side[data-id='g3']")
        assert drawn(page) == now


def test_an_object_cannot_be_drawn_as_an_address_likes(browser, observed):
    asked = "smooth=52&rest=no&lines=all&whole=1&stretch=cubic&black=x&white=101&power=on"
    with shown(browser, observed, f"id=g3&{asked}") as page:
        assert drawn(page) == PLAIN
        page.wait_for_selector("#alike[data-drawn]")
        assert set(told(page)) == {"map", "colour", "id"}


def test_a_kept_selection_and_a_comparison_have_an_address(browser, judged):
    with opened_page(browser, judged.address) as page:
        n = keep_and_open(page, "shorties")
        opened = {"how": "kept", "select": "shorties"}
        assert opened.items() <= told(page).items()
        page.get_by_role("button", name="Compare the two").click()
        page.wait_for_selector("#apart")
        page.wait_for_function("location.hash.includes('compare=')")
        compared = {"compare": "shorties", "with": "all others"}
        assert (opened | compared).items() <= told(page).items()
        apart = page.inner_text("#apart")
        with opened_page(browser, page.url) as other:
            other.wait_for_selector(f"#side[data-selected='{n}']")
            other.wait_for_selector("#apart")
            assert other.inner_text("#apart") == apart
            assert other.inner_text("#side header p") == "shorties"
            assert other.input_value("#condition") == ""
            assert told(other) == told(page)
            # of an object that is opened there, it tells nothing; back in the selection it does
            other.locator(".listed .link").first.click()
            other.wait_for_selector("#alike[data-drawn]")
            assert compared.keys().isdisjoint(told(other))
            other.get_by_role("button", name="selected").click()
            other.wait_for_selector(f"#side[data-selected='{n}']")
            assert "id" not in told(other)
            other.go_back()
            other.wait_for_selector("#side[data-id]")
            other.go_back()
            other.wait_for_selector("#apart")
        # what is deleted is compared no more
        page.get_by_role("button", name="Delete shorties").click()
        page.get_by_role("button", name="Delete shorties for good").click()
        page.wait_for_selector("[data-kept]", state="detached")
        assert compared.keys().isdisjoint(told(page))
