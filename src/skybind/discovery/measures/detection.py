"""How well a score finds what was planted, and what common detectors of outliers score."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Detection:
    """How well a score finds what was planted.

    Attributes
    ----------
    n, n_planted : int
        Objects that were scored, and those planted among them.
    average_precision, roc_auc : float
        Over all thresholds; NaN if nothing (or everything) was planted.
    precision, recall : float
        Among the `n_planted` highest scores they are the same number; of a flag: of those
        flagged.
    """

    n: int
    n_planted: int
    average_precision: float
    roc_auc: float
    precision: float
    recall: float

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values (None for NaN)."""
        return {k: (None if v != v else v) for k, v in vars(self).items()}


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
        return Detection(len(planted), n_planted, np.nan, np.nan, np.nan, np.nan)
    finite = score[np.isfinite(score)]
    filled = np.where(np.isfinite(score), score, (finite.min() if len(finite) else 0.0) - 1.0)
    if flagged is None:
        flagged = np.zeros(len(planted), bool)
        flagged[np.argsort(-filled, kind="stable")[:n_planted]] = True
    hits = int((flagged & planted).sum())
    return Detection(
        len(planted),
        n_planted,
        float(average_precision_score(planted, filled)),
        float(roc_auc_score(planted, filled)),
        hits / max(int(flagged.sum()), 1),
        hits / n_planted,
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
