"""Kepler and K2: light curves of the mission's pipeline, one FITS file a quarter or campaign.

`TIME` (BJD in TDB less 2454833), `PDCSAP_FLUX` and its error in electrons per second,
`SAP_QUALITY` (Kepler Archive Manual, KDMC-10008, section 2.3.1 and table 2-3).

Bits that count by default are those of cadences without use, as in lightkurve: attitude tweak,
safe mode, coarse point, Earth point, desaturation, manual exclude, detector anomaly, no data,
thruster firing.
"""

from skybind.data.times import time_system
from skybind.ingest.flags import usual_bits
from skybind.ingest.readers.curves import Look
from skybind.ingest.readers.registry import CurveFormat, register_curves
from skybind.ingest.readers.tables import Table


def is_kepler(look: Look) -> bool:
    """Whether a file is a light curve of Kepler or K2."""
    return look.has("time", "pdcsap_flux", "sap_quality")


def tidy(table: Table) -> Table:
    """State the units where a copy of the file lost them."""
    if time_system(table.units.get("TIME")) is None:
        table.units["TIME"] = "BKJD"
    for name in ("PDCSAP_FLUX", "PDCSAP_FLUX_ERR", "SAP_FLUX", "SAP_FLUX_ERR"):
        table.units.setdefault(name, "electron / s")
    return table


register_curves(
    "kepler",
    CurveFormat(
        "Kepler",
        {
            "time": "TIME",
            "flux": "PDCSAP_FLUX",
            "flux_err": "PDCSAP_FLUX_ERR",
            "mask": {"column": "SAP_QUALITY", "bits": usual_bits("Kepler")},
        },
        known_by=is_kepler,
        tidy=tidy,
    ),
)
