"""Positions on the sky: as unit vectors, moved to another epoch, and paired."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skybind.errors import DataError

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

#: Radians.
ARCSEC = np.pi / (180 * 3600)
#: More than this many pairs are no match, but a radius that is too large.
MOST_PAIRS = 50_000_000
#: A second neighbour up to so many times as far as the first is nearly as near.
NEARLY = 1.5


@dataclass(frozen=True)
class Pairs:
    """Pairs of the rows of two lists of positions, sorted by the first, then by separation.

    Attributes
    ----------
    a, b : ndarray of int, shape (p,)
        Rows of the first and of the second list.
    separation : ndarray, shape (p,)
        Along the great circle [arcsec].
    """

    a: np.ndarray
    b: np.ndarray
    separation: np.ndarray

    def __len__(self) -> int:
        return len(self.a)

    def take(self, rows: np.ndarray) -> "Pairs":
        """Give some of the pairs: a mask, or numbers that ascend."""
        return Pairs(self.a[rows], self.b[rows], self.separation[rows])


@dataclass(frozen=True)
class Judged:
    """What speaks for each pair within a radius, and what against it.

    Attributes
    ----------
    pairs : Pairs
    candidates_a, candidates_b : ndarray of int, shape (p,)
        Positions of b within the radius around the pair's a, and of a around its b.
    second : ndarray, shape (p,)
        Separation of the nearest other neighbour, of a or of b [arcsec]; NaN where there is none
        within `NEARLY` times the radius.
    mutual : ndarray of bool, shape (p,)
        Whether each is the nearest to the other. No row is in two such pairs: of neighbours
        that are equally near, the first counts.
    """

    pairs: Pairs
    candidates_a: np.ndarray
    candidates_b: np.ndarray
    second: np.ndarray
    mutual: np.ndarray

    @property
    def several(self) -> np.ndarray:
        """Whether one of the two has more than one candidate within the radius."""
        return (self.candidates_a > 1) | (self.candidates_b > 1)

    @property
    def near_second(self) -> np.ndarray:
        """Whether a neighbour beyond the radius is nearly as near."""
        with np.errstate(invalid="ignore"):
            return ~self.several & (self.second <= NEARLY * self.pairs.separation)


def unit_vectors(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Turn positions [deg] to unit vectors, shape (n, 3)."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def moved(
    ra: np.ndarray,
    dec: np.ndarray,
    pmra: np.ndarray,
    pmdec: np.ndarray,
    years: np.ndarray | float,
) -> np.ndarray:
    """Move positions by their proper motions.

    Stars move on straight lines through space, as in ESA SP-1200 (1997), section 1.5.5, with
    neither parallax nor radial velocity: near a pole and over centuries too.

    Parameters
    ----------
    ra, dec : ndarray, shape (n,)
        [deg].
    pmra, pmdec : ndarray, shape (n,)
        Proper motion in right ascension, times cos(dec), and in declination, as Gaia gives them
        [mas/yr]. NaN is no motion.
    years : ndarray, shape (n,), or float
        From the positions' epoch to the other [Julian yr].

    Returns
    -------
    ndarray, shape (n, 3)
        Unit vectors.
    """
    east, north = _tangents(ra, dec)
    known = np.isfinite(pmra) & np.isfinite(pmdec)
    motion = np.where(known, pmra, 0)[:, None] * east + np.where(known, pmdec, 0)[:, None] * north
    times = np.broadcast_to(np.asarray(years, float), known.shape)[:, None]
    vectors = unit_vectors(ra, dec) + motion * (times * 1e-3 * ARCSEC)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def shifted(vectors: np.ndarray, angle: float, distance: float) -> np.ndarray:
    """Shift positions along great circles.

    Parameters
    ----------
    vectors : ndarray, shape (n, 3)
        Unit vectors.
    angle : float
        Position angle, from north to east [rad].
    distance : float
        [arcsec].

    Returns
    -------
    ndarray, shape (n, 3)
    """
    ra = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0]))
    dec = np.degrees(np.arctan2(vectors[:, 2], np.hypot(vectors[:, 0], vectors[:, 1])))
    east, north = _tangents(ra, dec)
    along = np.sin(angle) * east + np.cos(angle) * north
    return vectors * np.cos(distance * ARCSEC) + along * np.sin(distance * ARCSEC)


def tree_of(vectors: np.ndarray) -> "cKDTree":
    """Sort unit vectors into a tree, for those that are searched several times."""
    from scipy.spatial import cKDTree

    return cKDTree(vectors)


def pairs_within(a: np.ndarray, b: "np.ndarray | cKDTree", radius: float) -> Pairs:
    """Find all pairs of two lists of positions within a radius.

    Parameters
    ----------
    a, b : ndarray, shape (n, 3), (m, 3)
        Unit vectors; `b` may be the tree of them.
    radius : float
        [arcsec].

    Raises
    ------
    DataError
        If there are more than `MOST_PAIRS`.
    """
    tree_b = tree_of(b) if isinstance(b, np.ndarray) else b
    if not (len(a) and tree_b.n):
        nothing = np.zeros(0, np.int64)
        return Pairs(nothing, nothing, np.zeros(0))
    # a little more: what is on the edge is decided below, the same for (a, b) and (b, a)
    chord = 2 * np.sin(min(radius * ARCSEC, np.pi) / 2) * (1 + 1e-9)
    tree_a = tree_of(a)
    n = int(tree_a.count_neighbors(tree_b, chord))
    if n > MOST_PAIRS:
        raise DataError(
            f"{n:,} pairs lie within {radius:g} arcsec of each other, {n / len(a):.0f} for each "
            "object: give a smaller radius."
        )
    found = tree_a.sparse_distance_matrix(tree_b, chord, output_type="ndarray")
    first, second = found["i"].astype(np.int64), found["j"].astype(np.int64)
    # not the formula with angles: this one gives (a, b) and (b, a) the same to the last bit
    chords = np.sqrt(np.sum((a[first] - np.asarray(tree_b.data)[second]) ** 2, axis=1))
    separation = 2 * np.arcsin(np.minimum(chords / 2, 1)) / ARCSEC
    pairs = Pairs(first, second, separation).take(separation <= radius)
    return pairs.take(np.lexsort((pairs.b, pairs.separation, pairs.a)))


def judge(a: np.ndarray, b: "np.ndarray | cKDTree", radius: float) -> Judged:
    """Find the pairs within a radius, and how sure each is.

    Parameters
    ----------
    a, b : ndarray, shape (n, 3), (m, 3)
        Unit vectors; `b` may be the tree of them.
    radius : float
        [arcsec].
    """
    wide = pairs_within(a, b, NEARLY * radius)
    inside = wide.separation <= radius
    rank_a, second_a = _neighbours(wide.a, wide.separation, wide.b)
    rank_b, second_b = _neighbours(wide.b, wide.separation, wide.a)
    pairs = wide.take(inside)
    return Judged(
        pairs,
        np.bincount(pairs.a, minlength=1)[pairs.a],
        np.bincount(pairs.b, minlength=1)[pairs.b],
        np.fmin(second_a, second_b)[inside],
        ((rank_a == 0) & (rank_b == 0))[inside],
    )


def _neighbours(
    owner: np.ndarray, separation: np.ndarray, other: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rank of each pair among those of its owner; separation of the owner's nearest other one."""
    order = np.lexsort((other, separation, owner))
    sorted_owner, sorted_separation = owner[order], separation[order]
    starts = np.flatnonzero(np.diff(sorted_owner, prepend=-1))
    lengths = np.diff(starts, append=len(order))
    place = np.arange(len(order)) - np.repeat(starts, lengths)
    next_one = np.full(len(starts), np.nan)
    more = lengths > 1
    next_one[more] = sorted_separation[starts[more] + 1]
    others = np.where(
        place == 0, np.repeat(next_one, lengths), np.repeat(sorted_separation[starts], lengths)
    )
    rank, nearest_other = np.empty(len(order), np.int64), np.empty(len(order))
    rank[order], nearest_other[order] = place, others
    return rank, nearest_other


def _tangents(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors to the east and to the north at positions [deg], shape (n, 3) each."""
    ra, dec = np.radians(ra), np.radians(dec)
    east = np.stack([-np.sin(ra), np.cos(ra), np.zeros_like(ra)], axis=-1)
    north = np.stack([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)], axis=-1)
    return east, north
