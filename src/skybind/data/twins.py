"""Twins: rows of a dataset that are one object, or one observation, under two names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skybind.data.cone import known_positions
from skybind.data.dataset import Dataset
from skybind.data.fingerprints import catalogued, observation_hashes
from skybind.data.lineage import Changes, earlier_observations
from skybind.data.places import MOST_AT_ONE_PLACE, RADIUS, places_of
from skybind.data.schema import DEC, RA
from skybind.data.seen import hash_names
from skybind.data.sky import ARCSEC, tree_of, unit_vectors
from skybind.progress import say

#: What makes two rows twins, for people.
WHAT = (
    "within 1 arcsec, or with the same light curve, spectrum, image or plain name, or without a "
    "position and with the same catalogue row"
)


@dataclass
class Twins:
    """Which objects of a dataset are twins.

    Attributes
    ----------
    group : ndarray of int, shape (n,)
        Objects of one number belong together; an object without twin has its own.
    by_position, by_data, by_name : int
        Pairs that were found so, neighbours of neighbours left out.
    """

    group: np.ndarray
    by_position: int = 0
    by_data: int = 0
    by_name: int = 0

    @property
    def members(self) -> np.ndarray:
        """Objects that have a twin, shape (n,) bool."""
        return np.bincount(self.group, minlength=1)[self.group] > 1

    @property
    def groups(self) -> int:
        """Number of groups of two or more."""
        return len(np.unique(self.group[self.members]))


def find_twins(dataset: Dataset, radius: float = RADIUS) -> Twins:
    """Find objects within a small angle of each other, or with the same observation or plain name.

    Observations and names are compared as they are before anything is measured
    (`skybind.data.fingerprints`, `skybind.data.seen`), so that no split that is drawn parts what
    would be refused then. Of an object whose observations changed by an append those of before
    count, too (`skybind.data.lineage`).

    Parameters
    ----------
    dataset : Dataset
    radius : float
        Angle [arcsec].
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(dataset)
    near = _near(*known_positions(dataset.numbers(RA), dataset.numbers(DEC)), radius)
    before = earlier_observations(dataset)
    same = [_observed_alike(dataset, name, before.get(name, [])) for name in dataset.schema.kinds]
    alike = np.concatenate([np.zeros((0, 2), np.int64), *same, *_rows_alike(dataset)])
    named = _alike(hash_names(dataset.object_ids, fold=False), np.arange(n))
    pairs = np.concatenate([near, alike, named])
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    group = connected_components(links, directed=False)[1] if n else np.zeros(0, np.int64)
    return Twins(group, len(near), len(alike), len(named))


def together(part: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, int]:
    """Put all objects of a group into the part of its first one.

    Returns
    -------
    part : ndarray of str, shape (n,)
    moved : int
        Objects whose part changed.
    """
    _, first = np.unique(group, return_index=True)
    leader = first[np.searchsorted(group[first], group)]
    made = part[leader]
    return made, int((made != part).sum())


def tell_moved(moved: int) -> None:
    """Say how many twins a split moved to the part of their first."""
    say(f"{moved:,} objects with a twin ({WHAT}) are in the part of their twin.")


def _near(ra: np.ndarray, dec: np.ndarray, radius: float) -> np.ndarray:
    """Pairs of objects within a radius [arcsec], shape (pairs, 2)."""
    known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    if len(known) < 2:
        return np.zeros((0, 2), np.int64)
    places = np.column_stack([ra[known], dec[known]])
    _, inverse, counts = np.unique(places, axis=0, return_inverse=True, return_counts=True)
    known = known[counts[inverse.ravel()] <= MOST_AT_ONE_PLACE]
    tree = tree_of(unit_vectors(ra[known], dec[known]))
    chord = 2 * np.sin(radius * ARCSEC / 2)
    return known[tree.query_pairs(chord, output_type="ndarray").reshape(-1, 2)]


def _observed_alike(dataset: Dataset, column: str, before: Sequence[Changes]) -> np.ndarray:
    """Pairs of objects that have, or had, the same observation."""
    now = observation_hashes(dataset, column)
    hashes = np.concatenate([now, *(changes.before for changes in before)])
    rows = np.concatenate([np.arange(len(now)), *(changes.rows for changes in before)])
    return _alike(hashes, rows)


def _rows_alike(dataset: Dataset) -> list[np.ndarray]:
    """Pairs of objects with the same row of a catalogue, of which one at least has no position."""
    columns = dataset.schema.columns
    groups = [
        [name for name in dataset.schema.with_role("feature") if columns[name].modality == group]
        for group in dataset.schema.catalogues
    ]
    lost = places_of(dataset) == 0
    found = []
    for _, codes in catalogued(dataset, groups)[1:] if lost.any() else ():
        shared = np.where(np.isin(codes, codes[lost]), codes, np.uint64(0))
        found.append(_alike(shared, np.arange(len(codes))))
    return found


def _alike(hashes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Pairs of objects with the same hash other than 0, each with the first that has it."""
    rows, hashes = rows[hashes != 0], hashes[hashes != 0]
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    pairs = np.column_stack([rows[first[inverse]], rows])
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
