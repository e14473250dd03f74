"""Text of data in pages and figures controls nothing and hides nothing."""

import base64
from xml.etree import ElementTree

import pytest

from skybind.drawing.blocks import Block, Section
from skybind.drawing.cells import Cell, Table
from skybind.drawing.page import Fact, render_page
from skybind.drawing.style import inline, new_figure, report_style, save_figure
from skybind.words import html_facts

HOSTILE = "\x1b[2J\u202e</script><script>alert(1)</script>\x00 -- \x9b"
CONTROLS = ("\x1b", "\u202e", "\x00", "\x9b")


def test_pages():
    table = Table([HOSTILE], [[Cell(HOSTILE)]])
    section = Section("a", HOSTILE, HOSTILE, [Block(HOSTILE, table=table)])
    page = render_page(HOSTILE, False, [Fact(HOSTILE, HOSTILE)], [section], config=HOSTILE)
    assert "<script>alert" not in page
    assert r"\x1b[2J\u202e&lt;/script&gt;" in page
    assert not any(letter in page for letter in CONTROLS)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_figures(tmp_path):
    with report_style():
        figure = new_figure(2)
        axes = figure.subplots()
        axes.set_title(HOSTILE)
        axes.set_xticks([0, 1], [HOSTILE, "x"])
        uri = inline(figure)
        save_figure(figure, tmp_path / "a.svg", "svg")
    for content in (base64.b64decode(uri.partition(",")[2]), (tmp_path / "a.svg").read_bytes()):
        ElementTree.fromstring(content)  # it is whole
        assert not any(letter in content.decode() for letter in CONTROLS)


def test_notebooks():
    shown = html_facts(HOSTILE, {HOSTILE: HOSTILE})
    assert "<script>" not in shown
    assert not any(letter in shown for letter in CONTROLS)
