"""Appending to a dataset: new objects, and new epochs and values of those that are there.

The grown dataset is made in a hidden folder beside the old one, in which files of objects to which
nothing comes are linked, not copied, and takes its place in one step. Files that change get new
names, so that a program that has the old dataset open reads old objects or is told, and never a
mixture.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.computed import FOLDER as FEATURES
from skybind.data.computed import ComputedTable, open_computed
from skybind.data.dataset import Dataset
from skybind.data.lineage import LINEAGE, Changes, State, write_lineage
from skybind.data.quarantine import read_quarantine
from skybind.data.schema import ID
from skybind.data.sources import MemorySource, ParquetSource, object_parts
from skybind.data.write import MADE, ROW_GROUP, TRUTH, Made, created_on, shards_key
from skybind.errors import DataError
from skybind.files import json_hash, remove_whole
from skybind.ingest.append_files import (
    bring_back,
    join_quarantine,
    join_truth,
    link,
    link_rest,
    number_of,
    refuse_doubles,
    then,
    with_columns,
    write_part,
)
from skybind.ingest.append_rows import Merged, merge_rows, misplaced, spread
from skybind.ingest.append_schema import Fitted, fit_appended
from skybind.ingest.appended import Appended
from skybind.ingest.plan import quarantine_row
from skybind.ingest.survey import import_dataset
from skybind.lightcurves.grown import grow_columns, refuse_older_columns
from skybind.locks import alone, now, waiting_for
from skybind.memory import at_once
from skybind.once import Workplace
from skybind.progress import progress_bar, step
from skybind.record import write_sealed
from skybind.version import __version__

#: An object that lies further away than this from where it was is another one [arcsec]: the
#: fastest star moves 10 arcsec a year.
SAME_PLACE = 10.0
#: The last file of objects grows until it has so many bytes; then a new one is begun.
PART_BYTES = 64 * 2**20
#: What is appended is kept in memory if it has fewer bytes on disk than this; of more, so many
#: times what some objects have on disk is in memory while they are merged.
IN_MEMORY, UNPACKED = 32 * 2**20, 8


@step("appending")
def append_dataset(
    folder: str | Path,
    source: str | Path,
    *,
    replacing: bool = False,
    add_columns: bool = False,
    dry_run: bool = False,
    processes: int | None = None,
    told: str = "",
) -> Appended:
    """Append a dataset to another: new objects, new epochs, and values that were missing.

    Objects are the same by their names. Killed at any moment, the dataset is the old or the new
    one, and the same call again does the rest; what is there already is not appended twice.

    Parameters
    ----------
    folder : str or Path
        The dataset that grows.
    source : str or Path
        Folder of the dataset that is appended.
    replacing : bool
        Take what differs from the new dataset; otherwise what is known stays.
    add_columns : bool
        Take columns that only the new dataset has; otherwise they are refused.
    dry_run : bool
        Tell what would happen, and write nothing.
    processes : int, optional
        For periods and features of light curves, where the dataset has them.
    told : str
        What messages and the lineage call the new dataset; its folder by default.

    Raises
    ------
    ConfigError, DataError
        If the columns do not agree, or another program is at work on the dataset.
    """
    bring_back(Path(folder))
    old, new = Dataset.open(folder, computed=()), Dataset.open(source, computed=())
    if old.path.resolve() == new.path.resolve():
        raise DataError(f"{new.path} would be appended to itself.")
    fitted = fit_appended(old, Dataset(Path(told or source), new.schema, new.source), add_columns)
    work = _Append(old, fitted, new.path, replacing)
    if dry_run:
        work.merge(None)
        return work.summary(dry=True)
    key = json_hash([__version__, old.fingerprint, new.fingerprint, replacing, add_columns])
    place = Workplace(old.path, key, work.refuse)
    with place:
        if Dataset.open(folder, computed=()).fingerprint != old.fingerprint:
            raise DataError(f"{folder} was changed by another program just now: append again.")
        work.merge(place)
        if work.summary().nothing:
            place.discard()
            work.fingerprint = old.fingerprint
            work.set_aside(old.path)
        else:
            work.finish(place, processes)
    return work.summary()


def append_survey(folder: str | Path, source: str | Path, **options: Any) -> Appended:
    """Append whatever an import takes: a dataset's folder, or a mapping of survey files.

    What a mapping names is imported first, beside the dataset under a hidden name; after an
    interruption the same call goes on with it.

    Parameters
    ----------
    folder : str or Path
        The dataset that grows.
    source : str or Path
    **options
        Of `append_dataset`.

    Raises
    ------
    ConfigError, DataError
        As of `append_dataset` and `skybind.ingest.survey.import_dataset`.
    """
    place = Path(folder)
    bring_back(place)
    object_parts(place)  # said before anything is imported
    if Path(source).is_dir():
        return append_dataset(place, source, **options)
    imported = place.parent / f".{place.name}.appended"
    lock = place.parent / f".{place.name}.appending.lock"
    # a second program would import over what the first one reads
    with alone(lock, otherwise=waiting_for(f"appends to {place}")):
        try:
            import_dataset(source, imported, overwrite=True)
            return append_dataset(place, imported, told=str(source), **options)
        finally:
            with suppress(OSError):  # the next one imports over it, and it must hide no error
                remove_whole(imported)
            lock.unlink(missing_ok=True)


class _Append:
    """One append."""

    def __init__(self, old: Dataset, fitted: Fitted, folder: Path, replacing: bool) -> None:
        self.old, self.fitted, self.new = old, fitted, fitted.new
        #: What is appended: as messages call it, and where it stands.
        self.source, self.folder = str(fitted.new.path), folder
        self.replacing = replacing
        self.parts = object_parts(old.path)
        self.counts: Counter[str] = Counter()
        self.changes: dict[str, list[Changes]] = {}
        self.aside: list[dict[str, str]] = []
        self.fingerprint = ""
        names = pa.array(old.object_ids.tolist(), pa.string())
        given = pa.array(self.new.object_ids.tolist(), pa.string())
        refuse_doubles(given, self.source)
        found = pc.index_in(given, value_set=names)
        #: Row of the dataset that each appended object has, -1 of a new one.
        self.row_of = np.asarray(pc.fill_null(found, -1)).astype(np.int64)
        if self.new.n_bytes < IN_MEMORY:
            whole = MemorySource(self.new.table(fitted.arrow.names))
            self.new = Dataset(self.new.path, fitted.schema, whole)

    @property
    def n_new(self) -> int:
        """Objects that the dataset lacks."""
        return int((self.row_of < 0).sum())

    def refuse(self, who: str) -> None:
        """Refuse to append while another program writes the dataset."""
        raise DataError(f"The dataset at {self.old.path} is being written by {who}: wait for it.")

    def merge(self, place: Workplace | None) -> None:
        """Merge what comes to objects that are there, file by file, and write the new ones."""
        if place is not None:
            (place.work / "objects").mkdir(exist_ok=True)
        start = 0
        with progress_bar("appending", len(self.old) + self.n_new) as report:
            for part in self.parts:
                file = ParquetSource([part])
                stop = start + len(file)
                self._merge_part(part, file, start, stop, place)
                start = stop
                report(start)
        if self.n_new and place is not None:
            self._write_new(place)

    def _merge_part(
        self, part: Path, file: ParquetSource, start: int, stop: int, place: Workplace | None
    ) -> None:
        """Merge one file; where nothing of it changes it is linked."""
        own = np.flatnonzero((self.row_of >= start) & (self.row_of < stop))
        own = own[np.argsort(self.row_of[own])]
        if not len(own) and not self.fitted.added:
            if place is not None:
                link(part, place.work / "objects" / part.name)
            return
        before = {name: len(found) for name, found in self.changes.items()}
        target = None if place is None else place.work / "objects" / self._renamed(part)
        tables = self._merged(file, own, start)
        if target is None:
            for _ in tables:
                pass
            return
        write_part(target, self.fitted.arrow, tables)
        same = before == {name: len(found) for name, found in self.changes.items()}
        if same and not self.fitted.added:
            target.unlink()
            assert place is not None
            link(part, place.work / "objects" / part.name)

    def _merged(self, file: ParquetSource, own: np.ndarray, start: int) -> Iterator[pa.Table]:
        """Merge the objects of a file, some at a time."""
        each = UNPACKED * self.new.n_bytes / max(len(self.new), 1)
        some, first, last = at_once(each, len(own), ROW_GROUP), 0, 0
        rows = self.row_of[own]
        for read in file.batches(file.schema.names, ROW_GROUP):
            old = with_columns(read, self.fitted.arrow)
            low, high = np.searchsorted(rows, [start, start + old.num_rows])
            if high > low:
                if high > last:
                    first, last = low, low + some
                    given = self.new.table(self.fitted.arrow.names, own[first:last])
                places, new = rows[low:high] - start, given.slice(low - first, high - low)
                made = self._merge_some(old.take(pa.array(places)), new)
                self._keep(made, rows[low:high])
                index = np.arange(old.num_rows)
                index[places] = old.num_rows + np.arange(len(places))
                old = pa.concat_tables([old, made.table]).take(pa.array(index))
            yield old
            start += old.num_rows

    def _merge_some(self, old: pa.Table, new: pa.Table) -> Merged:
        """Merge objects; one that lies elsewhere than its namesake is set aside."""
        moved = misplaced(old, new, SAME_PLACE)
        how = self.fitted.schema, self.replacing, self.fitted.unknown
        if not moved.any():
            return merge_rows(old, new, *how)
        for name in old[ID].filter(pa.array(moved)).to_pylist():
            reason = f"it lies more than {SAME_PLACE:g} arcsec from the object of its name"
            self.aside.append(quarantine_row(name, self.source, "", reason))
        merged = merge_rows(old.filter(pa.array(~moved)), new.filter(pa.array(~moved)), *how)
        return spread(merged, old, ~moved)

    def _keep(self, merged: Merged, rows: np.ndarray) -> None:
        """Note what changed."""
        self.counts.update(merged.counts)
        for name, changed in merged.changed.items():
            none = np.zeros(len(changed), np.uint64)
            before, after = merged.hashes.get(name, (none, none))
            found = Changes(rows[changed], before[changed], after[changed])
            self.changes.setdefault(name, []).append(found)

    def _renamed(self, part: Path) -> str:
        """Name a file that changes: another one than it ever had."""
        return f"{number_of(part)[0]}-g{self._generation:05d}.parquet"

    @property
    def _generation(self) -> int:
        """A number that no file of the dataset has in its name."""
        return 1 + max(number_of(part)[2] for part in self.parts)

    def _write_new(self, place: Workplace) -> None:
        """Write the new objects: into the last file while it is small, or into one of their own."""
        folder = place.work / "objects"
        last = sorted(folder.glob("*.parquet"))[-1]
        tables = self._new_tables()
        if last.stat().st_size < PART_BYTES:
            target = folder / self._renamed(self.parts[-1])
            grown = target.with_suffix(".grown")
            write_part(grown, self.fitted.arrow, then(last, tables, self.fitted.arrow))
            last.unlink()
            os.replace(grown, target)
            return
        number = 1 + number_of(self.parts[-1])[1]
        write_part(folder / f"part-{number:05d}.parquet", self.fitted.arrow, tables)

    def _new_tables(self) -> Iterator[pa.Table]:
        """Read the objects that the dataset lacks."""
        start = 0
        for table in self.new.iter_tables(self.fitted.arrow.names, ROW_GROUP):
            own = self.row_of[start : start + table.num_rows] < 0
            if own.any():
                yield with_columns(table.filter(pa.array(own)), self.fitted.arrow)
            start += table.num_rows

    def finish(self, place: Workplace, processes: int | None) -> None:
        """Write what stands beside the objects."""
        work, old = place.work, self.old
        grown = Dataset.open(work, computed=())
        self.fingerprint = grown.fingerprint
        computed = _computed(old)
        for table in computed:
            touched = self._touched([table.observation], len(grown))
            target = work / FEATURES / table.path.name
            grow_columns(table, grown, touched, target, place.aside, processes)
        join_truth(old.path, self.folder, work)
        ours = {MADE, LINEAGE, TRUTH, *(f"{FEATURES}/{table.path.name}" for table in computed)}
        link_rest(old.path, work, ours)
        self.set_aside(work)
        made = created_on(old.path, old.schema)
        # a shard of the import that comes late still finds that all is in place
        write_sealed(work / MADE, Made.of(work, made, shards_key(old.path)).plain())
        counts = self.summary().counts
        state = State(
            fingerprint=grown.fingerprint,
            date=now(),
            objects=len(grown),
            source=" ".join([self.source, self.fitted.new.schema.provenance]).strip(),
            counts=counts,
            columns=self.fitted.added,
        )
        write_lineage(work, old, state, made, self._all_changes())

    def set_aside(self, target: Path) -> None:
        """Write what was set aside, here and when the new dataset was made, beside the objects."""
        join_quarantine(self.old.path, [*read_quarantine(self.folder), *self.aside], target)

    def _touched(self, columns: list[str], n: int) -> np.ndarray:
        changes = self._all_changes()
        rows = [changes[name].rows for name in columns if name in changes]
        return np.unique(np.concatenate([np.arange(len(self.old), n), *rows]).astype(np.int64))

    def _all_changes(self) -> dict[str, Changes]:
        return {
            name: Changes(
                np.concatenate([c.rows for c in found]),
                np.concatenate([c.before for c in found]),
                np.concatenate([c.after for c in found]),
            )
            for name, found in self.changes.items()
        }

    def summary(self, *, dry: bool = False) -> Appended:
        """Tell what happened."""
        rows = [c.rows for found in self.changes.values() for c in found]
        changed = len(np.unique(np.concatenate([np.zeros(0, np.int64), *rows])))
        n = len(self.old)
        notes = list(self.fitted.notes)
        if self.aside:
            notes.append(
                f"Set aside, for they lie more than {SAME_PLACE:g} arcsec from the object of "
                f"their name: {len(self.aside):,} (such as '{self.aside[0]['object_id']}')."
            )
        counts = {what: number for what, number in self.counts.items() if number}
        added = self.fitted.added
        # a column that is added changes the dataset even where nothing is known of it
        changed = max(changed, 1) if added else changed
        return Appended(
            self.old.path, self.source, n, n + self.n_new, changed, counts, notes,
            self.fingerprint, dry, len(self.aside),
        )  # fmt: skip


def _computed(dataset: Dataset) -> list[ComputedTable]:
    """Open the computed columns of a dataset, which have to be whole, its own and of this skybind.

    Raises
    ------
    DataError
    """
    path = dataset.path
    begun = [p for p in (path / FEATURES).glob("*") if p.is_dir()]
    if begun:
        raise DataError(
            f"The columns of {path} are not whole yet ({begun[0].name} is left of a computation): "
            f"run 'skybind data features {path}' to its end before anything is appended."
        )
    tables = open_computed(path, None)
    for table in tables:
        refuse_older_columns(table, path)
        if table.fingerprint != dataset.fingerprint:
            raise DataError(
                f"The columns in {table.path} are of another state of the dataset: delete that "
                "file, or compute them again ('skybind data features')."
            )
    return tables
