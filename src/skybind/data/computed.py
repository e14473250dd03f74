"""Columns computed from a dataset's observations: a table beside the objects, joined when read.

    DIR/features/photometry.parquet    one row an object, in the order of the objects

The files of the objects stay as they are, and with them the dataset's fingerprint: runs on it go
on. A table appears, or takes the place of another, by one renaming.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from skybind.data.schema import ID, Column, DatasetSchema
from skybind.data.sources import ParquetSource, Source
from skybind.errors import DataError
from skybind.files import atomic_path, raise_of_machine
from skybind.parquet import TableWriter

FOLDER = "features"
ROW_GROUP = 16384  # objects
_KEY = b"skybind_features"


@dataclass(frozen=True)
class ComputedTable:
    """The computed columns of one observation column.

    Attributes
    ----------
    path : Path
    observation : str
        Column that they were computed from.
    fingerprint : str
        Of the dataset that they were computed from.
    schema : DatasetSchema
        Of the columns, `object_id` among them.
    source : Source
        The file.
    """

    path: Path
    observation: str
    fingerprint: str
    schema: DatasetSchema
    source: Source

    @classmethod
    def open(cls, path: str | Path) -> "ComputedTable":
        """Open a table.

        Raises
        ------
        DataError
            If it is none, or cannot be read.
        """
        path = Path(path)
        try:
            source = ParquetSource([path])
            note = json.loads((source.schema.metadata or {})[_KEY])
            schema = DatasetSchema.from_arrow(source.schema, str(path))
            return cls(path, note["observation"], note["fingerprint"], schema, source)
        except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
            raise_of_machine(error)
            first = (str(error).splitlines() or [""])[0][:200].rstrip(".")
            raise DataError(
                f"The computed columns in {path} cannot be read ({first}): delete that file, and "
                "make it anew with 'skybind data features'."
            ) from error

    @property
    def columns(self) -> dict[str, Column]:
        """What was computed, in order."""
        return {name: column for name, column in self.schema.columns.items() if name != ID}

    @property
    def digest(self) -> str:
        """Hash of the file, 16 hex digits: another one for any other content."""
        return self.source.fingerprint()


Tables = Sequence[str | Path | ComputedTable]


def open_computed(path: Path, tables: Tables | None) -> list[ComputedTable]:
    """Open the tables of the dataset at `path`, or those that are given."""
    if tables is None:
        tables = sorted((path / FOLDER).glob("*.parquet"))
    return [t if isinstance(t, ComputedTable) else ComputedTable.open(t) for t in tables]


def write_computed(
    path: str | Path,
    observation: str,
    fingerprint: str,
    columns: Mapping[str, Column],
    chunks: Iterable[pa.Table],
) -> None:
    """Write a table, whole or not at all.

    Parameters
    ----------
    path : str or Path
    observation, fingerprint
        See `ComputedTable`.
    columns : mapping of name to Column
        What was computed.
    chunks : iterable of Table
        All objects in order: `object_id`, and the columns as float64.
    """
    described = DatasetSchema({ID: Column("id"), **columns})
    note = json.dumps({"observation": observation, "fingerprint": fingerprint}).encode()
    fields = [(ID, pa.string()), *((name, pa.float64()) for name in columns)]
    schema = pa.schema(fields, {**described.to_metadata(), _KEY: note})
    with (
        atomic_path(path) as temporary,
        TableWriter(temporary, schema, compression="zstd", use_dictionary=[ID]) as writer,
    ):
        for chunk in chunks:
            table = chunk.select(schema.names).replace_schema_metadata(schema.metadata)
            writer.write_table(table, row_group_size=ROW_GROUP)


class JoinedSource:
    """The columns of the objects and, beside them, those of tables that were computed from them.

    Parameters
    ----------
    below : Source
        The objects; the fingerprint is theirs alone.
    tables : sequence of ComputedTable
        Of these objects, in their order.
    """

    def __init__(self, below: Source, tables: Sequence[ComputedTable]) -> None:
        self._below = below
        self._sources = [below, *(table.source for table in tables)]
        self._schema = below.schema
        for table in tables:
            for name in table.columns:
                self._schema = self._schema.append(table.source.schema.field(name))

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    def __len__(self) -> int:
        return len(self._below)

    def table(self, columns: Sequence[str], rows: np.ndarray | None = None) -> pa.Table:
        pieces = [source.table(names, rows) for source, names in self._parts(columns)]
        return _side_by_side(pieces, columns)

    def batches(
        self, columns: Sequence[str], rows: int, start: int = 0, stop: int | None = None
    ) -> Iterator[pa.Table]:
        parts = self._parts(columns)
        first, *others = [source.batches(names, rows, start, stop) for source, names in parts]
        slices = [_Slices(tables) for tables in others]
        for table in first:
            yield _side_by_side([table, *(s.take(table.num_rows) for s in slices)], columns)

    def starts(self) -> np.ndarray:
        return self._below.starts()

    def lists(self, column: str, field: str) -> Iterator[pa.ChunkedArray]:
        return self._below.lists(column, field)

    def fingerprint(self) -> str:
        return self._below.fingerprint()

    def state(self) -> str:
        return self._below.state()

    def n_bytes(self) -> int:
        return sum(source.n_bytes() for source in self._sources)

    def _parts(self, columns: Sequence[str]) -> list[tuple[Source, list[str]]]:
        """Where the columns are, each in the first source that has it."""
        left = list(dict.fromkeys(columns))
        found = []
        for source in self._sources:
            names = [name for name in left if name in source.schema.names]
            left = [name for name in left if name not in names]
            if names:
                found.append((source, names))
        return found or [(self._below, [])]


class _Slices:
    """Tables of any size as pieces of the size that is asked for."""

    def __init__(self, tables: Iterator[pa.Table]) -> None:
        self._tables = tables
        self._left: pa.Table | None = None

    def take(self, number: int) -> pa.Table:
        taken: list[pa.Table] = []
        while number:
            table = next(self._tables) if self._left is None else self._left
            taken.append(table.slice(0, number))
            self._left = table.slice(number) if table.num_rows > number else None
            number -= taken[-1].num_rows
        return pa.concat_tables(taken).combine_chunks()


def _side_by_side(pieces: Sequence[pa.Table], columns: Sequence[str]) -> pa.Table:
    table, *others = pieces
    for other in others:
        for name in other.column_names:
            table = table.append_column(other.schema.field(name), other[name])
    return table.select(list(columns))
