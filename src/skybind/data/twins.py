"""Twins: rows of a dataset that are one object, or one observation, under two names."""

import hashlib
from dataclasses import dataclass

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.schema import DEC, RA
from skybind.data.sky import ARCSEC, tree_of, unit_vectors
from skybind.progress import progress_bar, say
from skybind.ragged import Ragged

#: Objects this near are one [arcsec].
RADIUS = 1.0
#: More objects than this at the very same place have a place-holder for a position.
MOST_AT_ONE_PLACE = 20
#: What is compared of an observation, by kind.
_COMPARED = {"photometry": ("time", "flux", "magnitude"), "spectrum": ("wavelength", "flux")}


@dataclass
class Twins:
    """Which objects of a dataset are twins.

    Attributes
    ----------
    group : ndarray of int, shape (n,)
        Objects of one number belong together; an object without twin has its own.
    by_position, by_data : int
        Pairs that were found so, neighbours of neighbours left out.
    """

    group: np.ndarray
    by_position: int = 0
    by_data: int = 0

    @property
    def members(self) -> np.ndarray:
        """Objects that have a twin, shape (n,) bool."""
        return np.bincount(self.group, minlength=1)[self.group] > 1

    @property
    def groups(self) -> int:
        """Number of groups of two or more."""
        return len(np.unique(self.group[self.members]))


def find_twins(dataset: Dataset, radius: float = RADIUS) -> Twins:
    """Find objects within a small angle of each other, or with the same light curve or spectrum.

    Parameters
    ----------
    dataset : Dataset
    radius : float
        Angle [arcsec].
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(dataset)
    near = _near(dataset.numbers(RA), dataset.numbers(DEC), radius)
    same = [_same_data(dataset, name, kind) for name, kind in dataset.schema.kinds.items()
            if kind in _COMPARED]  # fmt: skip
    alike = np.concatenate([np.zeros((0, 2), np.int64), *same])
    pairs = np.concatenate([near, alike])
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    group = connected_components(links, directed=False)[1] if n else np.zeros(0, np.int64)
    return Twins(group, len(near), len(alike))


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
    say(
        f"{moved:,} objects with a twin (within 1 arcsec, or with the same light curve or "
        "spectrum) are in the part of their twin."
    )


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


def _same_data(dataset: Dataset, name: str, kind: str) -> np.ndarray:
    """Pairs of objects with the same observation, each with the first that has it."""
    first: dict[bytes, int] = {}
    pairs, row = [], 0
    with progress_bar(f"comparing {name}", len(dataset)) as report:
        for table in dataset.iter_tables([name]):
            ragged = Ragged.from_arrow(table[name])
            fields = [ragged.fields[f] for f in _COMPARED[kind] if f in ragged.fields]
            for i in np.flatnonzero(ragged.lengths > 0).tolist():
                start, stop = ragged.offsets[i], ragged.offsets[i + 1]
                digest = hashlib.blake2b(digest_size=16)
                for values in fields:
                    digest.update(values[start:stop].tobytes())
                other = first.setdefault(digest.digest(), row + i)
                if other != row + i:
                    pairs.append((other, row + i))
            row += len(ragged)
            report(row)
    return np.asarray(pairs, np.int64).reshape(-1, 2)
