"""What is believed of objects from the labels so far: class probabilities on frozen embeddings."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

#: Inverse strength of the penalty of the linear classifier on unit vectors.
STRENGTH = 30.0


@dataclass(frozen=True)
class Beliefs:
    """What is believed of some objects, from the labels so far.

    Attributes
    ----------
    probability : ndarray, shape (n, C)
        Of each class, from all modalities together; the same for all classes where nothing is
        known yet.
    by_modality : dict of str to ndarray, shape (n, C)
        From each modality alone; NaN for an object that lacks it.
    known : bool
        Whether there were labels of two classes to learn from.
    """

    probability: np.ndarray
    by_modality: dict[str, np.ndarray]
    known: bool

    @property
    def guess(self) -> np.ndarray:
        """The likeliest class of each object, shape (n,)."""
        return self.probability.argmax(axis=1)

    @property
    def entropy(self) -> np.ndarray:
        """Entropy of the probabilities as a share of the largest possible, shape (n,)."""
        n_classes = self.probability.shape[1]
        return _entropy(self.probability) / np.log(max(n_classes, 2))

    @property
    def doubt(self) -> np.ndarray:
        """One less the margin between the two likeliest classes, from 0 to 1, shape (n,)."""
        if self.probability.shape[1] < 2:
            return np.ones(len(self.probability))
        top = np.partition(self.probability, -2, axis=1)[:, -2:]
        return 1.0 - (top[:, 1] - top[:, 0])

    @property
    def disagreement(self) -> np.ndarray:
        """How far the modalities' probabilities are apart, from 0 to 1, shape (n,).

        The Jensen-Shannon divergence as a share of the largest possible; 0 for an object with
        fewer than two modalities.
        """
        return _divergence(list(self.by_modality.values()), len(self.probability))

    def take(self, rows: np.ndarray) -> "Beliefs":
        """Those of some objects."""
        by_modality = {name: values[rows] for name, values in self.by_modality.items()}
        return Beliefs(self.probability[rows], by_modality, self.known)


def learn(
    vectors: np.ndarray, labels: np.ndarray, query: np.ndarray, n_classes: int
) -> np.ndarray | None:
    """Class probabilities by multinomial logistic regression on unit vectors.

    Parameters
    ----------
    vectors : ndarray, shape (n, D)
        Of labelled objects.
    labels : ndarray of int, shape (n,)
        Class codes in [0, n_classes).
    query : ndarray, shape (m, D)
    n_classes : int

    Returns
    -------
    ndarray, shape (m, n_classes), or None
        0 for a class without a label; None if the labels are not of two classes at least.
    """
    from sklearn.linear_model import LogisticRegression

    seen = np.unique(labels)
    if len(seen) < 2:
        return None
    model = LogisticRegression(C=STRENGTH, max_iter=1000).fit(vectors, labels)
    probability = np.zeros((len(query), n_classes))
    probability[:, seen] = model.predict_proba(query)
    return probability


def form_beliefs(
    combined: np.ndarray,
    vectors: Mapping[str, np.ndarray],
    present: Mapping[str, np.ndarray],
    labels: np.ndarray,
    rows: np.ndarray,
    n_classes: int,
) -> Beliefs:
    """Judge some objects by the labels of others, from all modalities and from each alone.

    Parameters
    ----------
    combined : ndarray, shape (N, D)
        Unit vectors of all modalities together.
    vectors, present : mapping of str to ndarray, shape (N, D) and (N,)
        Unit vectors of each modality, and who has it.
    labels : ndarray of int, shape (N,)
        Class codes; -1 for objects whose class is not known.
    rows : ndarray of int, shape (n,)
        Whom to judge.
    n_classes : int
    """
    n_classes = max(n_classes, 1)
    known = np.flatnonzero(labels >= 0)
    taught, asked = (combined[some].astype(np.float64) for some in (known, rows))
    probability = learn(taught, labels[known], asked, n_classes)
    del taught, asked
    by_modality = {}
    for name, values in vectors.items():
        own = known[present[name][known]]
        judged = np.full((len(rows), n_classes), np.nan)
        seen = present[name][rows]
        found = (
            learn(values[own], labels[own], values[rows[seen]], n_classes) if seen.any() else None
        )
        if found is not None:
            judged[seen] = found
        by_modality[name] = judged
    if probability is None:
        flat = np.full((len(rows), n_classes), 1.0 / n_classes)
        return Beliefs(flat, by_modality, known=False)
    return Beliefs(probability, by_modality, known=True)


def _entropy(probability: np.ndarray) -> np.ndarray:
    logarithm = np.log(np.where(probability > 0, probability, 1.0))
    return -(probability * logarithm).sum(axis=1)


def _divergence(parts: list[np.ndarray], n: int) -> np.ndarray:
    """Jensen-Shannon divergence of the parts that are known, as a share of its maximum."""
    if not parts:
        return np.zeros(n)
    stacked = np.stack(parts)
    there = np.isfinite(stacked).all(axis=2)
    count = there.sum(axis=0)
    filled = np.where(there[:, :, None], stacked, 0.0)
    mean = filled.sum(axis=0) / np.maximum(count, 1)[:, None]
    own = sum(_entropy(part) for part in filled) / np.maximum(count, 1)
    most = np.log(np.maximum(np.minimum(count, stacked.shape[2]), 2))
    return np.where(count > 1, np.maximum(_entropy(mean) - own, 0.0) / most, 0.0)
