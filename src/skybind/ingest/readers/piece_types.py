"""Pieces of tables as Arrow has them, and the types that columns of several pieces share."""

import gzip
import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.ingest.lists import Lists
from skybind.ingest.readers.contents import is_gzipped, parsing
from skybind.ingest.readers.sizes import Watched, regular_file
from skybind.ingest.readers.tables import Table, TableOptions, parquet_columns
from skybind.ingest.readers.weighed import WeighedParquet

#: Memory of a table when astropy reads it, over that of others: by what its file begins with.
_SWELL = {b"# %ECS": 16, b"<?xml ": 4, b"<VOTAB": 4}


class NotInPieces(DataError):
    """A table has to be read whole."""


class Again(DataError):
    """What was settled is not right: the pieces have to be gone through anew."""


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Give the type that a column of both has; None where it would be text."""
    if one == other:
        return one
    if pa.types.is_null(one) or pa.types.is_null(other):
        kind = other if pa.types.is_null(one) else one
        return None if pa.types.is_string(kind) else kind  # `NA` is null, or text
    if pa.types.is_date(one) and pa.types.is_timestamp(other):
        return other
    if pa.types.is_date(other) and pa.types.is_timestamp(one):
        return one
    try:
        schemas = [pa.schema([("column", kind)]) for kind in (one, other)]
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None


def opened(path: Path) -> BinaryIO:
    """Open a file, unpacked as it is read if it is gzipped."""
    try:
        regular_file(path)
        file = path.open("rb")
    except OSError as error:
        raise_of_machine(error)
        raise NotInPieces from None  # the reading of it whole says what is wrong
    zipped = is_gzipped(file.read(2))
    file.seek(0)
    if not zipped:
        return file
    unpacked = Watched(gzip.GzipFile(fileobj=file), path.stat().st_size, path.name)
    return cast(BinaryIO, io.BufferedReader(unpacked, 1 << 20))


def table_size(path: Path, name: str, options: TableOptions) -> int:
    """Bytes of a table: of its file, or as far as they are read, once they are unpacked.

    ECSV and VOTables count for as much as they take in memory, beside other formats.
    """
    if not path.is_file():
        return 0  # whoever reads it says what is wrong with it
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"PAR1"):
        with parsing(name, "parquet"):
            found = WeighedParquet(path, name)
        wanted = parquet_columns(found.schema_arrow, options)
        return max(size, int(found.unpacked(wanted, at_once=False)))  # pieces, if it is large
    size *= _SWELL.get(start, 1)
    return size * 6 if is_gzipped(start) else size


def select(table: Table, columns: Sequence[str] | None) -> None:
    """Leave out the columns of a table that are not wanted, unless that would leave none."""
    wanted = set(columns or ())
    if wanted & {*table.columns, *table.lists}:
        table.columns = {key: cells for key, cells in table.columns.items() if key in wanted}
        table.lists = {key: lists for key, lists in table.lists.items() if key in wanted}


def emptied(table: Table) -> Table:
    """Leave out the rows of a table; its columns keep their types."""
    table.columns = {key: values[:0] for key, values in table.columns.items()}
    table.lists = {
        key: Lists(each.values[:0], each.lengths[:0]) for key, each in table.lists.items()
    }
    return table


def plain(table: pa.Table) -> pa.Table:
    """Give columns of dictionaries as what they stand for."""
    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            kind = field.type.value_type
            table = table.set_column(i, pa.field(field.name, kind), table[i].cast(kind))
    return table


def to_arrow(table: Table) -> pa.Table:
    """Give the columns of a table, and its lists, as Arrow has them."""
    columns = {}
    try:
        for name, values in table.columns.items():
            text = values.dtype.kind == "O" and any(isinstance(v, str) for v in values.tolist())
            columns[name] = pa.array(values, pa.string()) if text else pa.array(values)
        for name, lists in table.lists.items():
            columns[name] = _arrow_lists(lists)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise NotInPieces from error
    return pa.table(columns)


def _arrow_lists(lists: Lists) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(np.maximum(lists.lengths, 0))])
    null = pa.array(lists.lengths < 0)
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(lists.values), mask=null)
