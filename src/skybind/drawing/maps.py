"""Maps of the embeddings: by class, by any column, by cluster."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from skybind.drawing.cloud import draw_cloud
from skybind.drawing.observed import ColourColumn, MapPanel, MapView
from skybind.drawing.style import (
    BLUE,
    NO_CLASS,
    WIDTH,
    class_colour,
    class_marker,
    group_colour,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


AXIS_NAMES = {"umap": "UMAP", "pca": "Principal component"}


NUMBER_COLOURS = "viridis"


#: Letters of a title in an inch.
LETTERS = 9.5


NAMED = 12  # values of a text column with a colour of their own


NUMBERED = 20  # clusters with their number on the map


def embedding_map(
    panels: Sequence[MapPanel], classes: Sequence[str], method: str, others: str = "no class"
) -> "Figure":
    """Draw the map, a panel a split, with common axes, a colour and a shape for each class.

    `others` names in the legend what has the code -1.
    """
    share = 0.62 if len(panels) == 1 else 1.0
    figure = new_figure(WIDTH * share / max(len(panels), 1) + 0.15, WIDTH * share)
    grid = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    for axes, panel in zip(grid, panels, strict=True):
        size = float(np.clip(15000 / max(len(panel.code), 1), 5, 26))
        # Common classes first, so that rare ones are not buried.
        codes, counts = np.unique(panel.code, return_counts=True)
        for code in codes[np.lexsort((-counts, codes >= 0))]:
            rows = panel.code == code
            x, y = panel.position[rows].T
            draw_cloud(axes, x, y, class_colour(code), s=size, marker=class_marker(code))
        axes.set_title(f"{panel.split.capitalize()} ({len(panel.code):,} objects)")
        axes.set_box_aspect(1)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
        axes.set_xlabel(f"{AXIS_NAMES.get(method, method)} 1 (no unit)")
    grid[0].set_ylabel(f"{AXIS_NAMES.get(method, method)} 2 (no unit)")
    _legend(figure, panels, classes, others)
    return figure


def _legend(
    figure: "Figure", panels: Sequence[MapPanel], classes: Sequence[str], others: str
) -> None:
    from matplotlib.lines import Line2D

    there = sorted({int(code) for panel in panels for code in np.unique(panel.code)})
    if there == [-1]:
        return
    ordered = [code for code in there if code >= 0] + [code for code in there if code < 0]
    handles = [
        Line2D([], [], linestyle="", marker=class_marker(c), color=class_colour(c), markersize=5.5)
        for c in ordered
    ]
    names = [others if code < 0 else classes[code] for code in ordered]
    figure.legend(handles, names, loc="outside right upper", ncols=1 + len(names) // 24)


def coloured_maps(views: Sequence[MapView], method: str) -> "Figure":
    """Draw maps coloured by columns: a row a map, a column of panels a column of the dataset."""
    names = list(dict.fromkeys(column.name for view in views for column in view.columns))
    columns = max(len(names), 1)
    side = min(WIDTH / columns, 3.0)
    figure = new_figure(side * len(views) + 0.5, side * columns + 0.2)
    grid = figure.subplots(len(views), columns, squeeze=False)
    for number, name in enumerate(names):
        found = [(v, c) for v in views for c in v.columns if c.name == name]
        paint = _Paint([column for _, column in found])
        for axes, view in zip(grid[:, number], views, strict=True):
            values = next((c.values for v, c in found if v is view), None)
            _points(axes, view, paint, values)
            if number == 0:
                axes.set_ylabel(
                    f"{_wrapped(' + '.join(view.modalities), side)}\n"
                    f"{AXIS_NAMES.get(method, method)} 2"
                )
        unit = next((column.unit for _, column in found if column.unit), None)
        title = _wrapped(name.replace("_", " _"), side).replace(" _", "_")
        grid[0, number].set_title(title + (f" [{unit}]" if unit else ""))
        paint.legend(figure, grid[:, number])
    for axes in grid[-1]:
        axes.set_xlabel(f"{AXIS_NAMES.get(method, method)} 1")
    return figure


def cluster_maps(views: Sequence[MapView], cluster_method: str, method: str) -> "Figure":
    """Draw maps coloured by cluster, numbered where they are; grey: in no cluster."""
    columns = min(4, len(views))
    rows = -(-len(views) // columns)
    side = min(WIDTH / columns, 3.2)
    figure = new_figure(side * rows + 0.3, side * columns)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel()[len(views) :]:
        axes.remove()
    for axes, view in zip(grid.ravel(), views, strict=False):
        label = view.clusters[cluster_method]
        colours = np.asarray([group_colour(int(code)) for code in np.arange(-1, label.max() + 1)])
        _frame(axes)
        x, y = view.position.T
        axes.scatter(x, y, s=_dot(len(label)), c=colours[label + 1], linewidths=0)
        for code in range(min(int(label.max(initial=-1)) + 1, NUMBERED)):
            inside = view.position[label == code]
            # the member nearest to the middle: an island may be a ring
            middle = inside[((inside - np.median(inside, axis=0)) ** 2).sum(1).argmin()]
            axes.annotate(
                str(code), middle, fontsize=7.5, fontweight="bold", ha="center", va="center",
                bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.75},
            )  # fmt: skip
        axes.set_title(_wrapped(" + ".join(view.modalities), side))
        axes.set_xlabel(f"{AXIS_NAMES.get(method, method)} 1 (no unit)")
    return figure


class _Paint:
    """One way of colouring for all panels of a column: a scale for numbers, classes for text."""

    def __init__(self, columns: Sequence[ColourColumn]) -> None:
        every = np.concatenate([column.values for column in columns])
        self.numeric = every.dtype.kind in "biuf"
        self.names: dict[str, int] = {}  # shown -> code of its colour and marker
        self.low, self.high = 0.0, 1.0
        if self.numeric:
            finite = every[np.isfinite(every.astype(float))].astype(float)
            if len(finite):
                # the extreme hundredths share the ends of the scale
                self.low, self.high = np.percentile(finite, [1, 99])
        else:
            names, counts = np.unique(every.astype(str), return_counts=True)
            frequent = [str(n) for n in names[np.argsort(-counts, kind="stable")] if n != ""]
            known = list(columns[0].order) or sorted(frequent)
            known += sorted(set(frequent) - set(known))
            shown = set(frequent[:NAMED])
            self.names = {name: code for code, name in enumerate(known) if name in shown}

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Class codes of text, -1 for any other."""
        return np.asarray([self.names.get(name, -1) for name in values.astype(str).tolist()])

    def legend(self, figure: "Figure", panels: np.ndarray) -> None:
        """Say what the colours mean, under the lowest panel."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize
        from matplotlib.lines import Line2D

        if self.numeric:
            scale = ScalarMappable(Normalize(self.low, self.high), NUMBER_COLOURS)
            bar = figure.colorbar(
                scale, ax=list(panels), location="bottom", shrink=0.8, aspect=30, extend="both"
            )
            bar.outline.set_visible(False)
            return
        handles = [
            Line2D(
                [], [], linestyle="", marker=class_marker(code), color=class_colour(code),
                markersize=4.5,
            )
            for code in self.names.values()
        ]  # fmt: skip
        names = [textwrap.shorten(name, 22, placeholder=" …") for name in self.names]
        if handles:
            panels[-1].legend(
                handles, names, loc="upper center", bbox_to_anchor=(0.5, -0.1),
                ncols=2 if max(map(len, names)) < 12 else 1, handletextpad=0.1,
                columnspacing=0.8, fontsize=7, borderaxespad=0.2,
            )  # fmt: skip


def _points(axes: "Axes", view: MapView, paint: _Paint, values: np.ndarray | None) -> None:
    from matplotlib.colors import Normalize

    _frame(axes)
    size = _dot(len(view.position))
    x, y = view.position.T
    if values is None:
        axes.scatter(x, y, s=size, c=BLUE, linewidths=0)
        return
    if not paint.numeric:
        codes = paint.codes(values)
        for code in np.unique(codes):  # those of no class first, below
            own = codes == code
            colour, shape = class_colour(int(code)), class_marker(int(code))
            axes.scatter(x[own], y[own], s=size, c=colour, marker=shape, linewidths=0)
        return
    number = values.astype(float)
    known = np.isfinite(number)
    scale = Normalize(paint.low, paint.high)
    axes.scatter(x[~known], y[~known], s=size, c=NO_CLASS, linewidths=0)
    axes.scatter(
        x[known], y[known], s=size, c=number[known], cmap=NUMBER_COLOURS, norm=scale, linewidths=0
    )


def _wrapped(text: str, width: float) -> str:
    """Break words into lines that fit a panel of a width [inch]."""
    return textwrap.fill(text, max(int(width * LETTERS), 8))


def _frame(axes: "Axes") -> None:
    axes.set_box_aspect(1)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)


def _dot(n: int) -> float:
    return float(np.clip(9000 / max(n, 1), 2.0, 20))
