"""Canonical correlation: what a statistician would bind two views of an object with.

Simple features of either view are standardised, and the directions are found in which the two
correlate most (Hotelling 1936), with the covariances shrunk towards the identity (Vinod 1976).
How much they are shrunk, and how many directions are used, is chosen on held-out training pairs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from skybind.errors import DataError

#: Shares of the identity in the covariances that are tried.
SHRINKAGES = (1e-4, 1e-3, 0.01, 0.1, 0.3, 0.6)


#: Numbers of directions that are tried, as far as there are so many.
DIMENSIONS = (1, 2, 4, 8, 16, 32, 64)


#: Folds of the cross-validation; training pairs that are used, at most; candidates of a fold.
FOLDS, MOST, CANDIDATES = 3, 6000, 400


#: Fewer training pairs than this are no ground for a fit.
FEWEST = 20


#: A correlation is taken to be this at most: more would make one pair worth all others.
LARGEST = 0.995


@dataclass(frozen=True)
class Standard:
    """How the features of one view are standardised, by its training objects.

    Attributes
    ----------
    kept : ndarray of bool, shape (F,)
        Features that vary.
    mean, scale : ndarray, shape (P,)
    """

    kept: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> "Standard":
        """Learn from features, shape (n, F); NaN and infinite values are not known."""
        values = _known(values)
        number = np.isfinite(values).sum(axis=0)
        filled = np.where(np.isfinite(values), values, 0.0)
        mean = filled.sum(axis=0) / np.maximum(number, 1)
        squares = np.where(np.isfinite(values), (values - mean) ** 2, 0.0).sum(axis=0)
        scale = np.sqrt(squares / np.maximum(number, 1))
        kept = scale > 1e-12 * (np.abs(mean) + 1e-300)
        return cls(kept, mean[kept], scale[kept])

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Standardise features, clipped at 10 sigma; what is not known becomes the mean."""
        standard = (_known(values)[:, self.kept] - self.mean) / self.scale
        return np.clip(np.nan_to_num(standard), -10, 10)


@dataclass(frozen=True)
class CanonicalCorrelation:
    """Two views bound by canonical correlation.

    Attributes
    ----------
    first, second : Standard
    a, b : ndarray, shape (P, K) and (Q, K)
        Directions in the standardised features; of training objects the variates have variance 1
        but for the shrinkage.
    correlation : ndarray, shape (K,)
        Of the variates of either direction, of pairs that were held out; from 0 to 0.995.
    shrinkage : float
        Share of the identity in the covariances.
    """

    first: Standard
    second: Standard
    a: np.ndarray
    b: np.ndarray
    correlation: np.ndarray
    shrinkage: float

    @property
    def dimension(self) -> int:
        """Number of directions."""
        return len(self.correlation)

    def swapped(self) -> "CanonicalCorrelation":
        """Give the same with the two views exchanged."""
        return CanonicalCorrelation(
            self.second, self.first, self.b, self.a, self.correlation, self.shrinkage
        )

    def variates(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the canonical variates of both views, (n, K) and (m, K)."""
        return self.first.apply(x) @ self.a, self.second.apply(y) @ self.b

    def by_cosine(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give unit vectors of both views, whose product is the cosine of their variates."""
        u, v = self.variates(x, y)
        return _unit(u), _unit(v)

    def by_likelihood(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give vectors of both views whose product orders the second for each of the first.

        By the likelihood ratio of "one object" to "two objects", of normal variates: the sum over
        the directions of rho u v / (1 - rho^2) - rho^2 v^2 / (2 (1 - rho^2)), but for what is
        the same for all candidates.

        Returns
        -------
        ndarray, shape (n, K + 1)
        ndarray, shape (m, K + 1)
        """
        u, v = self.variates(x, y)
        return likelihood_vectors(u, v, self.correlation)


def likelihood_vectors(
    u: np.ndarray, v: np.ndarray, correlation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give vectors whose products are log-likelihood ratios of normal variates, row by row.

    Parameters
    ----------
    u, v : ndarray, shape (n, K) and (m, K)
        Variates of variance 1.
    correlation : ndarray, shape (K,)
        Of the pairs, below 1.
    """
    rest = 1 - correlation**2
    own = -(correlation**2 / (2 * rest) * v**2).sum(axis=1)
    asked = np.column_stack([u * (correlation / rest), np.ones(len(u))])
    return asked, np.column_stack([v, own])


def fit_canonical(x: np.ndarray, y: np.ndarray, seed: int = 0) -> CanonicalCorrelation:
    """Fit the canonical correlation of two views of the same objects.

    Shrinkage and number of directions are those by which, of held-out training pairs, most wrong
    candidates are beaten by the likelihood ratio.

    Parameters
    ----------
    x, y : ndarray, shape (n, F) and (n, G)
        Features of both views, row by row of one object; NaN where not known.
    seed : int
        Of the folds, and of which pairs are used where there are more than 6,000.

    Raises
    ------
    DataError
        If there are fewer than 20 pairs, or a view has no feature that varies.
    """
    if len(x) != len(y) or len(x) < FEWEST:
        raise DataError(
            f"Canonical correlation needs {FEWEST} pairs or more; there are {len(x)} of the first "
            f"view and {len(y)} of the second."
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))[:MOST]
    x, y = np.asarray(x, float)[order], np.asarray(y, float)[order]
    if not (Standard.of(x).kept.any() and Standard.of(y).kept.any()):
        raise DataError("Canonical correlation needs a feature that varies in either view.")
    fold = np.arange(len(x)) % FOLDS
    tried: dict[tuple[float, int], list[tuple[float, np.ndarray]]] = {}
    for number in range(FOLDS):
        inside, held = fold != number, np.flatnonzero(fold == number)[:CANDIDATES]
        for shrinkage, made in _directions(x[inside], y[inside]):
            u, v = made.variates(x[held], y[held])
            correlation = _correlations(u, v)
            for k in (k for k in DIMENSIONS if k <= made.dimension):
                score = _beaten(u[:, :k], v[:, :k], made.correlation[:k])
                tried.setdefault((shrinkage, k), []).append((score, correlation[:k]))
    whole = {one for one, scores in tried.items() if len(scores) == FOLDS} or set(tried)
    # of equally good ones the simplest
    best = max(sorted(whole, key=lambda one: (one[1], -one[0])),
               key=lambda one: np.mean([score for score, _ in tried[one]]))  # fmt: skip
    shrinkage, k = best
    held_out = np.mean([correlation for _, correlation in tried[best]], axis=0)
    made = next(m for s, m in _directions(x, y, (shrinkage,)))
    k = min(k, made.dimension)
    correlation = np.clip(held_out[:k], 0.0, LARGEST)
    return CanonicalCorrelation(
        made.first, made.second, made.a[:, :k], made.b[:, :k], correlation, shrinkage
    )


def _directions(
    x: np.ndarray, y: np.ndarray, shrinkages: Sequence[float] = SHRINKAGES
) -> Iterator[tuple[float, CanonicalCorrelation]]:
    """Yield the directions at every shrinkage, the strongest first, at most 64."""
    first, second = Standard.of(x), Standard.of(y)
    x, y = first.apply(x), second.apply(y)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    n = len(x)
    xx, yy, xy = x.T @ x / n, y.T @ y / n, x.T @ y / n
    for shrinkage in shrinkages:
        half_x, half_y = _inverse_root(xx, shrinkage), _inverse_root(yy, shrinkage)
        left, size, right = np.linalg.svd(half_x @ xy @ half_y, full_matrices=False)
        kept = max(int((size[: max(DIMENSIONS)] > 1e-9).sum()), 1)
        a, b = half_x @ left[:, :kept], half_y @ right[:kept].T
        # shrunk covariances leave variates of less than variance 1
        a = a / np.maximum(np.sqrt(np.einsum("ik,ij,jk->k", a, xx, a)), 1e-12)
        b = b / np.maximum(np.sqrt(np.einsum("ik,ij,jk->k", b, yy, b)), 1e-12)
        correlation = np.clip(np.einsum("ik,ij,jk->k", a, xy, b), 0.0, LARGEST)
        yield shrinkage, CanonicalCorrelation(first, second, a, b, correlation, shrinkage)


def _inverse_root(covariance: np.ndarray, shrinkage: float) -> np.ndarray:
    """Give the symmetric inverse square root of a shrunk correlation matrix."""
    shrunk = (1 - shrinkage) * covariance + shrinkage * np.eye(len(covariance))
    values, vectors = np.linalg.eigh(shrunk)
    return np.asarray((vectors / np.sqrt(np.maximum(values, 1e-12))) @ vectors.T)


def _correlations(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Pearson's correlation of every pair of columns; 0 where one does not vary."""
    u, v = u - u.mean(axis=0), v - v.mean(axis=0)
    size = np.sqrt((u**2).sum(axis=0) * (v**2).sum(axis=0))
    return np.asarray(np.where(size > 0, (u * v).sum(axis=0) / np.where(size > 0, size, 1.0), 0.0))


def _beaten(u: np.ndarray, v: np.ndarray, correlation: np.ndarray) -> float:
    """Share of the wrong candidates that partners beat, by the likelihood ratio."""
    asked, offered = likelihood_vectors(u, v, correlation)
    score = asked @ offered.T
    own = np.diag(score)[:, None]
    wins = (score < own).sum() + 0.5 * ((score == own).sum() - len(own))
    return float(wins / max(len(own) * (len(own) - 1), 1))


def _known(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return np.where(np.isfinite(values), values, np.nan)


def _unit(vectors: np.ndarray) -> np.ndarray:
    size = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(size > 0, size, 1.0))
