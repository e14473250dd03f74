"""What a text table is, found in its first lines: delimiter, header, a line of units."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from skybind.data.units import is_unit
from skybind.ingest.readers.sizes import check_columns

#: Delimiter that stands for any number of blanks and tabs.
BLANKS = " "
#: Delimiter of tables whose every line stands between bars.
BARS = "||"
#: Lines that are looked at to find out what a file is.
HEAD = 40
#: A line that rules off columns of fixed width, such as `---- ------`.
RULER = re.compile(r"\s*[-=]{2,}(?:[\s+|]+[-=]+)+\s*")
_LINE = re.compile(rb"[^\n]*(?:\n|$)")
_TOKEN = re.compile(r'"((?:[^"]|"")*)"(?=\s|$)|(\S+)')
#: What may make a line something else than a row, or part it elsewhere than at commas.
_ODD = b"#\t;|\r="
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
class Layout:
    """Where the rows of a file begin, and how they are parted.

    Attributes
    ----------
    names : list of str
        Of the columns; "" for one without a name.
    delimiter : str
        One character, `BLANKS` or `BARS`.
    start : int
        Byte at which the first row begins.
    line : int
        Lines before it.
    units : dict of str to str
    ruler : str
        Line that marks columns of fixed width; "" for none.
    notes : list of str
        What was assumed.
    hashes : bool
        Whether rows begin with # as a rule, so that such lines are no comments.
    """

    names: list[str]
    delimiter: str
    start: int
    line: int
    units: dict[str, str] = field(default_factory=dict)
    ruler: str = ""
    notes: list[str] = field(default_factory=list)
    hashes: bool = False


def plain_layout(data: bytes, options: TextOptions) -> Layout | None:
    """Give the layout of plain CSV: names, then rows, of which the first has a number in it.

    It is what `find_layout` would find; None where more than the first two lines has to be looked
    at for it.
    """
    if options.skip_lines or options.names is not None or not data.isascii():
        return None
    if options.usual != "," or options.delimiter not in (None, ",") or b"--" in data:
        return None
    if len(data.translate(None, _ODD)) < len(data):
        return None
    start = data.find(b"\n") + 1
    stop = data.find(b"\n", start)
    header = data[:start].decode().rstrip("\n")
    first = data[start : stop if stop >= 0 else None].decode()
    if "," not in header or not header.strip() or not any(map(is_number, fields_of(first, ","))):
        return None
    names = [name.strip().strip('"') for name in fields_of(header, ",")]
    check_columns(len(names), "The table")
    return Layout(names, ",", start, 1)


def find_layout(data: bytes, options: TextOptions) -> Layout:
    """Find header, units and delimiter in the first lines of a file (UTF-8, lines end in LF)."""
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
    rulers = [i for i, (_, _, text) in enumerate(lines[:3]) if RULER.fullmatch(text)]
    ruler = lines[rulers[0]][2] if rulers else ""
    lines = [line for line in lines if not RULER.fullmatch(line[2])]
    body = [text for _, _, text in lines]
    delimiter = options.delimiter or (BLANKS if ruler else _delimiter(body, options.usual))
    if ruler and "|" in ruler:
        delimiter, ruler = BARS, ""
    cells = [fields_of(line, delimiter) for line in body]
    header, unit, skip = _header(comments, cells, delimiter, options)
    end = len(data) if skip >= len(lines) else lines[skip][0]
    line = (lines[skip][1] if skip < len(lines) else 0) - 1
    names = [name.strip().strip('"') for name in header]
    check_columns(len(names), "The table")
    units = {
        name: own
        for name, token in zip(names, unit, strict=False)
        if name and (own := _bare(token))
    }
    notes = [f"line {line} is taken for the units ({', '.join(unit)[:60]})"] if unit else []
    rows = [text.startswith("#") for _, _, text in lines[skip:]]
    return Layout(names, delimiter, end, line, units, ruler, notes, 2 * sum(rows) > len(rows))


def fields_of(line: str, delimiter: str) -> list[str]:
    """Part a line into its fields."""
    if delimiter == BLANKS:
        return [quoted.replace('""', '"') if quoted else plain for quoted, plain in
                _TOKEN.findall(line)]  # fmt: skip
    if delimiter == BARS:
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


def _delimiter(lines: list[str], usual: str) -> str:
    """Find the delimiter with which the lines have as many fields as the first."""
    if lines and lines[0].lstrip().startswith("|") and lines[0].rstrip().endswith("|"):
        return BARS
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
    return is_unit(_bare(token))
