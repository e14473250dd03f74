"""Retrieval across modalities: from one view of an object, find another view of the same."""

import math
from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
from pydantic import Field

from skybind.errors import DataError
from skybind.measures.neighbours import nearest
from skybind.measures.shares import score_error, share_error
from skybind.memory import tile
from skybind.record import Number, Record

# Cosines of unit float32 vectors closer than this are rounding apart, so they are ties.
TIE = 1e-6


class RetrievalResult(Record):
    """How well the partners of queries were found among as many targets."""

    left_out = frozenset({"beaten", "beaten_error"})

    n: int = Field(..., description="Queries, and targets to choose from.")
    recall: dict[int, Number] = Field(
        ...,
        description="k -> fraction of the queries whose partner is among the k nearest targets.",
    )
    recall_error: dict[int, Number] = Field(
        ...,
        description="k -> its standard error, half of Wilson's interval of 68 %, so never 0.",
    )
    median_rank: Number = Field(..., description="Median rank of the partner; 1 is best.")
    chance_recall: dict[int, Number] = Field(
        ..., description="k -> what a random order gives, k / n."
    )
    chance_median_rank: Number = Field(..., description="What a random order gives, (n + 1) / 2.")
    beaten: Number = Field(
        math.nan,
        description="Share of the wrong targets that lie behind the partner, the mean over the "
        "queries; chance is one half.",
    )
    beaten_error: Number = Field(
        math.nan, description="Its standard error over the queries, as Wilson's of shares, never 0."
    )


def partner_ranks(query: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the targets nearer to each query than its partner, and those as near.

    Every target is compared, a block at a time, so that memory does not grow with their number.

    Parameters
    ----------
    query, target : ndarray, shape (n, D)
        Unit vectors; row i of `target` is the partner of row i of `query`.

    Returns
    -------
    nearer : ndarray of int, shape (n,)
        Targets with a larger cosine than the partner's.
    tied : ndarray of int, shape (n,)
        Other targets with the partner's cosine (within `TIE`).
    """
    n = len(query)
    nearer, tied = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    high, wide = tile(_cell(query, target))
    for start in range(0, n, high):
        rows = slice(start, min(start + high, n))
        partner = _partner(query[rows], target[rows])
        for first in range(0, n, wide):
            cosine = query[rows] @ target[first : first + wide].T
            nearer[rows] += np.count_nonzero(cosine > partner + TIE, axis=1)
            tied[rows] += np.count_nonzero(np.abs(cosine - partner) <= TIE, axis=1)
    return nearer, tied - 1


def _cell(query: np.ndarray, target: np.ndarray) -> int:
    """Bytes of a product with what it is compared in."""
    return 2 * np.result_type(query, target).itemsize + 2


def _partner(query: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Each query's product with its partner, shape (m, 1).

    Read from a matrix product like those with the others, so that a partner is not compared with
    another rounding.
    """
    return np.ascontiguousarray(np.diagonal(query @ target.T))[:, None]


def retrieval(
    query: np.ndarray, target: np.ndarray, ks: Sequence[int] = (1, 5, 10)
) -> RetrievalResult:
    """Rank all targets by cosine for each query and see where its partner stands.

    Ties count as if broken at random, in expectation: with g targets nearer and t others as
    near, the partner's rank is uniform on g + 1 ... g + t + 1. Its mean (the mid-rank) enters
    the median, its chance of being at most k the recall. So a collapsed embedding, in which
    all is the same, scores exactly chance.

    Parameters
    ----------
    query, target : ndarray, shape (n, D)
        Unit vectors; row i of `target` is the partner of row i of `query`.
    ks : sequence of int
        Which recalls to give.

    Returns
    -------
    RetrievalResult

    Raises
    ------
    DataError
        If there is no row, the shapes differ, or a value is not finite.
    """
    query, target = np.asarray(query), np.asarray(target)
    if query.shape != target.shape or query.ndim != 2:
        raise DataError(
            f"Queries of shape {query.shape} and targets of shape {target.shape} are no pairs: "
            "give the rows of the objects that have both modalities."
        )
    n = len(query)
    if n == 0:
        raise DataError("There is no object that has both modalities, so nothing to retrieve.")
    if not (np.isfinite(query).all() and np.isfinite(target).all()):
        raise DataError("Embeddings for retrieval hold values that are not finite.")
    nearer, tied = partner_ranks(query, target)
    recall = {k: float(np.clip((k - nearer) / (tied + 1), 0.0, 1.0).mean()) for k in ks}
    return RetrievalResult(
        n=n,
        recall=recall,
        recall_error={k: share_error(p, n) for k, p in recall.items()},
        median_rank=float(np.median(nearer + 1 + tied / 2)),
        chance_recall={k: min(k / n, 1.0) for k in ks},
        chance_median_rank=(n + 1) / 2,
        **_beaten(nearer, tied, np.full(n, n)),
    )


def matched_retrieval(
    query: np.ndarray,
    target: np.ndarray,
    brightness: np.ndarray,
    width: float,
    k: int = 1,
) -> RetrievalResult:
    """Rank only the targets of objects about as bright, so that brightness tells less.

    How much it still tells within the width, the same measure of brightness alone says.

    Parameters
    ----------
    query, target : ndarray, shape (n, D)
        As of `retrieval`.
    brightness : ndarray, shape (n,)
        Of each object [mag]; objects of unknown brightness are left out.
    width : float
        Largest difference from the query's own [mag].
    k : int
        Which recall to give.

    Returns
    -------
    RetrievalResult
        Of the queries with another candidate; `chance_recall` is the mean of k over the number of
        candidates, `chance_median_rank` the median of random ranks of all queries together.

    Raises
    ------
    DataError
        If no query has another candidate.
    """
    known = np.flatnonzero(np.isfinite(brightness))
    known = known[np.argsort(brightness[known], kind="stable")]
    nearer, tied, offered = _matched_ranks(
        query[known], target[known], np.asarray(brightness[known], float), width
    )
    if not (some := offered > 1).any():
        raise DataError("No object has another of its brightness, so nothing to retrieve.")
    nearer, tied, offered = nearer[some], tied[some], offered[some]
    recall = float(np.clip((k - nearer) / (tied + 1), 0.0, 1.0).mean())
    return RetrievalResult(
        n=len(nearer),
        recall={k: recall},
        recall_error={k: share_error(recall, len(nearer))},
        median_rank=float(np.median(nearer + 1 + tied / 2)),
        chance_recall={k: float(np.minimum(k / offered, 1.0).mean())},
        chance_median_rank=_chance_median(offered),
        **_beaten(nearer, tied, offered),
    )


def _matched_ranks(
    query: np.ndarray, target: np.ndarray, brightness: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count nearer, tied and all targets about as bright; brightness ascends.

    So the targets that a block of queries is offered stand together, and no others are compared.
    """
    n = len(query)
    nearer, tied, offered = np.zeros((3, n), dtype=np.int64)
    high, wide = tile(_cell(query, target) + 9)
    for start in range(0, n, high):
        rows = slice(start, min(start + high, n))
        own, bright = _partner(query[rows], target[rows]), brightness[rows, None]
        reach = width * (1 + 1e-9) + 1e-9 * max(abs(bright[0, 0]), abs(bright[-1, 0]))
        begin = int(np.searchsorted(brightness, bright[0, 0] - reach))
        end = int(np.searchsorted(brightness, bright[-1, 0] + reach, side="right"))
        for first in range(begin, end, wide):
            columns = slice(first, min(first + wide, end))
            score = query[rows] @ target[columns].T
            near = np.abs(brightness[None, columns] - bright) <= width
            nearer[rows] += np.count_nonzero((score > own + TIE) & near, axis=1)
            tied[rows] += np.count_nonzero((np.abs(score - own) <= TIE) & near, axis=1)
            offered[rows] += np.count_nonzero(near, axis=1)
    return nearer, tied - 1, offered


def _chance_median(offered: np.ndarray) -> float:
    """Median of random ranks, each uniform on 1 ... the number that its query is offered."""
    counts = np.bincount(offered)[1:]
    shares = counts / np.arange(1, len(counts) + 1) / len(offered)
    within = np.cumsum(np.cumsum(shares[::-1])[::-1])  # share of the ranks up to 1, 2, ...
    low, high = (1 + int(np.argmax(within > 0.5 + side)) for side in (-1e-9, 1e-9))
    return (low + high) / 2


def _beaten(nearer: np.ndarray, tied: np.ndarray, offered: np.ndarray) -> dict[str, float]:
    """Share of the wrong targets behind the partner, and its error; NaN without wrong ones."""
    if (offered < 2).any():
        return {}
    share = 1 - (nearer + tied / 2) / (offered - 1)
    error = score_error(float(share.var()), len(share))
    return {"beaten": float(share.mean()), "beaten_error": error}


def retrieval_table(
    vectors: Mapping[str, np.ndarray],
    present: Mapping[str, np.ndarray],
    ks: Sequence[int] = (1, 5, 10),
) -> dict[tuple[str, str], RetrievalResult]:
    """Give `retrieval` for every ordered pair of modalities, on the objects that have both.

    Parameters
    ----------
    vectors : mapping of str to ndarray, shape (N, D)
        Unit vectors of each modality.
    present : mapping of str to ndarray of bool, shape (N,)
        Which objects have it.
    ks : sequence of int
        Which recalls to give.

    Returns
    -------
    dict of (query, target) to RetrievalResult
        Pairs with fewer than two objects in common are left out: among one candidate every query
        finds its partner.
    """
    table = {}
    for query, target in permutations(vectors, 2):
        both = np.asarray(present[query]) & np.asarray(present[target])
        if both.sum() > 1:
            table[query, target] = retrieval(vectors[query][both], vectors[target][both], ks)
    return table


def top_matches(
    query: np.ndarray, target: np.ndarray, k: int, leave_out: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the k targets nearest to each query, to look at.

    Parameters
    ----------
    query : ndarray, shape (m, D)
        Unit vectors.
    target : ndarray, shape (n, D)
        Unit vectors to search.
    k : int
        How many; at most as many as there are to choose from.
    leave_out : ndarray of int, shape (m,), optional
        A row of `target` that each query must not find: itself, in its own modality.

    Returns
    -------
    index : ndarray of int, shape (m, k)
        Rows of `target`, the nearest first.
    cosine : ndarray, shape (m, k)
        Their cosines.
    """
    if leave_out is None:
        return nearest(target, query, k)
    index, cosine = nearest(target, query, k + 1)
    own = index == np.asarray(leave_out)[:, None]
    own[~own.any(axis=1), -1] = True  # where duplicates crowd it out, the last one goes
    shape = (len(query), index.shape[1] - 1)
    return index[~own].reshape(shape), cosine[~own].reshape(shape)
