"""Columns of any table as numpy has them: numbers, text, dates, what is missing."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.flat import integers_of, with_missing
from skybind.data.nothing import is_nothing

_ISO = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?\s*"
    r"(?:Z|UTC|([+-])(\d\d):?(\d\d))?\s*",
    re.IGNORECASE,
)

#: 1.5D+03 is 1500.
_FORTRAN = re.compile(r"\s*([+-]?(?:\d+\.\d*|\.\d+|\d+(?=[dD][+-])))[dD]([+-]?\d+)\s*")
#: How often a text of a column occurs, on the average, where equal ones are kept once.
SHARED = 4


def numbers(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn a column to float64; second, which entries held text that is no number (now NaN).

    Dates, also those that are text as ISO 8601 has it, become Julian dates [d], durations days. A
    word for nothing (`is_nothing`) is no fault.
    """
    if values.dtype.kind == "M":
        return julian_dates(values), np.zeros(len(values), bool)
    if values.dtype.kind == "m":
        return values / np.timedelta64(1, "D"), np.zeros(len(values), bool)
    if calendar(values) == "JD":
        return _dates_of_text(values)
    if values.dtype.kind in "fiub":
        return values.astype(np.float64), np.zeros(len(values), bool)
    result, bad = np.full(len(values), np.nan), np.zeros(len(values), bool)
    for i, entry in enumerate(values.tolist()):
        if entry is None or not str(entry).strip():
            continue
        try:
            if "_" in str(entry):  # Python reads 1_0 as 10
                raise ValueError
            if isinstance(entry, str):
                entry = number_text(entry)
            result[i] = float(entry)
        except (TypeError, ValueError):
            bad[i] = not is_nothing(str(entry))
    return result, bad


def number_text(text: str) -> str:
    """Write a number as Python reads it: without a typographic minus or an exponent of Fortran."""
    if text.isascii():
        found = _FORTRAN.fullmatch(text) if "d" in text or "D" in text else None
        return text if found is None else f"{found[1]}e{found[2]}"
    return text.replace("\N{MINUS SIGN}", "-")


def texts(values: np.ndarray) -> np.ndarray:
    """Turn a column to text without blanks at its ends; what is missing becomes ""."""
    if values.dtype.kind == "f":
        whole = np.isfinite(values) & (values == np.round(values)) & (np.abs(values) < 2**53)
        text = [
            str(int(v)) if w else "" if np.isnan(v) else str(v)
            for v, w in zip(values.tolist(), whole.tolist(), strict=True)
        ]
    elif values.dtype.kind == "M":
        text = np.where(np.isnat(values), "", np.datetime_as_string(values, "auto")).tolist()
    else:
        text = ["" if v is None else str(v).strip() for v in values.tolist()]
    return np.asarray(text, dtype=object)


def calendar(values: np.ndarray) -> str | None:
    """Tell what `numbers` makes of dates and durations: `JD`, or `d`; None of anything else.

    A column of text holds dates where the first entry that is not blank is one.
    """
    if values.dtype.kind in "Mm":
        return "JD" if values.dtype.kind == "M" else "d"
    if values.dtype.kind != "O":
        return None
    known = (cell for cell in values.flat if cell is not None and not is_nothing(str(cell)))
    first = next(known, None)
    return "JD" if isinstance(first, str) and _ISO.fullmatch(first) else None


def is_date(cell: Any) -> bool:
    """Whether a cell is a date or a duration of Python, pandas or numpy."""
    return isinstance(cell, date | timedelta | np.datetime64 | np.timedelta64)


def dates_of(cells: Iterable[Any]) -> np.ndarray | None:
    """Turn cells of dates or durations, whoever made them, to a column; None if it holds others.

    The first that is not missing tells. A date with a time zone is taken to UTC, one without is in
    UTC. Cells of several kinds stay, dates among them as ISO 8601 text.
    """
    known = list(cells)
    first = next((cell for cell in known if not is_nothing(str(cell))), None)
    if not is_date(first):
        return None
    plain = [None if is_nothing(str(cell)) else _plain_date(cell) for cell in known]
    lasting = isinstance(first, timedelta | np.timedelta64)
    kind = "timedelta64[us]" if lasting else "datetime64[us]"
    if all(cell is None or cell.dtype == kind for cell in plain):
        nothing = np.array("NaT", kind)
        return np.array([nothing if cell is None else cell for cell in plain], kind)
    texts_ = [None if cell is None else str(cell[()]) for cell in plain]
    return np.asarray(texts_, object)


def _plain_date(cell: Any) -> np.ndarray:
    """Give a date (in UTC) or duration as numpy has it, in microseconds; anything else as text."""
    if isinstance(cell, datetime) and cell.tzinfo is not None:
        cell = cell.astimezone(UTC).replace(tzinfo=None)
    if isinstance(cell, date | np.datetime64):
        return np.asarray(np.datetime64(cell), "datetime64[us]")
    if isinstance(cell, timedelta | np.timedelta64):
        return np.asarray(np.timedelta64(cell), "timedelta64[us]")
    return np.asarray(str(cell))


def _dates_of_text(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read dates that are written as ISO 8601 has it; a time without a zone is in UTC."""
    dates = np.full(len(values), np.datetime64("NaT"), "datetime64[us]")
    bad = np.zeros(len(values), bool)
    for i, cell in enumerate(values.tolist()):
        if cell is None or is_nothing(str(cell)):
            continue
        found = _ISO.fullmatch(str(cell))
        try:
            if found is None:
                raise ValueError
            day, time, sign, hours, minutes = found.groups()
            dates[i] = np.datetime64(f"{day}T{time or '00:00'}", "us")
            ahead = 60 * int(hours or 0) + int(minutes or 0)
            dates[i] -= np.timedelta64(-ahead if sign == "-" else ahead, "m")
        except ValueError:  # a 30th of February too
            bad[i] = True
    return julian_dates(dates), bad


def julian_dates(values: np.ndarray) -> np.ndarray:
    """Turn dates of numpy to Julian dates; NaN where there is none."""
    days = (values - np.datetime64("1970-01-01T00:00:00")) / np.timedelta64(1, "D")
    return np.asarray(days + 2440587.5, np.float64)


def flat_values(values: pa.ChunkedArray) -> np.ndarray:
    """Turn a flat Arrow column to numpy: numbers as they are (NaN where null), the rest objects."""
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    if pa.types.is_integer(values.type):
        return integers_of(values)
    if pa.types.is_floating(values.type):
        return values.to_numpy()
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        return values.to_numpy().astype("datetime64[us]")  # of which no year is too far
    if pa.types.is_duration(values.type):
        return values.to_numpy().astype("timedelta64[us]")
    if pa.types.is_boolean(values.type):
        return values.to_numpy().astype(object)
    if pa.types.is_null(values.type):
        return np.full(len(values), np.nan)
    if pa.types.is_string(values.type):
        values = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
        encoded = values.dictionary_encode()
        if SHARED * len(encoded.dictionary) < len(values):  # equal texts are one in memory
            each = np.asarray([*encoded.dictionary.to_pylist(), None], object)
            return each[pc.fill_null(encoded.indices, len(each) - 1).to_numpy()]
    text = values.to_pylist()
    return np.asarray(
        [v.decode("latin-1") if isinstance(v, bytes) else v for v in text], dtype=object
    )


def plain_values(values: Any) -> np.ndarray:
    """Turn an astropy column to a numpy array: masked numbers become NaN, masked text ""."""
    array = np.asarray(getattr(values, "value", values))
    if array.dtype.kind == "S":
        array = np.char.decode(array, "latin-1")
    if array.dtype.kind == "U":
        array = array.astype(object)
    if array.dtype.kind == "O" and array.ndim == 1:
        dates = dates_of(array)
        array = array if dates is None else dates
    mask = np.asarray(getattr(values, "mask", False))
    if mask.any():
        if array.dtype.kind in "iu" and array.ndim == 1:
            return with_missing(array, mask)
        if array.dtype.kind in "Mm":
            return np.where(mask, np.array("NaT", array.dtype), array)
        numeric = array.dtype.kind in "fiub"
        array = np.where(mask, np.nan if numeric else "", array)
    return array.astype(array.dtype.newbyteorder("=")) if array.dtype.kind in "fiu" else array


def blanked(values: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Leave out some entries of a column of objects; numbers stay what they are."""
    if values.dtype.kind != "O" or not which.any():
        return values
    made = values.copy()
    made[which] = None
    return made
