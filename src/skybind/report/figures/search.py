"""A query and what was found for it, one under the other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from skybind.report.data import ExampleObject
from skybind.report.figures.objects import object_panels
from skybind.report.style import BLUE, INK, MUTED, SKY, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from skybind.tasks.search import SpectrumPrediction

ROW = 1.9  # inches


def search_figure(
    query: tuple[str, ExampleObject],
    matches: Sequence[tuple[str, ExampleObject]],
    origin: str,
    predicted: "SpectrumPrediction | None" = None,
) -> "Figure":
    """Draw a query and its matches, a row each.

    Parameters
    ----------
    query : (str, ExampleObject)
        Title and what is known of it.
    matches : sequence of (str, ExampleObject)
        The best first.
    origin : str
        A sentence: simulated or real.
    predicted : SpectrumPrediction, optional
        Mean spectrum of the matches, drawn below the query with its spread.
    """
    rows = [query, *matches]
    n = len(rows) + (predicted is not None)
    figure = new_figure(ROW * n + 0.3)
    parts = list(figure.subfigures(n, 1, squeeze=False)[:, 0])
    figure.suptitle(origin, fontsize=7.5, color=MUTED, x=0.99, ha="right")
    if predicted is not None:
        axes = parts.pop(1).subplots()
        low, high = predicted.flux - predicted.spread, predicted.flux + predicted.spread
        axes.fill_between(predicted.wavelength, low, high, color=SKY, alpha=0.5, linewidth=0)
        axes.plot(predicted.wavelength, predicted.flux, color=BLUE, linewidth=0.7)
        axes.set_title("Mean spectrum of the matches and its spread")
        axes.set_xlabel("Wavelength [Å]")
        axes.set_ylabel("Flux / median")
    for number, (part, (title, example)) in enumerate(zip(parts, rows, strict=True)):
        part.suptitle(
            title,
            x=0.01,
            ha="left",
            fontsize=9,
            fontweight="bold" if number == 0 else "normal",
            color=BLUE if number == 0 else INK,
        )
        panels = object_panels(example)
        if not panels:
            part.text(0.05, 0.4, "No observation that can be drawn.", color=MUTED)
            continue
        ratios = [ratio for *_, ratio in panels]
        grid = part.subplots(1, len(panels), squeeze=False, width_ratios=ratios)[0]
        for axes, (draw, what, _) in zip(grid, panels, strict=True):
            draw(axes, what)
    return figure
