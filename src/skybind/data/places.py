"""Positions in 64 bits each that sort on the sky: which are near one of very many, without a tree.

The sphere is cut into zones of declination of 2 arcsec. A position is its zone, where it is in
right ascension, and where in its zone, to 0.3 mas; sorted, the neighbours of a position are three
stretches.
"""

import numpy as np

from skybind.data.cone import known_positions
from skybind.data.dataset import Dataset
from skybind.data.schema import DEC, RA
from skybind.data.sky import ARCSEC, unit_vectors

#: Objects this near are one [arcsec].
RADIUS = 1.0
#: More objects than this at the very same place have a place-holder for a position.
MOST_AT_ONE_PLACE = 20
#: Zones of a degree; bits of the right ascension, and of the place within a zone.
_ZONES, _EAST, _UP = 1800, 32, 13
_TOP, _TURN = 180 * _ZONES - 1, 1 << _EAST
#: Positions that are looked at at a time.
_PIECE = 1 << 16


def places_of(dataset: Dataset) -> np.ndarray:
    """Read the positions of a dataset as numbers, see `packed`; 0 where it has none."""
    if not {RA, DEC} <= set(dataset.schema.columns):
        return np.zeros(len(dataset), np.uint64)
    return packed(dataset.numbers(RA), dataset.numbers(DEC))


def packed(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Give positions [deg] as numbers that sort on the sky.

    Returns
    -------
    ndarray of uint64, shape (n,)
        0 where there is no position.
    """
    ra, dec = known_positions(np.asarray(ra, float), np.asarray(dec, float))
    known = np.isfinite(ra) & np.isfinite(dec)
    height = (dec[known] + 90) * _ZONES
    zone = np.minimum(height.astype(np.uint64), _TOP)
    up = np.minimum(((height - zone) * (1 << _UP)).astype(np.uint64), (1 << _UP) - 1)
    east = np.minimum((ra[known] % 360 / 360 * _TURN).astype(np.uint64), _TURN - 1)
    found = np.zeros(len(ra), np.uint64)
    found[known] = np.maximum(_code(zone, east) | up, 1)
    return found


def near(places: np.ndarray, among: np.ndarray, radius: float = RADIUS) -> np.ndarray:
    """Which positions have one of others within a radius.

    Parameters
    ----------
    places : ndarray of uint64, shape (n,)
        As `packed` gives them.
    among : ndarray of uint64, shape (m,)
        The others, ascending.
    radius : float
        At most 2 [arcsec], the height of a zone.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    found = np.zeros(len(places), bool)
    for start in range(0, len(places) if len(among) else 0, _PIECE):
        found[start : start + _PIECE] = _near(places[start : start + _PIECE], among, radius)
    return found


def without_many(codes: np.ndarray) -> np.ndarray:
    """Give codes with 0 for those that more than `MOST_AT_ONE_PLACE` objects share."""
    _, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    return np.where(counts[inverse] > MOST_AT_ONE_PLACE, np.uint64(0), codes)


def without_far(codes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Give codes with 0 for those that objects share which are not within `RADIUS` of each other.

    Parameters
    ----------
    codes : ndarray of uint64, shape (n,)
    places : ndarray of uint64, shape (n,)
        Of the objects, as `packed` gives them; one without a position is far from none.
    """
    rows = np.flatnonzero((codes != 0) & (places != 0))
    _, first, inverse = np.unique(codes[rows], return_index=True, return_inverse=True)
    own, other = (unit_vectors(*_unpacked(places[some])) for some in (rows, rows[first[inverse]]))
    far = np.linalg.norm(own - other, axis=1) > _chord(RADIUS)
    return np.where(np.isin(codes, codes[rows[far]]), np.uint64(0), codes)


def _chord(radius: float) -> float:
    return float(2 * np.sin(radius * ARCSEC / 2))


def _code(zone: np.ndarray, east: np.ndarray) -> np.ndarray:
    return (zone.astype(np.uint64) << np.uint64(_EAST + _UP)) | (
        east.astype(np.uint64) << np.uint64(_UP)
    )


def _near(places: np.ndarray, among: np.ndarray, radius: float) -> np.ndarray:
    found = np.zeros(len(places), bool)
    rows = np.flatnonzero(places)
    ra, dec = _unpacked(places[rows])
    own = unit_vectors(ra, dec)
    zone = (places[rows] >> np.uint64(_EAST + _UP)).astype(np.int64)
    east = ((places[rows] >> np.uint64(_UP)) & np.uint64(_TURN - 1)).astype(np.int64)
    # how far in right ascension a circle reaches: around a pole all the way
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.sin(radius * ARCSEC) / np.cos(np.radians(dec))
    reach = np.where(ratio < 1, np.arcsin(np.minimum(ratio, 1)) / (2 * np.pi), 1.0)
    width = np.minimum(np.ceil(reach * _TURN) + 1, _TURN).astype(np.int64)
    for other in (zone - 1, zone, zone + 1):
        for turn in (-_TURN, 0, _TURN):
            low, high = east - width + turn, east + width + turn
            there = np.flatnonzero((other >= 0) & (other <= _TOP) & (high >= 0) & (low < _TURN))
            first = _code(other[there], np.maximum(low[there], 0))
            last = _code(other[there], np.minimum(high[there], _TURN - 1)) | np.uint64(
                (1 << _UP) - 1
            )
            begin, end = np.searchsorted(among, first), np.searchsorted(among, last, "right")
            counts = end - begin
            one = np.repeat(there, counts)
            steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            two = unit_vectors(*_unpacked(among[np.repeat(begin, counts) + steps]))
            apart = np.linalg.norm(own[one] - two, axis=1)
            found[rows[one[apart <= _chord(radius)]]] = True
    return found


def _unpacked(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Right ascension and declination [deg]."""
    zone = (places >> np.uint64(_EAST + _UP)).astype(float)
    east = ((places >> np.uint64(_UP)) & np.uint64(_TURN - 1)).astype(float)
    up = (places & np.uint64((1 << _UP) - 1)).astype(float)
    dec = (zone + (up + 0.5) / (1 << _UP)) / _ZONES - 90
    return (east + 0.5) / _TURN * 360, dec
