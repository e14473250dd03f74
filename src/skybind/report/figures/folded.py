"""A suspect object: all that was observed, and its light curve at half and twice the period."""

from dataclasses import replace
from typing import TYPE_CHECKING

from skybind.report.data import ExampleObject, LightCurve
from skybind.report.figures.objects import draw_phase, object_panels
from skybind.report.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

#: Periods that a light curve is folded at, in units of the catalogue's.
FOLDS = {"half the catalogue period": 0.5, "the catalogue period": 1.0, "twice it": 2.0}


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
        axes.set_title(f"{words}: {curve.period * factor:.5g} d", fontweight="normal")
        if axes is not line[0]:
            axes.set_ylabel("")
