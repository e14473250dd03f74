"""PLAsTiCC: the light curves of the challenge, a CSV with one row an epoch.

object_id, mjd, passband (0 to 5: u g r i z y), flux, flux_err, detected or detected_bool (Kessler
et al. 2019, PASP 131, 094501; The PLAsTiCC team 2018, arXiv:1810.00001, and its data note).
Fluxes are differences to a reference in units of SNANA's FLUXCAL, whose magnitude zero is 27.5
(AB). They are measurements whether or not anything was detected; no flag leaves epochs out.
"""

from skybind.ingest.readers.curves import Look, named
from skybind.ingest.readers.registry import CurveFormat, register_curves
from skybind.ingest.readers.tables import Table

PASSBANDS = dict(zip("012345", "ugrizy", strict=True))
#: AB magnitude 27.5: 3631 Jy x 10^(-0.4 x 27.5).
FLUXCAL = "3.631e-8 Jy"


def is_plasticc(look: Look) -> bool:
    """Whether a table is one of light curves of PLAsTiCC: it says what was detected, too.

    Without that it could be of any survey, in any unit.
    """
    return look.has("object_id", "mjd", "passband", "flux", "flux_err") and bool(
        {"detected", "detected_bool"} & look.columns
    )


def tidy(table: Table) -> Table:
    """Give the bands their names."""
    table.columns["passband"] = named(table["passband"], PASSBANDS)
    return table


register_curves(
    "plasticc",
    CurveFormat(
        "PLAsTiCC",
        {
            "id": "object_id",
            "time": {"column": "mjd", "unit": "MJD"},
            "flux": {"column": "flux", "unit": FLUXCAL},
            "system": "AB",
            "flux_err": {"column": "flux_err", "unit": FLUXCAL},
            "band": "passband",
        },
        known_by=is_plasticc,
        tidy=tidy,
        text=("object_id",),
    ),
)
