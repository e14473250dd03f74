"""Matches by chance: those that are left when one catalogue is shifted."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skybind.data.sky import ARCSEC, judge, pairs_within, shifted, tree_of

#: Of the estimate of matches by chance: directions, usual distance [arcsec], least distance in
#: radii, largest as a share of the field, and objects that are shifted at most.
DIRECTIONS, DISTANCE, LEAST_RADII, FIELD_SHARE, MOST_SHIFTED = 8, 60.0, 5.0, 0.1, 100_000


@dataclass(frozen=True)
class Chance:
    """How many pairs would be there if the two catalogues had nothing to do with each other.

    Attributes
    ----------
    expected, error : float
        Mean over the shifts, and its standard error.
    distance : float
        By how much A was shifted [arcsec].
    directions : int
    """

    expected: float
    error: float
    distance: float
    directions: int = DIRECTIONS

    def __str__(self) -> str:
        far = f"{self.distance / 60:.3g} arcmin" if self.distance >= 60 else f"{self.distance:.3g}″"
        return (
            f"By chance one would expect {self.expected:,.1f} ± {self.error:,.1f} pairs (A shifted "
            f"by {far} in {self.directions} directions)."
        )


def estimate_chance(
    a: np.ndarray, b: np.ndarray, radius: float, all_pairs: bool = False
) -> Chance | None:
    """Estimate how many pairs there would be by chance: those that are left when A is shifted.

    It is what one would find if no object of B belonged to one of A; where most objects have
    their true partner, fewer of the pairs are by chance. Of fields of a few arcmin it is a little
    too low, as shifted objects leave the field.

    Parameters
    ----------
    a, b : ndarray, shape (n, 3), (m, 3)
        Unit vectors.
    radius : float
        [arcsec].
    all_pairs : bool
        Whether all pairs are counted, or those that are each other's nearest.

    Returns
    -------
    Chance or None
        None if the field of B is smaller than 50 radii: a shift that leaves the true partner
        behind would leave the field too.
    """
    return chance_near(a, lambda _: b, lambda _: extent_of(b), radius, all_pairs)


def chance_near(
    a: np.ndarray,
    near: Callable[[np.ndarray], np.ndarray],
    extent: Callable[[float], float],
    radius: float,
    all_pairs: bool = False,
) -> Chance | None:
    """Estimate matches by chance as `estimate_chance` does, where B is not in memory.

    Parameters
    ----------
    a : ndarray, shape (n, 3)
        Unit vectors.
    near : callable
        Gives the positions of B within the radius of any of such vectors, perhaps more.
    extent : callable
        Gives the largest distance of a position of B from their middle, or any distance that is
        larger than the one that it takes [arcsec].
    radius, all_pairs
        As of `estimate_chance`.
    """
    usual = max(DISTANCE, 4 * LEAST_RADII * radius)
    distance = min(usual, FIELD_SHARE * extent(usual / FIELD_SHARE))
    if distance < LEAST_RADII * radius:
        return None
    some = a[:: -(-len(a) // MOST_SHIFTED)]
    angles = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    moved = [shifted(some, angle, distance) for angle in angles]
    tree = tree_of(near(np.concatenate(moved)))
    count: Callable[[np.ndarray], int] = (
        (lambda v: len(pairs_within(v, tree, radius)))
        if all_pairs
        else (lambda v: int(judge(v, tree, radius).mutual.sum()))
    )
    found = np.asarray([count(vectors) for vectors in moved]) * (len(a) / len(some))
    return Chance(float(found.mean()), float(found.std(ddof=1) / DIRECTIONS**0.5), distance)


def extent_of(vectors: np.ndarray) -> float:
    """Largest distance of a position from the middle of all [arcsec]."""
    if not len(vectors):
        return 0.0
    middle = vectors.mean(axis=0)
    length = float(np.linalg.norm(middle))
    if length < 0.5:  # over much of the sky
        return 90 * 3600.0
    return float(np.arccos(np.clip((vectors @ (middle / length)).min(), -1, 1)) / ARCSEC)
