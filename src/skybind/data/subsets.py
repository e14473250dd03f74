"""Which objects keep their labels where labels are scarce."""

from collections.abc import Sequence

import numpy as np

from skybind.config.subsets import SubsetRule, read_subset
from skybind.errors import DataError

PARTS = ("train", "validation", "test")
# Apart from the streams of the percentages, and the same for every number a class, so that
# smaller subsets lie within larger ones.
_EACH = 1_000_003


def water_fill(counts: Sequence[int] | np.ndarray, fraction: float) -> int:
    """Largest common cap a class that keeps at most `fraction` of all objects.

    Classes smaller than the cap stay whole (AstroM3, Table 3).

    Parameters
    ----------
    counts : sequence of int
        Objects of each class.
    fraction : float
        Between 0 and 1.

    Returns
    -------
    int
        The cap; at least 1.

    Examples
    --------
    >>> train = [4890, 3647, 2343, 1886, 1571, 1454, 624, 226, 216, 206]
    >>> water_fill(train, 0.5), water_fill(train, 0.25)
    (1209, 516)
    """
    ascending = np.sort(np.asarray(counts))
    target = fraction * ascending.sum()
    below = np.concatenate([[0], np.cumsum(ascending)])
    for index, count in enumerate(ascending):
        cap = (target - below[index]) / (len(ascending) - index)
        if cap < count:
            return max(1, int(np.floor(cap)))
    return int(ascending[-1])


def release_cap(counts: Sequence[int] | np.ndarray, fraction: float) -> int:
    """Give the common cap a class of AstroM3's release.

    It fills like water once the classes are larger than the smallest of K classes, m. Where so
    few objects are wanted that not even m of each class can be kept, it is lower than that of
    `water_fill`: m - ceil((K m - wanted) / (K - 1)). Where that leaves no object, it is the latter.

    Parameters
    ----------
    counts, fraction
        As of `water_fill`.

    Examples
    --------
    >>> train = [4890, 3647, 2343, 1886, 1571, 1454, 624, 226, 216, 206]
    >>> [release_cap(train, share) for share in (0.5, 0.25, 0.1)], water_fill(train, 0.1)
    ([1209, 516, 166], 170)
    """
    smallest, classes = int(np.min(counts)), len(counts)
    wanted = int(np.floor(fraction * np.sum(counts) + 1e-9))
    if classes > 1 and wanted < classes * smallest:
        cap = (wanted - classes * smallest) // (classes - 1) + smallest
        if cap >= 1:
            return cap
    return water_fill(counts, fraction)


_CAPS = {"water-filling": water_fill, "release": release_cap}


def draw_subset(
    name: str,
    part: np.ndarray,
    labels: np.ndarray,
    seed: int,
    rule: SubsetRule = "water-filling",
) -> np.ndarray:
    """Draw the subset of a name: a percentage of each part, or some objects of each class.

    Parameters
    ----------
    name : str
        As `10` or `5-each`.
    part, labels : ndarray of str, shape (n,)
        Objects without a label are in no subset.
    seed : int
    rule : {"water-filling", "release"}
        Of percentages: `water_fill` or `release_cap`.

    Returns
    -------
    ndarray of bool, shape (n,)

    Raises
    ------
    DataError
        If the name is not that of a subset.
    """
    try:
        subset = read_subset(name)
    except ValueError as error:
        raise DataError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    if subset.each is not None:
        return draw_each(part, labels, subset.each, seed)
    assert subset.percentage is not None
    return draw_share(part, labels, subset.percentage / 100, seed, rule)


def draw_share(
    part: np.ndarray,
    labels: np.ndarray,
    fraction: float,
    seed: int,
    rule: SubsetRule = "water-filling",
) -> np.ndarray:
    """Draw a share of the labels: each part is cut on its own at a common cap a class.

    Parameters
    ----------
    part, labels : ndarray of str, shape (n,)
    fraction : float
        Of each part's labelled objects to keep.
    seed : int
        Draws which objects of a class are kept.
    rule : {"water-filling", "release"}
        `water_fill` or `release_cap`.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    keep = np.zeros(len(part), bool)
    for number, name in enumerate(PARTS):
        rows = np.flatnonzero((part == name) & (labels != ""))
        if not len(rows):
            continue
        counts = np.unique(labels[rows], return_counts=True)[1]
        limit = _CAPS[rule](counts, fraction)
        rng = np.random.default_rng([seed, number, round(fraction * 1e6)])
        keep[_first_of_each(rows[rng.permutation(len(rows))], labels, limit)] = True
    return keep


def draw_each(part: np.ndarray, labels: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Draw so many training objects of each class, all of smaller ones.

    Labelled objects of the other parts are all kept: few of them would choose and measure
    badly. With the same seed smaller subsets lie within larger ones.

    Parameters
    ----------
    part, labels : ndarray of str, shape (n,)
    number : int
    seed : int

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    keep = (part != "") & (part != "train") & (labels != "")
    rows = np.flatnonzero((part == "train") & (labels != ""))
    rng = np.random.default_rng([seed, _EACH])
    keep[_first_of_each(rows[rng.permutation(len(rows))], labels, number)] = True
    return keep


def _first_of_each(rows: np.ndarray, labels: np.ndarray, limit: int) -> np.ndarray:
    """Give the first `limit` rows of every class."""
    names = labels[rows]
    taken = [rows[names == name][:limit] for name in np.unique(names)]
    return np.concatenate(taken) if taken else rows
