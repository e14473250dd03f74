"""Tables in CSV, ECSV, FITS, VOTable, Parquet and blank-separated text, all read alike."""

import gzip
import io
import re
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from skybind.errors import ConfigError, DataError
from skybind.ingest.readers.values import flat_values, plain_values
from skybind.words import nearest

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
}


FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))


@dataclass
class Table:
    """Columns of a table as read: numbers as numpy arrays, text as arrays of objects.

    Attributes
    ----------
    name : str
        Name of the file, for messages.
    columns : dict of str to ndarray
    units : dict of str to str
        Units that the file itself states.
    bad_rows : list of str
        Sentences about rows that could not be read and were left out.
    known : list of str
        Names of all columns of the file, also of those that were left out.
    """

    name: str
    columns: dict[str, np.ndarray]
    units: dict[str, str] = field(default_factory=dict)
    bad_rows: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __getitem__(self, column: str) -> np.ndarray:
        if column not in self.columns:
            names = [name[:40] for name in self.known or self.columns]
            hint = nearest(column, names[:30]) if names else "it has none."
            raise DataError(f"{self.name} has no column '{column}': {hint}")
        return self.columns[column]


def read_bytes(path: Path) -> bytes:
    """Read a file whole; what goes wrong becomes one sentence."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder where a file is needed.") from None
    except PermissionError:
        raise DataError(f"{path} must not be read by this user (no permission).") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)[:200]} cannot be read: {_first_line(error)}") from error


def read_table(
    data: bytes,
    name: str,
    format: str | None = None,
    *,
    text: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    delimiter: str | None = None,
    hdu: int | None = None,
    names: Sequence[str] | None = None,
    skip_lines: int = 0,
) -> Table:
    """Read a table.

    Parameters
    ----------
    data : bytes
        Contents of the file, perhaps gzipped.
    name : str
        Its name: gives the format where `format` is None, and stands in messages.
    format : str, optional
        One of `FORMATS`.
    text : sequence of str
        Columns to read as text whatever they look like: names ("007" is not 7), classes.
    columns : sequence of str, optional
        Leave out all others.
    delimiter : str, optional
        Of a CSV; a comma by default.
    hdu : int, optional
        Which extension of a FITS file; the first table by default.
    names : sequence of str, optional
        Columns of a text table that has no header.
    skip_lines : int
        Leading lines of a text table to leave out.

    Raises
    ------
    DataError
        If it cannot be read.
    ConfigError
        If the format is not known.
    """
    format = format or format_of(name)
    if format not in FORMATS:
        raise ConfigError(f"The format '{format}' is not known: {nearest(format, FORMATS)}")
    data = unzipped(data, name)
    if skip_lines and format in ("csv", "tsv", "text"):
        data = b"".join(data.splitlines(keepends=True)[skip_lines:])
    if not data.strip():
        raise DataError(f"{name} is empty.")
    readers: dict[str, Callable[[], Table]] = {
        "csv": lambda: _csv(data, name, text, delimiter or ",", names),
        "tsv": lambda: _csv(data, name, text, delimiter or "\t", names),
        "text": lambda: _csv(_commas(data, names is None), name, text, ",", names),
        "ecsv": lambda: _flattened(_astropy(data, format), name),
        "votable": lambda: _flattened(_astropy(data, format), name),
        "fits": lambda: _flattened(_astropy(data, format, hdu), name),
        "parquet": lambda: _parquet(data, name, columns),
    }
    with _parsing(name, format):
        table = readers[format]()
    if columns is not None:
        keep = set(columns)
        table.known = table.known or list(table.columns)
        table.columns = {key: v for key, v in table.columns.items() if key in keep} or table.columns
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
    format = format_of(name)
    if format in ("csv", "tsv", "text"):
        return read_table(data, name, text=text)
    data = unzipped(data, name)
    with _parsing(name, format):
        if format == "parquet":
            return pq.read_table(pa.BufferReader(data))
        return _astropy(data, format)


def format_of(name: str) -> str:
    """Format of a file by its name, `.gz` aside."""
    suffix = Path(name.lower().removesuffix(".gz")).suffix
    if suffix not in SUFFIXES:
        raise DataError(
            f"The format of {name} cannot be told from its name: give one of {', '.join(FORMATS)}."
        )
    return SUFFIXES[suffix]


def unzipped(data: bytes, name: str) -> bytes:
    """Unzip bytes that are gzipped, whatever the file is called."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name} is a damaged gzip file: {_first_line(error)}") from error


@contextmanager
def open_fits(data: bytes, name: str) -> Iterator[Any]:
    """Give the HDUs of a FITS file, gzipped or not; what goes wrong becomes a `DataError`."""
    from astropy.io import fits

    data = unzipped(data, name)
    if not data:
        raise DataError(f"{name} is empty.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(io.BytesIO(data), memmap=False) as hdus:
                yield hdus
    except DataError:
        raise
    except Exception as error:  # whatever astropy raises on bytes that are not FITS, or not all
        raise DataError(f"{name} is no readable FITS file: {_first_line(error)}") from error


def _csv(
    data: bytes, name: str, text: Sequence[str], delimiter: str, names: Sequence[str] | None
) -> Table:
    bad: list[str] = []

    def skip(row: Any) -> str:
        number = "" if row.number is None else f"row {row.number}: "
        counts = f"{row.actual_columns} instead of {row.expected_columns}"
        bad.append(f"a row has the wrong number of columns ({number}{counts})")
        return "skip"

    try:
        data.decode("utf-8")
    except UnicodeDecodeError:  # Latin-1 then, in which all bytes mean something
        data = data.decode("latin-1").encode()
    table = pcsv.read_csv(
        io.BytesIO(data),
        # one block: types are inferred from all rows, and no line is too long for it
        pcsv.ReadOptions(
            block_size=min(len(data) + 1024, 2**31 - 1), use_threads=False, column_names=names
        ),
        pcsv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip),
        pcsv.ConvertOptions(column_types={column: pa.string() for column in text}),
    )
    return _from_arrow(table, name, bad)


def _commas(data: bytes, header: bool) -> bytes:
    """Turn blank-separated text to CSV; the header may be the last line of a leading comment."""
    lines = [line.strip() for line in data.splitlines()]
    lines = [line for line in lines if line]
    body = [line for line in lines if not line.startswith(b"#")]
    if header and lines and lines[0].startswith(b"#"):
        first = next((i for i, line in enumerate(lines) if not line.startswith(b"#")), len(lines))
        body.insert(0, lines[first - 1].lstrip(b"# "))
    return b"\n".join(re.sub(rb"[ \t]+", b",", line) for line in body) + b"\n"


def _parquet(data: bytes, name: str, columns: Sequence[str] | None) -> Table:
    file = pq.ParquetFile(pa.BufferReader(data))
    wanted = [c for c in file.schema_arrow.names if columns is None or c in columns]
    table = _from_arrow(file.read(wanted or None, use_threads=False), name, [])
    table.known = list(file.schema_arrow.names)
    return table


def _from_arrow(table: pa.Table, name: str, bad: list[str]) -> Table:
    twice = {column for column in table.column_names if table.column_names.count(column) > 1}
    if twice:
        raise DataError(f"{name} has more than one column '{sorted(twice)[0]}'.")
    columns = {
        column: flat_values(table[column])
        for column in table.column_names
        if not pa.types.is_nested(table[column].type)
    }
    return Table(name, columns, bad_rows=bad)


def _astropy(data: bytes, format: str, hdu: int | None = None) -> Any:
    """Read a table as astropy has it."""
    from astropy.table import Table as AstropyTable

    options = {} if hdu is None else {"hdu": hdu}
    source = data.decode("utf-8") if format == "ecsv" else io.BytesIO(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        named = "ascii.ecsv" if format == "ecsv" else format
        return AstropyTable.read(source, format=named, **options)


def _flattened(table: Any, name: str) -> Table:
    """Take the flat columns of a table of astropy; of one row of vectors, these."""
    columns: dict[str, np.ndarray] = {}
    units: dict[str, str] = {}
    for column in table.colnames:
        values = table[column]
        unit = getattr(values, "unit", None)
        array = plain_values(values)
        if array.ndim == 2 and len(table) == 1:
            array = array[0]  # one row of vectors: a spectrum
        if array.ndim != 1:
            continue
        columns[column] = array
        if unit is not None:
            units[column] = str(unit)
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        longest = max(lengths)
        columns = {key: values for key, values in columns.items() if len(values) == longest}
    return Table(name, columns, units)


@contextmanager
def _parsing(name: str, format: str) -> Iterator[None]:
    """Turn whatever a parser raises on bytes that are not its format into one sentence."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{name} cannot be read as {format}: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    """First line of a message, without its full stop, as the end of a sentence."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    return text[:200].rstrip(". ") + "."
