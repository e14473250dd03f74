"""Clusters: islands on a map, groups in the embedding, and what sets them apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field
from threadpoolctl import threadpool_limits

from skybind.errors import DataError
from skybind.record import Number, Record

#: Of the AstroCLIP reports, section 4.4.
RADIUS, MIN_SAMPLES = 0.20, 5


#: On a sparse map: radius in units of the median distance to the last of the samples.
SPARSE = 2.0


#: Objects that k-means is fitted on, and that its silhouette is measured on, at most.
FITTED_UP_TO, SILHOUETTE_UP_TO = 20_000, 2000


#: A column sets a cluster apart if chance would do so less often than this.
SIGNIFICANCE = 1e-4


@dataclass(frozen=True)
class KMeansResult:
    """A division of objects into k groups.

    Attributes
    ----------
    label : ndarray of int, shape (n,)
        Group of each object, the largest group first.
    silhouette : dict of int to float
        k -> mean silhouette (Rousseeuw 1987) of each that was tried; the largest one chose k.
    """

    label: np.ndarray
    silhouette: dict[int, float]

    @property
    def k(self) -> int:
        """Number of groups."""
        return max(self.silhouette, key=lambda k: self.silhouette[k])


class Distinction(Record):
    """How one column sets a cluster apart from all other objects."""

    column: str = Field(..., description="The column.")
    value: str = Field(
        ...,
        description="Of text: the value that is more frequent in the cluster; empty for numbers.",
    )
    effect: Number = Field(
        ...,
        description="Numbers: sqrt(2) Phi^-1(P), P the probability that an object inside has a "
        "larger value than one outside (McGraw & Wong 1992), which between two normal "
        "distributions of one width is the distance of the means in standard deviations; text: "
        "log2 of the ratio of the value's shares inside and outside.",
    )
    inside: Number = Field(
        ...,
        description="Median inside, in the column's unit; of text the share.",
    )
    outside: Number = Field(..., description="The same outside.")
    p_value: Number = Field(
        ...,
        description="Of the two-sided rank-sum test (numbers), or of the one-sided hypergeometric "
        "test (text).",
    )


class TruthMatch(Record):
    """How well clusters hold objects of one planted kind."""

    kind: str = Field(..., description="Which objects.")
    n: int = Field(..., description="How many of them there are among all that were clustered.")
    share: Number = Field(
        ..., description="Their share of all: the precision that chance would have."
    )
    cluster: int = Field(
        ..., description="The cluster of largest F1 score; -1 if no cluster holds any."
    )
    size: int = Field(..., description="Objects in it.")
    precision: Number = Field(..., description="Fraction of its members that are of the kind.")
    recall: Number = Field(..., description="Fraction of the kind that is in it.")
    clusters: tuple[int, ...] = Field(
        ..., description="All clusters in which the kind is the majority."
    )
    precision_of_all: Number = Field(
        ..., description="Precision of these clusters together; 0 if there is none."
    )
    recall_of_all: Number = Field(..., description="Recall of these clusters together.")


def islands(
    position: np.ndarray, radius: float = RADIUS, min_samples: int = MIN_SAMPLES
) -> np.ndarray:
    """Find the islands of a map by DBSCAN (Ester et al. 1996).

    Parameters
    ----------
    position : ndarray, shape (n, 2)
        Where the objects lie on the map.
    radius : float
        Objects this near are neighbours (eps), in the map's units.
    min_samples : int
        Objects with as many neighbours, themselves included, make an island grow.

    Returns
    -------
    ndarray of int, shape (n,)
        Island of each object, the largest island 0; -1 for objects on none.

    Raises
    ------
    DataError
        If the radius or the number is not positive, or a position is not finite.
    """
    from sklearn.cluster import DBSCAN

    if radius <= 0 or min_samples < 1:
        raise DataError(
            f"Islands need a positive radius and number of samples, not {radius} and {min_samples}."
        )
    if not np.isfinite(position).all():
        raise DataError("Positions on a map are not all finite.")
    if len(position) == 0:
        return np.zeros(0, dtype=np.int64)
    return by_size(DBSCAN(eps=radius, min_samples=min_samples).fit_predict(position))


def island_radius(
    position: np.ndarray, min_samples: int = MIN_SAMPLES, least: float = RADIUS
) -> float:
    """Choose DBSCAN's radius: that of the reports, or a larger one where a map is sparse.

    The reports' 0.20 suits their 30,000 objects; with few objects it breaks a continuum into
    crumbs. Then twice the median distance to the `min_samples`-th object is taken (after
    the k-distance plot of Ester et al. 1996).

    Parameters
    ----------
    position : ndarray, shape (n, 2)
        Where the objects lie on the map.
    min_samples : int
        As of `islands`.
    least : float
        Smallest radius.

    Returns
    -------
    float
    """
    from scipy.spatial import KDTree

    if len(position) < min_samples or min_samples < 2:
        return least
    distance, _ = KDTree(position).query(position, k=[min_samples])
    return max(least, SPARSE * float(np.median(distance)))


def kmeans(
    vectors: np.ndarray, ks: Sequence[int] = tuple(range(2, 13)), seed: int = 0
) -> KMeansResult:
    """Divide embeddings into k groups by k-means, with k chosen by the silhouette.

    Fitted on at most 20,000 objects; the silhouette is measured on at most 2,000 of them. The
    other objects join the group of the nearest centre.

    Parameters
    ----------
    vectors : ndarray, shape (n, D)
        Embeddings in their full space.
    ks : sequence of int
        Numbers of groups to try; those that leave fewer than two objects a group are passed over.
    seed : int
        Of the first centres and of the samples.

    Returns
    -------
    KMeansResult

    Raises
    ------
    DataError
        If there are too few objects for any k, or a value is not finite.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    vectors = np.asarray(vectors, dtype=np.float32)
    possible = [k for k in ks if 2 <= k <= len(vectors) // 2]
    if not possible:
        raise DataError(f"{len(vectors)} objects are too few for k-means with k from {list(ks)}.")
    if not np.isfinite(vectors).all():
        raise DataError("Embeddings for k-means hold values that are not finite.")
    rng = np.random.default_rng(seed)
    fitted = vectors
    if len(vectors) > FITTED_UP_TO:
        fitted = vectors[rng.choice(len(vectors), FITTED_UP_TO, replace=False)]
    sample = rng.permutation(len(fitted))[:SILHOUETTE_UP_TO]
    silhouette: dict[int, float] = {}
    best: Any = None
    # several threads on so little mostly wait for each other, minutes beside other programs
    with threadpool_limits(1):
        for k in possible:
            model = KMeans(k, n_init=3, random_state=seed).fit(fitted)
            found = model.labels_[sample]
            several = 1 < len(np.unique(found)) < len(sample)
            score = float(silhouette_score(fitted[sample], found)) if several else -1.0
            if best is None or score > max(silhouette.values()):
                best = model
            silhouette[k] = score
    return KMeansResult(by_size(best.predict(vectors)), silhouette)


def by_size(label: np.ndarray) -> np.ndarray:
    """Number clusters anew from 0, the largest first; -1 (no cluster) stays."""
    names, codes, counts = np.unique(label, return_inverse=True, return_counts=True)
    order = np.lexsort((names, -counts, names < 0))
    number = np.empty(len(names), dtype=np.int64)
    number[order] = np.arange(len(names))
    number[names < 0] = -1
    return number[codes]


def distinctions(
    inside: np.ndarray, columns: Mapping[str, np.ndarray], top: int = 4
) -> list[Distinction]:
    """Find the columns that set a cluster apart from the other objects.

    Columns are kept that differ with a p-value below 1e-4 divided by the number of columns, the
    largest effect first.

    Parameters
    ----------
    inside : ndarray of bool, shape (n,)
        Which objects are in the cluster.
    columns : mapping of str to ndarray, shape (n,)
        Numbers (NaN where missing) or text ("" where missing).
    top : int
        Most columns to give.

    Returns
    -------
    list of Distinction
    """
    inside = np.asarray(inside, dtype=bool)
    found = []
    for name, values in columns.items():
        values = np.asarray(values)
        compare = _compare_text if values.dtype.kind in "OUSb" else _compare_numbers
        found += compare(name, values, inside)
    limit = SIGNIFICANCE / max(len(columns), 1)
    kept = [entry for entry in found if entry.p_value < limit and entry.effect != 0]
    return sorted(kept, key=lambda entry: -abs(entry.effect))[:top]


def match_truth(label: np.ndarray, kinds: Mapping[str, np.ndarray]) -> list[TruthMatch]:
    """See which clusters hold the objects of known kinds, with precision and recall.

    Parameters
    ----------
    label : ndarray of int, shape (n,)
        Cluster of each object, from 0; -1 for none.
    kinds : mapping of str to ndarray of bool, shape (n,)
        Which objects are of each kind.

    Returns
    -------
    list of TruthMatch
        Kinds of which there is no object are left out.
    """
    label = np.asarray(label)
    n_clusters = int(label.max(initial=-1)) + 1
    size = np.bincount(label[label >= 0], minlength=n_clusters)
    matches = []
    for kind, flags in kinds.items():
        flags = np.asarray(flags, dtype=bool)
        n = int(flags.sum())
        if not n:
            continue
        hits = np.bincount(label[flags & (label >= 0)], minlength=n_clusters)
        precision, recall = hits / np.maximum(size, 1), hits / n
        best = int((2 * hits / (size + n)).argmax()) if n_clusters else -1
        if best >= 0 and not hits[best]:
            best = -1
        majority = np.flatnonzero(precision > 0.5)
        all_hits = int(hits[majority].sum())
        matches.append(
            TruthMatch(
                kind=kind,
                n=n,
                share=n / len(label),
                cluster=best,
                size=int(size[best]) if best >= 0 else 0,
                precision=float(precision[best]) if best >= 0 else 0.0,
                recall=float(recall[best]) if best >= 0 else 0.0,
                clusters=tuple(majority.tolist()),
                precision_of_all=all_hits / max(int(size[majority].sum()), 1),
                recall_of_all=all_hits / n,
            )
        )
    return matches


def _compare_numbers(name: str, values: np.ndarray, inside: np.ndarray) -> list[Distinction]:
    """Compare the ranks inside and outside."""
    from scipy.special import ndtri
    from scipy.stats import mannwhitneyu

    values = values.astype(np.float64)
    known = np.isfinite(values)
    a, b = values[inside & known], values[~inside & known]
    if len(a) < 3 or len(b) < 3:
        return []
    test = mannwhitneyu(a, b, method="asymptotic")
    # as if half a pair more stood on either side: even where none overlaps it is finite
    larger = (test.statistic + 0.5) / (len(a) * len(b) + 1)
    effect = float(np.sqrt(2) * ndtri(larger))
    inner, outer = float(np.median(a)), float(np.median(b))
    return [
        Distinction(
            column=name,
            value="",
            effect=effect,
            inside=inner,
            outside=outer,
            p_value=float(test.pvalue),
        )
    ]


def _compare_text(name: str, values: np.ndarray, inside: np.ndarray) -> list[Distinction]:
    """Compare the shares of every value that occurs inside, where it is more frequent there."""
    from scipy.stats import hypergeom

    text = values.astype(str)
    known = text != ""
    n, n_inside = int(known.sum()), int((known & inside).sum())
    if not n_inside or n_inside == n:
        return []
    names, codes = np.unique(text[known], return_inverse=True)
    all_counts = np.bincount(codes, minlength=len(names))
    hits = np.bincount(codes[inside[known]], minlength=len(names))
    p_values = hypergeom.sf(hits - 1, n, all_counts, n_inside)
    found = []
    for value, hit, total, p_value in zip(names, hits, all_counts, p_values, strict=True):
        share = hit / n_inside
        # half an object more keeps the ratio finite where a value is found inside only
        other = (total - hit) / (n - n_inside)
        effect = np.log2(share / ((total - hit + 0.5) / (n - n_inside + 0.5))) if hit else 0.0
        if effect > 0:
            found.append(
                Distinction(
                    column=name,
                    value=str(value),
                    effect=float(effect),
                    inside=share,
                    outside=other,
                    p_value=float(p_value),
                )
            )
    return found
