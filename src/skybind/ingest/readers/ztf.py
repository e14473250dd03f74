"""ZTF: light curves of the public data releases, from IRSA.

The light curve service gives one row an epoch: oid, expid, hjd, mjd, mag, magerr, catflags,
filtercode (zg, zr, zi), ra, dec, ... as VOTable, CSV, IPAC table or Parquet (IRSA, "ZTF
Lightcurve Queries"). The bulk download has one row an object: objectid, filterid (1, 2, 3), and
lists hmjd (HJD less 2400000.5), mag, magerr, catflags (release notes, "Bulk Download of all
Lightcurves"). Magnitudes are AB, times of mid-exposure at the Sun.

An epoch with bit 15 of catflags (32768) is bad or of use to nobody (Masci et al. 2019, PASP 131,
018003; release notes, "Quality Filtering of Epochs in Lightcurves"); it is left out by default.
"""

from dataclasses import replace

from skybind.data.times import ZERO_POINTS
from skybind.ingest.flags import usual_bits
from skybind.ingest.readers.curves import Look, named
from skybind.ingest.readers.registry import CurveFormat, register_curves
from skybind.ingest.readers.tables import Table

FILTERS = {"1": "zg", "2": "zr", "3": "zi"}


def is_ztf(look: Look) -> bool:
    """Whether a table is of light curves of ZTF's data releases."""
    one = ("oid", "hjd", "mag", "magerr", "catflags", "filtercode")
    bulk = ("objectid", "filterid", "hmjd", "mag", "magerr")
    return look.has(*one) or look.has(*bulk)


def tidy(table: Table) -> Table:
    """Give the bulk download the names of the light curve service."""
    columns, lists = table.columns, table.lists
    if "objectid" in columns:
        columns["oid"] = columns["objectid"]
    if "filterid" in columns:
        columns["filtercode"] = named(columns["filterid"], FILTERS)
    if "hmjd" in lists:
        lists["hjd"] = replace(
            lists["hmjd"], values=lists["hmjd"].values.astype(float) + ZERO_POINTS["MJD"]
        )
    elif "hmjd" in columns:
        columns["hjd"] = columns["hmjd"].astype(float) + ZERO_POINTS["MJD"]
    return table


register_curves(
    "ztf",
    CurveFormat(
        "ZTF",
        {
            "id": "oid",
            "time": {"column": "hjd", "unit": "HJD"},
            "magnitude": {"column": "mag", "unit": "mag"},
            "system": "AB",
            "magnitude_err": {"column": "magerr", "unit": "mag"},
            "band": "filtercode",
            "mask": {"column": "catflags", "bits": usual_bits("ZTF")},
        },
        known_by=is_ztf,
        tidy=tidy,
        text=("oid", "objectid"),
    ),
)
