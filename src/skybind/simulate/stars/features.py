"""The four catalogue features that describe a light curve, computed from what was observed."""

import numpy as np

from skybind.simulate.stars.cadence import ZERO_POINT

_BINS = 16


def light_curve_features(
    time: np.ndarray, flux: np.ndarray, flux_err: np.ndarray, offsets: np.ndarray,
    period: np.ndarray,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Compute amplitude, lksl_statistic and rfr_score at the given periods.

    Parameters
    ----------
    time, flux, flux_err : ndarray
        HJD [d], mJy, mJy, flat.
    offsets : ndarray of int64, shape (n + 1,)
        At least one epoch an object.
    period : ndarray, shape (n,)
        Catalogue period [d].

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        In the order of `PHOTOMETRY_FEATURES`.
    """
    owner = np.repeat(np.arange(len(period)), np.diff(offsets))
    magnitude = -2.5 * np.log10(np.maximum(flux, flux_err) / ZERO_POINT)
    phase = (time / period[owner]) % 1
    return {
        "amplitude": _range(magnitude, offsets, owner),
        "period": period.astype(np.float64),
        "lksl_statistic": string_length(phase, magnitude, offsets, owner),
        "rfr_score": folded_score(phase, magnitude, owner, len(period)),
    }


def _range(magnitude: np.ndarray, offsets: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Give the 2.5 to 97.5 percentile range of each object."""
    ordered = magnitude[np.lexsort((magnitude, owner))]
    last = np.diff(offsets) - 1
    low = ordered[offsets[:-1] + np.round(0.025 * last).astype(int)]
    high = ordered[offsets[:-1] + np.round(0.975 * last).astype(int)]
    return (high - low).astype(np.float64)


def string_length(
    phase: np.ndarray, magnitude: np.ndarray, offsets: np.ndarray, owner: np.ndarray
) -> np.ndarray:
    """Give the Lafler-Kinman statistic: about one for noise, near zero for a smooth curve.

    Lafler & Kinman (1965) as normalised by Clarke (2002, A&A 386, 763), equation 3.
    """
    n = len(offsets) - 1
    lengths = np.diff(offsets)
    ordered = magnitude[np.lexsort((phase, owner))].astype(np.float64)
    following = np.append(ordered[1:], 0.0)
    following[offsets[1:] - 1] = ordered[offsets[:-1]]
    steps = np.bincount(owner, (following - ordered) ** 2, minlength=n)
    mean = np.bincount(owner, ordered, minlength=n) / lengths
    spread = np.bincount(owner, (ordered - mean[owner]) ** 2, minlength=n)
    return steps / np.maximum(spread, 1e-12) * (lengths - 1) / (2 * lengths)


def folded_score(phase: np.ndarray, magnitude: np.ndarray, owner: np.ndarray, n: int) -> np.ndarray:
    """Give the share of the variance that the mean in each phase bin explains (R squared).

    It stands for the score of ASAS-SN's random-forest regressor: each epoch is predicted from
    the others of its bin, so noise scores zero or less.
    """
    bins = owner * _BINS + np.minimum((phase * _BINS).astype(np.int64), _BINS - 1)
    value = magnitude.astype(np.float64)
    count = np.bincount(bins, minlength=n * _BINS)
    total = np.bincount(bins, value, minlength=n * _BINS)
    epochs = np.bincount(owner, minlength=n)
    mean = np.bincount(owner, value, minlength=n) / np.maximum(epochs, 1)
    others = (total[bins] - value) / np.maximum(count[bins] - 1, 1)
    predicted = np.where(count[bins] > 1, others, mean[owner])
    residual = np.bincount(owner, (value - predicted) ** 2, minlength=n)
    spread = np.bincount(owner, (value - mean[owner]) ** 2, minlength=n)
    return 1 - residual / np.maximum(spread, 1e-12)
