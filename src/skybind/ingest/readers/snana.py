"""SNANA: simulated and real light curves in pairs of FITS files, as of ELAsTiCC and PLAsTiCC.

`X_PHOT.FITS` holds the epochs of all objects one after the other: MJD, BAND (before 2020 FLT),
FLUXCAL, FLUXCALERR, PHOTFLAG; after each object a row with MJD -777. `X_HEAD.FITS` beside it has
a row an object, with SNID and the first and last row of its epochs, PTROBS_MIN and PTROBS_MAX,
counted from 1 (SNANA manual, section 4.36.1; ELAsTiCC, "A_FORMAT.TXT"). FLUXCAL has its magnitude
zero at 27.5 (AB); it is a measurement whether or not anything was detected; no flag leaves epochs
out.
"""

import re
from collections.abc import Iterable, Iterator
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


def along(pieces: Iterable[Table], head: bytes | None) -> Iterator[Table]:
    """Give each epoch its object, `SNID`, and leave out the rows between them.

    Without the file of the objects they are only numbered, from 1.

    Raises
    ------
    DataError
        If the rows of an object are not there, or hold the end of another.
    """
    before, ended, objects = 0, 0, None
    name = ""
    for table in pieces:
        name = table.name
        if head is not None and objects is None:
            objects = _Objects(head, name)
        time, _ = numbers(table["MJD"])
        end = time == END
        if objects is None:
            number = ended + np.cumsum(np.concatenate([[0], end[:-1]])) + 1
            snid = np.asarray(list(map(str, number.tolist())), object)
        else:
            snid = objects.of_rows(before, end)
        before += len(table)
        ended += int(end.sum())
        yield _epochs(table, snid, ~end & (snid != ""))
    if objects is not None and objects.last.max(initial=0) > before:
        raise objects.no_pair(int(np.argmax(objects.last)), name)


def _epochs(table: Table, snid: np.ndarray, keep: np.ndarray) -> Table:
    columns = {name: values[keep] for name, values in table.columns.items()}
    columns["SNID"] = snid[keep]
    columns["BAND"] = texts(table["BAND" if "BAND" in columns else "FLT"])[keep]
    return replace(table, columns=columns, known=[*table.columns, "SNID"], lists={})


class _Objects:
    """The objects of a file of epochs: their names, first rows, and last ones + 1."""

    def __init__(self, head: bytes, epochs: str) -> None:
        table = read_table(head, head_of(epochs), text=("SNID",))
        first, last = (
            np.nan_to_num(numbers(table[name])[0]) for name in ("PTROBS_MIN", "PTROBS_MAX")
        )
        self.file, self.epochs, self.snid = table.name, epochs, texts(table["SNID"])
        self.first, self.last = first.astype(np.int64) - 1, last.astype(np.int64)
        wrong = np.flatnonzero((self.first < 0) | (self.last <= self.first))
        if len(wrong):
            raise self.no_pair(int(wrong[0]), epochs)

    def of_rows(self, begin: int, end: np.ndarray) -> np.ndarray:
        """Names of the objects of some rows in the middle of a table, "" for none."""
        found = np.full(len(end), "", object)
        for i in np.flatnonzero((self.last > begin) & (self.first < begin + len(end))).tolist():
            rows = slice(max(self.first[i] - begin, 0), self.last[i] - begin)
            if end[rows].any():
                raise self.no_pair(i, self.epochs)
            found[rows] = self.snid[i]
        return found

    def no_pair(self, i: int, epochs: str) -> DataError:
        """Say that an object has no epochs where they should be."""
        return DataError(
            f"{epochs} has not the epochs of {self.snid[i]} in its rows {self.first[i] + 1} to "
            f"{self.last[i]}, where {self.file} points: the two files are no pair."
        )


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
        along=along,
        beside=head_of,
    ),
)
