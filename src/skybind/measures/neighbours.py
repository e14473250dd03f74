"""Nearest neighbours: the exact ones, block by block, and a class by their vote."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from skybind.errors import DataError
from skybind.memory import at_once, tile

#: Row numbers (ascending over all chunks) and their unit vectors.
Chunk = tuple[np.ndarray, np.ndarray]

#: Queries and vectors that are compared at once where memory allows, and bytes of a cosine with
#: the copies that choosing the largest takes.
QUERIES, BLOCK, CELL = 1024, 4096, 10
#: Numbers gathered at once for exact cosines where memory allows, and bytes of one.
GATHERED, GATHER = 1 << 22, 16
#: Where more vectors of a block than so many times k equal the k-th best to single precision, they
#: are compared in double precision; of those that are equal in that, too, so many are chosen from.
TIED = 16
#: A cosine in double precision may be off by less than this.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Nearest:
    """The k nearest vectors of m queries, the nearest first.

    Attributes
    ----------
    row : ndarray of int64, shape (m, k)
        Row numbers; -1 where there were fewer than k vectors.
    cosine : ndarray of float64, shape (m, k)
        Cosine similarities; NaN where there is none.
    """

    row: np.ndarray
    cosine: np.ndarray


def exact_nearest(chunks: Iterable[Chunk], query: np.ndarray, k: int) -> Nearest:
    """Find the k vectors with the largest cosine to each query, reading every vector once.

    Besides the chunk at hand only a block of cosines is held. A block is compared by one matrix
    product; vectors that beat a query's k-th best so far are few, and only their cosines are
    computed again in double precision, which does not depend on how the vectors were cut into
    chunks and blocks. Equal cosines are ordered by row. Where more than `TIED` k vectors of a block
    equal the k-th best to `ROUNDING` (a collapsed embedding), the first of them count.

    Parameters
    ----------
    chunks : iterable of (rows, vectors)
        Row numbers (n,) and unit vectors (n, D); rows ascend from chunk to chunk.
    query : ndarray, shape (m, D)
        Unit vectors.
    k : int

    Raises
    ------
    DataError
        If k is not positive, or the vectors have another length than the queries.
    """
    if k < 1:
        raise DataError(f"The number of matches is {k}: give at least 1.")
    query = np.ascontiguousarray(query)
    m, dimension = query.shape
    best = _Best(m, k, 4e-7 * np.sqrt(dimension))
    high, wide = tile(CELL, QUERIES, BLOCK)
    for rows, vectors in chunks:
        if vectors.shape[1] != dimension:
            raise DataError(
                f"The query has {dimension} numbers, the embeddings have {vectors.shape[1]}: they "
                "come from different models."
            )
        for start in range(0, len(rows), wide):
            block = np.asarray(vectors[start : start + wide])
            for first in range(0, m, high):
                some = slice(first, min(first + high, m))
                best.add(some, query[some], rows[start : start + wide], block)
    return Nearest(best.row, best.cosine)


class _Best:
    """The k best rows of each query so far, and what a vector must reach to matter."""

    def __init__(self, m: int, k: int, margin: float) -> None:
        self.k = k
        self.row = np.full((m, k), -1, np.int64)
        self.cosine = np.full((m, k), np.nan)
        # a cosine in single precision may be off by this much
        self.margin = margin
        self.least = np.full(m, -np.inf, np.float32)

    def add(self, some: slice, query: np.ndarray, rows: np.ndarray, vectors: np.ndarray) -> None:
        """Take the vectors of one block into account for the queries `some`."""
        cosines = np.asarray(query, np.float32) @ np.asarray(vectors, np.float32).T
        # "not below" also holds where one vector of the block is NaN
        promising = np.flatnonzero(~(cosines.max(axis=1) <= self.least[some]))
        if not len(promising):
            return
        cosines = cosines[promising] if len(promising) < len(query) else cosines
        least = self.least[some][promising]
        who, which = _places(cosines > least[:, None])
        crowded = np.flatnonzero(np.bincount(who, minlength=len(least)) > 4 * self.k)
        if len(crowded) and self.k < cosines.shape[1]:
            place = cosines.shape[1] - self.k
            filled = np.nan_to_num(cosines[crowded], nan=-np.inf)
            kth = np.partition(filled, place, axis=1)[:, place]
            least[crowded] = np.maximum(least[crowded], kth - self.margin)
            who, which = self._few(cosines, least, query[promising], vectors)
        who = promising[who]
        exact = np.empty(len(who))
        step = at_once(GATHER * query.shape[1], max(1, GATHERED // query.shape[1]))
        for start in range(0, len(who), step):
            part = slice(start, start + step)
            a, b = query[who[part]].astype(float), vectors[which[part]].astype(float)
            exact[part] = np.einsum("ij,ij->i", a, b)
        self._merge(some.start + who, rows[which], exact)

    def _few(
        self, cosines: np.ndarray, least: np.ndarray, query: np.ndarray, vectors: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Places of cosines that matter; where these are very many, by double precision."""
        beyond = cosines > least[:, None]
        flat = np.flatnonzero(np.count_nonzero(beyond, axis=1) > TIED * self.k)
        step = at_once(4 * 8 * len(vectors), QUERIES)
        for start in range(0, len(flat), step):
            some = flat[start : start + step]
            fine = np.asarray(query[some], float) @ np.asarray(vectors, float).T
            fine[~beyond[some]] = -np.inf
            place = fine.shape[1] - self.k
            kth = np.partition(np.nan_to_num(fine, nan=-np.inf), place, axis=1)[:, place, None]
            equal = np.abs(fine - kth) <= ROUNDING
            equal &= np.cumsum(equal, axis=1) <= TIED * self.k
            beyond[some] = (fine > kth + ROUNDING) | equal
        return _places(beyond)

    def _merge(self, who: np.ndarray, row: np.ndarray, cosine: np.ndarray) -> None:
        touched = np.unique(who)
        who = np.concatenate([np.repeat(touched, self.k), who])
        row = np.concatenate([self.row[touched].ravel(), row])
        cosine = np.concatenate([self.cosine[touched].ravel(), cosine])
        kept = row >= 0
        who, row, cosine = who[kept], row[kept], cosine[kept]
        order = np.lexsort((row, -cosine, who))
        who, row, cosine = who[order], row[order], cosine[order]
        place = np.arange(len(who)) - np.searchsorted(who, who)
        kept = place < self.k
        who, place = who[kept], place[kept]
        self.row[who, place], self.cosine[who, place] = row[kept], cosine[kept]
        full = touched[self.row[touched, -1] >= 0]
        self.least[full] = self.cosine[full, -1] - self.margin


def _places(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of what is true; quicker than numpy's own for few."""
    return np.divmod(np.flatnonzero(flags), flags.shape[1])


def nearest(library: np.ndarray, query: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the k library vectors with the largest cosine to each query, exactly.

    Memory beyond the result does not grow with the numbers of vectors, and the result does not
    depend on how much there is (`skybind.memory`).

    Parameters
    ----------
    library : ndarray, shape (n, D)
        Unit vectors to search.
    query : ndarray, shape (m, D)
        Unit vectors.
    k : int
        How many; at most n are given.

    Returns
    -------
    index : ndarray of int, shape (m, k)
        Rows of `library`, the nearest first; equal cosines in their order there.
    cosine : ndarray, shape (m, k)
        Their cosines.
    """
    k = min(k, len(library))
    kind = np.result_type(library, query)
    if not k or not len(query):
        return np.zeros((len(query), k), np.int64), np.zeros((len(query), k), kind)
    found = exact_nearest([(np.arange(len(library)), library)], query, k)
    return found.row, found.cosine.astype(kind)


def knn_predict(
    train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray, k: int = 16
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
    index, cosine = nearest(train_x, test_x, k)
    k = index.shape[1]
    n_classes = int(train_y.max()) + 1
    # Cosines sum to at most k, so a quarter of their mean never outweighs one vote.
    weight = 1.0 + 0.25 * cosine.astype(np.float64) / k
    flat = np.arange(len(test_x))[:, None] * n_classes + train_y[index]
    score = np.bincount(
        flat.ravel(), weights=weight.ravel(), minlength=len(test_x) * n_classes
    ).reshape(len(test_x), n_classes)
    return score.argmax(axis=1)
