"""Objects as points, and very many of them as a density."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: More objects than this are drawn as a density, in so many cells on a side.
POINTS, CELLS = 50_000, 240


def draw_cloud(
    axes: "Axes", x: np.ndarray, y: np.ndarray, colour: str, alpha: float = 0.8, **points: Any
) -> None:
    """Draw objects as points, or more than `POINTS` as a density in the same colour.

    The density is shown by its logarithm: one object is a faint cell, the fullest cell is opaque.

    Parameters
    ----------
    axes : Axes
    x, y : ndarray, shape (n,)
        NaN are left out.
    colour : str
    alpha : float
        Of the points, and of the fullest cell.
    **points
        Of `Axes.scatter`: size, marker, label.
    """
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() <= POINTS:
        axes.scatter(x, y, c=colour, alpha=alpha, linewidths=0, **points)
        return
    from matplotlib.colors import to_rgba

    counts, across, up = np.histogram2d(x[known], y[known], CELLS)
    image = np.empty((CELLS, CELLS, 4))
    image[...] = to_rgba(colour)
    strength = np.log1p(counts.T) / np.log1p(counts.max())
    image[..., 3] = np.where(counts.T > 0, alpha * (0.15 + 0.85 * strength), 0)
    axes.imshow(
        image,
        origin="lower",
        extent=(across[0], across[-1], up[0], up[-1]),
        aspect="auto",
        interpolation="nearest",
        zorder=1,
    )
    axes.autoscale()
    # an image has no entry of its own in a legend
    if "label" in points:
        axes.scatter([], [], c=colour, alpha=alpha, linewidths=0, **points)
