"""Tables read in pieces: a part of the file at a time, in the types that the whole has.

CSV and its relatives, Parquet, JSON lines, ECSV, VOTables and FITS tables. What cannot be read so
raises `NotInPieces`, and is read whole: text whose layout is only seen in all of its rows, and
formats of small files.
"""

import codecs
import gc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skybind.errors import DataError
from skybind.ingest.arrow_masks import apply_masks, mask_columns, with_masks
from skybind.ingest.arrow_units import units_of_arrow
from skybind.ingest.file_spec import FileSpec
from skybind.ingest.readers.blocks import blocks_of_lines
from skybind.ingest.readers.contents import is_gzipped, other_tables, parsing, unzip_file
from skybind.ingest.readers.fits_pieces import find_table, fits_pieces
from skybind.ingest.readers.json_pieces import NotLines, json_pieces
from skybind.ingest.readers.marked_pieces import NotCut, VOTablePieces, ecsv_pieces
from skybind.ingest.readers.parts import check_alike, part_files, units_of_all
from skybind.ingest.readers.piece_types import (
    Again,
    NotInPieces,
    common_type,
    emptied,
    opened,
    plain,
    select,
    table_size,
    to_arrow,
)
from skybind.ingest.readers.tables import (
    Table,
    TableOptions,
    format_of_content,
    from_arrow,
    parquet_columns,
    read_table,
    text_options,
)
from skybind.ingest.readers.text import (
    astropy_format,
    quick_rows,
    read_rows,
    refuse_decimal_commas,
    refuse_no_row,
    unix_lines,
)
from skybind.ingest.readers.text_layout import BARS, BLANKS, HEAD, find_layout
from skybind.ingest.readers.weighed import WeighedParquet
from skybind.progress import say

#: Bytes of a file that are read at a time.
PIECE = 1 << 24
#: The same of ECSV and VOTables, of which astropy makes many times as much in memory.
MARKED_PIECE = 1 << 20
#: Tables of more bytes than this are read in pieces.
LARGE = 1 << 26
#: It is told of tables of more bytes than this if they are read whole all the same.
TOLD = 1 << 28
#: Bytes of small files after which what nothing refers to is let go.
_COLLECTED = 1 << 23
#: Rows of a piece at most.
_ROWS = 1 << 19
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

Piece = tuple[Table, pa.Table]


class Pieces:
    """The pieces of a table, also of one in parts, as Arrow tables of the same columns.

    `settle` goes through all of them to find the types of the columns; after that, iterate.

    Parameters
    ----------
    spec : FileSpec
    base : Path
        Folder that the mapping's paths are relative to.
    **options
        See `skybind.ingest.readers.tables.TableOptions`.

    Attributes
    ----------
    schema : pyarrow.Schema
        Of all pieces.
    head : Table
        The table without its rows.
    bad_rows : list of str
        Sentences about rows that could not be read and were left out.
    """

    def __init__(self, spec: FileSpec, base: Path, **options: Any) -> None:
        self.base, self.names = base, part_files(spec, base)
        self._common = units_of_all(spec, base)
        given = spec.table_options()
        self.format = given.pop("format")
        self.options = TableOptions(**given, **options)
        self.name = self.names[0] if len(self.names) == 1 else str(spec.file)
        self.latin: set[str] = set()
        self.text: set[str] = set(self.options.text)
        self.schema = pa.schema([])
        self.head = Table(self.name, {})
        self.bad_rows: list[str] = []
        self._aside: TemporaryDirectory[str] | None = None
        self._floats: set[str] = set()
        self._long: set[str] = set()

    @property
    def large(self) -> bool:
        """Whether the table should not be read whole."""
        return self._bytes() > LARGE

    def tell_whole(self) -> None:
        """Say of a large table that it is read whole, which takes memory."""
        size = self._bytes()
        if size > TOLD:
            say(
                f"{self.name} is read whole, which takes {size / 1e9:.1f} GB of memory and more: "
                "if that is too much, convert it to Parquet or CSV first."
            )

    def _bytes(self) -> int:
        return sum(map(self._size, self.names))

    def _size(self, name: str) -> int:
        return table_size(self.base / name, name, self.options)

    def settle(self) -> Iterator[Piece]:
        """Go through all pieces once, before their types are known, each with its bare table.

        Raises
        ------
        Again
            If a column turns out to be text, or the text to be Latin-1: begin once more.
        NotInPieces
            If the table has to be read whole.
        DataError
            If it cannot be read.
        """
        schema: pa.Schema | None = None
        self.bad_rows, heads = [], []
        for name in self.names:
            bad: list[str] = []
            begun = False
            for table, piece in self._read(name, bad):
                if not begun:
                    heads.append(table)
                    check_alike(table, heads[0])
                    begun = True
                schema = piece.schema if schema is None else self._unified(schema, piece.schema)
                yield table, piece
            several = len(self.names) > 1
            self.bad_rows += [f"{name}: {sentence}" for sentence in bad] if several else bad
        if schema is None:
            raise NotInPieces
        self.schema, first = schema, heads[0]
        self.head = from_arrow(schema.empty_table(), self.name, [])
        for key, values in first.columns.items():  # numbers may have become text, but not flags
            if values.dtype == bool:
                self.head.columns[key] = values
        self.head.units, self.head.known = first.units, first.known
        self.head.inferred = first.inferred
        several = len(heads) > 1
        self.head.notes = [
            f"{head.name}: {note}" if several else note for head in heads for note in head.notes
        ]

    def __iter__(self) -> Iterator[pa.Table]:
        for name in self.names:
            for _, piece in self._read(name, []):
                yield self.cast(piece)

    def cast(self, piece: pa.Table) -> pa.Table:
        """Give a piece the types of the whole."""
        cells = [piece[field.name].cast(field.type, safe=False) for field in self.schema]
        return pa.table(cells, schema=self.schema)

    def table(self, piece: pa.Table, first: dict[str, str]) -> Table:
        """Give a piece as if it were read by itself, with the first texts of the whole."""
        table = from_arrow(piece, self.name, [])
        for name, values in self.head.columns.items():
            if values.dtype == bool:
                table.columns[name] = table.columns[name].astype(bool)
        table.units, table.known, table.first = self.head.units, self.head.known, first
        table.notes = [*self.head.notes]  # what is said of a piece is not said of the whole
        return table

    def _unified(self, one: pa.Schema, other: pa.Schema) -> pa.Schema:
        """Find types that hold both; where none does, the column is read anew as text."""
        fields, text = [], set()
        for field in one:
            kinds = (field.type, other.field(field.name).type)
            kind = common_type(*kinds)
            if kind is None:
                text.add(field.name)
            fields.append(pa.field(field.name, kinds[0] if kind is None else kind))
        if text:
            if len(self.names) > 1 or text <= self.text or self._format(self.names[0]) not in (
                "csv", "tsv", "text"
            ):  # fmt: skip
                raise NotInPieces
            self.text |= text
            raise Again
        return pa.schema(fields)

    def _read(self, name: str, bad: list[str]) -> Iterator[Piece]:
        with parsing(name, format := self._format(name)):
            if format == "parquet":
                yield from self._parquet(name)
            elif format == "fits":
                yield from self._fits(name)
            elif format in ("csv", "tsv", "text"):
                yield from self._text(name, format, bad)
            elif format == "json":
                yield from self._json(name)
            elif format in ("ecsv", "votable"):
                yield from self._marked(name, format)
            else:
                raise NotInPieces

    def _text(self, name: str, format: str, bad: list[str]) -> Iterator[Piece]:
        options = text_options(format, replace(self.options, text=tuple(self.text)))
        layout, rows, line = None, 0, 0
        for data in self._blocks(name, HEAD * 2 + options.skip_lines):
            body = unix_lines(self._utf8(name, data))
            lines = body.count(b"\n")
            if layout is None:
                given = self.options.names or self.options.skip_lines
                if not given and astropy_format(data) is not None:
                    raise NotInPieces
                # not with the columns that turned out to be text: these may have a unit too
                layout = find_layout(body, text_options(format, self.options))
                if not any(layout.names) or layout.delimiter == BARS or layout.ruler:
                    raise NotInPieces
                body = body[layout.start :]
            else:
                layout = replace(layout, line=line)
            if layout.delimiter == BLANKS:
                found = quick_rows(body, layout, options)
                if found is None:  # columns of fixed width are found by all lines
                    raise NotInPieces
            else:
                found = read_rows(body, layout, options, bad)
            if not rows:
                refuse_decimal_commas(found, name, self.options.text)
            rows, line = rows + len(found), line + lines
            known = [column for column in layout.names if column]
            head = from_arrow(found.slice(0, 0), name, [])
            head.known, head.units, head.notes = known, layout.units, layout.notes
            head.inferred = True
            yield head, found
        if layout is None:
            raise DataError(f"{name} is empty.")
        refuse_no_row(name, layout, rows, bad)

    def _utf8(self, name: str, data: bytes) -> bytes:
        """Text of a block: all blocks are Latin-1 where one is."""
        if data.startswith(_UTF16):
            raise NotInPieces
        if name not in self.latin:
            try:
                data.decode("utf-8")
            except UnicodeDecodeError:
                self.latin.add(name)
                raise Again from None
            return data.removeprefix(codecs.BOM_UTF8)
        return data.decode("latin-1").encode()

    def _parquet(self, name: str) -> Iterator[Piece]:
        file = WeighedParquet(self.base / name, name, pre_buffer=False, buffer_size=1 << 20)
        wanted = parquet_columns(file.schema_arrow, self.options)
        masks = mask_columns(file.schema_arrow)
        n = file.metadata.num_rows
        width = max(self._size(name) // max(n, 1), 1)
        rows, columns = max(1, min(_ROWS, PIECE // width)), with_masks(wanted, masks)
        for batch in file.iter_batches(rows, columns=columns):
            piece = apply_masks(plain(pa.Table.from_batches([batch])), masks, name)
            piece = piece.select(wanted or piece.column_names)
            head = from_arrow(piece.slice(0, 0), name, [])
            head.known = list(file.schema_arrow.names)
            head.units = {**self._common, **units_of_arrow(file.schema_arrow)}
            yield head, piece

    def _json(self, name: str) -> Iterator[Piece]:
        try:
            for table in json_pieces(self._blocks(name, 2, quotes=False)):
                head = from_arrow(table.slice(0, 0), name, [])
                head.known = list(head.columns)
                yield head, table.select(parquet_columns(table.schema, self.options) or [])
        except NotLines:
            raise NotInPieces from None

    def _fits(self, name: str) -> Iterator[Piece]:
        path = self._unzipped(name)
        found = find_table(path, self.options.hdu)
        if found is None:
            raise NotInPieces
        rows = max(1, min(_ROWS, PIECE // max(found.header["NAXIS1"], 1)))
        for table, piece in self._small(name, "fits", fits_pieces(path, found, rows)):
            table.notes = found.notes
            yield table, piece

    def _marked(self, name: str, format: str) -> Iterator[Piece]:
        """Read an ECSV file or a VOTable."""
        if self.options.hdu not in (None, 1):
            raise NotInPieces
        try:
            with opened(self.base / name) as file:
                if format == "ecsv":
                    yield from self._small(name, format, ecsv_pieces(file, MARKED_PIECE))
                    return
                cut = VOTablePieces(file, MARKED_PIECE)
                first: Table | None = None
                for table, piece in self._small(name, format, cut):
                    first = table if first is None else first
                    yield table, piece
                if first is not None and self.options.hdu is None:
                    first.notes = [*first.notes, *other_tables(cut.tables, format)]
        except NotCut:
            raise NotInPieces from None

    def _small(self, name: str, format: str, files: Iterable[bytes]) -> Iterator[Piece]:
        """Read files of some rows each, of one header, and put them together to pieces."""
        options = vars(replace(self.options, hdu=None))
        head: Table | None = None
        rows: list[pa.Table] = []
        read = 0
        for data in files:
            read += len(data)
            if read > _COLLECTED:  # tables of astropy refer to themselves, and hold their columns
                read = 0
                gc.collect()
            table = read_table(data, name, format, **options)
            table.known = table.known or [*table.columns, *table.lists]
            select(table, self.options.columns)
            piece = to_arrow(table)
            self._refuse_rounding(piece)
            table = emptied(table)
            if head is not None and (
                piece.schema != rows[0].schema or sum(r.nbytes for r in rows) > PIECE // 4
            ):
                yield head, pa.concat_tables(rows)
                head, rows = None, []
            head = table if head is None else head
            rows.append(piece)
        if head is not None:
            yield head, pa.concat_tables(rows)

    def _refuse_rounding(self, piece: pa.Table) -> None:
        """Stop where integers of a column are too long for the numbers that others of it are.

        In a piece with missing ones integers are floating-point numbers.
        """
        for field in piece.schema:
            if pa.types.is_floating(field.type):
                self._floats.add(field.name)
            elif pa.types.is_integer(field.type) and field.name not in self._long:
                ends = pc.min_max(piece[field.name]).as_py()
                if max(abs(ends["min"] or 0), abs(ends["max"] or 0)) > 2**53:
                    self._long.add(field.name)
        if self._floats & self._long:
            raise NotInPieces

    def _blocks(self, name: str, least: int, quotes: bool = True) -> Iterator[bytes]:
        with opened(self.base / name) as file:
            yield from blocks_of_lines(file, PIECE, least, quotes)

    def _unzipped(self, name: str) -> Path:
        """Path of a file, or of what it holds, if it is gzipped."""
        path = self.base / name
        with path.open("rb") as file:
            if not is_gzipped(file.read(2)):
                return path
        if self._aside is None:
            self._aside = TemporaryDirectory(prefix="skybind-")
        target = Path(self._aside.name) / str(self.names.index(name))
        if not target.exists():
            unzip_file(path, target, name)
        return target

    def _format(self, name: str) -> str:
        if self.format is not None:
            return self.format
        with opened(self.base / name) as file:
            return format_of_content(file.read(400), name)
