"""Right ascensions and declinations: degrees, hours, or text like 06:37:15.9."""

import re
from collections.abc import Sequence
from datetime import time

import numpy as np

from skybind.data.units import convert
from skybind.ingest.readers.sentinels import stands_for_missing
from skybind.ingest.readers.values import numbers, texts

_LIMITS = {"ra": (0.0, 360.0), "dec": (-90.0, 90.0)}
#: What tables say of hours and degrees that are written in parts.
_ALIASES = {
    "ra": dict.fromkeys(("h", "hr", "hour", "hours", "hms", "h:m:s", '"h:m:s"'), "hourangle"),
    "dec": dict.fromkeys(("d", "dms", "d:m:s", '"d:m:s"'), "deg"),
}
_PARTS = re.compile(r"([+-]?)\s*(\d{1,3})[\s:]+(\d{1,2})(?:[\s:]+(\d{1,2}(?:\.\d*)?))?")


def unit_of_position(axis: str, unit: str | None) -> str | None:
    """Unit of a position in astropy's notation: an `h` of a right ascension is an hour angle."""
    return None if unit is None else _ALIASES[axis].get(unit.strip(), unit)


def positions(
    raw: np.ndarray,
    axis: str,
    column: str,
    unit: str | None,
    where: str,
    missing: Sequence[str] = (),
) -> tuple[np.ndarray, dict[int, str]]:
    """Read right ascensions or declinations.

    Where no unit is stated, numbers are degrees; text in parts (06:37:15.9) is in hours as a right
    ascension and in degrees as a declination. Text with letters (6h37m15.9s) says itself what it
    is.

    Parameters
    ----------
    raw : ndarray, shape (n,)
        Numbers or text.
    axis : {"ra", "dec"}
    column : str
        Its name, for the reasons.
    unit : str or None
    where : str
        The column, for messages.
    missing : sequence of str
        What stands for "not known".

    Returns
    -------
    degrees : ndarray of float64, shape (n,)
        NaN where there is none.
    reasons : dict of int to str
        Rows that hold something that is none.

    Raises
    ------
    ConfigError
        If the unit is none of an angle.
    """
    unit = unit_of_position(axis, unit)
    absent = stands_for_missing(raw, missing)
    values, bad = numbers(raw)
    bad &= ~absent
    degrees = _in_degrees(values, unit or "deg", where)
    if bad.any():
        usual = {"ra": "hourangle", "dec": "deg"}[axis]
        degrees = _with_text(raw, degrees, bad, unit or usual, where)
        bad = bad & np.isnan(degrees)
    degrees = np.where(absent, np.nan, degrees)
    if axis == "ra":
        degrees = np.where((degrees < 0) & (degrees >= -180), degrees + 360, degrees)
    low, high = _LIMITS[axis]
    outside = (degrees < low) | (degrees > high)
    reasons = {
        i: f"no angle in column '{column}' ('{str(raw[i])[:40]}')"
        for i in np.flatnonzero(bad).tolist()
    }
    for i in np.flatnonzero(outside).tolist():
        reasons[i] = f"{axis} is out of range ({degrees[i]:g} deg)"
    return np.where(outside | ~np.isfinite(degrees), np.nan, degrees), reasons


def read_as_hours(axis: str, raw: np.ndarray, column: str, unit: str | None) -> list[str]:
    """Say that text in parts is read as hours, where no unit says so."""
    if unit is not None or axis != "ra" or not in_parts(raw):
        return []
    return [f"text like 06:37:15.9 in column '{column}' states no unit: it is read as hours."]


def in_parts(raw: np.ndarray) -> bool:
    """Whether a column holds text like 06:37:15.9."""
    return raw.dtype.kind in "OU" and any(
        # Arrow reads 06:37:15 as a time of the day
        isinstance(cell, str | time) and _PARTS.fullmatch(str(cell).strip())
        for cell in raw.tolist()
    )


def joined_parts(parts: Sequence[np.ndarray], sign: np.ndarray | None = None) -> np.ndarray:
    """Write hours or degrees, minutes and seconds of columns of their own as text like -00:30:15.

    Parameters
    ----------
    parts : sequence of ndarray, shape (n,)
        Two or three columns. The sign is that of the first, as text (-00), or a float's.
    sign : ndarray of str, shape (n,), optional
        Column with + or -.

    Returns
    -------
    ndarray of str, shape (n,)
        "" where a part is missing.
    """
    first = parts[0]
    if first.dtype.kind == "f":
        negative = np.signbit(first)
    else:
        negative = np.asarray([str(cell).strip().startswith("-") for cell in first.tolist()], bool)
    if sign is not None:
        negative |= np.asarray([text.startswith("-") for text in texts(sign)], bool)
    columns = [numbers(part)[0] for part in parts]
    made = np.full(len(first), "", object)
    for i in np.flatnonzero(np.all(np.isfinite(columns), axis=0)).tolist():
        whole, *rest = (abs(column[i]) for column in columns)
        made[i] = ("-" if negative[i] else "") + ":".join(
            [f"{whole:g}", *(f"{value:.10g}" for value in rest)]
        )
    return made


def _with_text(
    raw: np.ndarray, degrees: np.ndarray, rows: np.ndarray, unit: str, where: str
) -> np.ndarray:
    """Degrees with those of angles written as text; what is no angle stays NaN."""
    from astropy.coordinates import Angle

    read, places = [], []
    degrees = degrees.copy()
    for i in np.flatnonzero(rows).tolist():
        text = str(raw[i]).strip()
        found = _PARTS.fullmatch(text)
        if found is not None:
            sign, whole, minutes, seconds = found.groups()
            if int(minutes) < 60 and float(seconds or 0) < 60.0001:  # 60.00 is rounding
                value = int(whole) + int(minutes) / 60 + float(seconds or 0) / 3600
                read.append(-value if sign == "-" else value)
                places.append(i)
            continue
        try:
            degrees[i] = Angle(text, unit=unit).to_value("deg")
        except Exception:  # astropy has many ways to refuse an angle; the caller notes the row
            continue
    degrees[places] = _in_degrees(np.asarray(read, float), unit, where)
    return degrees


def _in_degrees(values: np.ndarray, unit: str, where: str) -> np.ndarray:
    if unit == "hourangle":  # exact, where a detour by radians is not
        return 15 * values
    return values if unit == "deg" else convert(values, unit, "deg", where)
