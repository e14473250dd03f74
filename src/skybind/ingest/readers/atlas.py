"""ATLAS: forced photometry, the text table of its server.

Columns `###MJD m dm uJy duJy F err chi/N RA Dec x y maj min phi apfit mag5sig Sky Obs` (ATLAS
Forced Photometry server, "Output description"): MJD at mid-exposure, AB magnitude m, flux in uJy
(AB, zero 3631 Jy) and its error, filter (o, c, and more), an error code that is 0 if all went
well. A negative m is the magnitude of a negative flux: the flux is read, which may be negative
and is a measurement, no limit. By default an epoch with an error code is left out.
"""

from skybind.ingest.readers.curves import Look
from skybind.ingest.readers.registry import CurveFormat, register_curves
from skybind.ingest.readers.tables import Table


def is_atlas(look: Look) -> bool:
    """Whether a table is one of ATLAS's forced photometry."""
    return look.has("ujy", "dujy", "f", "chi/n", "mag5sig") and (
        look.has("mjd") or look.has("###mjd")
    )


def tidy(table: Table) -> Table:
    """Give the date its name without the marks before it, as some readers keep them."""
    for name in list(table.columns):
        if name != "MJD" and name.lstrip("#") == "MJD":
            table.columns["MJD"] = table.columns.pop(name)
    return table


register_curves(
    "atlas",
    CurveFormat(
        "ATLAS",
        {
            "time": {"column": "MJD", "unit": "MJD"},
            "flux": {"column": "uJy", "unit": "uJy"},
            "system": "AB",
            "flux_err": {"column": "duJy", "unit": "uJy"},
            "band": "F",
            "mask": "err",
        },
        known_by=is_atlas,
        tidy=tidy,
        text=("F",),
    ),
)
