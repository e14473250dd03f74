"""The dataset again of which a HATS catalogue was exported, in one piece or in shards.

Objects lie in the catalogue in the order of the sky, and in the dataset in another. So its row
groups are read one after the other, and their rows are sorted into stretches of the dataset on
disk (`skybind.data.spread`); then stretch after stretch is written. A shard sorts the rows of some
partitions; where shards are put together the stretches of all are written.
"""

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skybind.data.check import kind_violations
from skybind.data.dataset import Dataset
from skybind.data.schema import DatasetSchema
from skybind.data.spread import Spread, parts_of
from skybind.data.write import ROW_GROUP, named_by_arrow, note_shards, part_writer, refuse_place
from skybind.errors import DataError
from skybind.files import atomic_path, json_hash
from skybind.ingest.build import ImportSummary
from skybind.ingest.hats_dataset import ROW, STORED, Stored, listed
from skybind.ingest.in_shards import refuse_again
from skybind.ingest.readers.contents import parsing
from skybind.ingest.readers.hats import (
    BESIDE,
    UNPLACED,
    beside,
    catalogue_folder,
    hats_footers,
    unplaced_files,
)
from skybind.ingest.readers.weighed import WeighedParquet
from skybind.ingest.resumable import source_state
from skybind.parquet import read_footer, read_schema
from skybind.progress import progress_bar
from skybind.shards import Shard, ShardFolder, remedy
from skybind.version import __version__

#: Name of the reader that makes the dataset again.
READER = "hats"
#: Bytes of the objects that are sorted and written at once, before compression.
STRETCH = 64 * 2**20
#: In a shard: its rows, sorted.
_ROWS = "rows.arrow"


def restore(
    folder: str | Path, out: str | Path, overwrite: bool = False, shard: Shard | None = None
) -> ImportSummary:
    """Make the dataset of which a HATS catalogue was exported, with its splits and all.

    Objects, order and values are the same, and so is the fingerprint, where the same versions of
    skybind and pyarrow write it. Memory is that of some hundred megabytes of objects, however
    many there are.

    Parameters
    ----------
    folder : str or Path
        What `skybind data export --hats` wrote.
    out : str or Path
        Folder of the dataset.
    overwrite : bool
        Replace a dataset there.
    shard : Shard, optional
        Only the partitions of this shard, into `OUT.shards/`. Where shards were begun, the call
        without it puts them together.

    Raises
    ------
    AlreadyDone
        If the dataset is there, put together of these shards.
    DataError
        If the catalogue is another's or not whole, or `out` cannot be used; if shards are missing,
        damaged, or of another catalogue.
    """
    folder, out = beside(Path(folder)).parent, Path(out)  # of a collection, not its main table
    refuse_again(out, overwrite and shard is None, lambda: _Restoring(folder).key)
    refuse_place(out, overwrite)
    work = _Restoring(folder)
    shards = ShardFolder(out, work.key, "import")
    if shard is not None:
        note = shards.do(shard, partial(work.make_shard, shard))
        return ImportSummary(note["objects"], note["observed"])
    with shards.together() as parts, atomic_path(out) as made:
        shutil.copytree(folder / BESIDE, made, ignore=_ours)
        (made / "objects").mkdir()
        rows = [_rows_of(*part) for part in parts]
        if not parts:
            rows = [made / f".{_ROWS}"]
            work.sort(rows[0], 0, work.objects)
        work.write(made / "objects", rows)
        if parts:
            note_shards(made, work.key)
        else:
            rows[0].unlink()
    dataset = Dataset.open(out)
    return ImportSummary(len(dataset), _observed(dataset))


class _Restoring:
    """A catalogue on its way to its dataset.

    Attributes
    ----------
    objects : int
        Objects in all.
    key : str
        Hash of all that decides the dataset.
    """

    def __init__(self, folder: Path) -> None:
        catalogue_folder(folder)
        self.stored = Stored.read(folder)
        files: list[Path] = []
        # row groups in the order of the sky: file, number, objects
        self.groups: list[tuple[Path, int, int]] = []
        n_bytes = 0
        for path, said in _footers(folder):
            files.append(path)
            for number in range(said.num_row_groups):
                group = said.row_group(number)
                self.groups.append((path, number, group.num_rows))
                n_bytes += group.total_byte_size
        parts = [rows for _, rows, _ in self.stored.parts]
        self.objects = self.stored.objects
        self.stored.check(folder, sum(rows for _, _, rows in self.groups))
        schema = read_schema(files[0])
        self.known = DatasetSchema.from_arrow(schema, str(files[0])).select(self.stored.columns)
        kinds = listed(schema.empty_table(), self.known).schema
        fields = [(name, named_by_arrow(kinds.field(name).type)) for name in self.stored.columns]
        self.schema = pa.schema(fields, metadata=self.known.to_metadata())
        for violation in kind_violations(self.known, self.schema):
            raise DataError(f"{files[0]} is not as it was exported: {violation}")
        self.sorted_schema = self.schema.append(pa.field(ROW, pa.int64()))
        self.stretches = _stretches(parts, STRETCH * self.objects // max(n_bytes, 1))
        self.key = json_hash([__version__, READER, source_state([folder])])

    def make_shard(self, shard: Shard, folder: Path) -> dict[str, Any]:
        """Sort the rows of a shard into its folder; gives what is noted of it."""
        starts = np.cumsum([0, *(rows for _, _, rows in self.groups)])[:-1]
        first, last = shard.stretch(starts, self.objects)
        observed = self.sort(folder / _ROWS, first, last)
        size = (folder / _ROWS).stat().st_size
        return {"objects": last - first, "observed": observed, "size": size}

    def sort(self, path: Path, first: int, last: int) -> dict[str, int]:
        """Sort whole row groups into stretches of the dataset; gives what was observed in them.

        Parameters
        ----------
        path : Path
            Of the file of sorted rows.
        first, last : int
            The first row, in the order of the sky, and the one after the last.
        """
        ends = [stretch[-1][2] for stretch in self.stretches]
        observed = dict.fromkeys(self.known.modalities, 0)
        done = 0
        with (
            Spread(path, len(ends), self.sorted_schema) as rows,
            progress_bar("importing", last - first) as report,
        ):
            for table in self._tables(first, last):
                place = np.searchsorted(ends, table[ROW].to_numpy(), "right")
                rows.add(table, place)
                for name, n in _observed(Dataset.from_table(table, self.known)).items():
                    observed[name] += n
                report(done := done + len(table))
        return observed

    def write(self, folder: Path, rows: Sequence[Path]) -> None:
        """Write the files of objects as they were, of files of sorted rows."""
        found = parts_of(rows, len(self.stretches), self.sorted_schema)
        done = 0
        with progress_bar("writing", self.objects) as report:
            for stretch, table in zip(self.stretches, found, strict=True):
                first, last = stretch[0][1], stretch[-1][2]
                order = np.argsort(table[ROW].to_numpy())
                if not np.array_equal(table[ROW].to_numpy()[order], np.arange(first, last)):
                    name = self.stored.parts[stretch[0][0]][0]
                    raise DataError(
                        f"The catalogue lacks objects of {name} or the files after it, or has "
                        "some twice."
                    )
                whole = table.drop_columns([ROW]).take(pa.array(order)).combine_chunks()
                for number, start, end in stretch:
                    name, _, group = self.stored.parts[number]
                    part = whole.slice(start - first, end - start)
                    with part_writer(folder / name, part.schema) as writer:
                        writer.write_table(part, group)
                    report(done := done + len(part))

    def _tables(self, first: int, last: int) -> Iterator[pa.Table]:
        """Read row groups, some objects at a time, as they are sorted."""
        columns, start = [*self.stored.columns, ROW], 0
        for path, number, rows in self.groups:
            if first <= start < last:
                with parsing(str(path), "parquet"), WeighedParquet(path, str(path)) as file:
                    for batch in file.iter_batches(ROW_GROUP, [number], columns):
                        table = listed(pa.Table.from_batches([batch]), self.known)
                        table = table.replace_schema_metadata(self.schema.metadata)
                        yield table.cast(self.sorted_schema)
            start += rows


def _footers(folder: Path) -> Iterator[tuple[Path, pq.FileMetaData]]:
    """Give the files of all objects, those without a position at the end, with their footers."""
    yield from hats_footers(folder)
    for path in unplaced_files(folder):
        yield path, read_footer(path)


def _stretches(parts: Sequence[int], most: int) -> list[list[tuple[int, int, int]]]:
    """Put neighbouring files of objects together, of at most so many objects unless one has more.

    Each file is given by its number, its first object and the one after its last.
    """
    found: list[list[tuple[int, int, int]]] = []
    for number, (start, end) in enumerate(pairwise(np.cumsum([0, *parts]).tolist())):
        if not found or end - found[-1][0][1] > most:
            found.append([])
        found[-1].append((number, start, end))
    return found


def _observed(dataset: Dataset) -> dict[str, int]:
    """Count the objects observed in each modality."""
    return {name: int(dataset.present(name).sum()) for name in dataset.schema.modalities}


def _rows_of(folder: Path, note: dict[str, Any]) -> Path:
    """Give the sorted rows of a shard, if they are whole."""
    path = folder / _ROWS
    if not path.exists() or path.stat().st_size != note["size"]:
        raise DataError(f"{path} is damaged, or was changed: {remedy(folder)}.")
    return path


def _ours(at: str, names: list[str]) -> list[str]:
    return [name for name in names if name in (STORED, UNPLACED)]
