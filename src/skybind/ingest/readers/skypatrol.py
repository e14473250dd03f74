"""ASAS-SN Sky Patrol v2: light curves of its client and of its web page.

The client's columns are asas_sn_id, jd, flux, flux_err [mJy], mag, mag_err, limit, fwhm, image_id,
camera, quality, phot_filter (V, g); the page calls them JD, Flux, Flux Error, Mag, Mag Error,
Limit, FWHM, Filter, Quality, Camera (Hart et al. 2023, arXiv:2304.03791; Kochanek et al. 2017,
PASP 129, 104502). The flux is measured at the place of the source in every image, whether or not
anything was detected there, and may be negative: it is read, and nothing is a limit. Magnitudes
are 99.99 where there is no detection. By default an epoch whose quality is not G (good) is left
out.
"""

from skybind.ingest.readers.curves import Look
from skybind.ingest.readers.registry import CurveFormat, register_curves
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.values import texts

_NAMES = {"flux error": "flux_err", "mag error": "mag_err", "filter": "phot_filter"}


def is_skypatrol(look: Look) -> bool:
    """Whether a table is one of Sky Patrol's second version."""
    common = look.has("jd", "flux", "mag", "limit", "fwhm", "quality", "camera")
    return common and (look.has("phot_filter") or look.has("filter"))


def tidy(table: Table) -> Table:
    """Give the page's columns the names of the client, and add which epochs are bad.

    Raises
    ------
    DataError
        If the column lacks that says so.
    """
    columns = {}
    for name, values in table.columns.items():
        plain = name.strip().lower()
        columns[_NAMES.get(plain, plain)] = values
    table.columns = columns
    table.columns["bad"] = texts(table["quality"]) != "G"
    return table


register_curves(
    "skypatrol",
    CurveFormat(
        "ASAS-SN Sky Patrol",
        {
            "id": "asas_sn_id",
            "time": {"column": "jd", "unit": "JD"},
            "flux": {"column": "flux", "unit": "mJy"},
            "system": "AB",
            "flux_err": {"column": "flux_err", "unit": "mJy", "missing": ["99.99"]},
            "band": "phot_filter",
            "mask": "bad",
        },
        known_by=is_skypatrol,
        tidy=tidy,
        text=("asas_sn_id",),
    ),
)
