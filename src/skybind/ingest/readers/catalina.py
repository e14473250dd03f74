"""Catalina Surveys: photometry of the second data release (CSDR2), as its server writes it.

CSV `MasterID,Mag,Magerr,RA,Dec,MJD,Blend` (Drake et al. 2009, ApJ 696, 870; the data release's
page on its photometry): unfiltered, calibrated to V; MJD; Blend is 1 where sources are blended,
which is so of a whole light curve as a rule and leaves nothing out by default. The server writes
several objects into one file.
"""

from skybind.ingest.readers.curves import Look
from skybind.ingest.readers.registry import CurveFormat, register_curves


def is_catalina(look: Look) -> bool:
    """Whether a table is one of the Catalina Surveys' server."""
    return look.has("masterid", "mag", "magerr", "mjd", "blend")


register_curves(
    "catalina",
    CurveFormat(
        "Catalina",
        {
            "id": "MasterID",
            "time": {"column": "MJD", "unit": "MJD"},
            "magnitude": {"column": "Mag", "unit": "mag"},
            "magnitude_err": {"column": "Magerr", "unit": "mag"},
        },
        known_by=is_catalina,
        text=("MasterID",),
    ),
)
