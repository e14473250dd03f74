"""Baselines: what a plain method reaches on the same objects, for an honest comparison."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.measures.classification import ClassificationResult, classification_metrics
from skybind.measures.forests import forest_numbers, forest_probability


def forest_accuracy(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    test_y: np.ndarray,
    seed: int,
    classes: Sequence[str] | None = None,
    trees: int = 300,
    threads: int = 1,
) -> ClassificationResult:
    """Train a random forest on simple statistics and test it.

    Missing and infinite values are allowed: each tree learns on which side they go.

    Parameters
    ----------
    train_x, test_x : ndarray, shape (n, F) and (m, F)
        Statistics of the objects.
    train_y, test_y : ndarray of int
        Class codes, from 0.
    seed : int
        Seed of the forest.
    classes : sequence of str, optional
        Names of the classes; the codes by default.
    trees : int
        Number of trees.
    threads : int
        Threads to grow them on; the result does not depend on it.

    Returns
    -------
    ClassificationResult

    Raises
    ------
    DataError
        If there is no training object.
    """
    classes = _class_names(train_y, test_y, classes)
    train_x, test_x = _raised(train_x, test_x)
    codes, probability = forest_probability(
        train_x, train_y, test_x, seed=seed, trees=trees, threads=threads
    )
    return classification_metrics(test_y, codes[probability.argmax(axis=1)], classes)


def boosting_accuracy(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    test_y: np.ndarray,
    seed: int,
    classes: Sequence[str] | None = None,
) -> ClassificationResult:
    """Train gradient boosting of trees on histograms and test it.

    Missing and infinite values are allowed. The penalty keeps trees of rare classes from
    diverging.

    Parameters
    ----------
    train_x, test_x, train_y, test_y, seed, classes
        As of `forest_accuracy`.

    Returns
    -------
    ClassificationResult

    Raises
    ------
    DataError
        If there is no training object.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    classes = _class_names(train_y, test_y, classes)
    train_x, test_x = _varying(*_raised(train_x, test_x))
    if not train_x.shape[1] or len(np.unique(train_y)) < 2:  # nothing to learn
        told = np.full(len(test_y), np.bincount(train_y).argmax())
        return classification_metrics(test_y, told, classes)
    made = HistGradientBoostingClassifier(random_state=seed, **_boosted(*train_x.shape))
    made.fit(train_x, train_y)
    return classification_metrics(test_y, made.predict(test_x), classes)


def boosting_regression(
    train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray, seed: int
) -> np.ndarray:
    """Predict a number with gradient boosting of trees on histograms.

    Parameters
    ----------
    train_x, train_y, test_x, seed
        As of `forest_regression`.

    Returns
    -------
    ndarray of float64, shape (m,)

    Raises
    ------
    DataError
        If there is no training object.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    _refuse_none(train_y)
    train_x, test_x = _varying(*_raised(train_x, test_x))
    if not train_x.shape[1]:
        return np.full(len(test_x), float(np.mean(train_y)))
    made = HistGradientBoostingRegressor(random_state=seed, **_boosted(*train_x.shape))
    made.fit(train_x, train_y)
    return np.asarray(made.predict(test_x), dtype=np.float64)


def _boosted(n: int, features: int) -> dict[str, Any]:
    """Options of gradient boosting for so many training objects and features.

    Of many features each split tries a fifth, as a forest does: a fifth of the time, and better
    where many tell nothing.
    """
    return {
        "max_iter": 60,
        "learning_rate": 0.15,
        "max_leaf_nodes": 8,
        "max_features": float(np.clip(10 / features, 0.2, 1.0)),
        "l2_regularization": 5.0,
        "min_samples_leaf": int(np.clip(n // 20, 2, 20)),
        "early_stopping": False,
    }


def _varying(train_x: np.ndarray, test_x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out statistics that no training object knows."""
    known = np.isfinite(train_x).any(axis=0)
    return train_x[:, known], test_x[:, known]


def _class_names(
    train_y: np.ndarray, test_y: np.ndarray, classes: Sequence[str] | None
) -> Sequence[str]:
    """Names of the classes, the codes by default; refuses to train on nothing."""
    _refuse_none(train_y)
    if classes is not None:
        return classes
    return [str(c) for c in range(max(int(np.max(train_y)), int(np.max(test_y, initial=0))) + 1)]


def _refuse_none(train_y: np.ndarray) -> None:
    if len(train_y) == 0:
        raise DataError("Trees need labelled training objects; there is none.")


def forest_regression(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    seed: int,
    trees: int = 60,
    threads: int = 1,
) -> np.ndarray:
    """Predict a number with a random forest on simple statistics.

    Missing and infinite values are allowed. Each tree splits on a third of the statistics, the
    usual choice for regression (Breiman 2001), with at least five objects a leaf.

    Parameters
    ----------
    train_x, test_x : ndarray, shape (n, F) and (m, F)
        Statistics of the objects.
    train_y : ndarray of float, shape (n,)
        Numbers of the training objects.
    seed : int
        Seed of the forest.
    trees : int
        Number of trees.
    threads : int
        Threads to grow them on; the result does not depend on it.

    Returns
    -------
    ndarray of float64, shape (m,)

    Raises
    ------
    DataError
        If there is no training object.
    """
    _refuse_none(train_y)
    train_x, test_x = _raised(train_x, test_x)
    return forest_numbers(
        train_x,
        train_y,
        test_x,
        seed=seed,
        trees=trees,
        threads=threads,
        max_features=1 / 3,
        min_samples_leaf=5,
    )


def ridge_regression(train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    """Predict a number linearly from simple statistics, with a penalty on the coefficients.

    Statistics are standardised by the training objects and clipped at 10 sigma; missing values
    become the mean. The penalty is chosen among 10^-3 ... 10^4 by leave-one-out (Golub, Heath &
    Wahba 1979) on the training objects.

    Parameters
    ----------
    train_x, test_x : ndarray, shape (n, F) and (m, F)
        Statistics of the objects.
    train_y : ndarray of float, shape (n,)
        Numbers of the training objects.

    Returns
    -------
    ndarray of float64, shape (m,)

    Raises
    ------
    DataError
        If there are fewer than two training objects.
    """
    from sklearn.linear_model import RidgeCV

    if len(train_y) < 2:
        raise DataError(f"Ridge regression needs labelled objects; there are {len(train_y)}.")
    train_x, test_x = _finite(train_x).astype(float), _finite(test_x).astype(float)
    known = np.isfinite(train_x).any(axis=0)
    train_x, test_x = train_x[:, known], test_x[:, known]
    mean, scale = np.nanmean(train_x, axis=0), np.nanstd(train_x, axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    standard = [
        np.clip(np.nan_to_num((values - mean) / scale), -10, 10) for values in (train_x, test_x)
    ]
    model = RidgeCV(np.logspace(-3, 4, 15)).fit(standard[0], train_y)
    return np.asarray(model.predict(standard[1]), dtype=np.float64)


def _raised(train_x: np.ndarray, test_x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Raise columns of small numbers to about 1, and give both as `_finite` does.

    scikit-learn's trees take numbers within 1e-7 of each other for the same, so that fluxes of
    1e-14 would tell them nothing. The factors are powers of two: no digit changes.
    """
    train_x, test_x = np.asarray(train_x, float), np.asarray(test_x, float)
    factors = np.ones(train_x.shape[1])
    for place, column in enumerate(np.abs(train_x).T):
        known = column[np.isfinite(column) & (column > 0)]
        if len(known) and (typical := np.median(known)) < 1:
            factors[place] = 2.0 ** np.ceil(-np.log2(typical))
    with np.errstate(over="ignore"):
        return _finite(train_x * factors), _finite(test_x * factors)


def _finite(values: np.ndarray) -> np.ndarray:
    """Give float32 with NaN for all that is not finite in it."""
    with np.errstate(over="ignore"):
        single = np.asarray(values, dtype=np.float32)
    return np.where(np.isfinite(single), single, np.nan)
