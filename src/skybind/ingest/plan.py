"""What is to be read for a dataset: chunks of objects, in steps, and what is known before."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skybind.data.schema import ID, Column
from skybind.ingest.name_column import Names
from skybind.ingest.readers.spilled import DiskColumn
from skybind.ragged import Ragged
from skybind.visits import Visits

Row = dict[str, str]
#: A flat column of all objects: read like an array, perhaps on disk.
Flat = np.ndarray | Names | DiskColumn


@dataclass
class Chunk:
    """Some objects as a reader gives them.

    Attributes
    ----------
    columns : dict of str to (ndarray, Ragged or Visits)
        Every column of the dataset (`ra` and `dec` may be left out), each of n objects. Where an
        observation is given as `Visits`, the columns of the first and of all are made of it.
    source : dict of str to (str or ndarray of str, shape (n,))
        Where each observation comes from, for the quarantine.
    part : ndarray of str, shape (n,), optional
        Part of the published split that each object belongs to.
    quarantine : list of dict
        What the reader itself sets aside, see `quarantine_row`.
    subsets : dict of str to ndarray of bool, shape (n,)
        Which objects are in each subset of the published split; the same names in every chunk.
    """

    columns: dict[str, np.ndarray | Ragged | Visits]
    source: dict[str, Any]
    part: np.ndarray | None = None
    quarantine: list[Row] = field(default_factory=list)
    subsets: dict[str, np.ndarray] = field(default_factory=dict)

    def take(self, rows: np.ndarray) -> "Chunk":
        """Give some of the objects, with all that was set aside."""
        return Chunk(
            {
                key: value.take(rows)
                if isinstance(value, Ragged | Visits)
                else np.asarray(value)[rows]
                for key, value in self.columns.items()
            },
            {
                key: value if isinstance(value, str) else np.asarray(value, object)[rows]
                for key, value in self.source.items()
            },
            None if self.part is None else self.part[rows],
            list(self.quarantine),
            {name: keep[rows] for name, keep in self.subsets.items()},
        )


@dataclass
class Known:
    """What is known of all objects before any is read, for a preview.

    Attributes
    ----------
    flat : dict of str to (ndarray, Names or DiskColumn), of length n
        The flat columns of the dataset.
    observed : dict of str to ndarray of bool, shape (n,)
        Observation -> which objects have one, as far as names tell.
    stated : dict of str to (str or None)
        Unit that the mapping or the file states: of a flat column by its name, of a field of an
        observation as `name.field`.
    """

    flat: dict[str, Flat]
    observed: dict[str, np.ndarray]
    stated: dict[str, str | None]


@dataclass
class Plan:
    """All that `build_dataset` has to know.

    Attributes
    ----------
    columns : dict of str to Column
    steps : iterable of (int, callable)
        In a fixed order: how many objects are looked at, and the function that reads them. Only
        the functions of steps that are not done yet are called.
    total : int
        Objects in all, for the progress.
    sources : list of Path
        Files and folders that are read: when one changes, unfinished work begins anew.
    settings : anything that JSON can hold
        What else decides the result.
    provenance : str
    simulated : bool
    quarantine : list of dict
        What was set aside before the first step.
    notes : list of str
        See `ImportSummary`.
    split : dict, optional
        Recipe of the split that the chunks' parts make; it is stored as `published`.
    features : list of str
        Columns of light curves whose periods and features are computed.
    unique : bool
        Whether the names are known to differ. Otherwise a name that occurs again is set aside.
    needed : list of str
        Columns of observations that cannot be empty: an import that finds none there stops.
    known : Known, optional
        Where a table of objects was read first.
    aside : Path, optional
        Folder of what was prepared for the steps: it is removed once it is not needed.
    """

    columns: dict[str, Column]
    steps: Iterable[tuple[int, Callable[[], Chunk]]]
    total: int
    sources: list[Path]
    settings: Any = None
    provenance: str = ""
    simulated: bool = False
    quarantine: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    split: dict[str, Any] | None = None
    features: list[str] = field(default_factory=list)
    unique: bool = False
    needed: list[str] = field(default_factory=list)
    known: Known | None = None
    aside: Path | None = None

    def first(self, most: int) -> "Plan":
        """Give a plan of the first objects alone.

        Nothing is computed from their light curves, and none has to be observed.
        """
        few = self._first(most)
        return replace(self, steps=few, total=most, sources=[], features=[], needed=[])

    def _first(self, most: int) -> Iterator[tuple[int, Callable[[], Chunk]]]:
        left = most
        for _, read in self.steps:
            if left <= 0:
                return
            chunk = read()
            some = chunk.take(np.arange(min(left, len(chunk.columns[ID]))))
            left -= len(some.columns[ID])
            yield len(some.columns[ID]), partial(_given, some)


def _given(chunk: Chunk) -> Chunk:
    return chunk


def quarantine_row(object_id: str, source: str, modality: str, reason: str) -> Row:
    """One row of the quarantine table."""
    return {
        "object_id": str(object_id),
        "source": str(source),
        "modality": modality,
        "reason": str(reason),
    }


def spread(n: int, observed: Sequence[np.ndarray], most: int) -> np.ndarray:
    """Choose objects evenly over a table, half of them among those that have observations.

    Parameters
    ----------
    n : int
        Objects of the table.
    observed : sequence of ndarray of bool, shape (n,)
        Of each observation.
    most : int
        How many are chosen.

    Returns
    -------
    ndarray of int
        Rows, ascending.
    """
    chosen = np.zeros(n, bool)
    for have in observed:
        chosen[_evenly(np.flatnonzero(have), most // (2 * len(observed)))] = True
    chosen[_evenly(np.flatnonzero(~chosen), most - int(chosen.sum()))] = True
    return np.flatnonzero(chosen)


def _evenly(rows: np.ndarray, most: int) -> np.ndarray:
    places = np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64)
    return np.asarray(rows[places])
