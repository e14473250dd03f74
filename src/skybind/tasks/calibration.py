"""Probabilities that mean what they say."""

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits to probabilities, shape (n, C); NaN rows stay NaN."""
    shifted = np.exp(logits.astype(float) - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Find what logits must be divided by for the best likelihood (Guo et al. 2017).

    Parameters
    ----------
    logits : ndarray, shape (n, C)
        Of objects that the classifier was not trained on.
    labels : ndarray of int, shape (n,)
        Their classes.

    Returns
    -------
    float
        Between 0.05 and 20; above 1 for a classifier that is too sure.
    """
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        probability = softmax(logits / np.exp(logarithm))[np.arange(len(labels)), labels]
        return -float(np.log(np.maximum(probability, 1e-300)).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(found.x))
