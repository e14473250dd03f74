"""Parts of a split that are drawn at random, each class in proportion where it is large enough."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skybind.data.subsets import PARTS
from skybind.errors import DataError
from skybind.progress import say
from skybind.words import join


def random_parts(
    n: int, labels: np.ndarray | None, fractions: Sequence[float], seed: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """Draw the part of each of n objects.

    Parameters
    ----------
    n : int
    labels : ndarray of str, shape (n,), optional
        Each class keeps its proportions, unless that leaves a part without any object.
    fractions : sequence of float
        Train, validation, test.
    seed : int

    Returns
    -------
    part : ndarray of str, shape (n,)
    recipe : dict
        How they were drawn.
    """
    check_fractions(fractions)
    recipe: dict[str, Any] = {"kind": "random", "fractions": list(fractions), "seed": seed}
    whole = np.zeros(n, int)
    if labels is None:
        return _drawn(whole, fractions, seed), recipe
    part = _drawn(np.unique(labels, return_inverse=True)[1], fractions, seed)
    wanted = [name for name, share in zip(PARTS, fractions, strict=True) if share > 0]
    empty = [name for name in wanted if name not in part]
    if not empty:
        return part, recipe
    freely = _drawn(whole, fractions, seed)
    if all(name not in freely for name in empty):
        return part, recipe
    say(
        f"The classes are too small for a split in which each keeps its share ({join(empty)} would "
        "be empty): the objects are drawn whatever their class."
    )
    return freely, {**recipe, "classes": "not heeded"}


def check_fractions(fractions: Sequence[float]) -> None:
    """Refuse fractions that are not three which add up to 1.

    Raises
    ------
    DataError
    """
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise DataError(
            f"The fractions of a split are {list(fractions)}: give three that add up to 1 "
            "(train, validation, test)."
        )


def _drawn(strata: np.ndarray, fractions: Sequence[float], seed: int) -> np.ndarray:
    """Draw the part of each object, in each stratum by the fractions."""
    part = np.full(len(strata), "", dtype="<U10")
    order = np.random.default_rng(seed).permutation(len(strata))
    for stratum in range(int(strata.max(initial=0)) + 1):
        rows = order[strata[order] == stratum]
        edges = np.round(np.cumsum(fractions)[:2] * len(rows)).astype(int)
        for name, members in zip(PARTS, np.split(rows, edges), strict=True):
            part[members] = name
    return part
