"""Results of several seeds: their mean and spread, and whether two of them differ."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from skybind.errors import DataError
from skybind.record import Number, Record

#: Differences that chance makes less often than this are called significant.
LEVEL = 0.05

#: Fewer objects than this are no ground for saying that one of two results is better.
FEWEST = 10

#: With more pairs than this their signs are not enumerated any more.
MOST_SIGNS = 16


class Spread(Record):
    """One quantity over several seeds."""

    n: int = Field(..., description="Seeds.")
    mean: Number = Field(..., description="Their mean.")
    deviation: Number = Field(
        ..., description="Their standard deviation (n - 1); null for one seed."
    )

    @property
    def error(self) -> float:
        """Standard error of the mean; NaN for one seed."""
        return self.deviation / math.sqrt(self.n)


class Difference(Record):
    """Whether two results differ, by a test of two sides."""

    difference: Number = Field(..., description="Mean of the first less that of the second.")
    deviation: Number = Field(
        ..., description="Standard deviation of the differences of the pairs; null without pairs."
    )
    n: int = Field(..., description="Seeds of the first, or pairs.")
    t: Number = Field(..., description="Student's t; null where nothing varies.")
    freedom: Number = Field(..., description="Its degrees of freedom.")
    p_t: Number = Field(..., description="Probability of such a t, or a larger one, by chance.")
    p_signs: Number = Field(
        ...,
        description="Share of all choices of the signs of the differences whose mean is at least "
        "as far from 0; null without pairs, and for many.",
    )
    p: Number = Field(..., description="The probability that is spoken of.")
    test: str = Field(..., description="Which it is, and why.")

    @property
    def significant(self) -> bool:
        """Whether chance makes it less often than in one of twenty cases; False if not known."""
        return self.p < LEVEL


def spread(values: Sequence[float]) -> Spread:
    """Give mean and standard deviation (n - 1) over seeds.

    Raises
    ------
    DataError
        If there are no values.
    """
    if not len(values):
        raise DataError("There is no result to average.")
    array = np.asarray(values, float)
    deviation = float(array.std(ddof=1)) if len(array) > 1 else math.nan
    return Spread(n=len(array), mean=float(array.mean()), deviation=deviation)


def paired_difference(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Test whether two results differ that were reached with the same seeds.

    Student's paired t test supposes differences of a normal distribution. The exact test of signs
    supposes only that under no difference each could as well have had the other sign; but of n
    pairs its p is at least 2^(1 - n), so that fewer than six pairs never reach 0.05. Where it can,
    its p is spoken of; of fewer pairs that of the t test.

    Parameters
    ----------
    first, second : sequence of float, shape (n,)
        Results of the same seeds, in the same order.

    Raises
    ------
    DataError
        If they are not as many, or none.
    """
    if len(first) != len(second) or not len(first):
        raise DataError(
            f"A paired test needs as many results of both, not {len(first)} and {len(second)}."
        )
    differences = np.asarray(first, float) - np.asarray(second, float)
    n = len(differences)
    own = spread(differences.tolist())
    t, p_t = math.nan, math.nan
    if n > 1 and own.deviation > 1e-12 * max(abs(own.mean), 1e-300):
        t = own.mean / own.error
        p_t = _student(t, n - 1)
    p_signs = sign_flips(differences)
    if n == 1:
        p, test = math.nan, "none: one pair tells nothing of chance"
    elif 2.0 ** (1 - n) < LEVEL and n <= MOST_SIGNS:
        p, test = p_signs, f"signs of {n} pairs, all enumerated: it supposes no distribution"
    elif math.isnan(p_t):
        p, test = p_signs, f"signs of {n} pairs: all differ by the same, so there is no t"
    else:
        least = f"of {n} pairs signs alone reach p = {2.0 ** (1 - n):.3g} at best"
        why = least if n <= MOST_SIGNS else f"{n} pairs are many"
        p, test = p_t, f"paired t test: {why}"
    return Difference(
        difference=own.mean,
        deviation=own.deviation,
        n=n,
        t=t,
        freedom=float(n - 1),
        p_t=p_t,
        p_signs=p_signs,
        p=p,
        test=test,
    )


def sign_flips(differences: np.ndarray) -> float:
    """Give the p value of a mean difference by all choices of its signs, of two sides.

    Parameters
    ----------
    differences : ndarray of float, shape (n,)

    Returns
    -------
    float
        NaN of more than `MOST_SIGNS`.

    Examples
    --------
    >>> sign_flips(np.array([1.0, 2.0, 3.0]))  # 2 of 8 choices
    0.25
    """
    n = len(differences)
    if n > MOST_SIGNS:
        return math.nan
    signs = np.array([*itertools.product((1.0, -1.0), repeat=n)])
    sums = np.abs(signs @ differences)
    observed = abs(differences.sum())
    return float((sums >= observed - 1e-9 * np.abs(differences).sum()).mean())


def difference_from_published(
    values: Sequence[float], mean: float, deviation: float, n: int
) -> Difference:
    """Test whether results of several seeds differ from a published mean (Welch 1947).

    Parameters
    ----------
    values : sequence of float
        Ours, one a seed.
    mean, deviation : float
        Published mean, and standard deviation (n - 1) over its runs.
    n : int
        Published number of runs.

    Returns
    -------
    Difference
        Ours less the published. Without a deviation of both (one seed, one run) its p is NaN.
    """
    own = spread(values)
    variances = own.deviation**2 / own.n, deviation**2 / n
    total, nothing = sum(variances), math.nan
    t = freedom = p = nothing
    test = "none: of one run nothing is known of chance"
    if n > 1 and math.isfinite(total):
        test = "Welch's t test: the seeds are not the same, nor need the deviations be"
        if total > 0:
            t = (own.mean - mean) / math.sqrt(total)
            parts = variances[0] ** 2 / (own.n - 1) + variances[1] ** 2 / (n - 1)
            freedom = total**2 / parts
            p = _student(t, freedom)
    return Difference(
        difference=own.mean - mean,
        deviation=nothing,
        n=own.n,
        t=t,
        freedom=freedom,
        p_t=p,
        p_signs=nothing,
        p=p,
        test=test,
    )


def _student(t: float, freedom: float) -> float:
    """Probability of so large a Student's t on either side."""
    from scipy.special import stdtr

    return float(2 * stdtr(freedom, -abs(t)))
