"""Tables for people and their programs: CSV, Parquet, VOTable, ECSV, FITS."""

import csv
import io
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import pyarrow as pa
import pyarrow.compute as pc

from skybind.astropy_tables import to_astropy, write_fits
from skybind.errors import DataError
from skybind.files import atomic_path
from skybind.parquet import TableWriter
from skybind.portable import portable, said_of
from skybind.printable import printable

if TYPE_CHECKING:
    from astropy.table import Table
    from pandas import DataFrame


#: What a spreadsheet takes for the beginning of a formula, and marks of text before it.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
#: What XML cannot hold, and what readers of ECSV take for the end of a line.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.IGNORECASE)


#: Unit, if any, and description of a column.
Notes = tuple[str | None, str]


#: Formats of tables, by the file's ending.
FORMATS = (".csv", ".parquet", ".vot", ".ecsv", ".fits")

#: What a format holds besides text and plain numbers; the rest is written as `portable` has it.
_HELD: dict[str, Callable[[pa.DataType], bool]] = {
    ".csv": lambda kind: (
        _is_whole(kind)
        or pa.types.is_float32(kind)
        or pa.types.is_float64(kind)
        or pa.types.is_decimal(kind)
        or (pa.types.is_temporal(kind) and not pa.types.is_duration(kind))
    ),
    ".ecsv": lambda kind: _is_whole(kind),
    ".vot": lambda kind: False,
    ".fits": lambda kind: False,
}

#: Rows that are written at a time: a row group of Parquet.
GROUP = 1 << 16


def check_ending(path: str | Path) -> None:
    """Refuse a file that `write_table` could not write, before anything is computed for it."""
    if Path(path).suffix.lower() not in FORMATS:
        raise DataError(f"{path} ends in none of {', '.join(FORMATS)}: choose one of them.")


def write_table(table: pa.Table, path: str | Path) -> None:
    """Write a table as CSV, Parquet, VOTable (`.vot`, for TOPCAT), ECSV or FITS.

    Units and descriptions of the fields go along where the format has a place for them: in Parquet
    both in the metadata of the fields and where astropy looks for them. Missing text is "".

    Raises
    ------
    DataError
        If the file's ending is none of these.
    """
    write_tables([table], path)


def write_tables(tables: Iterable[pa.Table], path: str | Path) -> int:
    """Write tables of one schema one after another to one file, as `write_table` does.

    CSV and Parquet are written as the tables come, so that only one is in memory.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    DataError
        If the file's ending is not known.
    """
    path = Path(path)
    check_ending(path)
    suffix = path.suffix.lower()
    with atomic_path(path) as temporary:
        if suffix in (".csv", ".parquet"):
            return _write_along(tables, temporary, suffix)
        whole = portable(pa.concat_tables(tables), _HELD[suffix])
        if suffix == ".fits":
            _write_fits(whole, temporary)
        else:
            names = {".vot": "votable", ".ecsv": "ascii.ecsv"}
            shown = to_astropy(whole)
            odd = _first_text(shown, lambda cell: _CONTROL.search(cell) is not None)
            if odd is not None:
                raise DataError(
                    f"{suffix} holds no control characters, and '{odd[0]}' has {odd[1]!r}: write "
                    "Parquet."
                )
            with warnings.catch_warnings():
                # a unit that VOTable does not know, such as dex(solMass), is written as it is
                warnings.filterwarnings("ignore", ".*Invalid unit string")
                shown.write(temporary, format=names[suffix])
    return len(whole)


def legible(table: pa.Table) -> pa.Table:
    r"""Return a table with control characters of its text in letters, such as `\r`.

    For tables that nobody chose the format of: VOTable and ECSV hold none.
    """

    def odd(column: pa.ChunkedArray) -> bool:
        return any(cell and _CONTROL.search(cell) for cell in column.to_pylist())

    return _rewritten(
        table, odd, lambda cell: _CONTROL.sub(lambda found: printable(found[0]), cell)
    )


def _rewritten(
    table: pa.Table, odd: Callable[[pa.ChunkedArray], bool], write: Callable[[str], str]
) -> pa.Table:
    """Return a table whose columns of text are written anew where something in them is odd."""
    for place, field in enumerate(table.schema):
        if _is_text(field.type) and odd(table[place]):
            cells = [None if cell is None else write(cell) for cell in table[place].to_pylist()]
            table = table.set_column(place, field, pa.array(cells, field.type))
    return table


def _first_text(table: "Table", odd: Callable[[str], bool]) -> tuple[str, str] | None:
    """Return column and cell of the first text that is odd."""
    for column in table.itercols():
        for cell in column.tolist() if column.dtype.kind == "U" else []:
            if odd(cell):
                return column.name, cell
    return None


def _write_fits(table: pa.Table, path: Path) -> None:
    """Write a FITS table.

    Raises
    ------
    DataError
        If text is not ASCII, which FITS cannot hold.
    """
    shown = to_astropy(table)
    odd = _first_text(shown, lambda cell: not cell.isascii())
    if odd is not None:
        raise DataError(
            f"FITS holds ASCII text only, and '{odd[0]}' has '{odd[1]}': write VOTable (.vot) or "
            "Parquet."
        )
    write_fits(shown, path)


def _write_along(tables: Iterable[pa.Table], path: Path, suffix: str) -> int:
    import pyarrow.csv as pcsv

    rows, writer = 0, None
    whole = isinstance(tables, list) and len(tables) == 1
    try:
        # lengths of text are those of the whole, so before it is cut
        safe = (_safe(for_csv(table)) for table in tables)
        shown = safe if suffix == ".csv" else _for_astropy(tables, whole)
        for table in _regrouped(shown):
            if writer is None:
                kind = pcsv.CSVWriter if suffix == ".csv" else TableWriter
                writer = kind(path, table.schema)
            writer.write_table(table)
            rows += len(table)
    finally:
        if writer is not None:
            writer.close()
    return rows


def _for_astropy(tables: Iterable[pa.Table], whole: bool) -> Iterator[pa.Table]:
    """Give tables of one file as astropy's reader of Parquet understands them.

    It takes units and descriptions from a key of its own, not from the fields, and lengths of text
    from others, where these are known beforehand: of a table that is written at once. Missing text
    is "", as in other formats: that reader makes the word None of it, and stumbles over categories.
    """
    from astropy.table.meta import get_yaml_from_table

    notes: dict[bytes, str] = {}
    for table in tables:
        if not notes:  # the columns of all are those of the first
            told = "\n".join(get_yaml_from_table(to_astropy(table.slice(0, 0))))
            notes[b"table_meta_yaml"] = told
        for place, field in enumerate(table.schema):
            kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
            values = table[place].cast(kind)
            if _is_text(kind):
                values = pc.fill_null(values, "")
                if whole:
                    length = pc.max(pc.utf8_length(values)).as_py() or 1
                    notes[f"table::len::{field.name}".encode()] = str(length)
            table = table.set_column(place, field.with_type(kind), values)
        before = table.schema.metadata or {}
        kept = {key: text for key, text in before.items() if not key.startswith(b"table::len::")}
        yield table.replace_schema_metadata(kept | notes)


def _is_whole(kind: pa.DataType) -> bool:
    return bool(pa.types.is_boolean(kind) or pa.types.is_integer(kind))


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _regrouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Give the rows of tables in groups of one size: a file does not tell in what pieces they came.

    Of no rows at all one table, empty.
    """
    waiting: pa.Table | None = None
    given = False
    for table in tables:
        waiting = table if waiting is None else pa.concat_tables([waiting, table])
        while len(waiting) >= GROUP:
            yield waiting.slice(0, GROUP).combine_chunks()
            waiting, given = waiting.slice(GROUP), True
    if waiting is not None and (len(waiting) or not given):
        yield waiting.combine_chunks()


def safe_cell(text: str) -> str:
    """Return text as a cell of CSV that a spreadsheet shows and does not run.

    A spreadsheet runs what begins with `= + - @`, a tab or an end of line; an apostrophe before it
    marks text. Numbers stay as they are. `plain_cell` takes the apostrophe away.

    Examples
    --------
    >>> safe_cell("=HYPERLINK(1)"), safe_cell("-12.5"), safe_cell("V1 Cyg")
    ("'=HYPERLINK(1)", '-12.5', 'V1 Cyg')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def plain_cell(text: str) -> str:
    """Return text as it was before `safe_cell`.

    Examples
    --------
    >>> plain_cell("'=HYPERLINK(1)"), plain_cell("'nova'")
    ('=HYPERLINK(1)', "'nova'")
    """
    marked = text.startswith("'") and _FORMULA.match(text) and not _NUMBER.fullmatch(text[1:])
    return text[1:] if marked else text


def write_csv(
    path: Path | io.StringIO, rows: Iterable[Sequence[object]], end: str = "\r\n"
) -> None:
    """Write rows as CSV of which a spreadsheet runs no cell (`safe_cell`), whole or not at all."""
    if isinstance(path, io.StringIO):
        _write_rows(path, rows, end)
        return
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        _write_rows(file, rows, end)


def _write_rows(file: TextIO, rows: Iterable[Sequence[object]], end: str) -> None:
    plain = csv.writer(file, lineterminator=end)
    quoting = csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL)
    for row in rows:
        cells = [safe_cell(cell) if isinstance(cell, str) else cell for cell in row]
        # a line that begins with # is a comment to those who read it, unless it is quoted
        comment = bool(cells) and str(cells[0]).startswith("#")
        (quoting if comment else plain).writerow(cells)


def for_csv(table: pa.Table) -> pa.Table:
    """Return a table whose columns CSV holds: lists as JSON, durations in days."""
    return portable(table, _HELD[".csv"], lists=False)


def _safe(table: pa.Table) -> pa.Table:
    """Return a table of which a spreadsheet runs no cell."""

    def odd(column: pa.ChunkedArray) -> bool:
        return bool(pc.any(pc.match_substring_regex(column, f"^{_FORMULA.pattern}")).as_py())

    table = _rewritten(table, odd, safe_cell)
    return table.rename_columns([safe_cell(name) for name in table.column_names])


def described(table: pa.Table, notes: Mapping[str, Notes]) -> pa.Table:
    """Give the columns of a table units and descriptions, where they have none.

    Parameters
    ----------
    table : Table
    notes : mapping of str to (unit or None, description)
        By the name of the column, or by its beginning and `*`; the longest that fits counts.
    """
    begun = sorted((name[:-1] for name in notes if name.endswith("*")), key=len, reverse=True)
    fields = []
    for field in table.schema:
        known = notes.get(field.name)
        if known is None:
            start = next((b for b in begun if field.name.startswith(b)), None)
            known = (None, "") if start is None else notes[f"{start}*"]
        unit, text = known
        said = {"unit": unit, "description": text}
        own = {**{key: value for key, value in said.items() if value}, **said_of(field)}
        fields.append(field.with_metadata(own) if own else field)
    return table.cast(pa.schema(fields, table.schema.metadata))


def to_pandas(table: pa.Table) -> "DataFrame":
    """Turn an Arrow table to a data frame of pandas, the units in `attrs["units"]`.

    Raises
    ------
    DataError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise DataError(
            "A data frame needs pandas, which is not installed: pip install 'skybind[notebook]'."
        ) from error
    plain = table.replace_schema_metadata(None)
    frame = plain.to_pandas()
    for field in plain.schema:
        if pa.types.is_integer(field.type) and plain[field.name].null_count:
            # as floats, which pandas makes of them, the large ones would lose digits
            name = str(field.type).replace("int", "Int").replace("u", "U")
            own = {field.type: pandas.api.types.pandas_dtype(name)}
            frame[field.name] = plain[field.name].to_pandas(types_mapper=own.get)
    units = {field.name: (field.metadata or {}).get(b"unit") for field in table.schema}
    frame.attrs["units"] = {name: unit.decode() for name, unit in units.items() if unit is not None}
    return frame
