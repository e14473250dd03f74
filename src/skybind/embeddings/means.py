"""Unit vectors and their means."""

from collections.abc import Sequence

import numpy as np

from skybind.memory import at_once, zeros

#: Objects that are averaged at once where memory allows.
_ROWS = 65536


def unit(values: np.ndarray) -> np.ndarray:
    """Scale rows to unit length; rows of zeros stay."""
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, length, out=np.zeros_like(values), where=length > 0)


def unit_mean(vectors: Sequence[np.ndarray], present: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean, to unit length, of those unit vectors of each object that are present.

    Parameters
    ----------
    vectors : sequence of ndarray, shape (n, D)
        One array a modality.
    present : sequence of ndarray of bool, shape (n,)
        Likewise.

    Returns
    -------
    ndarray of float32, shape (n, D)
        Zeros for an object that has none.
    """
    n, dimension = vectors[0].shape
    made = zeros((n, dimension), np.float32)
    step = at_once(48 * dimension, _ROWS)
    for start in range(0, n, step):
        rows = slice(start, start + step)
        total = np.zeros(made[rows].shape, np.float64)
        for values, there in zip(vectors, present, strict=True):
            total += np.where(there[rows, None], values[rows], 0.0)
        made[rows] = unit(total)
    return made
