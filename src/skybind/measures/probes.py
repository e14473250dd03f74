"""Probes: how much of a number can be read off frozen features by the simplest means."""

import numpy as np
from pydantic import Field

from skybind.embeddings.means import unit
from skybind.measures.regression import NEIGHBOURS, knn_regression, regression_metrics
from skybind.record import Number, Record

#: Penalties of the linear probe, of which cross-validation takes the best.
PENALTIES = tuple(10.0**power for power in range(-3, 5))


class Probe(Record):
    """R2 of a number predicted from frozen features."""

    n_train: int = Field(..., description="Objects it was fitted on.")
    n_test: int = Field(..., description="Objects it was measured on.")
    neighbours: Number = Field(
        ...,
        description="Coefficient of determination of the distance-weighted nearest neighbours.",
    )
    neighbours_error: Number = Field(..., description="Its bootstrap error.")
    linear: Number = Field(..., description="Coefficient of determination of ridge regression.")
    linear_error: Number = Field(..., description="Its bootstrap error.")


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
    return Probe(
        n_train=len(train_y),
        n_test=len(test_y),
        neighbours=near.r2,
        neighbours_error=near.r2_error,
        linear=straight.r2,
        linear_error=straight.r2_error,
    )
