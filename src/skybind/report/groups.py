"""Results brought together: the mean over seeds, with its error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skybind.config.subsets import subset_order
from skybind.evaluation.records import (
    BaselineResult,
    CaseResult,
    NeighbourResult,
    PairRetrieval,
    RetrievalRival,
    TargetResult,
)
from skybind.evaluation.statistics import MOST
from skybind.measures.significance import FEWEST
from skybind.words import join

#: Of what errors of several seeds are made.
SEEDS_TOO = "Errors hold the scatter of the seeds and the finite number of test objects."

Tested = CaseResult | NeighbourResult | BaselineResult


@dataclass(frozen=True)
class Accuracy:
    """Classifiers that differ in nothing but their seed.

    Attributes
    ----------
    modalities : tuple of str
        What they see.
    subset : str
        Labels they were trained with.
    start : str
        `From scratch`, `Pre-trained`, ...
    accuracy, balanced_accuracy : float
        Means over the seeds.
    error, balanced_error : float
        Standard errors from the finite number of test objects; of several seeds joined with
        that of their mean.
    n_seeds : int
        Number of seeds.
    n_train, n_test : int or None
        Objects of the first of them.
    confusion : ndarray of int
        Sum over the seeds.
    """

    modalities: tuple[str, ...]
    subset: str
    start: str
    accuracy: float
    error: float
    balanced_accuracy: float
    balanced_error: float
    n_seeds: int
    n_train: int | None
    n_test: int | None
    confusion: np.ndarray

    @property
    def few(self) -> bool:
        """Whether so few test objects were classified that nothing can be said of the accuracy."""
        return bool(self.confusion.sum() < FEWEST * self.n_seeds)


@dataclass(frozen=True)
class Retrieval:
    """One ordered pair of modalities, averaged over seeds."""

    query: str
    target: str
    n: int
    recall: dict[int, float]
    recall_error: dict[int, float]
    chance_recall: dict[int, float]
    median_rank: float
    chance_median_rank: float
    n_seeds: int


@dataclass(frozen=True)
class Rival:
    """One ordered pair of modalities by one method, averaged over seeds.

    `beaten` and `matched` are shares of wrong candidates behind the partner with their errors,
    among all and among those of like brightness; NaN where not known. `n` and `n_matched` are the
    queries of either.
    """

    query: str
    target: str
    method: str
    recall: dict[int, float]
    recall_error: dict[int, float]
    beaten: tuple[float, float]
    matched: tuple[float, float]
    n: int
    n_matched: int


def accuracy_groups(entries: Sequence[Tested]) -> list[Accuracy]:
    """Average classifiers over seeds; few modalities first, much training data first."""
    groups: dict[tuple[tuple[str, ...], str, str], list[Tested]] = {}
    for entry in entries:
        groups.setdefault((entry.modalities, entry.subset, entry.start), []).append(entry)
    made = [_accuracy(*key, members) for key, members in groups.items()]
    return sorted(made, key=lambda g: (len(g.modalities), -subset_order(g.subset)))


def retrieval_groups(entries: Sequence[PairRetrieval]) -> list[Retrieval]:
    """Average retrievals over seeds, in the order of first appearance."""
    groups: dict[tuple[str, str], list[PairRetrieval]] = {}
    for entry in entries:
        groups.setdefault((entry.query, entry.target), []).append(entry)
    made = []
    for (query, target), members in groups.items():
        first = members[0]
        found = {
            k: _mean_and_error([m.recall[k] for m in members], [m.recall_error[k] for m in members])
            for k in first.recall
        }
        made.append(
            Retrieval(
                query=query,
                target=target,
                n=first.n,
                recall={k: mean for k, (mean, _) in found.items()},
                recall_error={k: error for k, (_, error) in found.items()},
                chance_recall=first.chance_recall,
                median_rank=float(np.mean([member.median_rank for member in members])),
                chance_median_rank=first.chance_median_rank,
                n_seeds=len(members),
            )
        )
    return made


def rival_groups(entries: Sequence[RetrievalRival]) -> list[Rival]:
    """Average the methods of retrieval over seeds, in the order of first appearance."""
    groups: dict[tuple[str, str, str], list[RetrievalRival]] = {}
    for entry in entries:
        groups.setdefault((entry.query, entry.target, entry.method), []).append(entry)
    made = []
    for (query, target, method), members in groups.items():
        (one,) = retrieval_groups(members)
        like = [m.matched for m in members if m.matched is not None]
        made.append(
            Rival(
                query,
                target,
                method,
                one.recall,
                one.recall_error,
                _mean_and_error([m.beaten for m in members], [m.beaten_error for m in members]),
                _mean_and_error([m.beaten for m in like], [m.beaten_error for m in like])
                if like
                else (np.nan, np.nan),
                n=one.n,
                n_matched=min((m.n for m in like), default=0),
            )
        )
    return made


def headline(groups: Sequence[Accuracy]) -> Accuracy | None:
    """Choose the classifier the report speaks of: most modalities, all labels, pre-trained."""
    order = {"Pre-trained": 0, "Pre-trained, frozen": 1, "From scratch": 2, "Random, frozen": 3}
    return min(
        groups,
        key=lambda g: (-len(g.modalities), -subset_order(g.subset), order[g.start]),
        default=None,
    )


def _accuracy(
    modalities: tuple[str, ...], subset: str, start: str, members: Sequence[Tested]
) -> Accuracy:
    first = members[0]
    accuracy, error = _mean_and_error(
        [m.accuracy for m in members], [m.accuracy_error for m in members]
    )
    balanced, balanced_error = _mean_and_error(
        [m.balanced_accuracy for m in members], [m.balanced_accuracy_error for m in members]
    )
    return Accuracy(
        modalities=modalities,
        subset=subset,
        start=start,
        accuracy=accuracy,
        error=error,
        balanced_accuracy=balanced,
        balanced_error=balanced_error,
        n_seeds=len(members),
        n_train=first.n_train,
        n_test=first.n_test,
        confusion=np.sum([member.confusion for member in members], axis=0),
    )


def _mean_and_error(values: Sequence[float], errors: Sequence[float]) -> tuple[float, float]:
    """Mean over the seeds, with the scatter of the seeds and the number of objects in its error.

    Seeds that share test objects share the error from their number: it is not divided by them.
    """
    if len(values) == 1:
        return values[0], errors[0]
    seeds = float(np.std(values, ddof=1)) / len(values) ** 0.5
    return float(np.mean(values)), float(np.hypot(seeds, np.mean(errors)))


def statistics_words(entries: Sequence[BaselineResult | TargetResult]) -> str:
    """Say of which modalities trees saw simple statistics alone, if of any: they may do better."""
    alone = dict.fromkeys(name for entry in entries for name in entry.statistics_of or ())
    if not alone:
        return ""
    return (
        f" Not of {join(list(alone))}: more than {MOST:,} light curves without computed features "
        "are many, and they saw simple statistics of these alone. 'skybind data features' computes "
        "the rest."
    )
