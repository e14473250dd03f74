import logging

import pytest

from skybind.drawing.blocks import Section, drawn_block
from skybind.drawing.page import render_page
from skybind.drawing.style import new_figure


def impossible():
    return new_figure(2.0).subplots(1, 0)


@pytest.fixture
def block():
    return drawn_block(impossible, "Galaxies.", "Samples of clusters")


def test_a_figure_that_cannot_be_drawn_is_left_out_with_a_sentence(caplog):
    with caplog.at_level(logging.WARNING, "skybind"):
        block = drawn_block(impossible, "Galaxies.", "Samples of clusters")
    assert not block.image
    assert block.absent == (
        "The figure 'Samples of clusters' is left out: it could not be drawn (Number of columns "
        "must be a positive integer, not 0)."
    )
    assert block.absent in caplog.text


@pytest.mark.parametrize("in_order", [True, False])
def test_the_sentence_stands_on_the_page(block, in_order):
    section = Section("a", "A", "", [block], in_order=in_order)
    page = render_page("t", True, [], [section])
    assert "is left out: it could not be drawn" in page
    assert "<figure" not in page


def test_a_figure_that_can_be_drawn_is():
    made = drawn_block(lambda: new_figure(1.0, 2.0), "A figure.", "alt")
    assert made.image.startswith("data:image/svg+xml;base64,")
    assert (made.width, made.caption, made.absent) == (192, "A figure.", "")
