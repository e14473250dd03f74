"""LAMOST medium-resolution spectra (MRS): the blue and the red arm of a star in one FITS file.

Extensions `COADD_B` and `COADD_R` hold the sum of all exposures of an arm, others the exposures
themselves, `B-84022222-...`, named by the arm and the local modified Julian minute. Each is a
binary table: FLUX (relative), IVAR, the wavelength as LOGLAM (its decimal logarithm) in early
releases and WAVELENGTH in later ones, ANDMASK and ORMASK of a sum, PIXMASK of an exposure. Early
releases have a row a pixel, later ones arrays in one row. An arm may be missing. (LAMOST, "Data
release of the medium-resolution survey", sections 1 and 2 of DR6 to DR10.)

The two arms become one spectrum, blue first, with the gap between them (about 5350 to 6300
Angstrom) left as it is. Of an arm without a sum its only exposure is taken; several are refused. A
pixel is bad where ivar = 0, or where it was flagged in every exposure (ANDMASK, or PIXMASK of the
only one). The or-mask is left alone, as for low resolution. Wavelengths are in vacuum.
"""

from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.contents import column_names, open_fits
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import Fields, register_spectrum_file
from skybind.ingest.readers.wavelengths import spectrum_fields

ARMS = ("B", "R")


def arm_of(hdu: Any) -> str | None:
    """Tell the arm of an extension: B, R, or None for one that holds no spectrum."""
    name = str(hdu.name).upper()
    for arm in ARMS:
        if name == f"COADD_{arm}" or name.startswith(f"{arm}-"):
            names = {column.upper() for column in column_names(hdu)}
            return arm if {"FLUX", "IVAR"} <= names else None
    return None


def is_lamost_mrs(look: Look) -> bool:
    """Whether a file is a medium-resolution spectrum of LAMOST: by the names of its extensions."""
    return any(arm_of(hdu) is not None for hdu in look.hdus[1:])


@register_spectrum_file(
    "lamost_mrs",
    {"wavelength": "Angstrom", "flux": None, "ivar": None, "mask": None},
    title="LAMOST medium-resolution",
    known_by=is_lamost_mrs,
    about="wavelengths in vacuum; flux relative, in each arm on its own",
)
def read_lamost_mrs(data: bytes, name: str) -> Fields:
    """Read one LAMOST medium-resolution spectrum from the bytes of its FITS file.

    Returns
    -------
    dict
        `wavelength` [Angstrom, vacuum], `flux`, `ivar`, `mask` (True = bad), shape (pixels,).

    Raises
    ------
    DataError
        If it is no such file, or an arm has several exposures and no sum of them.
    """
    with open_fits(data, name) as hdus:
        found = [_chosen(hdus, arm, name) for arm in ARMS]
        arms = [_arm(hdu, name) for hdu in found if hdu is not None]
    if not arms:
        raise DataError(
            f"{name} has no extension COADD_B or COADD_R and no exposure: it is no "
            "medium-resolution spectrum of LAMOST."
        )
    return {field: np.concatenate([arm[field] for arm in arms]) for field in arms[0]}


def _chosen(hdus: Any, arm: str, name: str) -> Any:
    """The extension to read of an arm: the sum of its exposures, or the only one."""
    own = [hdu for hdu in hdus[1:] if arm_of(hdu) == arm]
    sums = [hdu for hdu in own if str(hdu.name).upper() == f"COADD_{arm}"]
    if len(sums or own) > 1:
        raise DataError(
            f"{name} has {len(own)} exposures of the arm {arm} and not one COADD_{arm}: write the "
            "spectrum to use to a file of its own."
        )
    return next(iter(sums or own), None)


def _arm(hdu: Any, name: str) -> Fields:
    row = {column.upper(): np.ravel(hdu.data[column]) for column in hdu.columns.names}
    if "WAVELENGTH" in row:
        wavelength = row["WAVELENGTH"].astype(float)
    elif "LOGLAM" in row:
        wavelength = 10.0 ** row["LOGLAM"].astype(float)
    else:
        raise DataError(f"{name}, {hdu.name}, has no column WAVELENGTH or LOGLAM.")
    flags = next((row[mask] for mask in ("ANDMASK", "PIXMASK") if mask in row), None)
    bad = np.zeros(len(row["FLUX"]), bool) if flags is None else flags != 0
    fields = spectrum_fields(wavelength, row["FLUX"], row["IVAR"], bad, f"{name}, {hdu.name}")
    order = np.argsort(wavelength, kind="stable")  # the rows of some exposures are not in order
    return {field: values[order] for field, values in fields.items()}
