"""FITS files of one plain table, read without all that astropy makes of a header.

A folder may hold thousands of them, and astropy takes some ten milliseconds a file.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from skybind.data.flat import with_missing

_BLOCK, _CARD = 2880, 80
_KINDS = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
#: Bytes of a value of each format that has one value a row.
_BYTES = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "E": 4, "D": 8, "A": 1}
_FORM = re.compile(r"(\d*)([LBIJKEDA])")
#: Keywords that are read; others of a table may be passed over but for the odd ones.
_READ = re.compile(
    rb"SIMPLE|XTENSION|BITPIX|NAXIS\d?|PCOUNT|GCOUNT|TFIELDS|(TTYPE|TFORM|TUNIT|TNULL)\d+"
)
_ODD = re.compile(rb"TSCAL|TZERO|TDIM|THEAP|CONTINUE|HIERARCH")
_SERIALIZED = b"ASTROPY-SERIALIZED-COLUMNS"

Header = dict[str, str | int]


class Plain(NamedTuple):
    """A plain table.

    Attributes
    ----------
    columns : dict of str to ndarray
        Those that are wanted.
    units : dict of str to str
        Of all columns.
    names : list of str
        Of all columns.
    """

    columns: dict[str, np.ndarray]
    units: dict[str, str]
    names: list[str]


def plain_fits(data: bytes, wanted: Sequence[str] | None) -> Plain | None:
    """Read a file that holds one table of numbers, as astropy reads it; None for any other."""
    primary = _header(data, 0)
    if primary is None or primary[0].get("SIMPLE") != "T" or primary[0].get("NAXIS") != 0:
        return None
    found = _header(data, primary[1])
    if found is None or _SERIALIZED in data[: found[1]]:
        return None
    header, begin = found
    usual = {"XTENSION": "BINTABLE", "BITPIX": 8, "NAXIS": 2, "PCOUNT": 0, "GCOUNT": 1}
    if any(header.get(key) != value for key, value in usual.items()):
        return None
    width, rows, n = (header.get(key) for key in ("NAXIS1", "NAXIS2", "TFIELDS"))
    if not (isinstance(width, int) and isinstance(rows, int) and isinstance(n, int) and rows > 0):
        return None
    if len(data) != begin + -(-width * rows // _BLOCK) * _BLOCK:
        return None
    return _columns(data, header, begin, (width, rows, n), wanted)


def _columns(
    data: bytes,
    header: Header,
    begin: int,
    size: tuple[int, int, int],
    wanted: Sequence[str] | None,
) -> Plain | None:
    width, rows, n = size
    plain, place = Plain({}, {}, []), 0
    for i in range(1, n + 1):
        name, unit, null = (header.get(f"{key}{i}") for key in ("TTYPE", "TUNIT", "TNULL"))
        form = _FORM.fullmatch(str(header.get(f"TFORM{i}", "")))
        if form is None or not isinstance(name, str) or not name or name in plain.names:
            return None
        count, kind = int(form[1] or 1), form[2]
        if count < 1 or (count > 1 and kind != "A") or unit == "":
            return None
        plain.names.append(name)
        if unit is not None:
            plain.units[name] = _unit(str(unit))
        if wanted is None or name in wanted:
            if kind not in _KINDS or (null is not None and kind in "ED"):
                return None
            cells = np.ndarray(rows, _KINDS[kind], data, begin + place, (width,))
            plain.columns[name] = _native(cells, null)
        place += _BYTES[kind] * count
    return plain if place == width and plain.columns else None


def _native(cells: np.ndarray, null: str | int | None) -> np.ndarray:
    values = cells.astype(cells.dtype.newbyteorder("="))
    if null is None:
        return values
    missing = values == null
    return with_missing(values, missing) if missing.any() else values


def _header(data: bytes, start: int) -> tuple[Header, int] | None:
    """Read a header; second, where it ends. None if it is not plain or does not end."""
    header: Header = {}
    for at in range(start, len(data) - _CARD + 1, _CARD):
        card = data[at : at + _CARD]
        key = card[:8].rstrip(b" ")
        if key == b"END":
            return header, start + -(-(at + _CARD - start) // _BLOCK) * _BLOCK
        if _ODD.match(key):
            return None
        if not _READ.fullmatch(key):
            continue
        value = _value(card)
        if value is None or key.decode() in header:
            return None
        header[key.decode()] = value
    return None


def _value(card: bytes) -> str | int | None:
    """Value of a card: text, T, or a whole number; None for any other."""
    if card[8:10] != b"= " or not card.isascii():
        return None
    value = card[10:].decode().strip()
    if value.startswith("'"):
        text, quote, rest = value[1:].partition("'")
        return text.rstrip() if quote and not rest.startswith("'") else None
    value = value.partition("/")[0].strip()
    if value == "T":
        return value
    return int(value) if re.fullmatch(r"[+-]?\d+", value) else None


@lru_cache(maxsize=256)
def _unit(text: str) -> str:
    """Write a unit as astropy does."""
    from astropy.units import Unit

    return str(Unit(text, format="fits", parse_strict="silent"))
