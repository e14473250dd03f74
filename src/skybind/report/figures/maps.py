"""The map of the embeddings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from skybind.report.data import MapPanel
from skybind.report.style import WIDTH, class_colour, class_marker, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AXIS_NAMES = {"umap": "UMAP", "pca": "Principal component"}


def embedding_map(panels: Sequence[MapPanel], classes: Sequence[str], method: str) -> "Figure":
    """Draw the map, a panel a split, with common axes, a colour and a shape for each class."""
    share = 0.62 if len(panels) == 1 else 1.0
    figure = new_figure(WIDTH * share / max(len(panels), 1) + 0.15, WIDTH * share)
    grid = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    for axes, panel in zip(grid, panels, strict=True):
        size = float(np.clip(15000 / max(len(panel.code), 1), 5, 26))
        # Common classes first, so that rare ones are not buried.
        codes, counts = np.unique(panel.code, return_counts=True)
        for code in codes[np.lexsort((-counts, codes >= 0))]:
            rows = panel.code == code
            axes.scatter(
                *panel.position[rows].T,
                s=size,
                c=class_colour(code),
                marker=class_marker(code),
                linewidths=0,
                alpha=0.8,
            )
        axes.set_title(f"{panel.split.capitalize()} ({len(panel.code):,} objects)")
        axes.set_box_aspect(1)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
        axes.set_xlabel(f"{AXIS_NAMES.get(method, method)} 1 (no unit)")
    grid[0].set_ylabel(f"{AXIS_NAMES.get(method, method)} 2 (no unit)")
    _legend(figure, panels, classes)
    return figure


def _legend(figure: "Figure", panels: Sequence[MapPanel], classes: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    there = sorted({int(code) for panel in panels for code in np.unique(panel.code)})
    if there == [-1]:
        return
    ordered = [code for code in there if code >= 0] + [code for code in there if code < 0]
    handles = [
        Line2D([], [], linestyle="", marker=class_marker(c), color=class_colour(c), markersize=5.5)
        for c in ordered
    ]
    names = ["no class" if code < 0 else classes[code] for code in ordered]
    figure.legend(handles, names, loc="outside right upper", ncols=1 + len(names) // 24)
