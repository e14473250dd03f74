"""Objects that belong to no cluster of the whole set, and objects in thin places."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skybind.measures.clusters import by_size
from skybind.measures.neighbours import nearest
from skybind.memory import at_once

#: Of the mean variance, added to all directions, so that those without variance do not decide.
SHRINKAGE = 0.05


#: At least this share of the objects are core objects: a thin cluster is still a cluster.
CORE = 0.95


#: Reference objects that clusters of the whole set are made of at most.
CLUSTERED = 10_000


#: Objects that ask for their neighbours at once where memory allows.
ASKED = 65536


#: Neighbours that the density of a place is measured by.
MANY = 20


#: A cluster of fewer objects than this, and of less than a hundredth of all, is a small group.
SMALL = 20


@dataclass(frozen=True)
class Loneliness:
    """How lonely objects are among the reference objects.

    Attributes
    ----------
    isolation : ndarray of float, shape (n,)
        Mean cosine distance to the few nearest.
    density : ndarray of float, shape (n,)
        How much thinner a place is than those of its neighbours: the local outlier factor of
        Breunig et al. (2000) with Euclidean distances of unit vectors; only reference objects are
        neighbours, and none is its own. About 1 inside a cluster of any density.
    """

    isolation: np.ndarray
    density: np.ndarray


def loneliness(
    vectors: np.ndarray,
    present: np.ndarray,
    reference: np.ndarray,
    few: int = 8,
    many: int = MANY,
    *,
    rows: np.ndarray | None = None,
    reach: np.ndarray | None = None,
) -> Loneliness:
    """Measure how lonely objects are, by one search of their neighbours.

    Parameters
    ----------
    vectors : ndarray, shape (n, D)
        Unit vectors.
    present : ndarray of bool, shape (n,)
    reference : ndarray of int
        Rows that may be neighbours.
    few, many : int
        Neighbours that isolation and density are measured by.
    rows : ndarray of int, optional
        The objects to be judged; all by default.
    reach : ndarray, optional
        What `reference_reach` gives, where it is known.

    Returns
    -------
    Loneliness
        Of `rows`. NaN where not observed, and everywhere with too few reference objects.
    """
    asked = np.arange(len(present)) if rows is None else rows
    library = reference[present[reference]]
    isolation, density = np.full((2, len(asked)), np.nan)
    if len(library) < 2:
        return Loneliness(isolation, density)
    shelf = vectors[library]
    thin = len(library) > many
    if thin and reach is None:
        reach = reference_reach(vectors, present, reference, many)
    places = np.flatnonzero(present[asked])
    step = at_once(64 * many, ASKED)
    for start in range(0, len(places), step):
        some = places[start : start + step]
        index, cosine = neighbours_of(vectors, library, asked[some], max(few, many), shelf)
        isolation[some] = (1 - cosine[:, :few].astype(float)).mean(axis=1)
        if thin and reach is not None:
            own, last = reach
            index, distance = index[:, :many], _euclidean(cosine[:, :many])
            density[some] = _reach(distance, last, index) * (1 / own[index]).mean(axis=1)
    return Loneliness(isolation, density)


def reference_reach(
    vectors: np.ndarray, present: np.ndarray, reference: np.ndarray, many: int = MANY
) -> np.ndarray:
    """Measure how far the neighbours of the reference objects lie, as densities need it.

    Parameters
    ----------
    vectors, present, reference, many
        As of `loneliness`.

    Returns
    -------
    ndarray, shape (2, L)
        Of the reference objects that were observed: mean reachability, and distance of the
        farthest neighbour. L is 0 where there are too few.
    """
    library = reference[present[reference]]
    if len(library) <= many:
        return np.zeros((2, 0))
    index, cosine = neighbours_of(vectors, library, library, many)
    distance = _euclidean(cosine)
    return np.stack([_reach(distance, distance[:, -1], index), distance[:, -1]])


def neighbours_of(
    vectors: np.ndarray,
    library: np.ndarray,
    rows: np.ndarray,
    k: int,
    shelf: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest library objects of some objects, none its own.

    Parameters
    ----------
    vectors : ndarray, shape (n, D)
        Unit vectors.
    library, rows : ndarray of int
        Rows of the objects that are found, and of those that ask.
    k : int
        How many; at most all but one of the library.
    shelf : ndarray, optional
        The library's vectors, where they are at hand.

    Returns
    -------
    index : ndarray of int, shape (m, k)
        Places in `library`, the nearest first.
    cosine : ndarray, shape (m, k)
    """
    shelf = vectors[library] if shelf is None else shelf
    index, cosine = nearest(shelf, vectors[rows], k + 1)
    is_self = library[index] == rows[:, None]
    is_self[~is_self.any(axis=1), -1] = True  # not in the library: the farthest goes
    shape = (len(rows), index.shape[1] - 1)
    return index[~is_self].reshape(shape), cosine[~is_self].reshape(shape)


def _euclidean(cosine: np.ndarray) -> np.ndarray:
    return np.sqrt(np.clip(2 - 2 * np.asarray(cosine, float), 0, None))


def _reach(distance: np.ndarray, last: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Mean reachability: no neighbour counts as nearer than its own farthest neighbour."""
    return np.maximum(np.maximum(distance, last[index]).mean(axis=1), 1e-12)


def mahalanobis(vectors: np.ndarray, present: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Give the Mahalanobis distance from the mean of the reference objects, shape (n,).

    It finds what is far along directions in which others hardly differ, even if a few more
    objects of the kind are near it. NaN where not observed.

    Parameters
    ----------
    vectors : ndarray, shape (n, D)
    present : ndarray of bool, shape (n,)
    reference : ndarray of int
        Rows that mean and covariance are made of.
    """
    library = vectors[reference[present[reference]]].astype(float)
    result = np.full(len(present), np.nan)
    if len(library) < 2:
        return result
    mean = library.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov(library, rowvar=False))
    variance = np.maximum(variance, 0)
    floor = max(SHRINKAGE * float(variance.mean()), 1e-12)
    rows = np.flatnonzero(present)
    step = at_once(40 * vectors.shape[1], ASKED)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        scores = (vectors[some] - mean) @ axes
        result[some] = np.sqrt((scores**2 / (variance + floor)).sum(axis=1))
    return result


@dataclass(frozen=True)
class WholeClusters:
    """Clusters of all objects, whatever their class.

    Attributes
    ----------
    radius : float
        Cosine distance of neighbours, as found; NaN if there were too few objects.
    cluster : ndarray of int, shape (n,)
        The largest cluster 0; -1 for an object of none, or not observed.
    alone : ndarray of bool, shape (n,)
        Observed, and in no cluster: a complete outlier.
    small : ndarray of bool, shape (n,)
        In a small cluster: a group of like objects that are unlike all others.
    """

    radius: float
    cluster: np.ndarray
    alone: np.ndarray
    small: np.ndarray

    @cached_property
    def sizes(self) -> np.ndarray:
        """Objects in each cluster."""
        return np.bincount(self.cluster[self.cluster >= 0])


def whole_clusters(
    vectors: np.ndarray,
    present: np.ndarray,
    reference: np.ndarray,
    min_samples: int = 5,
    most: int = CLUSTERED,
    seed: int = 0,
) -> WholeClusters:
    """Cluster everything by DBSCAN, without labels (AstroM3, section 4).

    The radius is the knee of the sorted distances to the `min_samples`-th neighbour, the point
    farthest from the chord (Ester et al. 1996 look for it by eye), and no smaller than makes
    nineteen in twenty core objects.

    Parameters
    ----------
    vectors : ndarray, shape (n, D)
        Unit vectors.
    present : ndarray of bool, shape (n,)
    reference : ndarray of int
        Rows that make the clusters; the others belong to one if a core object of it lies within
        the radius.
    min_samples : int
        DBSCAN's: objects within the radius, itself included, that make a core object.
    most : int
        Of more reference objects so many, drawn by the seed, make the clusters.
    seed : int
    """
    from sklearn.cluster import DBSCAN

    n = len(present)
    library = reference[present[reference]]
    cluster = np.full(n, -1)
    if len(library) <= 2 * min_samples:
        return WholeClusters(np.nan, cluster, np.zeros(n, bool), np.zeros(n, bool))
    if len(library) > most:
        rng = np.random.default_rng(seed)
        library = np.sort(rng.choice(library, most, replace=False))
    own = vectors[library]
    _, cosine = nearest(own, own, min_samples)
    distance = 1 - cosine[:, -1].astype(float)
    radius = max(knee(distance), float(np.quantile(distance, CORE)))
    reach = np.sqrt(2 * radius)  # the Euclidean distance of unit vectors
    made = DBSCAN(eps=max(reach, 1e-9), min_samples=min_samples).fit(own)
    label = by_size(made.labels_)
    core = made.core_sample_indices_
    rows = np.flatnonzero(present)
    if len(core):
        index, best = nearest(own[core], vectors[rows], 1)
        near = 1 - best[:, 0] <= radius + 1e-6
        cluster[rows] = np.where(near, label[core][index[:, 0]], -1)
    size = np.bincount(label[label >= 0], minlength=1)
    little = size < max(SMALL, 0.01 * len(library))
    return WholeClusters(
        float(radius), cluster, present & (cluster < 0), (cluster >= 0) & little[cluster]
    )


def knee(values: np.ndarray) -> float:
    """Give the value at the knee of a sorted curve: the point farthest below its chord."""
    curve = np.sort(values)
    chord = np.linspace(curve[0], curve[-1], len(curve))
    return float(curve[int((chord - curve).argmax())])
