"""A class has one colour and marker in every figure, and its legend has room."""

import numpy as np
from matplotlib.colors import to_hex

from skybind.drawing.maps import cluster_maps, coloured_maps
from skybind.drawing.observed import ColourColumn, MapView
from skybind.drawing.style import (
    CLASS_COLOURS,
    CLASS_MARKERS,
    GROUP_COLOURS,
    GROUP_MARKERS,
    class_colour,
    report_style,
)

ORDER = ["EA", "EW", "M", "RRAB", "E?", "U"]


def drawn(names, modalities=("photometry",), unit=None):
    rng = np.random.default_rng(0)
    values = np.asarray(names)
    view = MapView(
        modalities,
        np.full(len(values), "train"),
        rng.normal(size=(len(values), 2)),
        [ColourColumn("label", values, unit, ORDER)],
    )
    with report_style():
        figure = coloured_maps([view], "umap")
        figure.draw_without_rendering()
    return figure


def colours(figure):
    legend = next(axes.get_legend() for axes in figure.axes if axes.get_legend() is not None)
    names = [text.get_text() for text in legend.get_texts()]
    lines = legend.get_lines()
    return {
        name: (to_hex(line.get_color()), line.get_marker())
        for name, line in zip(names, lines, strict=True)
    }


def test_a_class_looks_the_same_whatever_is_frequent():
    first = colours(drawn(["M"] * 30 + ["EA"] * 3 + ["U"] * 2))
    second = colours(drawn(["EA"] * 30 + ["EW"] * 9 + ["M"]))
    for name in ("EA", "M"):
        assert first[name] == second[name]
        assert first[name][0] == class_colour(ORDER.index(name))
    assert list(first) == ["EA", "M", "U"]


def test_the_legend_and_the_titles_stay_inside_the_figure():
    figure = drawn(ORDER * 5, ("photometry", "spectrum", "metadata", "image"))
    width, height = figure.bbox.size
    legend = figure.axes[0].get_legend().get_window_extent()
    assert legend.y0 >= 0
    assert legend.x1 <= width
    for text in (figure.axes[0].title, figure.axes[0].yaxis.label):
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.y1 <= height


def test_no_cluster_looks_like_a_class():
    assert not set(GROUP_COLOURS) & set(CLASS_COLOURS)
    assert not set(GROUP_MARKERS) & set(CLASS_MARKERS)
    found = np.repeat(np.arange(5), 10)
    split, position = np.full(50, "test"), np.random.default_rng(0).normal(size=(50, 2))
    view = MapView(("photometry",), split, position, [], clusters={"DBSCAN": found})
    (points,) = cluster_maps([view], "DBSCAN", "umap").axes[0].collections
    drawn = [to_hex(colour) for colour in points.get_facecolors()]
    assert drawn == [GROUP_COLOURS[number] for number in found]
