"""Tables in pieces, also those of surveys whose light curves have a format of their own."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from skybind.ingest.file_spec import FileSpec
from skybind.ingest.readers.contents import parsing, read_bytes
from skybind.ingest.readers.curves import BEGIN, file_beside
from skybind.ingest.readers.piece_types import (
    NotInPieces,
    emptied,
    opened,
    select,
    to_arrow,
)
from skybind.ingest.readers.pieces import Piece, Pieces
from skybind.ingest.readers.registry import CurveFormat, curve_format
from skybind.ingest.readers.tables import Table, from_arrow


def open_pieces(spec: FileSpec, base: Path, **options: Any) -> Pieces:
    """Open a table to be read in pieces, whatever format its light curves have; see `Pieces`."""
    known = curve_format(spec.format) if getattr(spec, "kind", None) == "photometry" else None
    if known is None:
        return Pieces(spec, base, **options)
    return CurvePieces(spec, base, known, **options)


class CurvePieces(Pieces):
    """The pieces of a table of a survey's light curves, with the columns that its keys name.

    Parameters
    ----------
    spec, base, **options
        As of `Pieces`.
    known : CurveFormat
    """

    def __init__(self, spec: FileSpec, base: Path, known: CurveFormat, **options: Any) -> None:
        self._known = known
        self._wanted = options.get("columns")
        options["text"] = [*options.get("text", ()), *known.text]
        if known.tidies:
            options["columns"] = None
        super().__init__(spec, base, **options)

    def _read(self, name: str, bad: list[str]) -> Iterator[Piece]:
        with opened(self.base / name) as file:
            if self._known.options is not None or self._known.needs_read(file.read(BEGIN)):
                raise NotInPieces
        beside = file_beside(self._known, name, partial(_in_folder, self.base / name))
        with parsing(name, self._format(name)):
            for table in self._known.tidied(self._tables(name, bad), beside):
                select(table, self._wanted)
                if len(table):  # columns of no rows have no type
                    piece = to_arrow(table)
                    yield emptied(table), piece

    def _tables(self, name: str, bad: list[str]) -> Iterator[Table]:
        """Give the pieces of a file as they are written."""
        for head, piece in super()._read(name, bad):
            table = from_arrow(piece, name, [])
            for column, values in head.columns.items():
                if values.dtype == bool:
                    table.columns[column] = table.columns[column].astype(bool)
            table.units, table.known, table.notes = dict(head.units), head.known, [*head.notes]
            table.inferred = head.inferred
            yield table


def _in_folder(path: Path, name: str) -> bytes:
    return read_bytes(path.parent / Path(name).name)
