"""Outliers and suspected misclassifications, from embeddings and labels (AstroM3, section 4).

Everything is judged against *reference* objects (the training objects): centroids, thresholds and
the scale of every score come from them, so that new objects can be judged one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from skybind.embeddings.means import unit
from skybind.errors import DataError
from skybind.memory import at_once

#: Name of the mean of all modalities, among the modalities' names.
COMBINED = "all"


#: Objects of a class that its main cluster is made of at most.
CLASS_CLUSTERED = 4000


#: Objects that are judged at once where memory allows.
ASKED = 65536


#: A class with fewer reference objects has no centroid: nothing can be far from it.
MIN_CLASS = 5


@dataclass(frozen=True)
class CentroidOutliers:
    """How far each object lies from the centroid of its class, in each modality.

    Attributes
    ----------
    modalities : tuple of str
        The columns.
    distance : ndarray of float, shape (n, M)
        Cosine distance from the centroid of the object's own class; NaN where the object has no
        class or was not observed.
    threshold : ndarray of float, shape (C, M)
        The percentile of the reference objects' distances; NaN for a class without a centroid.
    flagged : ndarray of bool, shape (n, M)
        Beyond the threshold of its class.
    closest : ndarray of int, shape (n, M)
        Class whose centroid is nearest; -1 where not observed.
    """

    modalities: tuple[str, ...]
    distance: np.ndarray
    threshold: np.ndarray
    flagged: np.ndarray
    closest: np.ndarray

    @property
    def n_flagged(self) -> np.ndarray:
        """In how many modalities each object is flagged, shape (n,)."""
        return self.flagged.sum(axis=1)


def class_centroids(vectors: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Give the unit mean vector of each class, shape (C, D); NaN for a class of under five.

    Parameters
    ----------
    vectors : ndarray, shape (n, D)
        Unit vectors.
    labels : ndarray of int, shape (n,)
        Class codes; -1 for none.
    n_classes : int
    """
    sums = np.zeros((n_classes, vectors.shape[1]))
    known = labels >= 0
    np.add.at(sums, labels[known], vectors[known])
    counts = np.bincount(labels[known], minlength=n_classes)
    centroids = unit(sums)
    centroids[counts < MIN_CLASS] = np.nan
    return centroids


def centroid_outliers(
    vectors: Mapping[str, np.ndarray],
    present: Mapping[str, np.ndarray],
    labels: np.ndarray,
    reference: np.ndarray,
    n_classes: int,
    percentile: float = 99.0,
) -> CentroidOutliers:
    """Flag objects that lie far from the centroid of their class.

    Parameters
    ----------
    vectors : mapping of modality to ndarray, shape (n, D)
        Unit vectors.
    present : mapping of modality to ndarray of bool, shape (n,)
    labels : ndarray of int, shape (n,)
        Class codes; -1 for none.
    reference : ndarray of int
        Rows of the objects that centroids and thresholds are made of.
    n_classes : int
    percentile : float
        Of the reference objects' distances, per class (the paper: 99).

    Raises
    ------
    DataError
        If the percentile is not between 0 and 100.
    """
    if not 0 < percentile < 100:
        raise DataError(f"The percentile is {percentile}: it must lie between 0 and 100.")
    names = tuple(vectors)
    n = len(labels)
    distance = np.full((n, len(names)), np.nan)
    threshold = np.full((n_classes, len(names)), np.nan)
    closest = np.full((n, len(names)), -1)
    for column, name in enumerate(names):
        seen = present[name]
        inside = reference[seen[reference]]
        centroids = class_centroids(vectors[name][inside], labels[inside], n_classes)
        usable = np.isfinite(centroids).all(axis=1)
        places = np.nan_to_num(centroids).T
        step = at_once(16.0 * sum(places.shape), ASKED)
        for rows in (slice(start, start + step) for start in range(0, n, step)):
            cosine = np.where(usable, vectors[name][rows] @ places, -np.inf)
            label = labels[rows]
            if usable.any():
                closest[rows, column] = np.where(seen[rows], cosine.argmax(axis=1), -1)
            own = seen[rows] & (label >= 0)
            own[own] &= usable[label[own]]
            distance[rows, column][own] = 1 - cosine[own, label[own]]
        for code in np.flatnonzero(usable):
            members = inside[labels[inside] == code]
            threshold[code, column] = np.percentile(distance[members, column], percentile)
    limit = np.where(labels[:, None] >= 0, threshold[np.maximum(labels, 0)], np.nan)
    with np.errstate(invalid="ignore"):
        flagged = distance > limit
    return CentroidOutliers(names, distance, threshold, flagged, closest)


def disagreement(
    vectors: Mapping[str, np.ndarray],
    present: Mapping[str, np.ndarray],
    reference: np.ndarray,
) -> dict[tuple[str, str], np.ndarray]:
    """Score how little two modalities of one object agree.

    The cosine between its two embeddings, as the share of reference objects whose cosine is
    smaller, is turned around: 1 for an object that agrees less than all of them.

    Returns
    -------
    dict of (modality, modality) to ndarray, shape (n,)
        NaN where one of the two was not observed.
    """
    scores = {}
    for a, b in combinations(vectors, 2):
        both = present[a] & present[b]
        cosine = np.full(len(both), np.nan)
        seen = np.flatnonzero(both)
        step = at_once(16 * vectors[a].shape[1], ASKED)
        for rows in (seen[start : start + step] for start in range(0, len(seen), step)):
            cosine[rows] = (vectors[a][rows] * vectors[b][rows]).sum(axis=1)
        scores[a, b] = 1 - upper_tail(-cosine, reference[both[reference]])
    return scores


def upper_tail(score: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Give the share of reference objects that score at least as high, shape (n,).

    At least 1 / (N + 1), as an object counts as its own reference; NaN stays NaN.
    """
    known = np.sort(score[reference][np.isfinite(score[reference])])
    above = len(known) - np.searchsorted(known, score, side="left")
    share = (above + 1) / (len(known) + 1)
    return np.where(np.isfinite(score), np.minimum(share, 1.0), np.nan)


@dataclass(frozen=True)
class MainCluster:
    """What DBSCAN leaves outside of the one main cluster of a class.

    Attributes
    ----------
    radius : float
        The eps that was found, a cosine distance.
    outside : ndarray of bool, shape (n,)
    """

    radius: float
    outside: np.ndarray


def main_cluster(
    vectors: np.ndarray, min_samples: int = 5, most: int = CLASS_CLUSTERED, seed: int = 0
) -> MainCluster:
    """Set DBSCAN so that one cluster remains, and give the objects outside it.

    The radius is the smallest for which, it and every larger one tried, DBSCAN finds a single
    cluster (the paper: "configuring it to identify a single major cluster per class"). Radii
    tried are the quantiles 0.9 to 1 of the distance to the `min_samples`-th neighbour, so that
    at least nine tenths of a class are its cluster.

    Parameters
    ----------
    vectors : ndarray, shape (n, D)
        Unit vectors of one class.
    min_samples : int
        DBSCAN's: neighbours within the radius that make a core point.
    most : int
        Of a larger class so many (drawn by the seed) make the cluster; the others belong to it
        if a core point lies within the radius.
    seed : int
    """
    n = len(vectors)
    if n <= min_samples:
        return MainCluster(np.nan, np.zeros(n, bool))
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(n, most, replace=False)) if n > most else np.arange(n)
    sample = vectors[chosen].astype(np.float32)
    distances = np.clip(1 - sample @ sample.T, 0, 2)
    kth = np.partition(distances, min_samples - 1, axis=1)[:, min_samples - 1]
    radii = np.unique(np.quantile(kth, np.linspace(0.9, 1.0, 41)))[::-1]
    best, core = float(radii[0]), np.ones(len(sample), bool)
    for radius in radii:
        labels, cores = _dbscan(distances, float(radius), min_samples)
        if labels.max() != 0:
            break
        best, core = float(radius), cores
    nearest_core = np.full(n, np.inf)
    for start in range(0, n, 2048):
        rows = slice(start, start + 2048)
        nearest_core[rows] = 1 - (vectors[rows] @ sample[core].T).max(axis=1)
    return MainCluster(best, nearest_core > best + 1e-6)


def _dbscan(
    distances: np.ndarray, radius: float, min_samples: int
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.cluster import DBSCAN

    made = DBSCAN(eps=radius, min_samples=min_samples, metric="precomputed").fit(distances)
    core = np.zeros(len(distances), bool)
    core[made.core_sample_indices_] = True
    return made.labels_, core


def suspicion(tails: Sequence[np.ndarray]) -> np.ndarray:
    """Join the tail probabilities of several kinds of evidence to one score, shape (n,).

    -log10 of the smallest, plus a tenth of that of the second smallest: one strong reason is
    enough, and of objects with equally strong ones that with two comes first. Missing values
    count as 1.
    """
    stacked = -np.log10(np.stack([np.where(np.isfinite(t), t, 1.0) for t in tails], axis=1))
    top = np.sort(stacked, axis=1)
    joined = top[:, -1] + (0.1 * top[:, -2] if len(tails) > 1 else 0.0)
    return joined + 0.0  # -log10(1) is -0.0
