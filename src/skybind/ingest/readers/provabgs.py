"""PROVABGS: redshifts, magnitudes and stellar masses of DESI's Bright Galaxy Survey.

Hahn et al. 2023 (ApJ 945, 16). One HDF5 table, `BGS_ANY_full.provabgs.sv3.v0.hdf5`: a compound
dataset, as astropy's `Table.write` makes it, or one dataset a column. Read are TARGETID,
Z_HP, PROVABGS_LOGMSTAR_BF [dex of solar masses], MAG_G, MAG_R and MAG_Z [mag], and never the
posterior samples, which make the file large.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skybind.data.schema import Column
from skybind.errors import DataError
from skybind.ingest.plan import Row, quarantine_row
from skybind.ingest.readers.hdf5 import open_hdf5

FIELDS = {
    "TARGETID": "targetid",
    "Z_HP": "redshift",
    "PROVABGS_LOGMSTAR_BF": "log_mass",
    "MAG_G": "mag_g",
    "MAG_R": "mag_r",
    "MAG_Z": "mag_z",
}


COLUMNS = {
    "redshift": Column("target", None, "Z_HP of PROVABGS"),
    "log_mass": Column(
        "target", "dex(solMass)", "Stellar mass of PROVABGS, best fit, decimal logarithm"
    ),
    **{
        f"mag_{band}": Column("feature", "mag", f"Magnitude in {band} from PROVABGS", "metadata")
        for band in "grz"
    },
}


CUTS = (
    ("log_mass", "cut: no positive stellar mass in PROVABGS"),
    ("mag_g", "cut: no positive magnitude g in PROVABGS"),
    ("mag_r", "cut: no positive magnitude r in PROVABGS"),
    ("mag_z", "cut: no positive magnitude z in PROVABGS"),
)


ROWS = 65536


#: Why an object has no targets that is not in the table.
ABSENT = "its TARGETID is not in the table"


@dataclass
class Provabgs:
    """The table, sorted by TARGETID.

    Attributes
    ----------
    name : str
        Of the file.
    targetid : ndarray of int64, shape (n,)
        Each once.
    values : dict of str to ndarray, shape (n,)
        See `COLUMNS`; NaN in rows that the cuts of the AstroCLIP reports take out: rows stay
        where the stellar mass and all three magnitudes are positive.
    reason : ndarray of str objects, shape (n,)
        Which cut takes the row out; "" where none does.
    quarantine : list of dict
        Rows that repeat a TARGETID.
    """

    name: str
    targetid: np.ndarray
    values: dict[str, np.ndarray]
    reason: np.ndarray
    quarantine: list[Row]

    def match(self, targetid: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Join some objects.

        Parameters
        ----------
        targetid : ndarray of int64, shape (m,)

        Returns
        -------
        values : dict of str to ndarray, shape (m,)
            NaN where there is no match, or the match was cut.
        reason : ndarray of str objects, shape (m,)
            Why there is none: which cut took the match out, or that the table has no such
            TARGETID; "" otherwise.
        """
        place = np.minimum(np.searchsorted(self.targetid, targetid), len(self.targetid) - 1)
        known = self.targetid[place] == targetid
        values = {name: np.where(known, v[place], np.nan) for name, v in self.values.items()}
        return values, np.where(known, self.reason[place], ABSENT)


def read_provabgs(path: Path) -> Provabgs:
    """Read the table, only the columns that are needed, a piece at a time.

    Raises
    ------
    DataError
        If the file cannot be read or lacks a column.
    """
    with open_hdf5(path) as file:
        columns = _columns(file, path.name)
    targetid = columns.pop("targetid").astype(np.int64)
    values = {name: column.astype(np.float64) for name, column in columns.items()}
    _, first = np.unique(targetid, return_index=True)
    repeated = np.setdiff1d(np.arange(len(targetid)), first)
    quarantine = [
        quarantine_row(
            str(targetid[row]), path.name, "targets", "TARGETID occurs twice: its first row counts"
        )
        for row in repeated.tolist()
    ]
    targetid, values = targetid[first], {name: v[first] for name, v in values.items()}
    reason = np.full(len(targetid), "", dtype=object)
    for name, sentence in reversed(CUTS):
        reason[~(np.isfinite(values[name]) & (values[name] > 0))] = sentence
    cut = reason != ""
    kept = {name: np.where(cut | ~np.isfinite(v), np.nan, v) for name, v in values.items()}
    return Provabgs(path.name, targetid, kept, reason, quarantine)


def _columns(file: Any, name: str) -> dict[str, np.ndarray]:
    """The needed columns, of the first table in the file that has TARGETID."""
    import h5py

    found: list[Any] = []

    def look(_: str, item: Any) -> Any:
        compound = isinstance(item, h5py.Dataset) and "TARGETID" in (item.dtype.names or ())
        group = isinstance(item, h5py.Group) and "TARGETID" in item
        if compound or group:
            found.append(item)
        return True if found else None  # a value ends the visit

    if look("", file) is None:
        file.visititems(look)
    if not found:
        raise DataError(f"{name} has no table with a column TARGETID: is it PROVABGS?")
    table = found[0]
    have = table.dtype.names if isinstance(table, h5py.Dataset) else list(table)
    missing = [column for column in FIELDS if column not in have]
    if missing:
        raise DataError(f"{name} has no column {missing[0]}: is it PROVABGS?")
    if isinstance(table, h5py.Group):
        columns = {short: np.asarray(table[column][()]) for column, short in FIELDS.items()}
    else:
        pieces = [
            table.fields(list(FIELDS))[start : start + ROWS]
            for start in range(0, table.shape[0], ROWS)
        ]
        if not pieces:
            raise DataError(f"{name} has no rows.")
        columns = {
            short: np.concatenate([piece[column] for piece in pieces])
            for column, short in FIELDS.items()
        }
    for short, column in columns.items():
        if column.ndim != 1 or column.dtype.kind not in "iuf":
            raise DataError(f"{name}: the column of {short} does not hold one number a row.")
        if not len(column):
            raise DataError(f"{name} has no rows.")
    if columns["targetid"].dtype.kind == "f":
        raise DataError(f"{name}: TARGETID is not of integers, so digits of it are lost.")
    return columns
