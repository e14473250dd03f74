"""What is refused, or comes late, leaves the page in one mind, in Debian's Chromium."""

import json

import numpy as np
import pytest

from skybind.data.dataset import Dataset


@pytest.fixture(scope="module")
def curves(hostile_run):
    """Two objects with light curves."""
    stars = Dataset.open(hostile_run.parent / "stars")
    return [
        str(stars.object_ids[row]) for row in np.flatnonzero(stars.present("photometry"))[[2, 9]]
    ]


def find(page, name):
    page.fill("#query", name)
    page.press("#query", "Enter")
    page.wait_for_selector(f'#side[data-id="{name}"]')


def refuse(route):
    route.fulfill(status=400, body=json.dumps({"error": "not this"}))


def held(page, pattern):
    """Hold the answers to some questions back; gives those that wait."""
    waiting = []
    page.route(pattern, lambda route: waiting.append(route))
    return waiting


def until(page, waiting):
    for _ in range(400):
        if waiting:
            return waiting[0]
        page.wait_for_timeout(20)
    raise AssertionError("nothing was asked")


def test_a_curve_that_is_folded_late_gives_its_period_to_no_other_object(page, curves):
    one, other = curves
    find(page, one)
    page.wait_for_selector("#folded[data-period]")
    waiting = held(page, f"**/api/fold?id={one}*")
    page.get_by_role("button", name="Twice the period").click()
    late = until(page, waiting)
    find(page, other)
    page.wait_for_selector("#folded[data-period]")
    own = page.get_attribute("#folded", "data-period")
    with page.expect_response(f"**/api/fold?id={one}*"):
        late.continue_()
    page.wait_for_timeout(200)
    assert "period=" not in page.url
    assert page.get_attribute("#folded", "data-period") == own


def test_a_curve_that_is_folded_late_gives_its_period_to_none_that_the_browser_goes_back_to(
    page, curves
):
    one, other = curves
    find(page, other)
    page.wait_for_selector("#folded[data-period]")
    own = page.get_attribute("#folded", "data-period")
    find(page, one)
    page.wait_for_selector("#folded[data-period]")
    folds = held(page, f"**/api/fold?id={one}*")
    page.get_by_role("button", name="Twice the period").click()
    fold = until(page, folds)
    objects = held(page, f"**/api/object?id={other}*")
    page.go_back()
    late = until(page, objects)
    with page.expect_response(f"**/api/fold?id={one}*"):
        fold.continue_()
    page.wait_for_timeout(200)
    assert f"id={other}" in page.url
    assert "period=" not in page.url
    late.continue_()
    page.wait_for_selector(f'#side[data-id="{other}"]')
    page.wait_for_selector("#folded[data-period]")
    assert page.get_attribute("#folded", "data-period") == own


@pytest.mark.parametrize("text", ["-1", "", "1e999"])
def test_above_a_folded_curve_stands_the_period_that_it_is_folded_at(page, curves, text):
    find(page, curves[0])
    page.wait_for_selector("#folded[data-period]")
    folded = float(page.get_attribute("#folded", "data-period"))
    box = page.get_by_label("Period in days")
    box.focus()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text or "e")
    page.keyboard.press("Enter")
    assert float(box.input_value()) == pytest.approx(folded, rel=1e-8)
    assert float(page.get_attribute("#folded", "data-period")) == folded


def test_what_is_no_period_leaves_the_one_that_is_about_to_be_folded(page, curves):
    find(page, curves[0])
    page.wait_for_selector("#folded[data-period]")
    waiting = held(page, "**/api/fold*")
    box = page.get_by_label("Period in days")
    for text in ("0.5", "e"):  # which is nothing
        box.focus()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(text)
        page.keyboard.press("Enter")
    until(page, waiting).continue_()
    page.wait_for_selector('#folded[data-period="0.5"]')
    assert box.input_value() == "0.5"


def test_a_fold_that_is_refused_says_so_and_shows_no_curve(page, curves):
    find(page, curves[0])
    page.wait_for_selector("#folded[data-period]")
    page.route("**/api/fold*", refuse)
    page.get_by_role("button", name="Twice the period").click()
    page.wait_for_selector("#folded small")
    assert page.inner_text("#folded") == "not this"
    assert page.locator("#folded canvas").count() == 0
    page.unroute("**/api/fold*")
    page.get_by_role("button", name="Half the period").click()
    page.wait_for_selector("#folded[data-period] canvas")
    assert page.locator("#folded small").count() == 0


def test_a_double_click_on_the_map_is_no_error(page):
    box = page.locator("#points").bounding_box()
    page.mouse.dblclick(box["x"] + 5, box["y"] + 5)
    page.wait_for_timeout(300)  # the renderer answers some frames later


def test_what_is_refused_is_not_in_the_address(page, curves):
    find(page, curves[0])
    page.fill("#condition", "nothing > 1")
    page.press("#condition", "Enter")
    page.wait_for_selector("#error")
    assert page.get_attribute("#side", "data-id") == curves[0]
    assert f"id={curves[0]}" in page.url
    assert "select=" not in page.url
    page.fill("#query", "nobody")
    page.press("#query", "Enter")
    page.wait_for_function("document.getElementById('error').textContent.includes('nobody')")
    assert f"id={curves[0]}" in page.url


def test_an_address_that_is_refused_shows_nothing_else_in_its_place(page, curves):
    find(page, curves[0])
    page.evaluate("location.hash = '#select=nothing+%3E+1'")
    page.wait_for_selector("#error")
    page.wait_for_selector("#side:not([data-id])")


def test_a_file_that_is_refused_is_not_read_for_ever(page):
    page.set_input_files("#file", {"name": "a.csv", "mimeType": "text/csv", "buffer": b"u\n1\n"})
    page.wait_for_selector("#error")
    assert "reading" not in page.inner_text("#side")


def test_a_queue_that_another_question_overtook_is_not_looked_for_for_ever(page):
    page.keyboard.press("q")
    page.wait_for_selector("#side[data-queues]")
    waiting = held(page, "**/api/queue?*")
    page.locator("[data-queue]").first.click()
    late = until(page, waiting)
    page.fill("#condition", "nothing > 1")
    page.press("#condition", "Enter")
    page.wait_for_selector("#error")
    with page.expect_response("**/api/queue?*"):
        late.continue_()
    page.wait_for_timeout(200)
    assert "looking for objects" not in page.inner_text("#side")


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".vot", ".fits"])
def test_a_table_of_nothing_is_refused_by_a_sentence(page, ending):
    page.fill("#condition", "period < 0.5")
    page.press("#condition", "Enter")
    page.wait_for_selector("#side[data-selected]")
    page.get_by_label("selection", exact=True).select_option("subtract")
    page.press("#condition", "Enter")
    page.wait_for_selector("#side[data-selected='0']")
    page.locator(f"[data-export='{ending}']").click()
    page.wait_for_selector("#error")
    assert page.inner_text("#error") == "Nothing is selected: there is no table to write."
    page.click("#samp")
    page.wait_for_function("document.getElementById('samp').innerText.startsWith('Nothing is')")


def test_a_click_on_the_legend_while_a_view_is_opened_is_no_error(page):
    waiting = held(page, "**/api/column?*")
    drawn = page.get_attribute("body", "data-drawn")
    page.get_by_label("map", exact=True).select_option("sky:galactic")
    late = until(page, waiting)
    page.locator("#legend button").first.click()
    late.continue_()
    page.wait_for_function(f"document.body.dataset.drawn != {drawn}")
    assert page.locator("#legend button[aria-pressed=true]").count() == 0


def test_going_back_from_a_queue_leads_out_of_it(page):
    page.keyboard.press("q")
    page.wait_for_selector("#side[data-queues]")
    page.locator("[data-queue]").first.click()
    page.wait_for_selector("#side[data-id]")
    page.go_back()
    page.wait_for_selector("#side:not([data-id])")
    assert "queue=" not in page.url


def test_what_is_refused_instead_of_going_back_leaves_the_address_of_what_stands(page, curves):
    one, other = curves
    find(page, one)
    find(page, other)
    waiting = held(page, f"**/api/object?id={one}*")
    page.go_back()
    late = until(page, waiting)
    page.fill("#query", "nobody")
    page.press("#query", "Enter")
    page.wait_for_selector("#error:not([hidden])")
    late.continue_()
    page.wait_for_function("id => location.hash.includes(`id=${id}`)", arg=other)
    assert page.get_attribute("#side", "data-id") == other


def test_what_was_refused_is_told_while_a_training_runs(page):
    told = {"state": "running", "share": 0.5, "line": "epoch 1/2", "took": "3 s", "sentences": []}
    asked = []

    def running(route):
        asked.append(route)
        route.fulfill(json={**told, "changed": None, "compared": ""})

    page.route("**/api/training?*", running)
    page.keyboard.press("q")
    page.wait_for_selector("#retrain[data-state='running']")
    page.fill("#condition", "nothing > 1")
    page.press("#condition", "Enter")
    page.wait_for_selector("#error:not([hidden])")
    before = len(asked)
    while len(asked) < before + 2:
        page.wait_for_timeout(100)
    assert "nothing" in page.inner_text("#error")


def test_going_back_shows_the_selection_of_the_address(page):
    """Not one of the same text that was made otherwise, nor one that it did not come back to."""

    def select(how, text):
        page.get_by_label("select by").select_option(how)
        page.fill("#condition", text)
        with page.expect_response("**/api/selection?*"):
            page.press("#condition", "Enter")
        page.wait_for_timeout(200)
        return page.get_attribute("#side", "data-selected")

    name = page.evaluate(
        "async () => (await (await fetch('api/survey', {headers: {'x-skybind-token':"
        " new URLSearchParams(location.search).get('token')}})).json()).classes"
    )[0]
    own = select("class", name)
    other = select("predicted class", name)
    assert own != other
    page.go_back()
    page.wait_for_selector(f"#side[data-selected='{own}']")
    waiting = held(page, "**/api/chosen?*")
    page.go_forward()
    until(page, waiting)
    page.get_by_label("select by").select_option("condition")
    page.fill("#condition", "nothing > 1")
    page.press("#condition", "Enter")
    page.wait_for_selector("#error:not([hidden])")
    page.unroute("**/api/chosen?*")
    page.locator(".listed .link").first.click()
    page.wait_for_selector("#alike[data-drawn]")
    page.go_back()
    page.wait_for_selector(f"#side[data-selected='{other}']")


@pytest.mark.parametrize("how", ["drawn", "typed"])
def test_selecting_leads_out_of_a_queue(page, how):
    page.keyboard.press("q")
    page.wait_for_selector("#side[data-queues]")
    page.locator("[data-queue]").first.click()
    page.wait_for_selector("#side[data-id]")
    assert "queue=" in page.url
    if how == "drawn":
        page.click("#in-view")
    else:
        page.fill("#condition", "period < 0.5")
        page.press("#condition", "Enter")
    page.wait_for_selector("#side[data-selected]")
    n = page.get_attribute("#side", "data-selected")
    assert "queue=" not in page.url
    page.locator(".listed .link").first.click()
    page.wait_for_selector("#side[data-id]")
    page.go_back()
    page.wait_for_selector(f"#side[data-selected='{n}']")
