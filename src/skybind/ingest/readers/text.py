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

from skybind.errors import DataError
from skybind.ingest.readers.text_arrow import arrow_rows
from skybind.ingest.readers.text_layout import (
    BARS,
    BLANKS,
    RULER,
    Layout,
    TextOptions,
    fields_of,
    find_layout,
    plain_layout,
)

_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")


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


def astropy_format(data: bytes) -> str | None:
    """Name the format of text that astropy reads better: CDS and MRT, IPAC; None for any other."""
    head = data[:20_000]
    if b"Byte-by-byte Description of file" in head:
        return "ascii.cds"
    if b"|" not in head:
        return None
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
    layout = plain_layout(data, options)
    if layout is None:
        data = unix_lines(as_utf8(data))
        layout = find_layout(data, options)
    if not any(layout.names):
        raise DataError(f"{name} is empty.")
    bad: list[str] = []
    table = read_rows(data[layout.start :], layout, options, bad)
    refuse_no_row(name, layout, len(table), bad)
    refuse_decimal_commas(table, name, options.text)
    known = [column for column in layout.names if column]
    return TextTable(table, known, layout.units, bad, layout.notes)


def read_rows(body: bytes, layout: Layout, options: TextOptions, bad: list[str]) -> pa.Table:
    """Read rows of a text table; those that do not fit its layout are told in `bad`."""
    if layout.delimiter not in (BLANKS, BARS) and not layout.hashes:
        body = _without_comments(body, layout, bad)
    table = quick_rows(body, layout, options)
    if table is None:  # line by line then
        rows = _mended(_rows(body, layout), layout, bad)
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        table = arrow_rows(out.getvalue().encode(), layout.names, ",", options)
        assert table is not None
    return table


def _without_comments(body: bytes, layout: Layout, bad: list[str]) -> bytes:
    """Empty the lines that begin with #; those that could be rows are told."""
    if not body.startswith(b"#") and b"\n#" not in body:
        return body
    lines, quoted = body.split(b"\n"), False
    for i, line in enumerate(lines):
        if line.startswith(b"#") and not quoted:
            text = line.decode("utf-8", "replace")
            if len(fields_of(text, layout.delimiter)) == len(layout.names) > 1:
                bad.append(f"a row is a comment, for it begins with # (line {layout.line + i + 1})")
            lines[i] = b""
        elif line.count(b'"') % 2:
            quoted = not quoted
    return b"\n".join(lines)


def quick_rows(body: bytes, layout: Layout, options: TextOptions) -> pa.Table | None:
    """Read rows with Arrow; None where they have to be looked at line by line."""
    if layout.delimiter == BLANKS:
        if b'"' in body or layout.ruler:
            return None
        return arrow_rows(_tabbed(body), layout.names, "\t", options)
    if layout.delimiter == BARS:
        return None
    return arrow_rows(body, layout.names, layout.delimiter, options)


def refuse_no_row(name: str, layout: Layout, rows: int, bad: list[str]) -> None:
    """Refuse a table of which no row fits its header."""
    if bad and not rows:
        raise DataError(
            f"{name}: no row has the {len(layout.names)} fields of its header "
            f"({', '.join(layout.names)[:80]}; {bad[0]}): name delimiter, names or "
            "skip_lines, or quote text that has blanks in it."
        )


def unix_lines(data: bytes) -> bytes:
    """End all lines in LF."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


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


def _tabbed(body: bytes) -> bytes:
    """Put one tab wherever there are blanks, and leave out comments."""
    lines = body.split(b"\n")
    if b"#" in body:
        lines = [line for line in lines if not line.lstrip().startswith(b"#")]
    return b"\n".join([b"\t".join(line.split()) for line in lines])


def _rows(body: bytes, layout: Layout) -> list[tuple[int, list[str]]]:
    """Part the file into its rows, with the numbers of their lines."""
    text = body.decode("utf-8", "replace")
    delimiter, n = layout.delimiter, len(layout.names)
    if delimiter not in (BLANKS, BARS):
        csv.field_size_limit(2**31 - 1)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        return [(layout.line + reader.line_num, row) for row in reader if any(map(str.strip, row))]
    lines = [
        (layout.line + i, line)
        for i, line in enumerate(text.split("\n"), 1)
        if line.strip() and not line.lstrip().startswith("#") and not RULER.fullmatch(line)
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


def _mended(rows: list[tuple[int, list[str]]], layout: Layout, bad: list[str]) -> list[list[str]]:
    """Leave out blank fields too many; a row that still does not fit is told, not shifted.

    They are a habit of the file where most rows have them, or no row leaves its last column blank.
    Otherwise what is too much may stand further ahead, as a comma in a comment does.
    """
    names, n = layout.names, len(layout.names)
    unnamed = len(names) - max((i + 1 for i, name in enumerate(names) if name), default=0)
    habit = 2 * sum(len(row) > n for _, row in rows) > len(rows)
    habit = habit or all(row[n - 1].strip() for _, row in rows if len(row) >= n)
    good = []
    for number, row in rows:
        if habit and len(row) > n and not any(map(str.strip, row[n:])):
            row = row[:n]
        if n - unnamed <= len(row) < n:
            row = row + [""] * (n - len(row))
        if len(row) == n:
            good.append(row)
        else:
            counts = f"{len(row)} instead of {n}"
            bad.append(f"a row has the wrong number of columns (line {number}: {counts})")
    return good


def refuse_decimal_commas(table: pa.Table, name: str, text: Sequence[str]) -> None:
    """Refuse a table of which a column has numbers with decimal commas."""
    for column in table.column_names:
        if column in text or not pa.types.is_string(table[column].type):
            continue
        cells = [cell for cell in table[column].slice(0, 200).to_pylist() if cell and cell.strip()]
        if cells and all(map(_DECIMAL_COMMA.fullmatch, cells)):
            raise DataError(
                f"{name}, column '{column}': '{cells[0]}' has a decimal comma: write points."
            )
