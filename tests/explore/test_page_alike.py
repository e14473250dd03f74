"""Objects alike as a person asks for them, in Debian's Chromium."""

import re

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from tests.explore.conftest import opened_page


@pytest.fixture(scope="module")
def both(hostile_run):
    """An object with a light curve and a spectrum."""
    stars = Dataset.open(hostile_run.parent / "stars")
    seen = stars.present("photometry") & stars.present("spectrum")
    return str(stars.object_ids[np.flatnonzero(seen)[2]])


def names(page):
    return page.locator("#alike li [data-id]").evaluate_all("all => all.map(b => b.dataset.id)")


def cosines(page):
    """Cosines here and there of each card."""
    texts = page.locator("#alike li span:last-child").all_inner_texts()
    found = [re.fullmatch(r"cosine here (-?[\d.]+), there (-?[\d.]+)", text) for text in texts]
    return np.array([[float(v) for v in match.groups()] for match in found])


def moved(page, label, value):
    """Move a slider, and wait for the answer."""
    with page.expect_response("**/api/neighbours*"):
        page.get_by_label(label).fill(str(value))
        page.get_by_label(label).dispatch_event("change")
    page.wait_for_function("document.querySelectorAll('#alike li canvas').length >= 12")


def test_alike_here_and_unlike_there_by_two_sliders(browser, served, both):
    view = f"id={both}&by=photometry&contrast=spectrum"
    with opened_page(browser, f"{served.address}#{view}") as page:
        page.wait_for_selector("#alike[data-drawn]")
        equal = cosines(page)
        assert len(equal) == 12
        said = page.inner_text("#alike .ranked")
        assert "100 most alike here" in said
        assert "Here: cosine of photometry; there: of spectrum" in said
        moved(page, "Weight of being unlike in spectrum", 0)
        alike = cosines(page)
        assert (np.diff(alike[:, 0]) <= 0).all()
        assert alike[:, 0].mean() > equal[:, 0].mean()
        assert alike[:, 1].mean() > equal[:, 1].mean()
        moved(page, "Weight of being unlike in spectrum", 1)
        moved(page, "Weight of being alike", 0)
        unlike = cosines(page)
        assert (np.diff(unlike[:, 1]) >= 0).all()
        assert unlike[:, 1].mean() < equal[:, 1].mean()
        assert "here=0" in page.url
        assert "there=" not in page.url
        with opened_page(browser, page.url) as other:
            other.wait_for_selector("#alike[data-drawn]")
            assert names(other) == names(page)
        # without a contrast there is one cosine, and no sliders
        page.get_by_label("but unlike in").select_option("")
        page.wait_for_function("!document.querySelector('#alike .ranked')")
        page.wait_for_selector("#alike li")
        assert page.get_by_label("Weight of being alike").count() == 0
        assert "there" not in page.locator("#alike li span:last-child").first.inner_text()


def test_the_page_says_how_it_was_searched(page, both):
    """What the server answers, whatever that is."""
    page.route(
        "**/api/neighbours*",
        lambda route: route.fulfill(
            json={**route.fetch().json(), "how": "approximate, by index: recall 0.9"}
        ),
    )
    page.fill("#query", both)
    page.press("#query", "Enter")
    page.wait_for_selector("#alike[data-drawn]")
    said = page.locator("#alike small").first.inner_text()
    assert "approximate, by index: recall 0.9" in said
    assert "exact" not in said
