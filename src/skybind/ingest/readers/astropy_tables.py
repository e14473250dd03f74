"""Tables as astropy reads them, and its times in them: with their scale, in FITS in two parts."""

import io
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.ingest.readers.outside import refuse_addresses
from skybind.ingest.readers.values import plain_values


def read_astropy(data: bytes, name: str, format: str, hdu: int | None = None) -> Any:
    """Read a table as astropy has it, times in FITS among them."""
    from astropy.table import Table as AstropyTable

    options: dict[str, Any] = {} if hdu is None else {"hdu": hdu}
    if format == "votable":
        refuse_addresses(data, name)
        # astropy asks which of several, counted from 0
        options = {"table_id": (hdu or 1) - 1}
    named = "ascii.ecsv" if format == "ecsv" else format
    source: Any = io.BytesIO(data)
    if named.startswith("ascii"):
        # of a text astropy tries whether it is the name, or the address, of a file; of lines not
        source = data.decode("utf-8").splitlines() or [""]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = AstropyTable.read(source, format=named, **options)
        return _with_times(table, data, options) if format == "fits" else table


def _with_times(table: Any, data: bytes, options: Mapping[str, Any]) -> Any:
    """Give a table of a FITS file with the columns that astropy wrote of times as such.

    It writes them as pairs of days, whose sum is the Julian date, and says so in the header
    (`TCTYPn`, `JDREF`; FITS standard 4.0, section 9). Times of other programs stay numbers in the
    unit of their column.

    Parameters
    ----------
    table : astropy.table.Table
        As it was read.
    data : bytes
        Of the file.
    options : mapping
        By which it was read.
    """
    pairs = [
        name
        for name in table.colnames
        if getattr(table[name], "ndim", 1) > 1
        and table[name].shape[-1] == 2
        and str(table[name].unit) == "d"
    ]
    if not pairs:
        return table
    native = type(table).read(io.BytesIO(data), format="fits", astropy_native=True, **options)
    for name in pairs:
        if hasattr(native[name], "jd"):
            table.replace_column(name, native[name])
    return table


def sky_degrees(column: Any, name: str) -> dict[str, np.ndarray] | None:
    """Give right ascension and declination (ICRS) [deg] of a column of sky positions.

    None where it is none; NaN where it is masked.

    Raises
    ------
    DataError
        If its frame cannot be taken to ICRS, such as altitude and azimuth of no place.
    """
    if not hasattr(column, "transform_to"):
        return None
    try:
        sky = column.icrs
    except Exception as error:
        raise_of_machine(error)
        raise DataError(
            f"The positions '{name}' cannot be taken to ICRS: give them as ra and dec."
        ) from error
    return {axis: plain_values(getattr(sky, axis).deg) for axis in ("ra", "dec")}


def scale_notes(times: Any, column: str) -> list[str]:
    """Say in which scale times are, where it is not UTC, in which dates are taken to be.

    Parameters
    ----------
    times : astropy.time.Time or astropy.time.TimeDelta
    column : str
        Their name.
    """
    scale = getattr(times, "scale", None) if hasattr(times, "mjd") else None
    if scale in (None, "utc"):
        return []
    return [f"the times of '{column}' are in {str(scale).upper()}, and their Julian dates stay so"]
