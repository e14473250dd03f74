"""Cells of HEALPix, nested, by which HATS catalogues are laid out.

Gorski et al. 2005, ApJ 622, 759, sections 4 and 5.
"""

from collections.abc import Sequence

import numpy as np

from skybind.data.sky import ARCSEC, shifted, unit_vectors

#: Order at which HATS numbers positions: cells of 0.4 mas.
FINEST = 29
#: Directions in which the neighbourhood of a position is looked at.
_AROUND = 32
#: How much narrower than the root of its area a cell may be, at most.
_NARROW = 3.0
#: A part of the sky is as wide as so many of its margins, that none of its neighbours be missed,
#: and its order no higher than this.
_MARGINS, FINEST_PART = 5, 12

Cell = tuple[int, int]


def cells_of(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Number the cells of positions, at order 29.

    Parameters
    ----------
    ra, dec : ndarray, shape (n,)
        [deg].

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    face, x, y = _face_xy(np.asarray(ra, float), np.asarray(dec, float))
    return (face << 2 * FINEST) | _spread_bits(x) | _spread_bits(y) << 1


def _face_xy(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Base cell of positions, and where in it they are, from its southern corner."""
    nside = 1 << FINEST
    quarter = (ra % 360) / 90 % 4
    z = np.sin(np.radians(dec))
    up, down = nside * (0.5 + quarter), nside * 0.75 * z
    rising, falling = np.floor(up - down).astype(np.int64), np.floor(up + down).astype(np.int64)
    a, b = rising >> FINEST, falling >> FINEST
    face = np.where(a == b, a | 4, np.where(a < b, a, b + 8))
    x, y = falling & (nside - 1), nside - 1 - (rising & (nside - 1))
    cap = np.abs(z) > 2 / 3
    if cap.any():
        whole = np.minimum(np.floor(quarter[cap]), 3)
        part, north = quarter[cap] - whole, z[cap] > 0
        # the root of 3 (1 - |z|), which keeps its digits near the poles
        width = nside * np.cos(np.radians(dec[cap])) * np.sqrt(3 / (1 + np.abs(z[cap])))
        right = np.clip(np.floor(part * width), 0, nside - 1).astype(np.int64)
        left = np.clip(np.floor((1 - part) * width), 0, nside - 1).astype(np.int64)
        face[cap] = whole.astype(np.int64) + np.where(north, 0, 8)
        x[cap] = np.where(north, nside - 1 - left, right)
        y[cap] = np.where(north, nside - 1 - right, left)
    return face, x, y


def _spread_bits(values: np.ndarray) -> np.ndarray:
    """Put a zero before each bit."""
    v = values.astype(np.uint64)
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333), (1, 0x5555555555555555),
    ):  # fmt: skip
        v = (v | v << np.uint64(shift)) & np.uint64(mask)
    return v.astype(np.int64)


def finest_part(margin: float) -> int:
    """Give the highest order of parts of the sky for which a margin [arcsec] is narrow enough."""
    whole = np.sqrt(4 * np.pi / 12) / ARCSEC
    return int(np.clip(np.floor(np.log2(whole / max(_MARGINS * margin, 1e-9))), 0, FINEST_PART))


def parted(cells: np.ndarray, most: int, finest: int = FINEST_PART) -> list[Cell]:
    """Part the sky so that each part has at most so many positions, or is as small as may be.

    Parameters
    ----------
    cells : ndarray of int64, shape (n,)
        Of positions, at order 29, ascending.
    most : int
    finest : int
        Highest order of a part.

    Returns
    -------
    list of (int, int)
        Order and number of the cells that hold any, in the order of the sky.
    """
    found: list[Cell] = []
    waiting = [(0, face) for face in range(11, -1, -1)]
    while waiting:
        order, number = waiting.pop()
        low, high = np.searchsorted(cells, bounds_of(order, number))
        if high == low:
            continue
        if high - low <= most or order == finest:
            found.append((order, number))
        else:
            waiting += [(order + 1, 4 * number + part) for part in (3, 2, 1, 0)]
    return found


def bounds_of(order: int, number: int) -> tuple[int, int]:
    """Give the first cell of order 29 in a cell, and the first after it."""
    shift = 2 * (FINEST - order)
    return number << shift, (number + 1) << shift


def part_of(cells: np.ndarray, parts: Sequence[Cell]) -> np.ndarray:
    """Tell in which of the parts of the sky cells of order 29 lie; -1 in none."""
    starts, stops = np.array([bounds_of(*part) for part in parts], np.int64).T
    place = np.searchsorted(starts, cells, "right") - 1
    inside = (place >= 0) & (cells < stops[np.maximum(place, 0)])
    return np.where(inside, place, -1)


def near_others(
    ra: np.ndarray, dec: np.ndarray, parts: Sequence[Cell], distance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find positions near other parts of the sky than their own: those of the parts' margins.

    All within the distance are found, and some up to twice as far, if no part is finer than
    `finest_part` says.

    Parameters
    ----------
    ra, dec : ndarray, shape (n,)
        [deg], each in one of the parts.
    parts : sequence of (int, int)
    distance : float
        [arcsec].

    Returns
    -------
    rows, others : ndarray of int
        A position, and the part that it is near to.
    """
    own = part_of(cells_of(ra, dec), parts)
    rows = np.flatnonzero(_near_edge(ra, dec, np.array(parts)[own, 0], 2 * distance))
    vectors = unit_vectors(ra[rows], dec[rows])
    found = []
    for angle in np.arange(_AROUND) * 2 * np.pi / _AROUND:
        # a corner as sharp as 45 degrees within the distance takes a 16th of this circle
        x, y, z = shifted(vectors, angle, 2 * distance).T
        there = cells_of(np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y))))
        other = part_of(there, parts)
        other_one = (other >= 0) & (other != own[rows])
        found.append(np.stack([rows[other_one], other[other_one]]))
    pairs = np.unique(np.concatenate(found, axis=1), axis=1)
    return pairs[0], pairs[1]


def _near_edge(ra: np.ndarray, dec: np.ndarray, order: np.ndarray, distance: float) -> np.ndarray:
    """Whether the edge of a cell may be within a distance [arcsec]."""
    _, x, y = _face_xy(ra, dec)
    width = np.int64(1) << (FINEST - order)
    inside = [np.minimum(v % width, width - v % width) for v in (x, y)]
    finest = np.sqrt(4 * np.pi / 12) / (1 << FINEST) / ARCSEC
    return np.minimum(*inside) * finest / _NARROW <= distance
