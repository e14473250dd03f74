"""ALeRCE: detections and non-detections of ZTF's alerts, CSV or JSON.

Detections (Forster et al. 2021, AJ 161, 242; API of ALeRCE, "ztf_api"): oid, mjd, fid (1 g, 2 r,
3 i), magpsf and sigmapsf of the difference image, isdiffpos (1 brighter, -1 fainter than the
reference), magpsf_corr with the source of the reference added (100 where it cannot be), dubious.
JSON holds `detections` and `non_detections` (mjd, fid, diffmaglim: five sigma).

Read is the flux of the difference with its sign, in AB: of any object the same quantity.
Magnitudes with the reference are read with `magnitude: {column: magpsf_corr, missing: 100}`. Non-
detections are upper limits; what is dubious is left out by default.
"""

import json
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.curves import Look, named, number_column, truths
from skybind.ingest.readers.registry import CurveFormat, register_curves
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.values import texts
from skybind.modalities.cleaning import magnitude_to_flux

FILTERS = {"1": "g", "2": "r", "3": "i"}
_NEEDED = ("mjd", "fid", "magpsf", "sigmapsf", "isdiffpos")


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
    return _table(_records(data, name), name)


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
    up = truths(texts(table["isdiffpos"]))  # as text, for -1 means negative
    made = {
        "difference": np.where(limit | up, flux, -flux),
        "difference_err": error,
        "limit": limit,
        "band": named(table["fid"], FILTERS),
        "doubtful": truths(table.columns.get("dubious", np.zeros(len(table), bool))),
    }
    table.columns.update(made)
    return table


def _records(data: bytes, name: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(data)
    except ValueError as error:
        raise DataError(f"{name} cannot be read as JSON: {error}.") from error
    if isinstance(found, list):
        found = {"detections": found}
    rows = [dict(row, limit=False) for row in found.get("detections") or []]
    oid = rows[0].get("oid") if rows else found.get("oid")
    for row in found.get("non_detections") or []:
        rows.append({"oid": oid, **row, "limit": True})
    return rows


def _table(rows: list[dict[str, Any]], name: str) -> Table:
    names = list(dict.fromkeys([*(key for row in rows for key in row)]))
    cells = {key: [row.get(key) for row in rows] for key in names}
    return Table(name, {key: np.asarray(own, object) for key, own in cells.items()})


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
