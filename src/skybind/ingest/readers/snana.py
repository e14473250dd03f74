"""SNANA: simulated and real light curves in pairs of FITS files, as of ELAsTiCC and PLAsTiCC.

`X_PHOT.FITS` holds the epochs of all objects one after the other: MJD, BAND (before 2020 FLT),
FLUXCAL, FLUXCALERR, PHOTFLAG; after each object a row with MJD -777. `X_HEAD.FITS` beside it has
a row an object, with SNID and the first and last row of its epochs, PTROBS_MIN and PTROBS_MAX,
counted from 1 (SNANA manual, section 4.36.1; ELAsTiCC, "A_FORMAT.TXT"). FLUXCAL has its magnitude
zero at 27.5 (AB); it is a measurement whether or not anything was detected; no flag leaves epochs
out.
"""

import re
from dataclasses import replace

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.curves import Look
from skybind.ingest.readers.plasticc import FLUXCAL
from skybind.ingest.readers.registry import CurveFormat, register_curves
from skybind.ingest.readers.tables import Table, read_table
from skybind.ingest.readers.values import numbers, texts

END = -777.0


def is_snana(look: Look) -> bool:
    """Whether a file holds the epochs of a pair of SNANA."""
    return look.has("mjd", "fluxcal", "fluxcalerr") and bool({"band", "flt"} & look.columns)


def head_of(name: str) -> str:
    """Name of the file with the objects: HEAD where this one has PHOT.

    Raises
    ------
    DataError
        If it is not called so.
    """
    found = re.sub(r"PHOT(?=[^/]*$)", "HEAD", name)
    if found == name:
        raise DataError(f"{name} is not called ..._PHOT.FITS: its ..._HEAD.FITS is not known.")
    return found


def tidy(table: Table, head: bytes | None = None) -> Table:
    """Give each epoch its object, `SNID`, and leave out the rows between them.

    Without the file of the objects they are only numbered, from 1.

    Raises
    ------
    DataError
        If the rows of an object are not there, or hold the end of another.
    """
    time, _ = numbers(table["MJD"])
    end = time == END
    snid = np.asarray([str(n) for n in np.cumsum(np.concatenate([[0], end[:-1]])) + 1], object)
    if head is not None:
        snid = _named(table, head, end)
    keep = ~end & (snid != "")
    columns = {name: values[keep] for name, values in table.columns.items()}
    columns["SNID"] = snid[keep]
    band = "BAND" if "BAND" in columns else "FLT"
    columns["BAND"] = texts(columns[band])
    return replace(table, columns=columns, known=[*table.columns, "SNID"], lists={})


def _named(table: Table, head: bytes, end: np.ndarray) -> np.ndarray:
    objects = read_table(head, head_of(table.name), text=("SNID",))
    first, last = (numbers(objects[name])[0] for name in ("PTROBS_MIN", "PTROBS_MAX"))
    snid = np.full(len(table), "", object)
    for name, begin, stop in zip(texts(objects["SNID"]), first, last, strict=True):
        rows = slice(int(begin) - 1, int(stop))
        if not 0 <= rows.start < rows.stop <= len(table) or end[rows].any():
            raise DataError(
                f"{table.name} has not the epochs of {name} in its rows {begin:.0f} to {stop:.0f}, "
                f"where {objects.name} points: the two files are no pair."
            )
        snid[rows] = name
    return snid


register_curves(
    "snana",
    CurveFormat(
        "SNANA",
        {
            "id": "SNID",
            "time": {"column": "MJD", "unit": "MJD"},
            "flux": {"column": "FLUXCAL", "unit": FLUXCAL},
            "system": "AB",
            "flux_err": {"column": "FLUXCALERR", "unit": FLUXCAL},
            "band": "BAND",
        },
        known_by=is_snana,
        tidy=tidy,
        beside=head_of,
    ),
)
