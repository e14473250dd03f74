"""Accuracy bars and retrieval against chance."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from skybind.config.subsets import short_subset
from skybind.drawing.cells import share_sides
from skybind.drawing.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    MUTED,
    ORANGE,
    SKY,
    WIDTH,
    combination_name,
    new_figure,
)
from skybind.evaluation.retrieval import BRIGHTNESS, LIKELIHOOD
from skybind.report.groups import Accuracy, Retrieval, Rival

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

START_COLOURS = {
    "From scratch": GREY,
    "Pre-trained": BLUE,
    "Pre-trained, frozen": SKY,
    "Random, frozen": "#d9d9dc",
    "Random forest": GREEN,
    "Gradient boosting": ORANGE,
}
COLUMNS = 4
#: Plain methods in the figure of retrieval: marker and colour.
RIVALS = {LIKELIHOOD: ("s", GREEN), BRIGHTNESS: ("x", INK)}
TITLE_LETTERS = 26  # a panel is no wider


def accuracy_bars(groups: Sequence[Accuracy]) -> "Figure":
    """Draw accuracy against the share of labels: a panel a combination, a bar a start."""
    combinations = list(dict.fromkeys(group.modalities for group in groups))
    subsets = list(dict.fromkeys(group.subset for group in groups))
    starts = [start for start in START_COLOURS if any(g.start == start for g in groups)]
    columns = min(COLUMNS, len(combinations))
    rows = -(-len(combinations) // columns)
    share = max(0.3, columns / COLUMNS)
    figure = new_figure(2.6 * rows + 0.4, WIDTH * share + (0.0 if share == 1 else 0.6))
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.ravel()[len(combinations) :]:
        axes.remove()
    width = 0.8 / len(starts)
    for axes, combination in zip(grid.ravel(), combinations, strict=False):
        for group in groups:
            if group.modalities != combination:
                continue
            place = subsets.index(group.subset)
            shift = (starts.index(group.start) - (len(starts) - 1) / 2) * width
            axes.bar(
                place + shift,
                100 * group.accuracy,
                0.92 * width,
                yerr=_sides(group) if np.isfinite(group.error) else None,
                color=START_COLOURS[group.start],
                error_kw={"ecolor": "#1d1d1f", "elinewidth": 0.9, "capsize": 1.8},
            )
        axes.set_title(fill(combination_name(combination), TITLE_LETTERS), fontsize=8.5)
        axes.set_xticks(range(len(subsets)), [short_subset(subset) for subset in subsets])
        axes.set_xlim(-0.6, len(subsets) - 0.4)
        axes.set_xlabel("Labels used for training")
        axes.grid(axis="y")
    grid[0, 0].set_ylim(0, 100)
    for axes in grid[:, 0]:
        axes.set_ylabel("Accuracy on test [%]")
    handles = [_patch(START_COLOURS[start]) for start in starts]
    # a narrow figure would cut a long row off
    across = len(starts) if columns > 1 else 2
    figure.legend(handles, starts, loc="outside upper right", ncols=across)
    return figure


def retrieval_bars(entries: Sequence[Retrieval], rivals: Sequence[Rival] = ()) -> "Figure":
    """Draw recall@k of every ordered pair beside chance, on a logarithmic axis.

    A dot is what was measured, an open diamond is chance; the line between is the gain.
    A recall of zero has no place on a logarithmic axis: an arrow at the edge stands for it. An
    open square is what canonical correlation finds, a cross what brightness alone does.
    """
    ks = sorted({k for entry in entries for k in entry.recall})
    figure = new_figure(0.32 * len(entries) + 1.25)
    grid = figure.subplots(1, len(ks), squeeze=False, sharey=True)[0]
    chance = [value for entry in entries for value in entry.chance_recall.values() if value > 0]
    found = [value for entry in entries for value in entry.recall.values() if value > 0]
    floor = 0.5 * min([*chance, *found, 1.0])
    for axes, k in zip(grid, ks, strict=True):
        for row, entry in enumerate(entries):
            if k in entry.recall:
                _dumbbell(axes, row, entry.recall[k], entry.chance_recall[k], floor)
        axes.set_xscale("log")
        axes.set_xlim(floor, 1.3)
        axes.set_title(f"Recall@{k}")
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g}")
        axes.xaxis.set_minor_formatter(lambda value, _: "")  # of a short axis it would be TeX
        axes.set_xlabel("Queries whose partner is found [%]")
        axes.grid(axis="x")
    others = {name: mark for name, mark in RIVALS.items() if any(r.method == name for r in rivals)}
    for axes, k in zip(grid, ks, strict=True):
        for row, entry in enumerate(entries):
            for rival in rivals:
                where = (rival.query, rival.target) == (entry.query, entry.target)
                if where and rival.method in others and rival.recall.get(k, 0) > 0:
                    shape, colour = others[rival.method]
                    axes.plot(
                        rival.recall[k], row, shape, color=colour, markerfacecolor="none",
                        markersize=5.5, markeredgewidth=1.1, zorder=4,
                    )  # fmt: skip
    names = [f"{entry.query} → {entry.target}" for entry in entries]
    grid[0].set_yticks(range(len(entries)), names)
    grid[0].set_ylim(len(entries) - 0.4, -0.6)
    handles = [
        _marker("o", BLUE, BLUE),
        _marker("D", "white", ORANGE),
        *(_marker(shape, "none", colour) for shape, colour in others.values()),
    ]
    names = ["measured", "chance", *others]
    figure.legend(handles, names, loc="outside upper right", ncols=len(names))
    return figure


def _dumbbell(axes: "Axes", row: int, found: float, chance: float, floor: float) -> None:
    axes.plot([max(found, floor), chance], [row, row], color=MUTED, linewidth=1.1, zorder=1)
    axes.plot(chance, row, "D", color=ORANGE, markerfacecolor="white", markersize=4.5, zorder=2)
    if found > 0:
        axes.plot(found, row, "o", color=BLUE, markersize=6, zorder=3)
    else:
        axes.plot(floor, row, "<", color=BLUE, markersize=6, zorder=3, clip_on=False)


def _sides(group: Accuracy) -> np.ndarray:
    """How far the error bar reaches down and up [%], shape (2, 1)."""
    up, down = share_sides(group.accuracy, group.error)
    return 100 * np.array([[down], [up]])


def _patch(colour: str) -> "Artist":
    from matplotlib.patches import Patch

    return Patch(facecolor=colour)


def _marker(shape: str, face: str, edge: str) -> "Artist":
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], linestyle="", marker=shape, markerfacecolor=face, markeredgecolor=edge, markersize=5
    )
