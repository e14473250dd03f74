"""Cleaning of images, what every reader and the preprocessing do first."""

import numpy as np

from skybind.modalities.cleaning import Cleaned, reject
from skybind.ragged import Ragged

EMPTY_IMAGE = "empty image"
NOT_SQUARE = "image is not square"
NO_PIXELS = "all pixels masked"
CONSTANT_IMAGE = "constant image"


def clean_image(r: Ragged) -> Cleaned:
    """Clean images.

    Infinite pixels become NaN, which means masked. An image that is empty, not square, without
    a single finite pixel, or constant in every band (no coverage is written as zeros) becomes
    absent.

    Parameters
    ----------
    r : Ragged
        One field a band, each a flattened square.

    Returns
    -------
    Cleaned
        With the same fields.
    """
    counts = {}
    out = Ragged(dict(r.fields), r.offsets, r.present)
    low = np.full((len(r), len(r.fields)), np.inf)
    high = np.full_like(low, -np.inf)
    for index, (band, values) in enumerate(r.fields.items()):
        infinite = np.isinf(values)
        counts[f"masked pixels in {band}"] = int(np.isnan(values).sum())
        counts[f"infinite pixels in {band}"] = int(infinite.sum())
        if infinite.any():
            out.fields[band] = np.where(infinite, np.nan, values).astype(values.dtype)
        low[:, index], high[:, index] = _extremes(out.fields[band], r.offsets)
    sides = sides_of(r.lengths)
    reason = np.full(len(r), "", dtype=object)
    reason[r.present & (high <= low).all(axis=1)] = CONSTANT_IMAGE
    reason[r.present & (high < low).all(axis=1)] = NO_PIXELS
    reason[r.present & (sides**2 != r.lengths)] = NOT_SQUARE
    reason[r.present & (r.lengths == 0)] = EMPTY_IMAGE
    return reject(out, reason, counts)


def sides_of(lengths: np.ndarray) -> np.ndarray:
    """Pixels a side of squares of so many pixels, rounded."""
    return np.rint(np.sqrt(lengths)).astype(np.int64)


def _extremes(values: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest finite value of each object; inf and -inf where it has none."""
    some = np.diff(offsets) > 0
    low, high = np.full(len(some), np.inf), np.full(len(some), -np.inf)
    if some.any():
        starts = offsets[:-1][some]
        low[some] = np.fmin.reduceat(values, starts)
        high[some] = np.fmax.reduceat(values, starts)
    return np.where(np.isnan(low), np.inf, low), np.where(np.isnan(high), -np.inf, high)
