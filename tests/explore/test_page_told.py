"""What the page leaves out it counts, and what is not known it does not draw, in Chromium."""

import json
import re

import numpy as np
import pytest


@pytest.fixture
def answered(page):
    """Let questions have other answers than the explorer's, made of those."""

    def let(path, change):
        pattern = re.compile(rf"/api/{path}(\?|$)")
        page.route(pattern, lambda route: route.fulfill(body=json.dumps(change(route))))

    return let


def own(route):
    return route.fetch().json()


def test_classes_beyond_twelve_are_counted(page, answered):
    classes = [[f"class {i}", 40 - i] for i in range(15)]
    answered("selection", lambda route: {**own(route), "classes": classes, "n": 495})
    page.fill("#condition", "period < 0.5")
    page.press("#condition", "Enter")
    page.wait_for_selector("#side[data-selected]")
    rows = page.locator("#side section", has_text="Classes").first.locator("tr").all_inner_texts()
    assert len(rows) == 13
    assert rows[11].split("\t") == ["class 11", "29", "6 %"]
    assert rows[12].split("\t") == ["and 3 more", str(28 + 27 + 26), "16 %"]


def test_probabilities_beyond_six_are_counted(page, served, answered):
    name = served.json("survey")["first"]
    shares = [0.4, 0.2, 0.1, 0.1, 0.05, 0.05, 0.04, 0.03, 0.03]
    told = {
        "modalities": "photometry",
        "probabilities": {f"c{i}": share for i, share in enumerate(shares)},
        "class": "c0",
        "novelty": None,
        "reason": None,
    }
    answered("object", lambda route: {**own(route), "classes": told})
    page.goto(f"{served.address}#id={name}")
    page.wait_for_selector("table.classes")
    rows = page.locator("table.classes tr").all_inner_texts()
    assert len(rows) == 7
    assert re.sub(r"\s+", " ", rows[6]).strip() == "and 3 more 10.0 %"


@pytest.mark.parametrize(
    ("size", "says"),
    [(256, "64 pixels on a side; the middle of 256 × 256 pixels"), (None, "64 pixels on a side")],
)
def test_the_middle_of_an_image_is_called_so(page, served, answered, size, says):
    name = served.json("survey")["first"]
    png = "data:image/png;base64,iVBORw0KGgo="
    image = {"png": png, "side": 64, "whole": size, "pixel_scale": None, "column": ""}
    answered("object", lambda route: {**own(route), "image": image})
    page.goto(f"{served.address}#id={name}")
    page.wait_for_selector("img.picture")
    section = page.locator("#side section", has=page.locator("h3", has_text="Image"))
    assert section.locator("> small").first.inner_text() == says


#: Pixels of a plot that are drawn on, between two shares of its width.
DRAWN = """(canvas, [left, right]) => {
  const at = Math.floor(left * canvas.width);
  const wide = Math.ceil((right - left) * canvas.width);
  const { data } = canvas.getContext("2d").getImageData(at, 0, wide, canvas.height);
  let n = 0;
  for (let i = 3; i < data.length; i += 4) n += data[i] > 0;
  return n;
}"""


def compared(error):
    phase = ((np.arange(40) + 0.5) / 40).tolist()
    curve = {"phase": phase, "value": [0.5] * 40, "error": error, "n": 9, "column": ""}
    columns = [
        {"column": "jd", "value": "", "unit": "d", "inside": 2459000.51, "outside": 2459000.53},
        {"column": "label", "value": "EW", "unit": None, "inside": 0.5, "outside": 0.1},
    ]
    return {
        "names": ["some", "all others"],
        "n": [20, 380],
        "both": 0,
        "columns": [{**column, "effect": 1.0} for column in columns],
        "curves": [curve, None],
        "spectra": [],
    }


def test_an_unknown_error_of_a_mean_is_a_gap(page, answered):
    some = {"name": "some", "n": 20, "said": "", "when": "2026-11-29T12:00:00"}
    answered("kept", lambda route: {"kept": [some], "refused": ""})
    error = [0.3] * 40
    answered("compared", lambda route: compared(error))
    page.reload()
    page.wait_for_selector("[data-kept='some']")

    def band():
        page.get_by_role("button", name="Compare the two").click()
        page.wait_for_selector("#compared canvas")
        page.wait_for_timeout(200)
        canvas = page.locator("#compared canvas")
        drawn = [canvas.evaluate(DRAWN, list(part)) for part in ((0.3, 0.5), (0.55, 0.75))]
        page.evaluate("document.getElementById('compared').replaceChildren()")
        return drawn

    whole = band()
    error[24:32] = [None] * 8
    some_unknown = band()
    assert some_unknown[0] == whole[0]
    assert some_unknown[1] < 0.6 * whole[1]
    error[24:32] = [0.0] * 8
    assert band()[1] != some_unknown[1]


@pytest.mark.parametrize("larger_first", [False, True])
def test_medians_have_units_and_digits_that_tell_them_apart(page, answered, larger_first):
    some = {"name": "some", "n": 20, "said": "", "when": "2026-11-29T12:00:00"}
    answered("kept", lambda route: {"kept": [some], "refused": ""})
    told = compared([0.1] * 40)
    medians = ["2459000.51", "2459000.53"]
    if larger_first:
        jd = told["columns"][0]
        jd["inside"], jd["outside"] = jd["outside"], jd["inside"]
        medians.reverse()
    answered("compared", lambda route: told)
    page.reload()
    page.wait_for_selector("[data-kept='some']")
    page.get_by_role("button", name="Compare the two").click()
    page.wait_for_selector("#apart")
    rows = page.locator("#apart tbody tr").all_inner_texts()
    assert rows[0].split("\t") == ["jd [d]", *medians, "1.00"]
    assert rows[1].split("\t") == ["label is EW", "50 %", "10 %", "1.00"]


def test_the_newest_comparison_is_shown_and_is_the_one_in_the_address(page, answered):
    kept = [{"name": name, "n": 20, "said": "", "when": "2026-11-29T12:00:00"} for name in "abc"]
    answered("kept", lambda route: {"kept": kept, "refused": ""})
    page.reload()
    page.wait_for_selector("[data-kept='c']")
    waiting = []
    page.route("**/api/compared?*", lambda route: waiting.append(route))

    def choose(name):
        page.get_by_label("compare", exact=True).select_option(name)

    def ask(name, n):
        choose(name)
        page.get_by_role("button", name="Compare the two").click()
        for _ in range(400):
            if len(waiting) == n:
                return
            page.wait_for_timeout(20)
        raise AssertionError("nothing was asked")

    def answer(route, name):
        told = {**compared([0.1] * 40), "names": [name, "all others"]}
        with page.expect_response("**/api/compared?*"):
            route.fulfill(body=json.dumps(told))
        page.wait_for_timeout(200)

    ask("a", 1)
    ask("b", 2)
    choose("c")  # and not asked for
    answer(waiting[1], "b")
    assert "compare=b&with=all+others" in page.url
    answer(waiting[0], "a")
    assert "20 objects of b" in page.inner_text("#compared")
    assert "compare=b&with=all+others" in page.url
