"""Which epochs of a light curve stand in an array of fixed length."""

from typing import Literal

import numpy as np


def crop(
    lengths: np.ndarray,
    length: int,
    how: Literal["window", "sample"],
    rng: np.random.Generator | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose epochs of each curve.

    Parameters
    ----------
    lengths : ndarray of int, shape (B,)
        Epochs of the curves.
    length : int
        Epochs to choose at most, L.
    how : {"window", "sample"}
        A window of consecutive epochs, or epochs over the whole curve.
    rng : Generator, optional
        Draws them; without it the window is the central one, and the epochs are evenly spread.

    Returns
    -------
    place : ndarray of int, shape (B, L)
        Places in the curve.
    mask : ndarray of bool, shape (B, L)
        Which of them are real.
    """
    slot = np.arange(length)
    excess = np.maximum(lengths - length, 0)
    if how == "window":
        shift = excess // 2 if rng is None else rng.integers(0, excess + 1)
        place = shift[:, None] + slot
    else:
        step = np.maximum(lengths / length, 1.0)[:, None]
        jitter = 0.5 if rng is None else rng.random((len(lengths), length))
        place = np.where(step > 1, np.floor((slot + jitter) * step), slot).astype(np.int64)
    return place, slot < np.minimum(lengths, length)[:, None]
