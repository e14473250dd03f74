"""Tables as astropy has them, and as it writes FITS: units, descriptions and missing values."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.portable import is_list, said_of
from skybind.texts import is_text, to_texts

if TYPE_CHECKING:
    from astropy.table import Column, Table

#: What the columns are by which programs find an object (IVOA, UCD1+ controlled vocabulary).
UCDS = {
    "object_id": "meta.id;meta.main",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
}


def to_astropy(table: pa.Table) -> "Table":
    """Turn an Arrow table to astropy's, with the units and descriptions of its fields.

    Name and position have their UCDs, in `meta`. Missing text is "", missing numbers are NaN,
    missing integers and booleans are masked: a float would not keep the digits of the others.
    """
    from astropy.table import Table

    columns = {}
    for field in table.schema:
        said = said_of(field)
        unit, description = said.get("unit"), said.get("description")
        if unit is not None and "JD" in unit:  # of dates, for which astropy has no unit
            description = f"{description or field.name} [{unit}]"
            unit = "d"
        ucd = UCDS.get(field.name)
        column = _column(table[field.name])
        column.unit, column.description = unit, description
        if ucd is not None:
            column.meta["ucd"] = ucd
        columns[field.name] = column
    return Table(columns)


def _column(values: pa.ChunkedArray) -> "Column":
    """Turn a column to astropy's: text "" and numbers NaN where missing, lists None."""
    from astropy.table import Column, MaskedColumn

    if is_list(values.type):
        cells = np.empty(len(values), object)
        cells[:] = [
            None if not cell.is_valid else cell.values.to_numpy(zero_copy_only=False)
            for cell in values
        ]
        return Column(cells)
    if is_text(values.type):
        return Column(to_texts(values))
    if pa.types.is_dictionary(values.type):  # numpy would get another value where one is missing
        values = values.cast(values.type.value_type)
    whole = pa.types.is_integer(values.type)
    if not values.null_count or not (whole or pa.types.is_boolean(values.type)):
        return Column(np.asarray(values.to_numpy()))
    missing = np.asarray(values.is_null().to_numpy())
    known = np.asarray(pc.fill_null(values, False if not whole else 0).to_numpy())
    filled = absent_of(known[~missing]) if whole else None
    return MaskedColumn(known, mask=missing, fill_value=filled)


def absent_of(values: np.ndarray) -> int:
    """Return an integer that is none of some: what stands in a file where one is missing."""
    lowest = int(np.iinfo(values.dtype).min)
    taken = np.unique(values)[: 1 << 16]
    free = np.flatnonzero(taken != lowest + np.arange(len(taken), dtype=object))
    return lowest + (int(free[0]) if len(free) else len(taken))


def write_fits(shown: "Table", path: Path) -> None:
    """Write a table as FITS: description, unit and UCD of column n are TCOMMn, TUNITn and TUCDn.

    They stand so for TOPCAT. A unit that FITS has no word for, such as `DN`, is written as it is:
    astropy would leave it out, and write a hundredth for `%`.

    Parameters
    ----------
    shown : astropy.table.Table
        Of columns that FITS holds (`skybind.portable`), text in ASCII.
    path : Path
    """
    from astropy.io import fits

    plain = shown.copy(copy_data=False)
    for column in plain.itercols():
        column.unit = None
    plain.write(path, format="fits")
    with fits.open(path, mode="update") as file:
        for number, column in enumerate(shown.itercols(), 1):
            said = {
                "TCOMM": column.info.description,
                "TUNIT": None if column.unit is None else _unit_of_fits(column.unit),
                "TUCD": column.info.meta.get("ucd") if column.info.meta else None,
            }
            for key, text in said.items():
                if text:
                    line = " ".join(text.split())
                    ascii_text = line.encode("ascii", "backslashreplace").decode()
                    file[1].header[f"{key}{number}"] = ascii_text


def _unit_of_fits(unit: object) -> str:
    """Write a unit as the standard of FITS does where it can; otherwise as it is."""
    from astropy import units

    own = str(unit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            written = str(units.Unit(unit).to_string("fits"))
            same = units.Unit(written, format="fits") == unit
        except (ValueError, TypeError, AttributeError):
            return own
    # of a unit that is a number, such as %, only the number would be left
    named = written.startswith("10**") and not own[:1].isdigit()
    return written if same and not named else own
