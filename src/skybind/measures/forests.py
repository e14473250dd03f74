"""Random forests within the limit on memory: some trees grow, say what they say, and are dropped.

The trees are those of one forest of scikit-learn with the same seed, and so is what they say
together: neither depends on the limit, nor on the number of threads.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from skybind.memory import at_once

#: Bytes of a node of a tree, and of each number that it says.
NODE, NUMBER = 64, 8
#: A tree sees so large a share of the objects, each perhaps several times (1 - 1/e, and some).
IN_BAG = 0.64
#: Objects that are asked for at once where memory allows.
ASKED = 1 << 16


def forest_probability(
    train_x: np.ndarray,
    train_y: np.ndarray,
    query: np.ndarray,
    *,
    seed: int,
    trees: int,
    threads: int = 1,
    weight: np.ndarray | None = None,
    **options: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Train a random forest on classes, and say how probable they are for others.

    Parameters
    ----------
    train_x, query : ndarray of float32, shape (n, F) and (m, F)
        NaN is allowed.
    train_y : ndarray, shape (n,)
        Classes.
    seed : int
    trees : int
    threads : int
        Threads to grow them on.
    weight : ndarray, shape (n,), optional
        Weights of the training objects.
    **options
        Of `sklearn.ensemble.RandomForestClassifier`.

    Returns
    -------
    classes : ndarray, shape (C,)
        Those of the training objects, sorted.
    probability : ndarray of float64, shape (m, C)
    """
    from sklearn.ensemble import RandomForestClassifier

    classes = np.unique(train_y)
    some = _at_once(len(train_x), len(classes), trees, threads, options)
    kind = RandomForestClassifier(n_jobs=threads, **options)
    total = np.zeros((len(query), len(classes)))
    for grown in _groups(kind, train_x, train_y, seed, trees, some, weight):
        _add(total, query, [tree.predict_proba for tree in grown], threads)
    return classes, total / trees


def forest_numbers(
    train_x: np.ndarray,
    train_y: np.ndarray,
    query: np.ndarray,
    *,
    seed: int,
    trees: int,
    threads: int = 1,
    **options: Any,
) -> np.ndarray:
    """Train a random forest on numbers, and predict those of others.

    Parameters
    ----------
    train_x, query, seed, trees, threads
        As of `forest_probability`.
    train_y : ndarray of float, shape (n,)
    **options
        Of `sklearn.ensemble.RandomForestRegressor`.

    Returns
    -------
    ndarray of float64, shape (m,)
    """
    from sklearn.ensemble import RandomForestRegressor

    some = _at_once(len(train_x), 1, trees, threads, options)
    kind = RandomForestRegressor(n_jobs=threads, **options)
    total = np.zeros(len(query))
    for grown in _groups(kind, train_x, train_y, seed, trees, some, None):
        _add(total, query, [tree.predict for tree in grown], threads)
    return total / trees


def _at_once(n: int, numbers: int, trees: int, threads: int, options: dict[str, Any]) -> int:
    """Return how many trees are held at once, by the largest that they can be."""
    leaves = IN_BAG * n / options.get("min_samples_leaf", 1)
    return at_once(2 * leaves * (NODE + NUMBER * numbers), trees, min(trees, threads))


def _groups(
    kind: Any,
    train_x: np.ndarray,
    train_y: np.ndarray,
    seed: int,
    trees: int,
    some: int,
    weight: np.ndarray | None,
) -> Iterator[list[Any]]:
    """Grow the trees of a forest, some at a time."""
    draws = np.random.RandomState(seed)  # a forest draws one number a tree from it
    for start in range(0, trees, some):
        kind.set_params(n_estimators=min(some, trees - start), random_state=draws)
        yield kind.fit(train_x, train_y, sample_weight=weight).estimators_


def _add(total: np.ndarray, query: np.ndarray, trees: list[Any], threads: int) -> None:
    """Add what each tree says, in their order."""
    step = at_once(NUMBER * len(trees) * total[:1].size, ASKED)
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(query), step):
            rows = slice(start, start + step)
            block = np.ascontiguousarray(query[rows], np.float32)
            for said in pool.map(lambda tree, x=block: tree(x, check_input=False), trees):
                total[rows] += said
