"""Entries of metrics.json brought together: the mean over seeds, with its error."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skybind.config.subsets import subset_order

FULL = "full"


@dataclass(frozen=True)
class Accuracy:
    """Classifiers that differ in nothing but their seed.

    Attributes
    ----------
    modalities : tuple of str
        What they see.
    subset : str
        `full` or a percentage.
    start : str
        `From scratch`, `Pre-trained`, ...
    accuracy, balanced_accuracy : float
        Means over the seeds.
    error, balanced_error : float or None
        Standard deviation between seeds; of a single seed the standard error of the test set.
    n_seeds : int
        Number of seeds.
    n_train, n_test : int or None
        Objects of the first of them.
    confusion : ndarray of int or None
        Sum over the seeds.
    """

    modalities: tuple[str, ...]
    subset: str
    start: str
    accuracy: float
    error: float | None
    balanced_accuracy: float | None
    balanced_error: float | None
    n_seeds: int
    n_train: int | None
    n_test: int | None
    confusion: np.ndarray | None

    @property
    def standard_error(self) -> float | None:
        """Standard error of the mean accuracy."""
        return None if self.error is None else self.error / self.n_seeds**0.5


@dataclass(frozen=True)
class Retrieval:
    """One ordered pair of modalities, averaged over seeds."""

    query: str
    target: str
    n: int
    recall: dict[int, float]
    recall_error: dict[int, float | None]
    chance_recall: dict[int, float]
    median_rank: float
    chance_median_rank: float
    n_seeds: int


def start_name(entry: Mapping[str, Any]) -> str:
    """Say how a classifier's encoders began and whether they were trained on."""
    if entry.get("pretrained"):
        return "Pre-trained, frozen" if entry.get("frozen") else "Pre-trained"
    return "Random, frozen" if entry.get("frozen") else "From scratch"


def accuracy_groups(entries: Sequence[Mapping[str, Any]]) -> list[Accuracy]:
    """Average classifiers over seeds; few modalities first, much training data first."""
    groups: dict[tuple[tuple[str, ...], str, str], list[Mapping[str, Any]]] = {}
    for entry in entries:
        if entry.get("accuracy") is None:
            continue
        key = (tuple(entry["modalities"]), str(entry.get("subset", FULL)), start_name(entry))
        groups.setdefault(key, []).append(entry)
    made = [_accuracy(*key, members) for key, members in groups.items()]
    return sorted(made, key=lambda g: (len(g.modalities), -subset_order(g.subset)))


def retrieval_groups(entries: Sequence[Mapping[str, Any]]) -> list[Retrieval]:
    """Average retrievals over seeds, in the order of first appearance."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in entries:
        groups.setdefault((entry["query"], entry["target"]), []).append(entry)
    made = []
    for (query, target), members in groups.items():
        ks = [int(k) for k in members[0]["recall"]]
        found = {
            k: _mean_and_error(members, ("recall", str(k)), ("recall_error", str(k))) for k in ks
        }
        made.append(
            Retrieval(
                query=query,
                target=target,
                n=members[0]["n"],
                recall={k: mean for k, (mean, _) in found.items() if mean is not None},
                recall_error={k: error for k, (_, error) in found.items()},
                chance_recall={k: members[0]["chance_recall"][str(k)] for k in ks},
                median_rank=_mean(member["median_rank"] for member in members),
                chance_median_rank=members[0]["chance_median_rank"],
                n_seeds=len(members),
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
    modalities: tuple[str, ...], subset: str, start: str, members: Sequence[Mapping[str, Any]]
) -> Accuracy:
    accuracy, error = _mean_and_error(members, ("accuracy",), ("accuracy_error",))
    balanced, balanced_error = _mean_and_error(
        members, ("balanced_accuracy",), ("balanced_accuracy_error",)
    )
    matrices = [np.asarray(m["confusion"], dtype=int) for m in members if m.get("confusion")]
    assert accuracy is not None  # entries without it were left out
    return Accuracy(
        modalities=modalities,
        subset=subset,
        start=start,
        accuracy=accuracy,
        error=error,
        balanced_accuracy=balanced,
        balanced_error=balanced_error,
        n_seeds=len(members),
        n_train=members[0].get("n_train"),
        n_test=members[0].get("n_test"),
        confusion=np.sum(matrices, axis=0) if matrices else None,
    )


def _mean_and_error(
    members: Sequence[Mapping[str, Any]], value: tuple[str, ...], error: tuple[str, ...]
) -> tuple[float | None, float | None]:
    """Mean over the seeds and its spread; of one seed, its own error."""
    values = [number for member in members if (number := _get(member, value)) is not None]
    if not values:
        return None, None
    if len(values) == 1:
        return values[0], _get(members[0], error)
    return float(np.mean(values)), float(np.std(values, ddof=1))


def _get(entry: Any, path: tuple[str, ...]) -> float | None:
    for key in path:
        entry = (entry or {}).get(key)
    return None if entry is None else float(entry)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
