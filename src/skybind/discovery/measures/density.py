"""Objects that belong to no cluster of the whole set, and objects in thin places."""

from dataclasses import dataclass

import numpy as np

from skybind.measures.clusters import by_size
from skybind.measures.neighbours import nearest

#: Of the mean variance, added to all directions, so that those without variance do not decide.
SHRINKAGE = 0.05


#: At least this share of the objects are core objects: a thin cluster is still a cluster.
CORE = 0.95


#: A cluster of fewer objects than this, and of less than a hundredth of all, is a small group.
SMALL = 20


def density_ratio(
    vectors: np.ndarray, present: np.ndarray, reference: np.ndarray, neighbours: int = 20
) -> np.ndarray:
    """Say how much thinner a place is than those of its neighbours, shape (n,).

    The local outlier factor of Breunig et al. (2000) with Euclidean distances of unit vectors;
    only reference objects are neighbours, and none is its own. About 1 inside a cluster of any
    density; NaN where not observed.

    Parameters
    ----------
    vectors : ndarray, shape (n, D)
        Unit vectors.
    present : ndarray of bool, shape (n,)
    reference : ndarray of int
        Rows that may be neighbours.
    neighbours : int
    """
    library = reference[present[reference]]
    rows = np.flatnonzero(present)
    result = np.full(len(present), np.nan)
    if len(library) <= neighbours or not len(rows):
        return result
    index, cosine = nearest(vectors[library], vectors[rows], neighbours + 1)
    is_self = library[index] == rows[:, None]
    is_self[~is_self.any(axis=1), -1] = True  # not in the library: the farthest goes
    shape = (len(rows), neighbours)
    distance = np.sqrt(np.clip(2 - 2 * np.asarray(cosine, float), 0, None))[~is_self].reshape(shape)
    index = index[~is_self].reshape(shape)
    place = np.full(len(present), -1)
    place[rows] = np.arange(len(rows))
    own = place[library]
    # reachability: no neighbour counts as nearer than its own farthest neighbour
    reach = np.maximum(distance, distance[own, -1][index]).mean(axis=1)
    reach = np.maximum(reach, 1e-12)
    result[rows] = reach * (1 / reach[own][index]).mean(axis=1)
    return result


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
    scores = (vectors[present] - mean) @ axes
    result[present] = np.sqrt((scores**2 / (variance + floor)).sum(axis=1))
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


def whole_clusters(
    vectors: np.ndarray,
    present: np.ndarray,
    reference: np.ndarray,
    min_samples: int = 5,
    most: int = 10_000,
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
