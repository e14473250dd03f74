"""Made-up crowds of unit vectors, and beliefs about objects."""

import numpy as np

from skybind.labelling.beliefs import Beliefs


def unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def blobs(sizes, noise=0.1, seed=0, dimension=8):
    """Crowds around orthogonal directions; gives vectors and classes."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return unit(
        np.eye(dimension)[labels] + noise * rng.normal(size=(len(labels), dimension))
    ), labels


def beliefs_of(probability, **by_modality):
    return Beliefs(np.asarray(probability, float), by_modality, known=True)
