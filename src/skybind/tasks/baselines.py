"""Baselines: what a plain method reaches on the same objects, for an honest comparison."""

from collections.abc import Sequence

import numpy as np

from skybind.errors import DataError
from skybind.tasks.classification import ClassificationResult, classification_metrics


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
    from sklearn.ensemble import RandomForestClassifier

    if len(train_y) == 0:
        raise DataError("A random forest needs labelled training objects; there is none.")
    if classes is None:
        codes = max(int(np.max(train_y)), int(np.max(test_y, initial=0))) + 1
        classes = [str(code) for code in range(codes)]
    forest = RandomForestClassifier(n_estimators=trees, random_state=seed, n_jobs=threads)
    forest.fit(_finite(train_x), train_y)
    return classification_metrics(test_y, forest.predict(_finite(test_x)), classes)


def _finite(values: np.ndarray) -> np.ndarray:
    """Give float32 with NaN for all that is not finite in it."""
    with np.errstate(over="ignore"):
        single = np.asarray(values, dtype=np.float32)
    return np.where(np.isfinite(single), single, np.nan)
