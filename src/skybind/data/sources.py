"""Where the columns of a dataset come from: Parquet files, memory, or another source changed."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pds

from skybind.data.row_blocks import row_blocks
from skybind.data.row_groups import RowGroups
from skybind.data.weighed import WeighedFiles
from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.footers import verify_footer_in
from skybind.parquet import open_parquet, scanned

#: How far Arrow reads ahead in a block: with images, a batch may be tens of megabytes.
READAHEAD = {"batch_readahead": 2, "fragment_readahead": 1}


class Source(Protocol):
    """Columns of many objects, read some at a time."""

    @property
    def schema(self) -> pa.Schema:
        """Names, types and metadata of all columns."""
        ...

    def __len__(self) -> int: ...

    def table(self, columns: Sequence[str], rows: np.ndarray | None = None) -> pa.Table:
        """Read columns, of all objects or of those with indices `rows`, in that order."""
        ...

    def batches(
        self, columns: Sequence[str], rows: int, start: int = 0, stop: int | None = None
    ) -> Iterator[pa.Table]:
        """Read columns in chunks of at most `rows` objects, of the stretch from `start` to `stop`.

        From one of `starts()` on the chunks are those of the whole.
        """
        ...

    def starts(self) -> np.ndarray:
        """Rows where a chunk begins, however large chunks are; the first is 0."""
        ...

    def lists(self, column: str, field: str) -> Iterator[pa.ChunkedArray]:
        """Read one list of a struct column, some objects at a time; null where the struct is.

        Of a column of lists (visits) these themselves, with one field of the structs in them.
        """
        ...

    def fingerprint(self) -> str:
        """Hash that differs where the content does, 16 hex digits."""
        ...

    def state(self) -> str:
        """Fingerprint of the dataset on disk whose objects these are; "" of those in memory."""
        ...

    def n_bytes(self) -> int:
        """Bytes that it takes where it is kept."""
        ...


class ParquetSource:
    """Parquet files as one table, read row group by row group.

    One file that is replaced under its name (computed columns) is not read on as if it were the
    one that was opened. Files of objects that change get other names.
    """

    def __init__(self, parts: Sequence[Path]) -> None:
        self._files = [str(part) for part in parts]
        self._opened = _stamp(self._files[0]) if len(parts) == 1 else None
        # the first has the schema of all; the others' are verified when they are read
        verify_footer_in(parts[0], f"the footer of {parts[0].name}")
        self._dataset = pds.dataset(
            self._files, format=pds.ParquetFileFormat(default_fragment_scan_options=scanned())
        )
        self._weighed = WeighedFiles(self._dataset)
        self._groups = RowGroups(self._weighed)

    @property
    def schema(self) -> pa.Schema:
        return self._dataset.schema

    def __len__(self) -> int:
        return int(self._groups.bounds[-1])

    def table(self, columns: Sequence[str], rows: np.ndarray | None = None) -> pa.Table:
        self._refuse_replaced()
        found = self._weighed.table(list(columns)) if rows is None else self._take(columns, rows)
        self._refuse_replaced()
        return found

    def _refuse_replaced(self) -> None:
        if self._opened is not None and _stamp(self._files[0]) != self._opened:
            raise DataError(f"{self._files[0]} has changed since it was opened: open it again.")

    def batches(
        self, columns: Sequence[str], rows: int, start: int = 0, stop: int | None = None
    ) -> Iterator[pa.Table]:
        self._refuse_replaced()
        for block, first in row_blocks(self._weighed, columns, start, stop):
            for batch in block.to_batches(columns=list(columns), batch_size=rows, **READAHEAD):
                low, high = max(start - first, 0), batch.num_rows
                high = high if stop is None else min(high, stop - first)
                first += batch.num_rows
                self._refuse_replaced()
                if high > low:
                    yield pa.Table.from_batches([batch.slice(low, high - low)])

    def starts(self) -> np.ndarray:
        return self._groups.bounds[:-1]

    def lists(self, column: str, field: str) -> Iterator[pa.ChunkedArray]:
        # only this field: an image has several, and Arrow's scanner would read them all
        inside = ".list.element" if pa.types.is_list(self.schema.field(column).type) else ""
        for part in self._files:
            file = open_parquet(part)
            for index in range(file.num_row_groups):
                table = file.read_row_group(index, columns=[f"{column}{inside}.{field}"])
                yield lists_of(table[column], field)

    def fingerprint(self) -> str:
        """Hash of the files' footers.

        A footer holds the schema with the time of writing, and sizes and extremes of every column
        chunk: quick for any size, and different for any dataset that skybind writes.
        """
        digest = hashlib.sha256()
        for part in self._files:
            digest.update(_footer(Path(part)))
        return digest.hexdigest()[:16]

    def state(self) -> str:
        return self.fingerprint()

    def n_bytes(self) -> int:
        return sum(Path(part).stat().st_size for part in self._files)

    def _take(self, columns: Sequence[str], rows: np.ndarray) -> pa.Table:
        """Read some rows, one row group at a time, and only the groups that hold any."""
        wanted, back = _each_once(np.asarray(rows, np.int64))
        if len(wanted) and (wanted[0] < 0 or wanted[-1] >= len(self)):
            row = wanted[0] if wanted[0] < 0 else wanted[-1]
            raise pa.ArrowIndexError(f"row {row} is not there")
        schema = self.schema
        flat = not any(pa.types.is_nested(schema.field(name).type) for name in columns)
        if flat and len(wanted) * 2 > len(self):
            whole = self.table(columns)
            found = whole if len(wanted) == len(self) else whole.take(pa.array(wanted))
        elif len(wanted):
            found = pa.concat_tables(self._groups.pieces(columns, wanted))
        else:
            return pa.schema([schema.field(c) for c in columns], schema.metadata).empty_table()
        return found if back is None else found.take(pa.array(back))


def _each_once(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Give rows in order, each once, and where they stand among these; None if they are so."""
    if (np.diff(rows) > 0).all():  # which takes a tenth of the time of sorting them
        return rows, None
    wanted, back = np.unique(rows, return_inverse=True)
    return wanted, back.ravel()


class MemorySource:
    """A table in memory, perhaps of pieces from one of which no chunk crosses to the next."""

    def __init__(self, table: pa.Table, starts: Sequence[int] | np.ndarray = (0,)) -> None:
        self._table = table
        self._starts = np.unique(np.asarray(starts, np.int64))

    @property
    def schema(self) -> pa.Schema:
        return self._table.schema

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def table(self, columns: Sequence[str], rows: np.ndarray | None = None) -> pa.Table:
        chosen = self._table.select(list(columns))
        return chosen if rows is None else chosen.take(pa.array(np.asarray(rows, np.int64)))

    def batches(
        self, columns: Sequence[str], rows: int, start: int = 0, stop: int | None = None
    ) -> Iterator[pa.Table]:
        stop = len(self) if stop is None else stop
        inside = self._starts[(self._starts > start) & (self._starts < stop)].tolist()
        for low, high in pairwise([start, *inside, stop]):
            for first in range(low, high, rows):
                some = self._table.select(list(columns)).slice(first, min(rows, high - first))
                yield some.combine_chunks()

    def starts(self) -> np.ndarray:
        return self._starts

    def lists(self, column: str, field: str) -> Iterator[pa.ChunkedArray]:
        yield lists_of(self._table[column], field)

    def fingerprint(self) -> str:
        digest = hashlib.sha256(self._table.schema.serialize())
        for batch in self._table.combine_chunks().to_batches(4096):
            digest.update(batch.serialize())
        return digest.hexdigest()[:16]

    def state(self) -> str:
        return ""

    def n_bytes(self) -> int:
        return int(self._table.nbytes)


@dataclass(frozen=True)
class Change:
    """How a column of a `ChangedSource` is made.

    Attributes
    ----------
    column : str or None
        Column of the source below that it is made of; None for one that is null everywhere.
    kind : DataType
        Type of the new column.
    make : callable, optional
        Takes that column, some objects at a time, and gives the new one; the same by default.
    """

    column: str | None
    kind: pa.DataType
    make: Callable[[pa.ChunkedArray], pa.Array] | None = None


class ChangedSource:
    """Columns of another source under other names or in other units, changed as they are read.

    Parameters
    ----------
    below : Source
    changes : mapping of str to Change
        Every column, by its new name.
    """

    def __init__(self, below: Source, changes: Mapping[str, Change]) -> None:
        self._below = below
        self._changes = dict(changes)
        self._schema = pa.schema([(name, c.kind) for name, c in self._changes.items()])

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    def __len__(self) -> int:
        return len(self._below)

    def table(self, columns: Sequence[str], rows: np.ndarray | None = None) -> pa.Table:
        return self._changed(self._below.table(self._needed(columns), rows), columns)

    def batches(
        self, columns: Sequence[str], rows: int, start: int = 0, stop: int | None = None
    ) -> Iterator[pa.Table]:
        for table in self._below.batches(self._needed(columns), rows, start, stop):
            yield self._changed(table, columns)

    def starts(self) -> np.ndarray:
        return self._below.starts()

    def lists(self, column: str, field: str) -> Iterator[pa.ChunkedArray]:
        change = self._changes[column]
        if change.column is not None and change.make is None:
            yield from self._below.lists(change.column, field)
        else:
            for table in self.batches([column], 4096):
                yield lists_of(table[column], field)

    def fingerprint(self) -> str:
        text = f"{self._below.fingerprint()} {self._schema}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def state(self) -> str:
        return self._below.state()

    def n_bytes(self) -> int:
        return self._below.n_bytes()

    def _needed(self, columns: Sequence[str]) -> list[str]:
        found = (self._changes[name].column for name in columns)
        needed = list(dict.fromkeys(name for name in found if name is not None))
        return needed or self._below.schema.names[:1]  # the number of rows has to be known

    def _changed(self, table: pa.Table, columns: Sequence[str]) -> pa.Table:
        made = {}
        for name in columns:
            change = self._changes[name]
            if change.column is None:
                made[name] = pa.nulls(table.num_rows, change.kind)
            elif change.make is None:
                made[name] = table[change.column]
            else:
                made[name] = change.make(table[change.column])
        return pa.table(made)


def parts_in(path: Path) -> list[Path]:
    """Files of objects that stand in the folder of a dataset, in order; none where there are none.

    The dataset may be one that is being made, or damaged.
    """
    return sorted((path / "objects").glob("*.parquet"))


def object_parts(path: Path) -> list[Path]:
    """Files of a dataset's objects, in order.

    Raises
    ------
    DataError
        If there is no dataset at `path`.
    """
    if not path.exists():
        raise DataError(f"There is no dataset at {path}: the folder does not exist.")
    if not path.is_dir():
        raise DataError(f"{path} is a file: a dataset is a folder.")
    parts = parts_in(path)
    if not parts:
        raise DataError(
            f"{path} is not a skybind dataset: it has no objects/*.parquet "
            "(make one with 'skybind simulate' or 'skybind data import')."
        )
    return parts


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Turn whatever Arrow raises on damaged files into one sentence about `what`."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(
            f"{what} cannot be read: a file of it is gone. If something was appended to it "
            "meanwhile, open it again."
        ) from error
    except (pa.ArrowException, OSError) as error:
        raise_of_machine(error)
        first = (str(error).splitlines() or [""])[0][:300].rstrip(".")
        raise DataError(f"{what} cannot be read: {first}.") from error


def lists_of(column: pa.ChunkedArray, field: str) -> pa.ChunkedArray:
    """Return one field of a column of structs; a column of lists as it is."""
    return column if pa.types.is_list(column.type) else pc.struct_field(column, field)


def _stamp(path: str) -> tuple[int, int]:
    """Size and time of change of a file: other ones if another takes its name."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def _footer(path: Path) -> bytes:
    """Footer of a Parquet file: it holds the sizes and statistics of every column chunk."""
    with path.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, os.SEEK_END)
        return file.read()
