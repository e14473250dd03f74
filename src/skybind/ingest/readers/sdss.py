"""SDSS, BOSS and eBOSS spectra: `spec-PLATE-MJD-FIBER.fits`, full or lite.

The first table holds the coadded spectrum: `flux` and `ivar` in units of 1e-17 erg/s/cm2/Angstrom,
and `loglam`, the decimal logarithm of the vacuum wavelength in Angstrom. A pixel with ivar = 0 is
bad. `and_mask` is not used: the pipeline gives ivar = 0 to what it rejects, and some flags, such as
BADFLAT, can hold for a whole usable spectrum.
"""

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.contents import column_names, open_fits
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import Fields, register_spectrum_file

FLUX_UNIT = "1e-17 erg / (s cm2 Angstrom)"


IVAR_UNIT = "1e34 s2 cm4 Angstrom2 / erg2"


def is_sdss(look: Look) -> bool:
    """Whether a file is a spectrum of SDSS: its header names the telescope, or its table is COADD.

    The columns flux, loglam and ivar alone do not tell in which units they are.
    """
    if len(look.hdus) < 2:
        return False
    first, table = look.hdus[:2]
    names = {column.lower() for column in column_names(table)}
    telescope = str(first.header.get("TELESCOP", "")).upper()
    return {"flux", "loglam", "ivar"} <= names and (table.name == "COADD" or "SDSS" in telescope)


@register_spectrum_file(
    "sdss",
    {"wavelength": "Angstrom", "flux": FLUX_UNIT, "ivar": IVAR_UNIT, "mask": None},
    title="SDSS",
    known_by=is_sdss,
    about="wavelengths in vacuum",
)
def read_sdss(data: bytes, name: str) -> Fields:
    """Read one SDSS spectrum from the bytes of its FITS file, gzipped or not.

    Returns
    -------
    dict
        `wavelength` [Angstrom, vacuum], `flux`, `ivar`, `mask` (True = bad), shape (pixels,).

    Raises
    ------
    DataError
        If it is no such file.
    """
    with open_fits(data, name) as hdus:
        names = column_names(hdus[1]) if len(hdus) > 1 else []
        known = {column.lower(): column for column in names}
        for needed in ("flux", "loglam", "ivar"):
            if needed not in known:
                raise DataError(f"{name} has no column {needed} in its first table.")
        table = {key: np.asarray(hdus[1].data[column]) for key, column in known.items()}
    ivar = table["ivar"].astype(np.float32)
    return {
        "wavelength": (10.0 ** table["loglam"].astype(float)).astype(np.float32),
        "flux": table["flux"].astype(np.float32),
        "ivar": ivar,
        "mask": ~(ivar > 0),
    }
