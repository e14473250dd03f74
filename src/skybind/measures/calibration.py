"""Probabilities that mean what they say, from one opinion or several."""

from collections.abc import Sequence

import numpy as np

# A weight is held near its prior as strongly as by about this many objects.
_PRIOR_STRENGTH = 10.0


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits to probabilities, shape (n, C); NaN rows stay NaN."""
    shifted = np.exp(logits.astype(float) - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def pool_weights(opinions: Sequence[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Find how much each of several classifiers is to be believed.

    For a logarithmic opinion pool, in which the probability of a class goes as the product of
    the opinions, each to the power of its weight (Genest & Zidek 1986, section 3.3). The weights
    have the best likelihood; a single one is the inverse of the temperature of Guo et al. (2017).
    Where there are few labels they stay near 1 / number of opinions.

    Parameters
    ----------
    opinions : sequence of ndarray, shape (n, C)
        Logits, or logarithms of probabilities, of objects that none was trained on.
    labels : ndarray of int, shape (n,)
        Their classes.

    Returns
    -------
    ndarray, shape (number of opinions,)
        Not negative.
    """
    from scipy.optimize import minimize

    stacked = np.stack([opinion.astype(float) for opinion in opinions])
    prior = 1 / len(stacked)
    if not len(labels):
        return np.full(len(stacked), prior)
    rows = np.arange(len(labels))
    own = stacked[:, rows, labels]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        shares = softmax(np.tensordot(weights, stacked, 1))
        value = -np.log(np.maximum(shares[rows, labels], 1e-300)).sum()
        slope = ((stacked * shares).sum(axis=2) - own).sum(axis=1)
        away = weights - prior
        value += _PRIOR_STRENGTH * (away**2).sum() / 2
        return float(value), slope + _PRIOR_STRENGTH * away

    start = np.full(len(stacked), prior)
    found = minimize(loss, start, jac=True, bounds=[(0, None)] * len(stacked), method="L-BFGS-B")
    return np.asarray(found.x)


def pooled(opinions: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Probabilities of the pool of opinions, shape (n, C); NaN where an opinion is missing."""
    return softmax(sum(w * o.astype(float) for w, o in zip(weights, opinions, strict=True)))


def calibration_error(probability: np.ndarray, labels: np.ndarray, bins: int = 10) -> float | None:
    """Measure how far the probability of the told class is from the share that is right.

    The expected calibration error (Guo et al. 2017, equation 3), in bins of equal numbers of
    objects (Nixon et al. 2019), so that none rests on a few.

    Parameters
    ----------
    probability : ndarray, shape (n, C)
        NaN for objects without a class.
    labels : ndarray of int, shape (n,)
        Their true classes.
    bins : int

    Returns
    -------
    float or None
        Between 0 and 1; None without objects.
    """
    known = np.isfinite(probability).all(axis=1)
    told, right = probability[known].max(axis=1), probability[known].argmax(axis=1)
    if not known.any():
        return None
    hit = (right == labels[known]).astype(float)
    order = np.argsort(told, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    gaps = [len(part) * abs(told[part].mean() - hit[part].mean()) for part in parts]
    return float(sum(gaps) / len(order))
