"""OGLE: light curves of the Collection of Variable Stars and of the Early Warning System.

Text without a header, a file a star and band: HJD, magnitude (I or V, Vega), error, and in the
Early Warning System seeing and sky level (OGLE-III and -IV collections, README files; Udalski et
al. 2008, AcA 58, 69; 2015, AcA 65, 1). The collections count from HJD 2450000, other releases
write the whole date: which one it is, the numbers tell.
"""

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.curves import Look
from skybind.ingest.readers.registry import CurveFormat, register_curves
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.text_layout import is_number
from skybind.ingest.readers.values import numbers

NAMES = ("HJD", "MAG", "ERR", "SEEING", "SKY")
#: OGLE has observed since 1992 (HJD 2448700), and counts from here.
FIRST, LAST, ZERO = 2448000.0, 2480000.0, 2450000.0
_LINES = 20


def is_ogle(look: Look) -> bool:
    """Whether a file is of OGLE: its name begins so, or it is phot.dat of the warning system.

    A table of three numbers without a header could be anybody's.
    """
    if look.format not in ("text", None) or not look.name.upper().startswith("OGLE"):
        return False
    rows = [line.split() for line in look.text.splitlines()[:_LINES] if line.strip()]
    return bool(rows) and all(
        len(row) in (3, 5) and len(row) == len(rows[0]) and all(map(is_number, row)) for row in rows
    )


def columns(data: bytes, name: str) -> dict[str, list[str]]:
    """Name the columns, as many as there are.

    Raises
    ------
    DataError
        If the first line has not three numbers, or five.
    """
    first = next((line for line in data.splitlines() if line.strip()[:1] not in (b"", b"#")), b"")
    n = len(first.split())
    if n not in (3, 5):
        raise DataError(
            f"{name} has {n} columns where OGLE has three (HJD, magnitude, error) or five."
        )
    return {"names": list(NAMES[:n])}


def tidy(table: Table) -> Table:
    """Give whole Julian dates.

    Raises
    ------
    DataError
        If the times are neither that nor counted from 2450000.
    """
    time, _ = numbers(table["HJD"])
    known = time[np.isfinite(time)]
    middle = float(np.median(known)) if len(known) else FIRST
    zero = 0.0 if FIRST < middle < LAST else ZERO
    if not FIRST < middle + zero < LAST:
        raise DataError(
            f"{table.name}: times around {middle:g} are neither Julian dates nor counted from "
            "2450000, as OGLE's are."
        )
    table.columns["HJD"] = time + zero
    return table


register_curves(
    "ogle",
    CurveFormat(
        "OGLE",
        {
            "time": {"column": "HJD", "unit": "HJD"},
            "magnitude": {"column": "MAG", "unit": "mag"},
            "system": "Vega",
            "magnitude_err": {"column": "ERR", "unit": "mag"},
        },
        known_by=is_ogle,
        tidy=tidy,
        options=columns,
    ),
)
