"""How well a score finds what was planted, and what common detectors of outliers score."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from skybind.measures.significance import FEWEST, LEVEL
from skybind.memory import at_once
from skybind.record import Number, Record

#: Resamples of the bootstrap, and numbers held at once.
RESAMPLES, CELLS = 400, 5_000_000

#: Neighbours that the local outlier factor asks, where there are so many.
NEIGHBOURS = 20


class Detection(Record):
    """How well a score finds what was planted."""

    n: int = Field(..., description="Objects that were scored.")
    n_planted: int = Field(..., description="Those planted among them.")
    average_precision: Number = Field(
        ..., description="Over all thresholds; null if nothing (or everything) was planted."
    )
    roc_auc: Number = Field(
        ..., description="Area under the receiver operating characteristic curve."
    )
    precision: Number = Field(
        ...,
        description="Among the `n_planted` highest scores, where it equals `recall`; of a flag: of "
        "those flagged.",
    )
    recall: Number = Field(..., description="Fraction of those planted that is among them.")


def detection(
    score: np.ndarray, planted: np.ndarray, flagged: np.ndarray | None = None
) -> Detection:
    """Compare a score with the truth; objects without a score are counted as the least suspect.

    Parameters
    ----------
    score : ndarray, shape (n,)
        Higher is more suspect; NaN where there is none.
    planted : ndarray of bool, shape (n,)
    flagged : ndarray of bool, shape (n,), optional
        A decision; by default the `n_planted` highest scores.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    planted = np.asarray(planted, bool)
    n_planted = int(planted.sum())
    if not 0 < n_planted < len(planted):
        nothing = dict.fromkeys(("average_precision", "roc_auc", "precision", "recall"), np.nan)
        return Detection(n=len(planted), n_planted=n_planted, **nothing)
    filled = _filled(score)
    if flagged is None:
        flagged = np.zeros(len(planted), bool)
        flagged[np.argsort(-filled, kind="stable")[:n_planted]] = True
    hits = int((flagged & planted).sum())
    return Detection(
        n=len(planted),
        n_planted=n_planted,
        average_precision=float(average_precision_score(planted, filled)),
        roc_auc=float(roc_auc_score(planted, filled)),
        precision=hits / max(int(flagged.sum()), 1),
        recall=hits / n_planted,
    )


def better_than(
    score: np.ndarray, others: Sequence[np.ndarray], planted: np.ndarray, seed: int = 0
) -> bool:
    """Tell whether a score finds what was planted significantly better than all others do.

    By the average precision, in a paired bootstrap over the objects: it must beat each of the
    others in all but 1 of 40 resamples, which is p < 0.05 of two sides. Fewer than ten planted
    objects are no ground for that.

    Parameters
    ----------
    score, others : ndarray, shape (n,)
        Higher is more suspect; NaN where there is none.
    planted : ndarray of bool, shape (n,)
    seed : int
    """
    if np.count_nonzero(planted) < FEWEST:
        return False
    rng = np.random.default_rng(seed)
    ranked = [_Ranked.of(values, planted) for values in (score, *others)]
    n, drawn = len(planted), []
    step = at_once(24.0 * n, max(1, CELLS // n))
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        counts = rng.multinomial(n, np.full(n, 1 / n), size).astype(float)
        drawn.append(np.stack([one.average_precision(counts) for one in ranked], axis=1))
    found = np.concatenate(drawn)
    wins = (found[:, :1] > found[:, 1:]).mean(axis=0)
    return bool((wins > 1 - LEVEL / 2).all())


@dataclass(frozen=True)
class _Ranked:
    """Objects from the most suspect to the least: their order, what was planted, ends of ties."""

    order: np.ndarray
    planted: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, score: np.ndarray, planted: np.ndarray) -> "_Ranked":
        filled = _filled(score)
        order = np.argsort(-filled, kind="stable")
        ends = np.append(np.flatnonzero(np.diff(filled[order])), len(order) - 1)
        return cls(order, np.asarray(planted, bool)[order], ends)

    def average_precision(self, counts: np.ndarray) -> np.ndarray:
        """Of resamples in which each object occurs so often, (B, n) -> (B,)."""
        weight = counts[:, self.order]
        hits = np.cumsum(weight * self.planted, axis=1)[:, self.ends]
        seen = np.cumsum(weight, axis=1)[:, self.ends]
        gained = np.diff(hits, axis=1, prepend=0.0)
        total = np.maximum(hits[:, -1], 1.0)
        return np.asarray((gained * hits / np.maximum(seen, 1.0)).sum(axis=1) / total)


def _filled(score: np.ndarray) -> np.ndarray:
    """Scores, those that are not known below all others."""
    finite = score[np.isfinite(score)]
    return np.where(np.isfinite(score), score, (finite.min() if len(finite) else 0.0) - 1.0)


def rival_scores(
    vectors: np.ndarray, reference: np.ndarray, seed: int = 0
) -> dict[str, np.ndarray]:
    """Score with isolation forest and local outlier factor, fitted on the reference objects.

    Parameters
    ----------
    vectors : ndarray, shape (n, F)
        The same vectors that ours sees; absent ones are zeros.
    reference : ndarray of int
        Rows to fit on.
    seed : int

    Returns
    -------
    dict of str to ndarray, shape (n,)
        Higher is more suspect. Empty of fewer than two reference objects.
    """
    if len(reference) < 2:
        return {}
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import LocalOutlierFactor

    forest = IsolationForest(n_estimators=300, random_state=seed).fit(vectors[reference])
    neighbours = min(NEIGHBOURS, len(reference) - 1)
    factor = LocalOutlierFactor(n_neighbors=neighbours, novelty=True).fit(vectors[reference])
    lof = -factor.score_samples(vectors)
    # the fitted objects must not find themselves among their neighbours
    lof[reference] = -factor.negative_outlier_factor_
    return {
        "isolation forest": -forest.score_samples(vectors),
        "local outlier factor": lof,
    }
