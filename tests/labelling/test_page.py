"""The page of objects to label: no figure costs it."""

import numpy as np

from skybind.drawing.observed import ExampleObject, Spectrum
from skybind.labelling import page as pages
from skybind.labelling.page import LabelPage, write_label_pages


def label_page(name):
    wave = np.linspace(4000, 5000, 50)
    example = ExampleObject(name, split="", spectrum=Spectrum(wave, np.ones(50)))
    return LabelPage(example, "it is far from all", [("EA", 0.6)], "", [])


def test_a_figure_that_cannot_be_drawn_leaves_the_page_and_a_sentence(tmp_path, monkeypatch):
    draw = pages.object_figure

    def broken(example):
        if example.object_id == "second":
            raise ValueError("no axis is so long")
        return draw(example)

    monkeypatch.setattr(pages, "object_figure", broken)
    shown = [label_page(name) for name in ("first", "second", "third")]
    text = write_label_pages(shown, ["EA"], [], True, tmp_path / "page.html").read_text()
    assert text.count("data:image/png") == 2
    assert "could not be drawn (no axis is so long)" in text
    assert all(name in text for name in ("first", "second", "third"))
