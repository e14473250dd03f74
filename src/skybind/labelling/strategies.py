"""Which objects to label next, so that a classifier learns most from few labels.

All strategies work on frozen embeddings: a linear classifier on them is fitted in a moment, so
that proposals can be asked for again after every few answers.
"""

from dataclasses import dataclass

import numpy as np

from skybind.errors import DataError
from skybind.labelling.beliefs import Beliefs
from skybind.memory import at_once, tile

#: Strategies by name, with what they look for.
STRATEGIES = {
    "combined": "doubtful, or judged differently by its modalities, and unlike the others chosen",
    "margin": "the two likeliest classes are nearly as likely",
    "entropy": "the probability is spread over many classes",
    "disagreement": "the modalities, each alone, say different classes",
    "badge": "doubtful and unlike the others chosen (BADGE)",
    "diverse": "far from everything labelled or chosen",
    "typical": "in the middle of a crowd in which nothing is labelled (TypiClust)",
    "random": "drawn at random",
}


#: These need no classifier; without labels of two classes the others do not work either.
BLIND = ("diverse", "typical", "random")


#: A larger pool is thinned at random to this many candidates first.
POOL = 50_000


#: Numbers that are compared at once where memory allows, rows of one and columns.
_HIGH, _WIDE = 4096, 4096


#: `combined` spreads its choice over so many times as many objects as are asked for, or over this
#: share of all, whichever is more.
SHORTLIST, SHORTLIST_SHARE = 3, 0.02


#: Neighbours that tell how typical an object is, and clusters at most (TypiClust's values).
TYPICAL_NEIGHBOURS, TYPICAL_CLUSTERS = 20, 500


@dataclass(frozen=True)
class Proposal:
    """Objects to label next.

    Attributes
    ----------
    rows : ndarray of int, shape (k,)
        Places in the pool, in the order in which they were chosen.
    strategy : str
        The one that was used: `typical` where another was asked for and nothing was known yet.
    """

    rows: np.ndarray
    strategy: str


def propose(
    pool: np.ndarray,
    beliefs: Beliefs,
    n: int,
    *,
    labelled: np.ndarray | None = None,
    strategy: str = "combined",
    seed: int = 0,
) -> Proposal:
    """Choose the objects to label next.

    Parameters
    ----------
    pool : ndarray, shape (N, D)
        Unit vectors of the candidates, at most some 10,000 (`thinned`).
    beliefs : Beliefs
        Of the candidates.
    n : int
        How many; all candidates if there are fewer.
    labelled : ndarray, shape (L, D), optional
        Unit vectors of what is labelled already, which the proposals shall not repeat.
    strategy : str
        One of `STRATEGIES`. Without labels of two classes those that need a classifier become
        `typical`.
    seed : int

    Raises
    ------
    DataError
        If there is no candidate, `n` is under 1, or the strategy is not known.
    """
    if strategy not in STRATEGIES:
        raise DataError(f"There is no strategy '{strategy}': use one of {', '.join(STRATEGIES)}.")
    if n < 1:
        raise DataError(f"The number of objects to propose is {n}: give at least 1.")
    if not len(pool):
        raise DataError("There is no candidate: every object is labelled or set aside.")
    if not beliefs.known and strategy not in BLIND:
        strategy = "typical"
    rng = np.random.default_rng(seed)
    n = min(n, len(pool))
    before = np.zeros((0, pool.shape[1])) if labelled is None else labelled
    if strategy == "random":
        chosen = rng.choice(len(pool), n, replace=False)
    elif strategy == "typical":
        chosen = typical(pool, before, n, seed)
    elif strategy == "diverse":
        chosen = spread(pool, before, n, np.ones(len(pool)), rng)
    elif strategy == "badge":
        chosen = badge(pool, beliefs.probability, n, rng)
    elif strategy == "combined":
        chosen = combined(pool, beliefs, before, n, rng)
    else:
        chosen = _most_doubtful(strategy, beliefs, n, rng)
    return Proposal(chosen, strategy)


def thinned(size: int, n: int, seed: int) -> np.ndarray:
    """Draw the places of so many candidates of a pool as are judged when `n` are wanted."""
    most = max(POOL, n)
    if size <= most:
        return np.arange(size)
    return np.sort(np.random.default_rng(seed).choice(size, most, replace=False))


def _most_doubtful(strategy: str, beliefs: Beliefs, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take those with the highest score; chance decides among equals."""
    score = {
        "margin": beliefs.doubt,
        "entropy": beliefs.entropy,
        "disagreement": beliefs.disagreement,
    }[strategy]
    return np.lexsort((rng.random(len(score)), -score))[:n]


def worth(beliefs: Beliefs) -> np.ndarray:
    """What a label of each object is worth to `combined`: doubt and half the disagreement."""
    return beliefs.doubt + 0.5 * beliefs.disagreement


def combined(
    pool: np.ndarray, beliefs: Beliefs, before: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw objects far from each other and from `before` among those that are worth most."""
    value = worth(beliefs)
    size = max(SHORTLIST * n, round(SHORTLIST_SHARE * len(pool)))
    best = np.lexsort((rng.random(len(value)), -value))[:size]
    return best[spread(pool[best], before, n, value[best] ** 2, rng)]


def spread(
    pool: np.ndarray, before: np.ndarray, n: int, weight: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw objects far from each other and from what is labelled, of large weight.

    k-means++ seeding (Arthur & Vassilvitskii 2007): each is drawn with a probability
    proportional to weight times the squared distance from the nearest one chosen before.

    Parameters
    ----------
    pool : ndarray, shape (N, D)
    before : ndarray, shape (L, D)
        Unit vectors chosen before.
    n : int
        At most N.
    weight : ndarray, shape (N,)
        Not negative.
    rng : Generator
    """
    distance = _squared_distance(pool, before)
    chosen: list[int] = []
    for _ in range(n):
        row = _draw(weight * distance, chosen, rng)
        chosen.append(row)
        step = np.maximum(2.0 - 2.0 * (pool @ pool[row]), 0.0)
        distance = np.minimum(distance, step)
    return np.asarray(chosen, np.int64)


def badge(
    pool: np.ndarray, probability: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw objects whose labels would change the classifier most, and differently.

    BADGE (Ash et al. 2020, arXiv:1906.03671): k-means++ seeding among the gradients that the
    last layer would get from the guessed class, the outer product of (probability less guess)
    and vector.
    """
    error = probability.copy()
    error[np.arange(len(error)), probability.argmax(axis=1)] -= 1.0
    size = (error**2).sum(axis=1) * (pool**2).sum(axis=1)
    first = int(size.argmax())
    chosen = [first]
    distance = np.full(len(pool), np.inf)
    while len(chosen) < n:
        last = chosen[-1]
        inner = (error @ error[last]) * (pool @ pool[last])
        distance = np.minimum(distance, np.maximum(size + size[last] - 2.0 * inner, 0.0))
        chosen.append(_draw(distance, chosen, rng))
    return np.asarray(chosen[:n], np.int64)


def typical(pool: np.ndarray, before: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Choose the most typical object of each crowd in which nothing is labelled.

    TypiClust (Hacohen et al. 2022, arXiv:2202.02794): as many clusters as there will be labels;
    of those with the fewest labels, the largest first, the object that is nearest to its 20
    neighbours there.

    Parameters
    ----------
    pool : ndarray, shape (N, D)
    before : ndarray, shape (L, D)
        Vectors of what is labelled.
    n : int
        At most N.
    seed : int
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans

    both = np.concatenate([part.astype(np.float32) for part in (pool, before)])
    k = min(len(before) + n, TYPICAL_CLUSTERS, len(both))
    kind = KMeans if k <= 50 and len(both) <= 20_000 else MiniBatchKMeans
    cluster = kind(k, n_init=5, random_state=seed).fit_predict(both)
    size = np.bincount(cluster[: len(pool)], minlength=k)
    covered = np.bincount(cluster[len(pool) :], minlength=k)
    order: dict[int, list[int]] = {}
    chosen: list[int] = []
    while len(chosen) < n:
        left = np.flatnonzero(size > 0)
        best = int(left[np.lexsort((-size[left], covered[left]))[0]])
        if best not in order:
            members = np.flatnonzero(cluster[: len(pool)] == best)
            order[best] = members[np.argsort(-_typicality(both[members]), kind="stable")].tolist()
        chosen.append(order[best].pop(0))
        covered[best] += 1
        size[best] -= 1
    return np.asarray(chosen, np.int64)


def _typicality(members: np.ndarray) -> np.ndarray:
    """Inverse of the mean distance to the nearest others, shape (m,)."""
    k = min(TYPICAL_NEIGHBOURS, len(members) - 1)
    if k < 1:
        return np.ones(len(members))
    mean = np.empty(len(members))
    chunk = at_once(12 * len(members), 1024)
    for start in range(0, len(members), chunk):
        rows = slice(start, start + chunk)
        cosine = members[rows] @ members.T
        near = np.partition(cosine, -(k + 1), axis=1)[:, -(k + 1) :]
        away = np.sqrt(np.maximum(2.0 - 2.0 * near, 0.0))
        mean[rows] = away.sum(axis=1) / k  # the object itself is among them, at distance 0
    return 1.0 / np.maximum(mean, 1e-6)


def _squared_distance(pool: np.ndarray, before: np.ndarray) -> np.ndarray:
    """From the nearest of `before`; 4, the largest there is, if it is empty."""
    distance = np.full(len(pool), 4.0)
    high, wide = tile(8, _HIGH, _WIDE)
    for start in range(0, len(before), wide):
        some = before[start : start + wide].astype(np.float64)
        for first in range(0, len(pool), high):
            rows = slice(first, first + high)
            own = np.maximum(2.0 - 2.0 * (pool[rows] @ some.T).max(axis=1), 0.0)
            distance[rows] = np.minimum(distance[rows], own)
    return distance


def _draw(weight: np.ndarray, chosen: list[int], rng: np.random.Generator) -> int:
    """Draw one that was not chosen yet; evenly, where no weight is left."""
    weight = weight.copy()
    weight[chosen] = 0.0
    total = weight.sum()
    if not total > 0:
        weight = np.ones(len(weight))
        weight[chosen] = 0.0
        total = weight.sum()
    return int(rng.choice(len(weight), p=weight / total))
