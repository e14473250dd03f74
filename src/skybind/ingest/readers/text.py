"""Text tables: CSV and its relatives, blanks between columns, fixed width, CDS, MRT and IPAC.

What a file is, is found by its first lines: comments, header, a line of units, the delimiter. Plain
CSV is read by Arrow. Where rows have other numbers of fields than the header, the file is read once
more line by line: a row that cannot be mended is left out with the number of its line, and none is
ever shifted.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv

from skybind.data.units import parse_unit
from skybind.errors import ConfigError, DataError

#: Delimiter that stands for any number of blanks and tabs.
BLANKS = " "
#: Lines that are looked at to find out what a file is.
HEAD = 40
_LINE = re.compile(rb"[^\n]*(?:\n|$)")
_TOKEN = re.compile(r'"((?:[^"]|"")*)"(?=\s|$)|(\S+)')
_RULER = re.compile(r"\s*[-=]{2,}(?:[\s+|]+[-=]+)+\s*")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")
_NOTHING = ("", "-", "--", "---", "nan", "null", "none", "n/a", "na")


@dataclass(frozen=True)
class TextOptions:
    """What is known of a text table beforehand.

    Attributes
    ----------
    text : sequence of str
        Columns to read as text whatever they look like.
    columns : sequence of str, optional
        Leave out all others.
    delimiter : str, optional
        Found out where it is not given.
    names : sequence of str, optional
        Columns of a table that has no header.
    skip_lines : int
        Leading lines to leave out.
    usual : str
        Delimiter that counts where several, or none, would do.
    """

    text: Sequence[str] = ()
    columns: Sequence[str] | None = None
    delimiter: str | None = None
    names: Sequence[str] | None = None
    skip_lines: int = 0
    usual: str = ","


@dataclass
class TextTable:
    """A text table as read.

    Attributes
    ----------
    table : pyarrow.Table
    known : list of str
        Names of all columns, also of those that were left out.
    units : dict of str to str
        Of the line of units, where there is one.
    bad_rows : list of str
        Sentences about rows that were left out.
    notes : list of str
        What was assumed.
    """

    table: pa.Table
    known: list[str]
    units: dict[str, str] = field(default_factory=dict)
    bad_rows: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class _Layout:
    """Where the rows of a file begin, and how they are parted."""

    names: list[str]
    delimiter: str
    start: int
    line: int
    units: dict[str, str] = field(default_factory=dict)
    ruler: str = ""
    notes: list[str] = field(default_factory=list)


def astropy_format(data: bytes) -> str | None:
    """Name the format of text that astropy reads better: CDS and MRT, IPAC; None for any other."""
    head = data[:20_000]
    if b"Byte-by-byte Description of file" in head:
        return "ascii.cds"
    lines = [line for line in head.splitlines() if line.strip()]
    body = [line for line in lines if not line.startswith(b"\\")]
    barred = bool(body) and body[0].startswith(b"|") and body[0].rstrip().endswith(b"|")
    if barred and any(not line.startswith((b"|", b"\\")) for line in body):
        return "ascii.ipac"
    return None


def read_text(data: bytes, name: str, options: TextOptions) -> TextTable:
    """Read a text table.

    Raises
    ------
    DataError
        If no row fits the header, or numbers are written with decimal commas.
    """
    data = as_utf8(data)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    layout = _layout(data, options)
    if not any(layout.names):
        raise DataError(f"{name} is empty.")
    body = data[layout.start :]
    bad: list[str] = []
    table = None
    if layout.delimiter == BLANKS:
        if b'"' not in body and not layout.ruler:
            table = _arrow(_tabbed(body), layout.names, "\t", options)
    elif layout.delimiter != "||":
        table = _arrow(body, layout.names, layout.delimiter, options)
    if table is None:  # line by line then
        rows = _mended(_rows(body, layout), layout, bad)
        if bad and not rows:
            raise DataError(
                f"{name}: no row has the {len(layout.names)} fields of its header "
                f"({', '.join(layout.names)[:80]}; {bad[0]}): name delimiter, names or "
                "skip_lines, or quote text that has blanks in it."
            )
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        table = _arrow(out.getvalue().encode(), layout.names, ",", options)
        assert table is not None
    _refuse_decimal_commas(table, name, options.text)
    known = [column for column in layout.names if column]
    return TextTable(table, known, layout.units, bad, layout.notes)


def as_utf8(data: bytes) -> bytes:
    """Give text as UTF-8 without its byte order mark: UTF-16 by its mark, else Latin-1."""
    for mark, code in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            try:
                return data.decode(code).removeprefix("\ufeff").encode()
            except UnicodeDecodeError:
                break
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:  # Latin-1 then, in which all bytes mean something
        return data.decode("latin-1").encode()
    return data


def fields_of(line: str, delimiter: str) -> list[str]:
    """Part a line into its fields."""
    if delimiter == BLANKS:
        return [quoted.replace('""', '"') if quoted else plain for quoted, plain in
                _TOKEN.findall(line)]  # fmt: skip
    if delimiter == "||":
        return [cell.strip() for cell in line.strip().strip("|").split("|")]
    if '"' in line:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    return line.split(delimiter)


def is_number(token: str) -> bool:
    """Whether a field is a number."""
    try:
        float(token)
    except ValueError:
        return False
    return True


def _layout(data: bytes, options: TextOptions) -> _Layout:
    """Find header, units and delimiter in the first lines of a file."""
    comments: list[str] = []
    lines: list[tuple[int, int, str]] = []  # where it begins, its number, what it says
    for number, match in enumerate(_LINE.finditer(data), 1):
        text = match.group().decode("utf-8", "replace").rstrip("\n")
        if number <= options.skip_lines or not text.strip():
            continue
        if text.lstrip().startswith("#") and not lines:
            comments.append(text.lstrip("# \t").rstrip())
            continue
        if not text.lstrip().startswith("#") or options.usual != BLANKS:
            lines.append((match.start(), number, text))
        if len(lines) == HEAD:
            break
    rulers = [i for i, (_, _, text) in enumerate(lines[:3]) if _RULER.fullmatch(text)]
    ruler = lines[rulers[0]][2] if rulers else ""
    lines = [line for line in lines if not _RULER.fullmatch(line[2])]
    body = [text for _, _, text in lines]
    delimiter = options.delimiter or (BLANKS if ruler else _delimiter(body, options.usual))
    if ruler and "|" in ruler:
        delimiter, ruler = "||", ""
    cells = [fields_of(line, delimiter) for line in body]
    header, unit, skip = _header(comments, cells, delimiter, options)
    end = len(data) if skip >= len(lines) else lines[skip][0]
    line = (lines[skip][1] if skip < len(lines) else 0) - 1
    names = [name.strip().strip('"') for name in header]
    units = {
        name: own
        for name, token in zip(names, unit, strict=False)
        if name and (own := _bare(token))
    }
    notes = [f"line {line} is taken for the units ({', '.join(unit)[:60]})"] if unit else []
    return _Layout(names, delimiter, end, line, units, ruler, notes)


def _delimiter(lines: list[str], usual: str) -> str:
    """Find the delimiter with which the lines have as many fields as the first."""
    if lines and lines[0].lstrip().startswith("|") and lines[0].rstrip().endswith("|"):
        return "||"
    for delimiter in dict.fromkeys(usual + "\t,;|" if usual != BLANKS else "\t,;|"):
        counts = [len(fields_of(line.rstrip().rstrip(delimiter), delimiter)) for line in lines]
        alike = sum(count == counts[0] for count in counts)
        if counts and counts[0] > 1 and alike > 0.5 * len(counts):
            return delimiter
    return usual


def _header(
    comments: list[str], cells: list[list[str]], delimiter: str, options: TextOptions
) -> tuple[list[str], list[str], int]:
    """Give the names of the columns, their units, and how many lines these take."""
    if options.names is not None:
        return list(options.names), [], 0
    first = cells[0] if cells else []
    said = [fields_of(line, delimiter) for line in comments if re.search(r"\w", line)]
    if said and (not cells or len(said[-1]) == len(first)) and not _is_header(cells, options):
        if len(said) > 1 and len(said[-2]) == len(first) and all(map(_is_unit, said[-1])):
            return said[-2], said[-1], 0
        return said[-1], [], 0
    units = cells[1] if len(cells) > 1 and _is_units(cells, options.text) else []
    return first, units, 2 if units else 1


def _is_header(cells: list[list[str]], options: TextOptions) -> bool:
    """Whether the first line has names that are looked for, or no number where others have."""
    if cells and {*options.text, *(options.columns or ())} & {cell.strip() for cell in cells[0]}:
        return True
    below = [row for row in cells[1:4] if len(row) == len(cells[0])]
    return (
        bool(below)
        and not any(map(is_number, cells[0]))
        and any(is_number(cell) for row in below for cell in row)
    )


def _is_units(cells: list[list[str]], text: Sequence[str]) -> bool:
    """Whether the second line has units, above numbers."""
    header, second, rest = cells[0], cells[1], cells[2:]
    if not rest or len(second) != len(header) or any(map(is_number, second)):
        return False
    above: list[str] = []
    beside: list[str] = []
    for place, (name, token) in enumerate(zip(header, second, strict=True)):
        column = [row[place].strip().lower() for row in rest if len(row) > place]
        known = [cell for cell in column if cell not in _NOTHING]
        numeric = name.strip() not in text and bool(known) and all(map(is_number, known))
        (above if numeric else beside).append(token.strip())
    above = [token for token in above if token.lower() not in _NOTHING]
    if not above or not all(map(_is_unit, above)):
        return False
    bracketed = all(token[0] in "[(" for token in above)
    return bracketed or len(above) > 1 or all(token.lower() in _NOTHING for token in beside)


def _bare(token: str) -> str:
    """Unit without its brackets; "" for none."""
    token = token.strip()
    inner = token[1:-1].strip() if token[:1] + token[-1:] in ("[]", "()") else token
    return "" if inner.lower() in _NOTHING else inner


def _is_unit(token: str) -> bool:
    try:
        parse_unit(_bare(token), "the line of units")
    except ConfigError:
        return False
    return True


def _tabbed(body: bytes) -> bytes:
    """Put one tab wherever there are blanks, and leave out comments."""
    lines = body.split(b"\n")
    if b"#" in body:
        lines = [line for line in lines if not line.lstrip().startswith(b"#")]
    return b"\n".join([b"\t".join(line.split()) for line in lines])


def _arrow(body: bytes, names: list[str], delimiter: str, options: TextOptions) -> pa.Table | None:
    """Read rows with Arrow; None where one has another number of fields than there are names."""
    kept = [n for n in names if n and (options.columns is None or n in options.columns)]
    kept = kept or [name for name in names if name]
    twice = next((name for name in kept if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"There is more than one column '{twice}'.")
    if not body.strip():
        return pa.table({name: pa.array([], pa.null()) for name in kept})
    uneven = False

    def skip(row: pcsv.InvalidRow) -> str:
        nonlocal uneven
        uneven = uneven or bool(row.text.strip())
        return "skip"

    table = pcsv.read_csv(
        io.BytesIO(body),
        # one block: types are inferred from all rows, and no line is too long for it
        pcsv.ReadOptions(
            block_size=min(len(body) + 1024, 2**31 - 1), use_threads=False, column_names=names
        ),
        pcsv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip),
        pcsv.ConvertOptions(
            column_types={column: pa.string() for column in options.text}, include_columns=kept
        ),
    )
    return None if uneven else table


def _rows(body: bytes, layout: _Layout) -> list[tuple[int, list[str]]]:
    """Part the file into its rows, with the numbers of their lines."""
    text = body.decode("utf-8", "replace")
    delimiter, n = layout.delimiter, len(layout.names)
    if delimiter not in (BLANKS, "||"):
        csv.field_size_limit(2**31 - 1)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        return [(layout.line + reader.line_num, row) for row in reader if any(map(str.strip, row))]
    lines = [
        (layout.line + i, line)
        for i, line in enumerate(text.split("\n"), 1)
        if line.strip() and not line.lstrip().startswith("#") and not _RULER.fullmatch(line)
    ]
    if layout.ruler:
        spans = [match.span() for match in re.finditer(r"[-=]+", layout.ruler)]
        return list(_cut(lines, spans))
    rows = [(number, fields_of(line, delimiter)) for number, line in lines]
    if delimiter == BLANKS and any(len(row) != n for _, row in rows):
        spans = _spans([line for _, line in lines], n)
        if spans:
            return list(_cut(lines, spans))
    return rows


def _spans(lines: list[str], n: int) -> list[tuple[int, int]]:
    """Find n columns of fixed width: characters between which every line is blank; or none."""
    if any("\t" in line or '"' in line for line in lines):
        return []
    width = max(map(len, lines))
    cells = "".join(line.ljust(width) for line in lines).encode("latin-1", "replace")
    grid = np.frombuffer(cells, np.uint8).reshape(len(lines), width)
    taken = np.concatenate([[False], (grid != ord(" ")).any(axis=0), [False]])
    edges = np.flatnonzero(np.diff(taken.astype(np.int8)))
    spans = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
    if len(spans) != n:
        return []
    full = [line for line in lines if len(line.split()) == n]
    sure = full and all(len(line[a:b].split()) == 1 for line in full for a, b in spans)
    return spans if sure else []


def _cut(
    lines: list[tuple[int, str]], spans: list[tuple[int, int]]
) -> Iterator[tuple[int, list[str]]]:
    """Cut lines of fixed width; what stands between the columns makes a field too many."""
    for number, line in lines:
        row = [line[a:b].strip() for a, b in spans]
        gaps = zip([0, *(b for _, b in spans)], [*(a for a, _ in spans), len(line)], strict=True)
        yield number, row + [line[a:b].strip() for a, b in gaps if line[a:b].strip()]


def _mended(rows: list[tuple[int, list[str]]], layout: _Layout, bad: list[str]) -> list[list[str]]:
    """Leave out blank fields too many; a row that still does not fit is told, not shifted."""
    names, n = layout.names, len(layout.names)
    unnamed = len(names) - max((i + 1 for i, name in enumerate(names) if name), default=0)
    good = []
    for number, row in rows:
        if len(row) > n and not any(map(str.strip, row[n:])):
            row = row[:n]
        if n - unnamed <= len(row) < n:
            row = row + [""] * (n - len(row))
        if len(row) == n:
            good.append(row)
        else:
            counts = f"{len(row)} instead of {n}"
            bad.append(f"a row has the wrong number of columns (line {number}: {counts})")
    return good


def _refuse_decimal_commas(table: pa.Table, name: str, text: Sequence[str]) -> None:
    for column in table.column_names:
        if column in text or not pa.types.is_string(table[column].type):
            continue
        cells = [cell for cell in table[column].slice(0, 200).to_pylist() if cell and cell.strip()]
        if cells and all(map(_DECIMAL_COMMA.fullmatch, cells)):
            raise DataError(
                f"{name}, column '{column}': '{cells[0]}' has a decimal comma: write points."
            )
