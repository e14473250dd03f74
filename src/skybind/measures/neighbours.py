"""Nearest neighbours: predicting a class by the vote of the nearest training objects."""

import numpy as np

from skybind.errors import DataError


def nearest(
    library: np.ndarray, query: np.ndarray, k: int, chunk: int = 1024
) -> tuple[np.ndarray, np.ndarray]:
    """Find the k library vectors with the largest cosine to each query.

    Parameters
    ----------
    library : ndarray, shape (n, D)
        Unit vectors to search.
    query : ndarray, shape (m, D)
        Unit vectors.
    k : int
        How many; at most n are given.
    chunk : int
        Queries compared at once: memory is `chunk` x n cosines.

    Returns
    -------
    index : ndarray of int, shape (m, k)
        Rows of `library`, the nearest first; equal cosines in no particular order.
    cosine : ndarray, shape (m, k)
        Their cosines.
    """
    k = min(k, len(library))
    index = np.empty((len(query), k), dtype=np.int64)
    cosine = np.empty((len(query), k), dtype=np.result_type(library, query))
    for start in range(0, len(query), chunk):
        rows = slice(start, start + chunk)
        scores = query[rows] @ library.T
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        found = np.take_along_axis(scores, best, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        index[rows] = np.take_along_axis(best, order, axis=1)
        cosine[rows] = np.take_along_axis(found, order, axis=1)
    return index, cosine


def knn_predict(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    k: int = 16,
    chunk: int = 1024,
) -> np.ndarray:
    """Predict each test object's class by the vote of its k nearest training objects.

    Each neighbour has one vote; between classes with equally many votes the one with the
    larger sum of cosines wins.

    Parameters
    ----------
    train_x : ndarray, shape (n, D)
        Unit vectors of the training objects.
    train_y : ndarray of int, shape (n,)
        Their class codes, from 0.
    test_x : ndarray, shape (m, D)
        Unit vectors to classify.
    k : int
        Number of neighbours; all training objects if there are fewer.
    chunk : int
        Test objects handled at once.

    Returns
    -------
    ndarray of int64, shape (m,)
        Class codes.

    Raises
    ------
    DataError
        If there is no training object, or k is not positive.
    """
    train_y = np.asarray(train_y)
    if len(train_x) == 0 or len(train_x) != len(train_y):
        raise DataError(
            f"Nearest neighbours need labelled training objects; there are {len(train_x)} vectors "
            f"and {len(train_y)} labels."
        )
    if k < 1:
        raise DataError(f"The number of neighbours is {k}: give at least 1.")
    if train_y.min() < 0:
        raise DataError("A training object for nearest neighbours has no class: leave it out.")
    index, cosine = nearest(train_x, test_x, k, chunk)
    k = index.shape[1]
    n_classes = int(train_y.max()) + 1
    # Cosines sum to at most k, so a quarter of their mean never outweighs one vote.
    weight = 1.0 + 0.25 * cosine.astype(np.float64) / k
    flat = np.arange(len(test_x))[:, None] * n_classes + train_y[index]
    score = np.bincount(
        flat.ravel(), weights=weight.ravel(), minlength=len(test_x) * n_classes
    ).reshape(len(test_x), n_classes)
    return score.argmax(axis=1)
