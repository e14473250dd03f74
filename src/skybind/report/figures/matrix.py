"""The confusion matrix."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from skybind.drawing.style import INK, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# More classes than this leave no room for numbers in the cells.
NUMBERS_UP_TO = 16


def confusion_figure(confusion: np.ndarray, classes: Sequence[str]) -> "Figure":
    """Draw a confusion matrix: colour and number are the share of the true class [%].

    Parameters
    ----------
    confusion : ndarray of int, shape (C, C)
        Objects by true class (row) and predicted class (column).
    classes : sequence of str
        Their names.
    """
    counts = np.asarray(confusion, dtype=float)
    total = counts.sum(axis=1, keepdims=True)
    share = 100 * np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    n = len(classes)
    side = min(7.2, max(3.2, 0.5 * n + 1.6))
    figure = new_figure(side, side + 1.2)
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    if n <= NUMBERS_UP_TO:
        for row, column in np.argwhere(counts > 0):
            value = share[row, column]
            axes.text(
                column,
                row,
                "<1" if value < 0.5 else f"{value:.0f}",
                ha="center",
                va="center",
                fontsize=7.5,
                color="white" if value > 55 else INK,
            )
    names = [f"{name} ({int(count)})" for name, count in zip(classes, total[:, 0], strict=True)]
    axes.set_xticks(range(n), classes, rotation=90 if n > 6 else 0)
    axes.set_yticks(range(n), names)
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Predicted class")
    axes.set_ylabel("True class (test objects)")
    bar = figure.colorbar(image, ax=axes, shrink=0.75, pad=0.02)
    bar.set_label("Share of the true class [%]")
    bar.outline.set_visible(False)
    return figure
