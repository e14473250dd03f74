"""The parts of a class: on the map, in a colour-magnitude diagram, and their mean spectra."""

from typing import TYPE_CHECKING

import numpy as np

from skybind.discovery.page_data import ColourMagnitude, StructureView
from skybind.drawing.cloud import draw_cloud
from skybind.drawing.style import GRID, WIDTH, group_colour, group_marker, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
from dataclasses import replace

from skybind.drawing.objects import draw_phase, object_panels
from skybind.drawing.observed import ExampleObject, LightCurve

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


def structure_figure(view: StructureView, everything: np.ndarray) -> "Figure":
    """Draw the parts of a class; `everything` are all objects' positions, (n, 2), drawn grey."""
    panels = [("map", 1.0)] if view.position is not None else []
    panels += [("diagram", 1.0)] if view.diagram is not None else []
    panels += [("spectra", 1.7)] if view.spectra else []
    total = sum(ratio for _, ratio in panels)
    figure = new_figure(2.9, max(WIDTH * min(1.0, total / 3.4), 3.0))
    grid = figure.subplots(1, len(panels), squeeze=False, width_ratios=[r for _, r in panels])[0]
    for axes, (kind, _) in zip(grid, panels, strict=True):
        if kind == "map":
            _map(axes, view, everything)
        elif kind == "diagram" and view.diagram is not None:
            _diagram(axes, view.diagram, view.part)
        else:
            _spectra(axes, view)
    return figure


def _map(axes: "Axes", view: StructureView, everything: np.ndarray) -> None:
    draw_cloud(axes, everything[:, 0], everything[:, 1], GRID, alpha=1, s=2)
    assert view.position is not None
    draw_parts(axes, view.position[:, 0], view.position[:, 1], view.part)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_box_aspect(1)
    axes.spines[:].set_visible(True)
    axes.set_xlabel("Map of all modalities (no unit)")
    axes.legend(loc="best", handletextpad=0.1)


def _diagram(axes: "Axes", diagram: ColourMagnitude, part: np.ndarray) -> None:
    draw_parts(axes, diagram.colour, diagram.magnitude, part)
    axes.invert_yaxis()
    axes.set_xlabel(diagram.colour_name)
    axes.set_ylabel(diagram.magnitude_name)


def draw_parts(axes: "Axes", x: np.ndarray, y: np.ndarray, part: np.ndarray) -> None:
    """Scatter objects, a colour and a shape a part."""
    for number in range(int(part.max(initial=-1)) + 1):
        own = part == number
        size = float(np.clip(4000 / max(own.sum(), 1), 4, 16))
        draw_cloud(
            axes,
            x[own],
            y[own],
            group_colour(number),
            s=size,
            marker=group_marker(number),
            label=f"part {number} ({own.sum():,})",
        )


def _spectra(axes: "Axes", view: StructureView) -> None:
    for number, mean in enumerate(view.spectra):
        colour = group_colour(number)
        lacking = f" ({mean.left_out} more of unknown redshift)" if mean.left_out else ""
        low, high = mean.flux - mean.error, mean.flux + mean.error
        axes.fill_between(mean.wavelength, low, high, color=colour, alpha=0.35, linewidth=0)
        axes.plot(
            mean.wavelength,
            mean.flux,
            color=colour,
            linewidth=0.8,
            label=f"part {number}, {mean.n}{lacking}",
        )
    axes.set_xlabel(view.spectra[0].axis)
    axes.set_ylabel("Mean flux (median 1)")
    axes.legend(loc="best", title="part, spectra")


#: Periods that a light curve is folded at, in units of the one in its caption.
FOLDS = {"half the {} period": 0.5, "the {} period": 1.0, "twice it": 2.0}


def suspect_figure(example: ExampleObject) -> "Figure":
    """Draw what was observed, and below the light curve folded at half, once, twice the period."""
    curve = example.light_curve
    folded = curve is not None and curve.period is not None and len(curve.time) > 0
    above = example
    if folded and curve is not None:
        above = replace(example, light_curve=replace(curve, period=None))
    panels = object_panels(above)
    figure = new_figure(4.3 if folded else 2.25)
    halves = figure.subfigures(2, 1, squeeze=False)[:, 0] if folded else [figure]
    ratios = [ratio for *_, ratio in panels]
    line = halves[0].subplots(1, len(panels), squeeze=False, width_ratios=ratios)[0]
    for axes, (draw, what, _) in zip(line, panels, strict=True):
        draw(axes, what)
    if folded and curve is not None:
        _fold(halves[1], curve)
    return figure


def _fold(figure: "Figure | SubFigure", curve: LightCurve) -> None:
    line = figure.subplots(1, len(FOLDS), squeeze=False, sharey=True)[0]
    for axes, (words, factor) in zip(line, FOLDS.items(), strict=True):
        assert curve.period is not None
        draw_phase(axes, replace(curve, period=curve.period * factor))
        words = words.format("computed" if curve.searched else "catalogue")
        axes.set_title(f"{words}: {curve.period * factor:.5g} d", fontweight="normal")
        if axes is not line[0]:
            axes.set_ylabel("")
