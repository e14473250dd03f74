"""TESS: light curves of SPOC (also of full-frame images) and of QLP, one FITS file a sector.

SPOC: `TIME` (BJD in TDB less 2457000), `PDCSAP_FLUX` and its error in electrons per second,
`SAP_FLUX`, `QUALITY` (TESS Science Data Products Description Document, EXP-TESS-ARC-ICD-0014,
section 5 and table on the flags). QLP (Huang et al. 2020, RNAAS 4, 204, and 206; its product
description at MAST): `KSPSAP_FLUX`, from sector 56 on `DET_FLUX`, both relative to the median.

Bits that count by default are those of cadences without use, as in the TESS Archive Manual and
lightkurve: attitude tweak, safe mode, coarse point, Earth point, argabrightening, momentum dump,
manual exclude, impulsive outlier, bad calibration.
"""

from skybind.data.times import time_system
from skybind.errors import DataError
from skybind.ingest.flags import usual_bits
from skybind.ingest.readers.curves import Look
from skybind.ingest.readers.registry import CurveFormat, register_curves
from skybind.ingest.readers.tables import Table
from skybind.words import join

#: Fluxes and their errors, the best first; the unit if the file states none.
FLUXES = (
    ("PDCSAP_FLUX", "PDCSAP_FLUX_ERR", "electron / s"),
    ("KSPSAP_FLUX", "KSPSAP_FLUX_ERR", ""),
    ("DET_FLUX", "DET_FLUX_ERR", ""),
)


def is_tess(look: Look) -> bool:
    """Whether a file is a light curve of TESS: its telescope says so, or where time begins."""
    return (
        look.has("time", "quality")
        and any(flux.lower() in look.columns for flux, _, _ in FLUXES)
        and str(look.header.get("TELESCOP", "")).upper().startswith("TESS")
    )


def tidy(table: Table) -> Table:
    """Add `flux` and `flux_err`, copies of the best that the pipeline has.

    Raises
    ------
    DataError
        If it has none.
    """
    found = next((names for names in FLUXES if names[0] in table.columns), None)
    if found is None:
        names = join([flux for flux, _, _ in FLUXES], "or")
        raise DataError(f"{table.name} is no light curve of TESS: it has no {names}.")
    for name, column in zip(("flux", "flux_err"), found[:2], strict=True):
        if column in table.columns:
            table.columns[name] = table.columns[column]
            table.units[name] = table.units.get(column) or found[2]
    if time_system(table.units.get("TIME")) is None:
        table.units["TIME"] = "BTJD"
    return table


register_curves(
    "tess",
    CurveFormat(
        "TESS",
        {
            "time": "TIME",
            "flux": "flux",
            "flux_err": {"column": "flux_err", "optional": True},
            "mask": {"column": "QUALITY", "bits": usual_bits("TESS")},
        },
        known_by=is_tess,
        tidy=tidy,
    ),
)
