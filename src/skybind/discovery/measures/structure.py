"""Structure inside a class, and where classes that were never trained on belong.

The strongest differences between embeddings of one class are often not between the objects but
between the observations: bright and faint, many epochs and few. They are taken out first
(`adjusted`); what is left is divided by k-means.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from threadpoolctl import threadpool_limits

from skybind.errors import DataError
from skybind.memory import at_once
from skybind.record import Number, Numbers, Record

#: Principal components that are clustered, at most.
COMPONENTS = 10

#: Objects of more than this are decomposed by their covariance: a block at a time.
WHOLE = 50_000


#: Objects that k-means is fitted on in the test, and its silhouette is measured on, at most.
MOST = 1000


#: A part of fewer objects is none: k-means gives single outliers a part of their own.
SMALLEST = 5


#: Fewer objects than this have no structure that could be told from chance.
FEWEST = 20


class Parts(Record):
    """How a class divides."""

    k: int = Field(..., description="Number of parts with the largest silhouette.")
    silhouette: dict[int, Number] = Field(
        ..., description="k -> mean silhouette (Rousseeuw 1987) of that many parts."
    )
    p_value: Number = Field(
        ...,
        description="Share of permuted classes, without parts, that reach as large a silhouette.",
    )
    permutations: int | None = Field(
        None, description="Permuted classes; `p_value` is at least 1 / (1 + permutations)."
    )
    sizes: tuple[int, ...] = Field(..., description="Objects of each part, the largest first.")


@dataclass(frozen=True)
class SubClusters:
    """The parts of one class.

    Attributes
    ----------
    label : ndarray of int, shape (n,)
        Part of each object, the largest part 0.
    silhouette : dict of int to float
        Mean silhouette for each number of parts; the largest chose the number.
    p_value : float
        Share of permuted classes, without parts, that reach as large a silhouette.
    null : ndarray
        The largest silhouettes of the permuted classes.
    """

    label: np.ndarray
    silhouette: dict[int, float]
    p_value: float
    null: np.ndarray

    @property
    def k(self) -> int:
        """Number of parts with the largest silhouette."""
        return max(self.silhouette, key=lambda k: self.silhouette[k])

    @property
    def significant(self) -> bool:
        """Whether chance makes such parts in at most one case of twenty."""
        return self.p_value <= 0.05

    @property
    def parts(self) -> Parts:
        """What is told of it."""
        return Parts(
            k=self.k,
            silhouette=self.silhouette,
            p_value=self.p_value,
            permutations=len(self.null),
            sizes=tuple(np.bincount(self.label).tolist()),
        )


def adjusted(vectors: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
    """Take out of embeddings what a quadratic function of some numbers explains.

    Parameters
    ----------
    vectors : ndarray, shape (n, D)
        Embeddings of one class.
    nuisance : ndarray, shape (n, F)
        What describes the observation and not the object (logarithms of signal to noise, number
        of epochs); NaN counts as the mean.

    Returns
    -------
    ndarray, shape (n, D)
        Residuals, of zero mean.
    """
    columns = [np.ones(len(vectors))]
    for values in np.asarray(nuisance, dtype=float).T:
        known = np.isfinite(values)
        spread = values[known].std() if known.any() else 0.0
        if spread > 0:
            scaled = np.where(known, (values - values[known].mean()) / spread, 0.0)
            columns += [scaled, scaled**2]
    design = np.stack(columns, axis=1)
    weights, *_ = np.linalg.lstsq(design, vectors, rcond=None)
    return vectors - design @ weights


def sub_clusters(
    vectors: np.ndarray,
    ks: Sequence[int] = (2, 3, 4, 5, 6),
    permutations: int = 99,
    seed: int = 0,
) -> SubClusters:
    """Divide one class, and test whether there is more than one part.

    The number of parts has the largest mean silhouette among `ks`; a division that leaves a part
    of fewer than five objects counts as -1. The same is done to permuted
    classes of the same size and covariance but without parts: the principal components are
    whitened, turned at random, every coordinate is permuted among the objects, and all is
    turned back. In a random direction several parts look like one, so that permuting leaves
    none; the p-value is the share of permuted classes with a silhouette as large.

    Parameters
    ----------
    vectors : ndarray, shape (n, D)
        Embeddings of one class, perhaps `adjusted`.
    ks : sequence of int
        Numbers of parts to try.
    permutations : int
        Permuted classes.
    seed : int

    Raises
    ------
    DataError
        If there are fewer than 20 objects.
    """
    if len(vectors) < FEWEST:
        raise DataError(
            f"{len(vectors)} objects are too few to look for parts: {FEWEST} are needed."
        )
    rng = np.random.default_rng(seed)
    scores = _principal(vectors)
    ks = [k for k in ks if k <= len(vectors) // 5] or [2]
    sample = scores[rng.choice(len(scores), MOST, replace=False)] if len(scores) > MOST else scores
    # several threads on so little only wait for each other, minutes beside other programs
    with threadpool_limits(1):
        silhouette, label = _divide(scores, ks, seed)
        null = np.array(
            [
                max(_divide(_permuted(sample, rng), ks, seed)[0].values())
                for _ in range(permutations)
            ]
        )
    observed = max(silhouette.values())
    p_value = (1 + int((null >= observed).sum())) / (1 + permutations)
    return SubClusters(label, silhouette, p_value, null)


def _principal(vectors: np.ndarray) -> np.ndarray:
    """Give the leading principal components, shape (n, at most 10)."""
    if len(vectors) > WHOLE:
        return _principal_of_many(vectors)
    centred = np.asarray(vectors, dtype=float) - vectors.mean(axis=0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    kept = min(COMPONENTS, int((size > 1e-9 * max(size[0], 1e-300)).sum()))
    return left[:, : max(kept, 1)] * size[: max(kept, 1)]


def _principal_of_many(vectors: np.ndarray) -> np.ndarray:
    """Give the same by the covariance, block by block, up to signs and rounding."""
    n, dimension = vectors.shape
    mean, covariance = vectors.mean(axis=0, dtype=float), np.zeros((dimension, dimension))
    step = at_once(24 * dimension, WHOLE)
    blocks = [slice(start, start + step) for start in range(0, n, step)]
    for rows in blocks:
        centred = vectors[rows] - mean
        covariance += centred.T @ centred
    square, axes = np.linalg.eigh(covariance)
    size = np.sqrt(np.maximum(square[::-1], 0))
    # squaring leaves half the digits, so that what is nothing is larger than above
    kept = min(COMPONENTS, int((size > 1e-6 * max(size[0], 1e-300)).sum()))
    axes = axes[:, ::-1][:, : max(kept, 1)]
    return np.concatenate([(vectors[rows] - mean) @ axes for rows in blocks])


def _divide(
    scores: np.ndarray, ks: Sequence[int], seed: int
) -> tuple[dict[int, float], np.ndarray]:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    from skybind.measures.clusters import by_size

    silhouette: dict[int, float] = {}
    best = np.zeros(len(scores), np.int64)
    for k in ks:
        label = KMeans(k, n_init=3, random_state=seed).fit_predict(scores)
        several = len(np.unique(label)) > 1 and np.bincount(label).min() >= SMALLEST
        size = min(MOST, len(scores))
        value = (
            float(silhouette_score(scores, label, sample_size=size, random_state=seed))
            if several
            else -1.0
        )
        if not silhouette or value > max(silhouette.values()):
            best = label
        silhouette[k] = value
    return silhouette, by_size(best)


def _permuted(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A class of the same covariance without parts; `scores` are uncorrelated."""
    spread = scores.std(axis=0)
    turn, _ = np.linalg.qr(rng.normal(size=(scores.shape[1], scores.shape[1])))
    white = (scores / np.where(spread > 0, spread, 1.0)) @ turn
    return (rng.permuted(white, axis=0) @ turn.T) * spread


class Landing(Record):
    """Where the objects of a class that was never trained on come to lie."""

    name: str = Field(..., description="The new class.")
    n: int = Field(..., description="Its objects.")
    classes: tuple[str, ...] = Field(
        ..., description="Known classes, the most frequent landing place first."
    )
    share: Numbers = Field(
        ..., description="Mean share of the neighbours' votes that each of these gets."
    )
    lonely: Number = Field(
        ...,
        description="Share of its objects that lie farther from all known objects than 99 % of "
        "these.",
    )


def landings(
    names: np.ndarray, votes: np.ndarray, isolation_tail: np.ndarray, classes: Sequence[str]
) -> list[Landing]:
    """Say where new classes land.

    Parameters
    ----------
    names : ndarray of str, shape (n,)
        Name of the new class of each object; "" for those of known classes or none.
    votes : ndarray, shape (n, C)
        Shares of the votes of the nearest known objects; NaN for an object not observed.
    isolation_tail : ndarray, shape (n,)
        Share of known objects that lie at least as far from the others.
    classes : sequence of str, length C

    Returns
    -------
    list of Landing
        The largest new class first.
    """
    found = []
    for name in np.unique(names[names != ""]):
        members = (names == name) & np.isfinite(votes).all(axis=1)
        if not members.any():
            continue
        share = votes[members].mean(axis=0)
        order = np.argsort(-share, kind="stable")
        found.append(
            Landing(
                name=str(name),
                n=int(members.sum()),
                classes=tuple(classes[i] for i in order),
                share=share[order],
                lonely=float((isolation_tail[members] <= 0.01).mean()),
            )
        )
    return sorted(found, key=lambda landing: -landing.n)
