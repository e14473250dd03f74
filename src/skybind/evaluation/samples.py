"""What is measured on a sample where there are very many objects: drawn by the seed, and told."""

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from skybind.measures.clusters import FITTED_UP_TO, SILHOUETTE_UP_TO
from skybind.measures.correlation import MOST as PAIRS
from skybind.record import Record

if TYPE_CHECKING:
    from skybind.runs.run import Run

#: Of a class at least so many objects are drawn, or all: a sample loses no rare class.
OF_A_CLASS = 1000


class Sample(Record):
    """A result that was measured on some of the objects it is about, drawn by the seed."""

    what: str = Field(..., description="What was done with these objects alone, in words.")
    n: int = Field(..., description="Objects that were drawn.")
    of: int = Field(..., description="Objects that they were drawn from.")


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


def asked_rows(run: "Run", rows: np.ndarray) -> np.ndarray:
    """Return those of some test objects whose nearest neighbours are looked for."""
    return drawn(rows, run.config.evaluation.asked_objects, run.config.seed)


def taught_rows(run: "Run", rows: np.ndarray) -> np.ndarray:
    """Return those of some training objects that trees, ridges and perceptrons are taught with."""
    return drawn(rows, run.config.evaluation.taught_objects, run.config.seed)


def told(*taken: tuple[str, int, int]) -> list[Sample]:
    """Return those of (what, most, of) in which not all objects were used."""
    return [Sample(what=what, n=most, of=of) for what, most, of in taken if most < of]


def evaluation_samples(
    run: "Run", mapped: int, clusters: bool, *, asked: bool = True, taught: bool = True
) -> list[Sample]:
    """Say what the evaluation of a run measures on some of its objects only.

    Parameters
    ----------
    run : Run
    mapped : int
        Objects on a map; 0 without maps.
    clusters : bool
        Whether clusters were looked for.
    asked, taught : bool
        Whether nearest neighbours were looked for, and plain methods taught.
    """
    options = run.config.evaluation
    train, test = len(run.rows("train")), len(run.rows("test"))
    taken = []
    if asked:
        what = "test objects whose nearest neighbours were looked for"
        taken.append((what, options.asked_objects, test))
    if taught:
        what = "training objects that trees, ridge regression and perceptrons were taught with"
        taken.append((what, options.taught_objects, train))
    if options.retrieval and options.baseline and len(run.modalities) > 1:
        taken.append(("training objects of the canonical correlation", PAIRS, train))
        compared = "test objects among which plain methods retrieve, and ours beside them"
        taken.append((compared, options.asked_objects, test))
    if mapped:
        most = options.map_objects
        taken += [("training objects on a map", most, train), ("test objects on it", most, test)]
    if mapped and clusters:
        taken.append(("objects of a map that k-means is fitted on", FITTED_UP_TO, mapped))
        taken.append(("objects of a map that give the silhouette", SILHOUETTE_UP_TO, mapped))
    return told(*taken)
