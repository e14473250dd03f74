"""How well a score finds what was planted, and what common detectors of outliers score."""

import numpy as np
from pydantic import Field

from skybind.record import Number, Record


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
    finite = score[np.isfinite(score)]
    filled = np.where(np.isfinite(score), score, (finite.min() if len(finite) else 0.0) - 1.0)
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
        Higher is more suspect.
    """
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import LocalOutlierFactor

    forest = IsolationForest(n_estimators=300, random_state=seed).fit(vectors[reference])
    factor = LocalOutlierFactor(n_neighbors=20, novelty=True).fit(vectors[reference])
    lof = -factor.score_samples(vectors)
    # the fitted objects must not find themselves among their neighbours
    lof[reference] = -factor.negative_outlier_factor_
    return {
        "isolation forest": -forest.score_samples(vectors),
        "local outlier factor": lof,
    }
