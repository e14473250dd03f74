"""What is measured on a sample where there are very many objects: drawn by the seed, and told."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from skybind.record import Record

if TYPE_CHECKING:
    from skybind.runs.run import Run

NEAR = "test objects whose nearest neighbours were looked for"
TAUGHT = "training objects that trees, ridge regression and perceptrons were taught with"
COMPARED = "test objects among which plain methods retrieve, and ours beside them"
CORRELATED = "training objects of the canonical correlation"
MAPPED = {"train": "training objects on a map", "test": "test objects on it"}
GROUPED = "objects of a map that k-means is fitted on"
SILHOUETTE = "objects of a map that give the silhouette"
#: Of a class at least so many objects are drawn, or all: a sample loses no rare class.
OF_A_CLASS = 1000
_noted: ContextVar[dict[str, "Sample"] | None] = ContextVar("noted", default=None)


class Sample(Record):
    """A result that was measured on some of the objects it is about, drawn by the seed."""

    what: str = Field(..., description="What was done with these objects alone, in words.")
    n: int = Field(..., description="Objects that were drawn.")
    of: int = Field(
        ...,
        description="Objects that they were drawn from: those that have what it takes; of several "
        "modalities, targets or classes the most.",
    )


def drawn(rows: np.ndarray, most: int, seed: int, labels: np.ndarray | None = None) -> np.ndarray:
    """Draw some of many rows; the same rows give the same sample.

    Parameters
    ----------
    rows : ndarray of int
    most : int
        If they are no more than this, all are given as they are.
    seed : int
    labels : ndarray of int, optional
        Classes of all objects, -1 for none: of each at least `OF_A_CLASS`, or all, are drawn.

    Returns
    -------
    ndarray of int
        Ascending where some were drawn; with `labels` a few more than `most` may be.
    """
    if len(rows) <= most:
        return rows
    rng = np.random.default_rng(seed)
    order = rng.permutation(rows)
    if labels is None:
        return np.sort(order[:most])
    taken = np.zeros(len(order), bool)
    taken[:most] = True
    for code in np.unique(labels[order]):
        if code >= 0:
            taken[np.flatnonzero(labels[order] == code)[:OF_A_CLASS]] = True
    return np.sort(order[taken])


def asked_rows(run: "Run", rows: np.ndarray, what: str = NEAR) -> np.ndarray:
    """Return those of some test objects whose nearest neighbours are looked for."""
    found = drawn(rows, run.config.evaluation.asked_objects, run.config.seed)
    note(what, len(found), len(rows))
    return found


def taught_rows(run: "Run", rows: np.ndarray) -> np.ndarray:
    """Return those of some training objects that trees, ridges and perceptrons are taught with."""
    found = drawn(rows, run.config.evaluation.taught_objects, run.config.seed)
    note(TAUGHT, len(found), len(rows))
    return found


def told(*taken: tuple[str, int, int]) -> list[Sample]:
    """Return those of (what, most, of) in which not all objects were used."""
    return [Sample(what=what, n=most, of=of) for what, most, of in taken if most < of]


@contextmanager
def noting() -> Iterator[dict[str, Sample]]:
    """Keep what is measured on some of the objects only inside, by what it is.

    Where several modalities or targets have the same done, the sample of most objects is kept.
    """
    samples: dict[str, Sample] = {}
    token = _noted.set(samples)
    try:
        yield samples
    finally:
        _noted.reset(token)


def note(what: str, n: int, of: int) -> None:
    """Note that something was measured on so many of the objects that it could be measured on."""
    samples = _noted.get()
    known = None if samples is None else samples.get(what)
    if samples is not None and n < of and (known is None or known.of < of):
        samples[what] = Sample(what=what, n=n, of=of)
