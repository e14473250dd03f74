"""Parquet files of many shards, read some rows at a time, from any row on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from skybind.data.splits import PARTS
from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.ingest.readers.sizes import regular_file
from skybind.ingest.readers.weighed import WeighedParquet
from skybind.words import join


@dataclass(frozen=True)
class Shard:
    """One Parquet file of a part of a published split."""

    part: str
    name: str
    file: pq.ParquetFile


@dataclass(frozen=True)
class ShardRows:
    """A run of rows of one shard; `start` counts from the first shard of its part."""

    shard: Shard
    start: int
    n: int
    read: Callable[[], pa.Table]


def open_shards(path: Path, damaged: list[tuple[str, str]] | None = None) -> list[Shard]:
    """Open the files train*.parquet, validation*.parquet and test*.parquet of a folder.

    Parameters
    ----------
    path : Path
    damaged : list of (str, str), optional
        Takes the names of files that cannot be opened, and why; without it, one stops all.

    Raises
    ------
    DataError
        If there is none, if a part lies in several folders (they are of several configurations),
        or (see above) if one cannot be opened.
    """
    if not path.is_dir():
        raise DataError(f"There is no folder {path} with the hub's Parquet files.")
    found = []
    _refuse_several(path)
    for part in PARTS:
        for file in sorted(path.rglob(f"{part}*.parquet")):
            regular_file(file)
            try:
                found.append(
                    Shard(part, file.name, WeighedParquet(file, file.name, pre_buffer=False))
                )
            except (pa.ArrowInvalid, OSError) as error:
                raise_of_machine(error)
                reason = f"is no readable Parquet file: {_first(error)}."
                if damaged is None:
                    raise DataError(f"{file} {reason}") from error
                damaged.append((file.name, f"the file {reason}"))
    if not found and damaged:
        raise DataError(f"None of the Parquet files in {path} can be read.")
    if not found:
        raise DataError(
            f"{path} holds no file train*.parquet, validation*.parquet or test*.parquet."
        )
    return found


def _refuse_several(path: Path) -> None:
    """Refuse a folder in which a part stands in several folders: it holds several data sets."""
    for part in PARTS:
        places = sorted({file.parent for file in path.rglob(f"{part}*.parquet")})
        if len(places) > 1:
            names = [str(place.relative_to(path)) for place in places]
            raise DataError(
                f"{path} holds several configurations ({join(names)}), which are data sets of "
                f"their own: give one of them, such as {path / names[-1]}."
            )


def iter_rows(
    shards: Sequence[Shard], rows: int, columns: Sequence[str] | None = None
) -> Iterator[ShardRows]:
    """Give runs of at most `rows` rows that lie in one row group; nothing is read before asked."""
    before: dict[str, int] = {}
    for shard in shards:
        cursor = _Cursor(shard, rows, columns)
        for group in range(shard.file.num_row_groups):
            n_group = shard.file.metadata.row_group(group).num_rows
            for first in range(0, n_group, rows):
                n = min(rows, n_group - first)
                start = before.get(shard.part, 0)
                yield ShardRows(shard, start, n, partial(cursor.read, group, first, n))
                before[shard.part] = start + n


class _Cursor:
    """Reads a shard forward; a jump opens its row group anew and runs up to the row."""

    def __init__(self, shard: Shard, rows: int, columns: Sequence[str] | None) -> None:
        self.shard, self.rows, self.columns = shard, rows, columns
        self._group, self._at = -1, 0
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._left: list[pa.RecordBatch] = []

    def read(self, group: int, first: int, n: int) -> pa.Table:
        try:
            if group != self._group or first < self._at:
                self._open(group)
            if first > self._at:
                self._take(first - self._at)
            return pa.Table.from_batches(self._take(n))
        except (pa.ArrowException, OSError) as error:
            raise_of_machine(error)
            self._group = -1
            raise DataError(f"{self.shard.name} is damaged: {_first(error)}.") from error

    def _open(self, group: int) -> None:
        columns = None if self.columns is None else list(self.columns)
        self._batches = self.shard.file.iter_batches(
            batch_size=self.rows, row_groups=[group], columns=columns, use_threads=False
        )
        self._group, self._at, self._left = group, 0, []

    def _take(self, n: int) -> list[pa.RecordBatch]:
        taken: list[pa.RecordBatch] = []
        missing = n
        while missing:
            batch = self._left.pop() if self._left else next(self._batches, None)
            if batch is None:
                raise pa.ArrowInvalid("it has fewer rows than its footer says")
            taken.append(batch.slice(0, missing))
            if batch.num_rows > missing:
                self._left.append(batch.slice(missing))
            missing -= taken[-1].num_rows
        self._at += n
        return taken


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
