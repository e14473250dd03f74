"""ALeRCE: detections and non-detections of ZTF's alerts, CSV or JSON.

Detections (Forster et al. 2021, AJ 161, 242; API of ALeRCE, "ztf_api"): oid, mjd, fid (1 g, 2 r,
3 i), magpsf and sigmapsf of the difference image, isdiffpos (1 brighter, -1 fainter than the
reference), magpsf_corr with the source of the reference added (100 where it cannot be), dubious.
JSON holds `detections` and `non_detections` (mjd, fid, diffmaglim: five sigma).

Read is the flux of the difference with its sign, in AB: of any object the same quantity.
Magnitudes with the reference are read with `magnitude: {column: magpsf_corr, missing: 100}`. Non-
detections are upper limits; what is dubious is left out by default.
"""

from collections import Counter
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.curves import Look, flag_column, named, number_column, truths
from skybind.ingest.readers.json_table import entry_fault, parsed_json
from skybind.ingest.readers.registry import CurveFormat, register_curves
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.values import texts
from skybind.modalities.cleaning import magnitude_to_flux

FILTERS = {"1": "g", "2": "r", "3": "i"}
_NEEDED = ("mjd", "fid", "magpsf", "sigmapsf", "isdiffpos")
#: Fields of an entry of JSON that hold numbers, and others that are read.
_DETECTED, _NOT_DETECTED = ("mjd", "fid", "magpsf", "sigmapsf"), ("mjd", "fid", "diffmaglim")
_WORDS = ("oid", "isdiffpos", "dubious")
#: What says that a source is fainter than in the reference.
_FAINTER = ("-1", "-1.0", "0", "0.0", "f", "false", "n", "no")


def is_alerce(look: Look) -> bool:
    """Whether a file holds detections of ALeRCE."""
    begin = look.text.lstrip()
    if begin.startswith(("{", "[")):
        return all(f'"{name}"' in begin for name in ("magpsf", "fid", "isdiffpos"))
    return look.has(*_NEEDED)


def is_plain(begin: bytes) -> bool:
    """Whether a file is a plain table, and no JSON."""
    return begin.lstrip()[:1] not in (b"{", b"[")


def read(data: bytes, name: str) -> Table:
    """Read detections and non-detections of JSON, as rows of one table."""
    return _table(*_records(data, name), name)


def tidy(table: Table) -> Table:
    """Add the flux of the difference, which rows are limits, and which are doubtful.

    Raises
    ------
    DataError
        If a column lacks.
    """
    lost = next((c for c in _NEEDED if c not in table.columns), None)
    if lost is not None:
        raise DataError(f"{table.name} has no '{lost}', which detections of ALeRCE have.")
    limit = truths(table.columns.get("limit", np.zeros(len(table), bool)))
    magnitude = np.where(limit, number_column(table, "diffmaglim"), number_column(table, "magpsf"))
    flux, error = magnitude_to_flux(magnitude, number_column(table, "sigmapsf"))
    sign = texts(table["isdiffpos"])  # as text, for -1 means negative
    up = truths(sign)
    down = np.asarray([word.lower() in _FAINTER for word in sign.tolist()], bool)
    made = {
        # without a sign it is not known
        "difference": np.where(limit | up, flux, np.where(down, -flux, np.nan)),
        "difference_err": error,
        "limit": limit,
        "band": named(table["fid"], FILTERS),
        "doubtful": flag_column(table, "dubious"),
    }
    table.columns.update(made)
    return table


def _records(data: bytes, name: str) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Give the rows of a file, and how many of it cannot be read, by the reason."""
    found = parsed_json(data, name)
    if isinstance(found, list):
        found = {"detections": found}
    if not isinstance(found, dict):
        raise DataError(f"{name} holds no detections of ALeRCE.")
    rows: list[dict[str, Any]] = []
    faults: Counter[str] = Counter()
    oid = found.get("oid")
    for part, numbers in (("detections", _DETECTED), ("non_detections", _NOT_DETECTED)):
        entries = found.get(part) or []
        if not isinstance(entries, list):
            raise DataError(f"{name}: its {part} are no list.")
        for entry in entries:
            fault = entry_fault(entry, numbers, _WORDS)
            if fault:
                faults[f"{part} {fault}"] += 1
                continue
            own = entry if part == "detections" else {"oid": oid, **entry}
            rows.append({**own, "limit": part == "non_detections"})
        oid = rows[0].get("oid") if rows else oid
    return rows, faults


def _table(rows: list[dict[str, Any]], faults: Counter[str], name: str) -> Table:
    names = list(dict.fromkeys([*(key for row in rows for key in row)]))
    columns = {}
    for key in names:
        columns[key] = np.empty(len(rows), object)
        columns[key][:] = [row.get(key) for row in rows]
    bad = [f"{n} {fault} are left out" for fault, n in faults.items()]
    return Table(name, columns, bad_rows=bad)


register_curves(
    "alerce",
    CurveFormat(
        "ALeRCE",
        {
            "id": "oid",
            "time": {"column": "mjd", "unit": "MJD"},
            "flux": {"column": "difference", "unit": "mJy"},
            "system": "AB",
            "flux_err": {"column": "difference_err", "unit": "mJy"},
            "band": "band",
            "upper_limit": "limit",
            "mask": "doubtful",
        },
        known_by=is_alerce,
        read=read,
        plain=is_plain,
        tidy=tidy,
        text=("oid", "isdiffpos"),
    ),
)
