"""Flat columns of a table of objects: numbers and positions, and why a row has none."""

from collections.abc import Sequence

import numpy as np

from skybind.data.units import convert
from skybind.ingest.readers.values import numbers

_LIMITS = {"ra": (0.0, 360.0), "dec": (-90.0, 90.0)}


def catalogue_numbers(
    raw: np.ndarray, column: str, missing: Sequence[float] = ()
) -> tuple[np.ndarray, dict[int, str]]:
    """Read numbers of objects.

    Parameters
    ----------
    raw : ndarray, shape (n,)
    column : str
        Its name, for the reasons.
    missing : sequence of float
        Numbers that stand for "not known".

    Returns
    -------
    values : ndarray of float64, shape (n,)
        NaN where there is none.
    reasons : dict of int to str
        Rows that hold something that is none.
    """
    values, bad = numbers(raw)
    infinite = np.isinf(values)
    reasons = {
        i: f"no number in column '{column}' ('{str(raw[i])[:40]}')"
        for i in np.flatnonzero(bad).tolist()
    }
    reasons |= dict.fromkeys(
        np.flatnonzero(infinite).tolist(), f"infinite number in column '{column}'"
    )
    for sentinel in missing:
        values = np.where(values == sentinel, np.nan, values)
    return np.where(infinite, np.nan, values), reasons


def positions(
    raw: np.ndarray, axis: str, column: str, unit: str, where: str
) -> tuple[np.ndarray, dict[int, str]]:
    """Read right ascensions or declinations.

    Parameters
    ----------
    raw : ndarray, shape (n,)
        Numbers, or text like 06:37:15.9.
    axis : {"ra", "dec"}
    column : str
        Its name, for the reasons.
    unit : str
    where : str
        The column, for messages.

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
    values, bad = numbers(raw)
    if bad.any():
        values = _sexagesimal(raw, values, bad, unit)
        bad = bad & np.isnan(values)
    degrees = values if unit == "deg" else convert(values, unit, "deg", where)
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


def _sexagesimal(raw: np.ndarray, values: np.ndarray, rows: np.ndarray, unit: str) -> np.ndarray:
    """Angles written like 06:37:15.9, in the unit given; what is none of these stays NaN."""
    from astropy.coordinates import Angle

    values = values.copy()
    for i in np.flatnonzero(rows).tolist():
        try:
            values[i] = Angle(str(raw[i]), unit=unit).value
        except Exception:  # astropy has many ways to refuse an angle; the caller notes the row
            continue
    return values
