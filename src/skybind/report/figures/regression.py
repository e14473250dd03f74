"""Predicted against true numbers, as in figure 8 of the AstroCLIP report of June 2024."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from skybind.drawing.style import GREY, INK, WIDTH, new_figure
from skybind.report.views import PredictionView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
CONTOURED, GRID = 2000, 60  # objects and cells a side of the density estimate
LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)  # of its maximum


def prediction_figure(views: Sequence[PredictionView]) -> "Figure":
    """Draw the predictions of one target: a panel a pair of embeddings, on common axes."""
    rows = -(-len(views) // COLUMNS)
    columns = -(-len(views) // rows)
    width = WIDTH * columns / COLUMNS + (0.4 if columns < COLUMNS else 0.0)
    figure = new_figure(2.6 * rows + 0.2, width)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel()[len(views) :]:
        axes.remove()
    limits = _limits(views)
    for axes, view in zip(grid.ravel(), views, strict=False):
        _draw(axes, view, limits)
    name = views[0].target + (f" [{views[0].unit}]" if views[0].unit else "")
    figure.supxlabel(f"Catalogue's {name}", fontsize=8.5)
    figure.supylabel(f"Predicted {name}", fontsize=8.5)
    return figure


def arrow_name(fit: Sequence[str], predict: Sequence[str]) -> str:
    """Give `spectrum → image` for neighbours among spectra of a query image; else one name."""
    if tuple(fit) == tuple(predict):
        return " + ".join(fit)
    return f"{' + '.join(fit)} → {' + '.join(predict)}"


def _draw(axes: "Axes", view: PredictionView, limits: tuple[float, float]) -> None:
    low, high = limits
    axes.plot(view.true, view.predicted, ".", color=GREY, markersize=2.5, markeredgewidth=0)
    cells = int(np.clip(len(view.true) ** 0.5, 12, 60))
    counts, x, y = np.histogram2d(view.true, view.predicted, cells, [limits, limits])
    axes.pcolormesh(x, y, np.where(counts > 1, counts, np.nan).T, cmap="Blues", vmin=0)
    _contours(axes, view, limits)
    axes.plot(limits, limits, color=INK, linewidth=0.8, linestyle="--")
    if np.isfinite(view.r2):
        error = f" ± {view.r2_error:.3f}" if np.isfinite(view.r2_error) else ""
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}
        text = f"R² = {view.r2:z.3f}{error}"
        axes.text(0.04, 0.96, text, transform=axes.transAxes, va="top", bbox=box)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_box_aspect(1)
    axes.set_title(textwrap.fill(arrow_name(view.fit, view.predict), 24), fontsize=8.5)


def _contours(axes: "Axes", view: PredictionView, limits: tuple[float, float]) -> None:
    """Contours of a density estimate, where the objects allow one."""
    from scipy.stats import gaussian_kde

    points = np.stack([view.true, view.predicted])[:, :CONTOURED]
    if points.shape[1] < 10 or np.linalg.matrix_rank(np.cov(points)) < 2:
        return
    line = np.linspace(*limits, GRID)
    x, y = np.meshgrid(line, line)
    density = gaussian_kde(points)(np.stack([x.ravel(), y.ravel()])).reshape(x.shape)
    if density.max() > 0:
        levels = np.asarray(LEVELS) * density.max()
        axes.contour(x, y, density, levels, colors=INK, linewidths=0.6)


def _limits(views: Sequence[PredictionView]) -> tuple[float, float]:
    """Common limits: nearly all true numbers, with a margin."""
    true = np.concatenate([view.true for view in views])
    low, high = np.percentile(true, [1, 99])
    margin = 0.1 * (high - low) or 1.0
    return float(low - margin), float(high + margin)
