"""Probes: how much of a number can be read off frozen features by the simplest means."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from skybind.embeddings.means import unit
from skybind.measures.regression import NEIGHBOURS, knn_regression, regression_metrics

#: Penalties of the linear probe, of which cross-validation takes the best.
PENALTIES = tuple(10.0**power for power in range(-3, 5))


@dataclass(frozen=True)
class Probe:
    """R2 of a number predicted from features.

    Attributes
    ----------
    n_train, n_test : int
        Objects it was fitted on and measured on.
    neighbours, neighbours_error : float
        R2 of the distance-weighted nearest neighbours, with its bootstrap error.
    linear, linear_error : float
        R2 of ridge regression.
    """

    n_train: int
    n_test: int
    neighbours: float
    neighbours_error: float
    linear: float
    linear_error: float

    def to_dict(self) -> dict[str, Any]:
        """Give plain values."""
        return asdict(self)


def probe_features(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    test_y: np.ndarray,
    k: int = NEIGHBOURS,
) -> Probe:
    """Predict a number from features by nearest neighbours and by ridge regression.

    Features are standardised by the training objects; neighbours are those of largest cosine.

    Parameters
    ----------
    train_x, test_x : ndarray, shape (n, F) and (m, F)
        Features.
    train_y, test_y : ndarray, shape (n,) and (m,)
        Finite numbers.
    k : int
        Number of neighbours.
    """
    from sklearn.linear_model import RidgeCV

    mean, scale = train_x.mean(axis=0), train_x.std(axis=0)
    scale = np.where(scale > 1e-8 * np.maximum(1.0, np.abs(mean)), scale, 1.0)
    train, test = (train_x - mean) / scale, (test_x - mean) / scale
    near = regression_metrics(test_y, knn_regression(unit(train), train_y, unit(test), k))
    ridge = RidgeCV(PENALTIES).fit(train, train_y)
    straight = regression_metrics(test_y, ridge.predict(test))
    return Probe(len(train_y), len(test_y), near.r2, near.r2_error, straight.r2, straight.r2_error)
