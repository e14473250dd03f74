"""Tables in CSV, ECSV, FITS, VOTable, Parquet and blank-separated text, all read alike."""

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from os.path import splitext
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.errors import ConfigError, DataError
from skybind.ingest.arrow_masks import apply_masks, mask_columns, with_masks
from skybind.ingest.arrow_units import units_of_arrow
from skybind.ingest.lists import (
    Lists,
    fields_of_arrow,
    is_list,
    is_nested,
    is_sequence,
    lists_of_array,
    lists_of_arrow,
    lists_of_cells,
    one_array,
)
from skybind.ingest.readers.astropy_tables import read_astropy, scale_notes, sky_degrees
from skybind.ingest.readers.contents import other_tables, parsing, unzipped
from skybind.ingest.readers.fits_quick import plain_fits
from skybind.ingest.readers.header_spectrum import spectrum_of_header
from skybind.ingest.readers.json_table import MANY, at_path, json_records, paths
from skybind.ingest.readers.sizes import check_columns
from skybind.ingest.readers.spilled import Spilled
from skybind.ingest.readers.text import as_utf8, astropy_format, read_text
from skybind.ingest.readers.text_layout import BLANKS, TextOptions
from skybind.ingest.readers.values import flat_values, plain_values
from skybind.ingest.readers.weighed import WeighedParquet
from skybind.words import nearest, repeated

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".ecsv": "ecsv",
    ".fits": "fits",
    ".fit": "fits",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".dat": "text",
    ".txt": "text",
    ".tbl": "text",
    ".mrt": "text",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}


#: What files of a format begin with, whatever they are called.
_BEGINNINGS = (
    (b"SIMPLE  =", "fits"),
    (b"PAR1", "parquet"),
    (b"# %ECSV", "ecsv"),
    (b"<?xml", "votable"),
    (b"<VOTABLE", "votable"),
)
FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))


class NoColumnError(DataError):
    """A table lacks a column that is asked for."""


@dataclass
class Table:
    """Columns of a table as read: numbers as numpy arrays, text as arrays of objects.

    Attributes
    ----------
    name : str
        Name of the file, for messages.
    columns : dict of str to ndarray
    lists : dict of str to Lists
        Columns with a list in each row; a field of a record is called `column.field`. See
        `skybind.ingest.readers.unfold`.
    units : dict of str to str
        Units that the file itself states.
    bad_rows : list of str
        Sentences about rows that could not be read and were left out.
    known : list of str
        Names of all columns of the file, also of those that were left out.
    notes : list of str
        What was assumed, in words.
    inferred : bool
        Whether the types of columns were inferred from text.
    first : dict of str to str
        First text of each column of text, where this is a piece of a longer table.
    """

    name: str
    columns: MutableMapping[str, np.ndarray]
    units: dict[str, str] = field(default_factory=dict)
    bad_rows: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lists: dict[str, Lists] = field(default_factory=dict)
    inferred: bool = False
    first: dict[str, str] = field(default_factory=dict)

    def told(self) -> list[str]:
        """Say what was assumed, and which rows were left out, in a few words."""
        n = len(self.bad_rows)
        rows = f"{n} rows were left out: {self.bad_rows[0]} ..." if n > 1 else ""
        return [*self.notes, *([rows] if rows else self.bad_rows)]

    def __len__(self) -> int:
        if isinstance(self.columns, Spilled):
            return self.columns.rows
        if self.columns:
            return len(next(iter(self.columns.values())))
        return len(next(iter(self.lists.values()))) if self.lists else 0

    def __getitem__(self, column: str) -> np.ndarray:
        if column not in self.columns:
            if column in self.lists:
                raise DataError(f"{self.name}, column '{column}': it holds lists, not one value.")
            names = [name[:40] for name in self.known or self.columns]
            hint = nearest(column, names[:30]) if names else "it has none."
            raise NoColumnError(f"{self.name} has no column '{column}': {hint}")
        return self.columns[column]


@dataclass(frozen=True)
class TableOptions:
    """How a table is read.

    Attributes
    ----------
    text : sequence of str
        Columns to read as text whatever they look like: names ("007" is not 7), classes.
    columns : sequence of str, optional
        Leave out all others.
    delimiter : str, optional
        Of a text table; found out where it is not given.
    hdu : int, optional
        Which extension of a FITS file, or which table of a VOTable, counted from 1; the first
        table by default.
    names : sequence of str, optional
        Columns of a text table that has no header.
    skip_lines : int
        Leading lines of a text table to leave out.
    nested : bool
        Whether columns of lists are read too.
    """

    text: Sequence[str] = ()
    columns: Sequence[str] | None = None
    delimiter: str | None = None
    hdu: int | None = None
    names: Sequence[str] | None = None
    skip_lines: int = 0
    nested: bool = True


def read_table(data: bytes, name: str, format: str | None = None, **options: Any) -> Table:
    """Read a table.

    Parameters
    ----------
    data : bytes
        Contents of the file, perhaps gzipped.
    name : str
        Its name: gives the format where `format` is None, and stands in messages.
    format : str, optional
        One of `FORMATS`.
    **options
        See `TableOptions`.

    Raises
    ------
    DataError
        If it cannot be read.
    ConfigError
        If the format is not known.
    """
    if format is not None and format not in FORMATS:
        raise ConfigError(f"The format '{format}' is not known: {nearest(format, FORMATS)}")
    given = TableOptions(**options)
    data = unzipped(data, name)
    format = format or format_of_content(data, name)
    if not data.strip():
        raise DataError(f"{name} is empty.")
    with parsing(name, format):
        table = _READERS[format](data, name, format, given)
    if given.columns is not None:
        keep = set(given.columns)
        table.known = table.known or list(table.columns)
        table.lists = {key: v for key, v in table.lists.items() if key in keep}
        flat = {key: v for key, v in table.columns.items() if key in keep}
        table.columns = flat if flat or table.lists else table.columns
    return table


def open_table(data: bytes, name: str, text: Sequence[str] = ()) -> Any:
    """Open a table with all its columns, those of lists and arrays too.

    Returns
    -------
    pyarrow.Table, astropy.table.Table or Table
        As its format has it.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    data = unzipped(data, name)
    format = format_of_content(data, name)
    if format in ("csv", "tsv", "text", "json"):
        return read_table(data, name, text=text)
    with parsing(name, format):
        if format == "parquet":
            return WeighedParquet(data, name).read()
        return read_astropy(data, name, format)


def format_of(name: str) -> str:
    """Format of a file by its name, `.gz` aside."""
    suffix = splitext(name.lower().removesuffix(".gz"))[1]
    if suffix not in SUFFIXES:
        raise DataError(
            f"The format of {name} cannot be told from its name: give one of {', '.join(FORMATS)}."
        )
    return SUFFIXES[suffix]


def format_of_content(data: bytes, name: str) -> str:
    """Format of a file by what it begins with; where that tells nothing, by its name."""
    for beginning, format in _BEGINNINGS:
        if data[:200].lstrip(b"\xef\xbb\xbf \r\n\t").startswith(beginning):
            return format
    return format_of(name)


def _text(data: bytes, name: str, format: str, options: TableOptions) -> Table:
    astropys = None if options.names or options.skip_lines else astropy_format(data)
    if astropys is not None:
        return _flattened(read_astropy(as_utf8(data), name, astropys), name)
    found = read_text(data, name, text_options(format, options))
    table = from_arrow(found.table, name, found.bad_rows)
    table.known, table.units, table.notes = found.known, found.units, found.notes
    table.inferred = True
    return table


def text_options(format: str, options: TableOptions) -> TextOptions:
    """Give what the reading of a text table of a format has to know."""
    return TextOptions(
        options.text,
        options.columns,
        options.delimiter,
        options.names,
        options.skip_lines,
        {"csv": ",", "tsv": "\t", "text": BLANKS}[format],
    )


def _binary(data: bytes, name: str, format: str, options: TableOptions) -> Table:
    plain = plain_fits(data, options.columns) if format == "fits" and options.hdu is None else None
    if plain is not None:
        return Table(name, plain.columns, plain.units, known=plain.names if options.columns else [])
    spectrum = spectrum_of_header(data, name, options.hdu) if format == "fits" else None
    if spectrum is not None:
        return Table(name, spectrum.columns, spectrum.units, notes=spectrum.notes)
    table = _flattened(read_astropy(data, name, format, options.hdu), name)
    if options.hdu is None:
        table.notes = [*table.notes, *other_tables(data, format)]
    return table


def _parquet(data: bytes, name: str, format: str, options: TableOptions) -> Table:
    file = WeighedParquet(data, name)
    wanted = parquet_columns(file.schema_arrow, options)
    masks = mask_columns(file.schema_arrow)
    whole = file.read(with_masks(wanted, masks), use_threads=False)
    whole = apply_masks(whole, masks, name).select(wanted or whole.column_names)
    table = from_arrow(whole, name, [])
    table.known = list(file.schema_arrow.names)
    table.units = units_of_arrow(file.schema_arrow)
    return table


def parquet_columns(schema: pa.Schema, options: TableOptions) -> list[str] | None:
    """Name the columns of a Parquet file that are read; None for all, where it has none of them."""
    check_columns(len(schema), "The table")
    columns = options.columns
    wanted = [
        column.name
        for column in schema
        if (options.nested or not pa.types.is_nested(column.type))
        and (columns is None or any(c == column.name or _inside(c, column) for c in columns))
    ]
    return wanted or None


def _json(data: bytes, name: str, format: str, options: TableOptions) -> Table:
    record = json_records(data, name)
    if isinstance(record, pa.Table):
        return from_arrow(record, name, [])
    known = list(islice(paths(record), MANY))
    table = Table(name, {}, known=known)
    for path in known if options.columns is None else options.columns:
        found = at_path(record, path)
        if isinstance(found, list):
            table.lists[path], _ = lists_of_cells([found])
        elif found is not None and not isinstance(found, dict):
            table.columns[path] = np.array([found], object)
    return table


def _inside(name: str, column: pa.Field) -> bool:
    """Whether a name such as `lightcurve.time` is of a field of a column of records."""
    return is_nested(column.type) and name.startswith(f"{column.name}.")


def from_arrow(table: pa.Table, name: str, bad: list[str]) -> Table:
    """Read a table of Arrow; `bad` tells of rows that are not in it."""
    check_columns(table.num_columns, name)
    twice = repeated(table.column_names)
    if twice:
        raise DataError(f"{name} has more than one column '{sorted(twice)[0]}'.")
    read = Table(name, {}, bad_rows=bad)
    for column in table.column_names:
        _add_arrow(read, column, table[column])
    return read


def _add_arrow(table: Table, name: str, column: pa.ChunkedArray) -> None:
    """Add a column: flat, of lists, or of records of either."""
    if not pa.types.is_nested(column.type):
        table.columns[name] = flat_values(column)
        return
    array = one_array(column)
    if is_nested(array.type):
        for inner, values in fields_of_arrow(array).items():
            _add_arrow(table, f"{name}.{inner}", pa.chunked_array([values]))
    elif is_list(array.type):
        table.lists[name] = lists_of_arrow(array)


def _flattened(table: Any, name: str) -> Table:
    """Take the columns of a table of astropy: flat ones, and those of arrays as lists."""
    read = Table(name, {})
    for column in table.colnames:
        values = table[column]
        sky = sky_degrees(values, column)
        for axis, degrees in (sky or {}).items():
            read.columns[f"{column}.{axis}"], read.units[f"{column}.{axis}"] = degrees, "deg"
        if sky is not None:
            continue
        unit = getattr(values, "unit", None)
        if hasattr(values, "jd"):  # of times, or of their differences
            read.notes += scale_notes(values, column)
            values, unit = values.jd, "JD" if hasattr(values, "mjd") else "d"
        array = np.asarray(getattr(values, "value", values))
        if array.dtype.kind == "O" and array.ndim == 1 and any(map(is_sequence, array)):
            read.lists[column], _ = lists_of_cells(list(values))
        elif array.ndim == 1:
            read.columns[column] = plain_values(values)
        else:
            read.lists[column] = lists_of_array(plain_values(values))
        if unit is not None:
            read.units[column] = str(unit)
    return read


_READERS: dict[str, Callable[[bytes, str, str, TableOptions], Table]] = {
    **dict.fromkeys(("csv", "tsv", "text"), _text),
    **dict.fromkeys(("ecsv", "votable", "fits"), _binary),
    "parquet": _parquet,
    "json": _json,
}
