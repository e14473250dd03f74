"""Shares of objects and how well they are known."""

import numpy as np


def wilson_interval(share: float, n: int, sigmas: float = 1.0) -> tuple[float, float]:
    """Return the interval of a share by Wilson's score.

    It stays between 0 and 1, and has a width even where all of n objects are right: none of 20
    being wrong does not say that none ever is.

    Parameters
    ----------
    share : float
        Fraction that was counted.
    n : int
        Objects that were counted, at least one.
    sigmas : float
        Half its width in standard deviations of a normal distribution: 1 is an interval of 68 %.

    Returns
    -------
    low, high : float

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209.

    Examples
    --------
    >>> wilson_interval(1.0, 19)
    (0.95, 1.0)
    """
    square = sigmas**2 / n
    centre = (share + square / 2) / (1 + square)
    half = sigmas * np.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def share_error(share: float, n: int) -> float:
    """Return the standard error of a share: half of Wilson's interval of 68 %, never zero.

    Of many objects it is sqrt(p (1 - p) / n).
    """
    return score_error(share * (1 - share), n)


def score_error(variance: float, n: int) -> float:
    """Return the standard error of a mean of scores from 0 to 1, never zero.

    Wilson's way of one more score in two halves, 0 and 1, for any such scores: that n objects score
    the same does not say that all do.

    Parameters
    ----------
    variance : float
        Mean square deviation of the scores from their mean.
    n : int
        Objects, at least one.
    """
    return float(np.sqrt(variance / n + 1 / (4 * n**2)) / (1 + 1 / n))
