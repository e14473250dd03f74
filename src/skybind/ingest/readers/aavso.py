"""AAVSO: observations downloaded from the International Database, and files in its extended format.

Download (AAVSO, "Format of the Data File"): JD, Magnitude (`<15.2` is fainter than, `:`
uncertain), Uncertainty, HQuncertainty, Band, Observer Code, ..., Validation Flag (V passed, Z
pre-validated, U not validated, T discrepant), Star Name. By default T is left out. Observations
without an uncertainty, such as all visual ones, are measurements.

Extended (AAVSO, "Extended File Format"): parameters `#TYPE=EXTENDED`, `#DELIM`, `#DATE` (JD, HJD,
EXCEL), then NAME,DATE,MAG,MERR,FILT,TRANS,MTYPE,... in each line, `na` for what is not known.
MTYPE DIF is a difference to the comparison star, and refused.
"""

import csv
import io

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.curves import Look, flag_column, number_column
from skybind.ingest.readers.registry import CurveFormat, register_curves
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.text import as_utf8
from skybind.ingest.readers.values import texts

EXTENDED = ("NAME", "DATE", "MAG", "MERR", "FILT", "TRANS", "MTYPE")
_NAMED = {"comma": ",", "tab": "\t", "semicolon": ";", "space": " ", "bar": "|"}
#: Columns as the extended format calls them, by the download's names.
_AS_DOWNLOADED = {"Star Name": "NAME", "JD": "DATE", "Magnitude": "MAG", "Band": "FILT"}


def is_aavso(look: Look) -> bool:
    """Whether a file is of the AAVSO: a download or in the extended format."""
    if look.text.lstrip().upper().startswith("#TYPE=EXTENDED"):
        return True
    return look.has("jd", "magnitude", "uncertainty", "band", "observer code", "validation flag")


def is_plain(begin: bytes) -> bool:
    """Whether a file is a download, and not in the extended format."""
    return not as_utf8(begin).lstrip().upper().startswith(b"#TYPE=EXTENDED")


def read(data: bytes, name: str) -> Table:
    """Read the extended format, under the download's names."""
    text = as_utf8(data).decode("utf-8")
    lines = [line for line in text.splitlines() if line.strip()]
    said = [line[1:].partition("=") for line in lines if line.startswith("#") and "=" in line]
    keys = {key.strip().upper(): value.strip("\r\n ") for key, _, value in said}
    date = keys.get("DATE", "JD").upper()
    if date not in ("JD", "HJD"):
        raise DataError(f"{name} has dates as {date}: write them as JD or HJD.")
    delimiter = keys.get("DELIM", ",") or ","
    delimiter = _NAMED.get(delimiter.lower(), delimiter)
    if len(delimiter) != 1:
        raise DataError(f"{name}: the delimiter '{delimiter}' is none (#DELIM).")
    source = io.StringIO("\n".join(line for line in lines if not line.startswith("#")))
    rows = list(csv.reader(source, delimiter=delimiter))
    bad = [f"an observation has {len(row)} fields" for row in rows if len(row) < len(EXTENDED)]
    rows = [[cell.strip() for cell in row] for row in rows if len(row) >= len(EXTENDED)]
    if any(row[6].upper() == "DIF" for row in rows):
        raise DataError(
            f"{name} has magnitudes that are differences to a comparison star (MTYPE DIF): add "
            "that star's."
        )
    cells = [[row[i] for row in rows] for i in range(len(EXTENDED))]
    columns = {key: np.asarray(own, object) for key, own in zip(EXTENDED, cells, strict=True)}
    columns |= {new: columns[old] for new, old in _AS_DOWNLOADED.items()}
    columns["Uncertainty"] = np.asarray(
        ["" if cell.lower() == "na" else cell for cell in columns["MERR"]], object
    )
    return Table(name, columns, {"JD": date}, bad_rows=bad, known=list(EXTENDED))


def tidy(table: Table) -> Table:
    """Add magnitude_err, magnitudes without the mark of doubt, limits, and what is discrepant."""
    table.units.setdefault("JD", "JD")
    magnitude = texts(table["Magnitude"])
    table.columns["Magnitude"] = np.asarray([m.rstrip(": ") for m in magnitude], object)
    table.columns["limit"] = np.asarray([m.startswith("<") for m in magnitude], bool)
    own, theirs = (number_column(table, name) for name in ("Uncertainty", "HQuncertainty"))
    table.columns["magnitude_err"] = np.where(own > 0, own, theirs)
    flag = "Validation Flag"
    if flag in table.columns:
        table.columns["discrepant"] = texts(table.columns[flag]) == "T"
    elif "NAME" in table.columns:  # the extended format has none
        table.columns["discrepant"] = np.zeros(len(table), bool)
    else:
        table.columns["discrepant"] = flag_column(table, flag)
    return table


register_curves(
    "aavso",
    CurveFormat(
        "AAVSO",
        {
            "id": "Star Name",
            "time": "JD",
            "magnitude": {"column": "Magnitude", "unit": "mag"},
            "magnitude_err": {"column": "magnitude_err", "unit": "mag"},
            "band": "Band",
            "upper_limit": "limit",
            "mask": "discrepant",
        },
        known_by=is_aavso,
        read=read,
        plain=is_plain,
        tidy=tidy,
        text=("Magnitude", "Band", "Validation Flag", "Star Name", "Comments"),
    ),
)
