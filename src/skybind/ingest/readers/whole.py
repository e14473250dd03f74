"""Tables of which everything that is wanted is held at once: large files are read in pieces."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from skybind.ingest.file_spec import FileSpec
from skybind.ingest.readers.curve_pieces import open_pieces
from skybind.ingest.readers.parts import read_parts
from skybind.ingest.readers.pieces import Again, NotInPieces, Pieces
from skybind.ingest.readers.spilled import spilled
from skybind.ingest.readers.tables import Table


def read_whole(spec: FileSpec, base: Path, spill: bool = False, **options: Any) -> Table:
    """Read a table; of a large one only the columns that are wanted are ever in memory.

    Parameters
    ----------
    spec : FileSpec
    base : Path
        Folder that the mapping's paths are relative to.
    spill : bool
        Leave the columns of a large table on disk: `columns` is a `Spilled`.
    **options
        See `skybind.ingest.readers.tables.TableOptions`.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    pieces = open_pieces(spec, base, **options)
    if pieces.large:
        try:
            return _spilled(pieces) if spill else _together(pieces)
        except NotInPieces:
            pieces.tell_whole()
    return read_parts(spec, base, **options)


def _together(pieces: Pieces) -> Table:
    while True:
        try:
            read = [piece for _, piece in pieces.settle()]
            break
        except Again:
            continue
    columns = pa.concat_tables(map(pieces.cast, read))
    table = pieces.table(columns, {})
    del read, columns
    pa.default_memory_pool().release_unused()
    table.bad_rows, table.inferred = pieces.bad_rows, pieces.head.inferred
    return table


def _spilled(pieces: Pieces) -> Table:
    while True:
        try:
            columns = spilled(lambda: (piece for _, piece in pieces.settle()))
            break
        except Again:
            continue
    if any(pa.types.is_nested(field.type) for field in pieces.schema):
        return _together(pieces)
    pa.default_memory_pool().release_unused()
    table = pieces.table(pieces.schema.empty_table(), {})
    truths = {name for name, values in table.columns.items() if values.dtype == bool}
    columns.settle(pieces.schema, truths)
    table.columns = columns
    table.bad_rows, table.inferred = pieces.bad_rows, pieces.head.inferred
    return table
