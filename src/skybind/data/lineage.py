"""The states that a dataset has had: what was appended and when, and which observations changed.

    DIR/lineage.json                 the states, oldest first: fingerprint, date, counts
    DIR/lineage/STEP-STATE.parquet   what changed of older objects on the way to a state, by its
                                     place in the note and its fingerprint: column, row, and the
                                     fingerprints of the observation before and after

A dataset to which nothing was appended has neither. Rows keep their places for ever: an append
changes some and adds others at the end.

A dataset may come back to a state that it was in before, as when a correction is taken back: then
two states of the note have one fingerprint, for this is a hash of the content. Whatever was made of
either was made of the same objects and values, so it need not be known of which: what has become of
them since is what changed after the dataset was in that state for the last time. Steps before that
count only for who asks what an observation has been on the way.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from skybind.data.dataset import Dataset
from skybind.data.seen import TRAINED, VALIDATED, Seen
from skybind.errors import DataError
from skybind.files import atomic_path
from skybind.parquet import read_parquet, write_parquet
from skybind.record import Record, read_record, write_sealed

#: Names of the note and of the folder of what changed.
LINEAGE, CHANGES = "lineage.json", "lineage"
AGAIN = "bring that file back from a copy, or append to a copy of the dataset from before"
_SCHEMA = pa.schema(
    [("column", pa.string()), ("row", pa.int64()), ("before", pa.uint64()), ("after", pa.uint64())]
)


class State(Record):
    """One state of a dataset."""

    fingerprint: str = Field(..., description="Hash of the footers of the objects' files.")
    date: str = Field(..., description="When it was reached: ISO 8601, UTC.")
    objects: int = Field(..., description="Objects in it.")
    source: str = Field("", description="What was appended; empty of the first state.")
    counts: dict[str, int] = Field({}, description="What happened, in words -> how often.")
    columns: list[str] = Field([], description="Columns that were added.")


class LineageNote(Record):
    """The content of `lineage.json`."""

    states: list[State] = Field(..., description="Oldest first; the last is the dataset as it is.")


@dataclass(frozen=True)
class Changes:
    """What an append changed of one column.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        Objects that were there before, ascending.
    before, after : ndarray of uint64, shape (m,)
        Fingerprints of their observations (`skybind.data.fingerprints`); 0 where there is none.
    """

    rows: np.ndarray
    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True)
class Growth:
    """What became of a dataset since an older state.

    Attributes
    ----------
    since, now : State
    appends : int
        How often something was appended.
    changed : dict of str to ndarray of int64
        Column -> rows of the older state in which it changed, ascending; what was computed of a
        column changed with it. A value that was changed and changed back is among them.
    columns : sequence of str
        Columns that were added.
    """

    since: State
    now: State
    appends: int
    changed: Mapping[str, np.ndarray]
    columns: Sequence[str] = ()

    @property
    def kept(self) -> int:
        """Rows of the older state; those after them are new."""
        return self.since.objects

    @property
    def n_new(self) -> int:
        """Number of new objects."""
        return self.now.objects - self.since.objects

    @cached_property
    def any_changed(self) -> np.ndarray:
        """Rows of the older state of which anything changed, ascending."""
        return _joined(list(self.changed.values()))

    def changed_in(self, columns: Sequence[str]) -> np.ndarray:
        """Rows of the older state in which any of some columns changed, ascending."""
        return _joined([self.changed[name] for name in columns if name in self.changed])

    def touched(self, columns: Sequence[str]) -> np.ndarray:
        """Rows of the dataset as it is that are new, or changed in some columns, ascending."""
        new = np.arange(self.kept, self.now.objects)
        return np.concatenate([self.changed_in(columns), new])

    @property
    def sentence(self) -> str:
        """What happened, in words."""
        times = "once" if self.appends == 1 else f"{self.appends} times"
        return (
            f"has been appended to {times} since then: {self.n_new:,} objects are new, and "
            f"{len(self.any_changed):,} have new observations or values"
        )


@dataclass(frozen=True)
class Lineage:
    """The states of a dataset, opened for reading.

    Attributes
    ----------
    path : Path
        Folder of the dataset.
    states : sequence of State
        Oldest first.
    """

    path: Path
    states: Sequence[State]

    def knows(self, fingerprint: str) -> bool:
        """Whether the dataset was in a state, or is."""
        return any(state.fingerprint == fingerprint for state in self.states)

    def since(self, fingerprint: str) -> Growth | None:
        """Tell what became of the dataset since it was in a state for the last time.

        Returns
        -------
        Growth or None
            None of a state that it never was in.

        Raises
        ------
        DataError
            If a table of what changed is gone or damaged.
        """
        appends = _steps_after(self.states, fingerprint)
        if appends is None:
            return None
        place = len(self.states) - 1 - appends
        since = self.states[place]
        found: dict[str, list[np.ndarray]] = {}
        for step in range(place + 1, len(self.states)):
            for column, changes in self.changes(step).items():
                found.setdefault(column, []).append(changes.rows[changes.rows < since.objects])
        changed = {column: _joined(rows) for column, rows in found.items()}
        changed = {column: rows for column, rows in changed.items() if len(rows)}
        columns = [name for state in self.states[place + 1 :] for name in state.columns]
        return Growth(since, self.states[-1], appends, changed, columns)

    def until(self, growth: Growth) -> Sequence[State]:
        """Return the states up to the one since which a growth is told, that one included."""
        return self.states[: len(self.states) - growth.appends]

    def steps(self) -> Iterator[dict[str, Changes]]:
        """Read what changed on the way to each state but the first, by column, oldest first.

        Raises
        ------
        DataError
            If a table of what changed is gone or damaged.
        """
        return map(self.changes, range(1, len(self.states)))

    def changes(self, step: int) -> dict[str, Changes]:
        """Read what changed on the way to the state at a place in `states`, by column."""
        table = read_parquet(self._table_of(step), again=AGAIN, needs=_SCHEMA.names)
        found = {}
        for column in pc.unique(table["column"]).to_pylist():
            own = table.filter(pc.equal(table["column"], column))
            row, before, after = (own[name].to_numpy() for name in _SCHEMA.names[1:])
            found[str(column)] = Changes(row, before, after)
        return found

    def _table_of(self, step: int) -> Path:
        """Where it stands what changed on the way to a state."""
        path = _table(self.path, step, self.states[step])
        if path.exists():
            return path
        # an older skybind named it by the state alone, and wrote over it when that came again
        state = self.states[step]
        older = path.with_name(f"{state.fingerprint}.parquet")
        later = range(step + 1, len(self.states))
        of_it = [n for n in later if self.states[n].fingerprint == state.fingerprint]
        if not older.exists():
            return path
        if any(not _table(self.path, n, self.states[n]).exists() for n in of_it):
            raise DataError(
                f"What changed of {self.path} on {state.date} is lost: the dataset came back to "
                f"the state of that day later, and an older skybind wrote over {older}. Append to "
                f"a copy of the dataset from before; or delete {LINEAGE}, and start runs on it "
                "anew."
            )
        return older

    def grown(self, seen: Seen, kinds: Mapping[str, str]) -> Seen:
        """Let a model that has seen an observation have seen what it has become, too.

        An object whose light curve gained epochs is the object that a model was trained on, and so
        is a copy of it under another name.

        Parameters
        ----------
        seen : Seen
        kinds : mapping of str to str
            Kind of each column of observations.
        """
        hashes = dict(seen.hashes)
        for step in self.steps():
            for column, changes in step.items():
                for role in (TRAINED, VALIDATED):
                    known = hashes.get((role, kinds.get(column, "")))
                    if known is not None:
                        after = changes.after[np.isin(changes.before, known) & (changes.after != 0)]
                        hashes[role, kinds[column]] = np.unique(np.concatenate([known, after]))
        return replace(seen, hashes=hashes)


def lineage_of(dataset: Dataset) -> Lineage | None:
    """Return the states of a dataset; None of one to which nothing was appended.

    Raises
    ------
    DataError
        If the note of them is damaged.
    """
    note = _note(dataset.path)
    if note is None or note.states[-1].fingerprint != dataset.fingerprint:
        return None
    return Lineage(dataset.path, note.states)


def earlier_observations(dataset: Dataset) -> dict[str, list[Changes]]:
    """Return what observations of a dataset were before they changed, by column, oldest first.

    Raises
    ------
    DataError
        If the note of its states, or a table of what changed, is gone or damaged.
    """
    found: dict[str, list[Changes]] = {}
    lineage = lineage_of(dataset)
    for step in lineage.steps() if lineage is not None else ():
        for column, changes in step.items():
            found.setdefault(column, []).append(changes)
    return found


def was_in(dataset: Dataset, fingerprint: str) -> bool:
    """Whether a dataset is in a state, or was in it before something was appended."""
    if dataset.fingerprint == fingerprint:
        return True
    lineage = lineage_of(dataset)
    return lineage is not None and lineage.knows(fingerprint)


def older_states(dataset: Dataset) -> list[str]:
    """Return the fingerprints of the states that a dataset was in and is not, the latest first."""
    lineage = lineage_of(dataset)
    states = lineage.states if lineage is not None else []
    found = dict.fromkeys(state.fingerprint for state in reversed(states))
    found.pop(dataset.fingerprint, None)  # it may have been in the one that it is in before, too
    return list(found)


def growth_since(dataset: Dataset, fingerprint: str) -> Growth | None:
    """Tell what became of a dataset since it was in a state for the last time.

    Returns
    -------
    Growth or None
        None where it is in that state, or was never.
    """
    if dataset.fingerprint == fingerprint:
        return None
    lineage = lineage_of(dataset)
    return None if lineage is None else lineage.since(fingerprint)


def appends_since(path: Path, fingerprint: str) -> int:
    """Count the appends to a dataset since it was in a state for the last time.

    0 also where it was never in that state. The note alone is read, so that it is quick for any
    size.
    """
    note = _note(path)
    return 0 if note is None else _steps_after(note.states, fingerprint) or 0


def write_lineage(
    folder: Path, old: Dataset, state: State, first: str, changes: Mapping[str, Changes]
) -> None:
    """Write the lineage of a dataset that grew by one state.

    Parameters
    ----------
    folder : Path
        Of the grown dataset, which holds the tables of the older states already.
    old : Dataset
        As it was before.
    state : State
        The new one.
    first : str
        When the first state was made; used where the old dataset has no lineage.
    changes : mapping of str to Changes
    """
    before = lineage_of(old)
    known = list(before.states) if before is not None else []
    known = known or [State(fingerprint=old.fingerprint, date=first, objects=len(old))]
    pieces = [
        pa.table(
            {
                "column": pa.array([column] * len(c.rows), pa.string()),
                "row": c.rows,
                "before": c.before,
                "after": c.after,
            },
            _SCHEMA,
        )
        for column, c in changes.items()
    ]
    with atomic_path(_table(folder, len(known), state)) as temporary:
        write_parquet(pa.concat_tables([_SCHEMA.empty_table(), *pieces]), temporary)
    note = LineageNote(states=[*known, state])
    write_sealed(folder / LINEAGE, note.plain())


def _note(path: Path) -> LineageNote | None:
    try:
        note = read_record(path / LINEAGE, LineageNote, AGAIN)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return note if note.states else None


def _table(folder: Path, step: int, state: State) -> Path:
    """Where a dataset's folder holds what changed on the way to the state at a place in its note.

    The fingerprint alone is no name: the dataset may come back to a state.
    """
    return folder / CHANGES / f"{step:05d}-{state.fingerprint}.parquet"


def _steps_after(states: Sequence[State], fingerprint: str) -> int | None:
    """Count the states after the last one of a fingerprint; None if there is none of it."""
    backwards = [state.fingerprint for state in reversed(states)]
    return backwards.index(fingerprint) if fingerprint in backwards else None


def _joined(rows: Sequence[np.ndarray]) -> np.ndarray:
    return np.unique(np.concatenate([np.zeros(0, np.int64), *rows]))
