"""What a dataset may hold by its rules, and yet is probably not meant."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from skybind.data.check import Findings, Violation
from skybind.data.dataset import Dataset
from skybind.data.nothing import DOUBTFUL, is_nothing
from skybind.data.twins import WHAT, find_twins
from skybind.ragged import Ragged

#: Epochs from which on one error for all is no chance.
ENOUGH_EPOCHS = 5
#: A few values further from the median than so many interquartile ranges, with which the standard
#: deviation is so many times that without them, rule the scale of their column.
FAR, RULES = 1e3, 10
#: Objects from which on two equal columns are no chance.
ENOUGH_OBJECTS = 20


@dataclass
class _Label:
    """A label, and the features that tell it."""

    name: str
    counts: Counter[str]
    code: np.ndarray
    """Number of each object's class, -1 where it has none."""
    told_by: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, dataset: Dataset, name: str) -> "_Label":
        """Read a label column."""
        labels = dataset.labels(name)
        _, code = np.unique(labels, return_inverse=True)
        return cls(name, Counter(labels.tolist()), np.where(labels == "", -1, code.ravel()))


@dataclass
class _Target:
    """A target, and the features that equal it."""

    name: str
    values: np.ndarray
    equals: list[str] = field(default_factory=list)


def find_suspicions(path: str | Path) -> list[Violation]:
    """Name what deserves a look: it is not against the rules of a dataset.

    Light curves with one error for every epoch, features beyond single precision or so far from
    all others that they rule the deviation of their column, classes that
    look like a missing value, twins that a split at random would separate, features that equal the
    label or a target.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of Violation

    Raises
    ------
    DataError
        If there is no dataset at `path`, or it cannot be read.
    """
    dataset, findings = Dataset.open(path), Findings()
    for name, kind in dataset.schema.kinds.items():
        if kind == "photometry":
            _constant_errors(dataset, name, findings)
    labels = [_Label.read(dataset, name) for name in dataset.schema.with_role("label")]
    targets = [_Target(n, dataset.numbers(n)) for n in dataset.schema.with_role("target")]
    for name in dataset.schema.with_role("feature"):
        _look_at(dataset, name, labels, targets, findings)
    for label in labels:
        _doubtful_classes(label, findings)
        for feature in label.told_by:
            what = f"has one value for each class of {label.name}: it tells the label"
            findings.add(feature, what)
    for target in targets:
        for feature in target.equals:
            findings.add(feature, f"equals the target {target.name}")
    twins = find_twins(dataset)
    findings.rows("object_id", f"has a twin ({WHAT})", twins.members, dataset.object_ids)
    return findings.violations()


def _look_at(
    dataset: Dataset,
    name: str,
    labels: list[_Label],
    targets: list[_Target],
    findings: Findings,
) -> None:
    """Look at a feature alone, and beside labels and targets; held only as long as that."""
    values = dataset.numbers(name)
    beyond = np.isfinite(values) & (np.abs(values) > np.finfo(np.float32).max)
    findings.rows(name, "is beyond single precision (3.4e38)", beyond, dataset.object_ids)
    what = "lies so far from all others that it rules their standard deviation"
    findings.rows(name, what, _ruling(values), dataset.object_ids)
    for label in labels:
        if _tells(values, label.code):
            label.told_by.append(name)
    for target in targets:
        if _equals(values, target.values):
            target.equals.append(name)


def _ruling(values: np.ndarray) -> np.ndarray:
    """Which values of a column lie so far from the others that its deviation is theirs alone."""
    none = np.zeros(len(values), bool)
    usable = np.isfinite(values) & (np.abs(values) <= np.finfo(np.float32).max)
    if usable.sum() < ENOUGH_EPOCHS:
        return none
    low, median, high = np.percentile(values[usable], (25, 50, 75))
    far = usable & (np.abs(values - median) > FAR * (high - low))
    rest = values[usable & ~far]
    if high == low or not far.any() or values[usable].std() <= RULES * rest.std():
        return none
    return far


def _constant_errors(dataset: Dataset, name: str, findings: Findings) -> None:
    for table in dataset.iter_tables(["object_id", name]):
        ragged = Ragged.from_arrow(table[name])
        error = next((f for f in ("flux_err", "magnitude_err") if f in ragged.fields), None)
        if error is None:
            return
        values = ragged.fields[error]
        lengths = ragged.lengths
        first = np.zeros(len(ragged))
        first[lengths > 0] = values[ragged.offsets[:-1][lengths > 0]]
        differ = np.bincount(ragged.owner, values != first[ragged.owner], len(ragged))
        same = (lengths >= ENOUGH_EPOCHS) & (differ == 0)
        names = np.asarray(table["object_id"].to_pylist(), object)
        findings.rows(f"{name}.{error}", "is one number for every epoch of a curve", same, names)


def _doubtful_classes(label: _Label, findings: Findings) -> None:
    for word, count in label.counts.items():
        if word and (is_nothing(word) or word.lower() in DOUBTFUL):
            what = f"has the class '{word}', which looks like a missing value"
            findings.add(label.name, what, count)


def _tells(values: np.ndarray, label: np.ndarray) -> bool:
    """Whether a feature has one value a class, and another one for each class."""
    known = np.isfinite(values) & (label >= 0)
    classes, code = np.unique(label[known], return_inverse=True)
    if known.sum() < ENOUGH_OBJECTS or len(classes) < 2:
        return False
    numbers, number = np.unique(values[known], return_inverse=True)
    both = np.unique(np.column_stack([code.ravel(), number.ravel()]), axis=0)
    return len(classes) == len(numbers) == len(both)


def _equals(values: np.ndarray, target: np.ndarray) -> bool:
    known = np.isfinite(values) & np.isfinite(target)
    if known.sum() < ENOUGH_OBJECTS or np.ptp(target[known]) == 0:
        return False
    return bool(np.allclose(values[known], target[known], rtol=1e-6, atol=0))
