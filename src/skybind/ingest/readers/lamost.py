"""LAMOST low-resolution spectra, in both of their FITS layouts.

One HDU (early releases): rows of an image are flux, inverse variance, wavelength, and-mask,
or-mask; the wavelength follows from the header, 10 ** (COEFF0 + i COEFF1). Two HDUs (later
releases, since DR10 named COADD): a binary table of one row with FLUX, IVAR, WAVELENGTH, ANDMASK,
ORMASK. Medium-resolution files are another format (`skybind.ingest.readers.lamost_mrs`).

The error of a pixel is 1 / sqrt(ivar). A pixel with ivar = 0 is bad; so is one whose and-mask is
set, that is one that was flagged in every exposure. The or-mask (flagged in any exposure) is
left alone: most spectra would lose a good part of their pixels. Wavelengths are in vacuum.
"""

from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.contents import column_names, open_fits
from skybind.ingest.readers.lamost_mrs import arm_of
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import Fields, register_spectrum_file

FLUX_UNIT = None  # relative flux: LAMOST has no absolute calibration


def is_lamost(look: Look) -> bool:
    """Whether a file is a spectrum of LAMOST: its header names the telescope, or it has the masks.

    FLUX, IVAR and WAVELENGTH alone are what any table of a spectrum may call its columns.
    """
    hdus = look.hdus
    if any(arm_of(hdu) is not None for hdu in hdus[1:]):
        return False
    said = [str(hdu.header.get(key, "")) for hdu in hdus for key in ("TELESCOP", "ORIGIN")]
    names = {column.upper() for column in column_names(hdus[1])} if len(hdus) > 1 else set()
    rows = hdus[1].header["NAXIS2"] if names else 0
    layout = {"FLUX", "IVAR", "WAVELENGTH", "ANDMASK", "ORMASK"} <= names and rows == 1
    return layout or any("LAMOST" in word.upper() for word in said)


@register_spectrum_file(
    "lamost",
    {"wavelength": "Angstrom", "flux": FLUX_UNIT, "ivar": FLUX_UNIT, "mask": None},
    title="LAMOST",
    known_by=is_lamost,
    about="wavelengths in vacuum; flux relative",
)
def read_lamost(data: bytes, name: str) -> Fields:
    """Read one LAMOST spectrum from the bytes of its FITS file, gzipped or not.

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
        if any(arm_of(hdu) is not None for hdu in hdus[1:]):
            raise DataError(f"{name} is a medium-resolution spectrum: write format: lamost_mrs.")
        return _from_table(hdus[1], name) if len(hdus) > 1 else _from_image(hdus[0], name)


def _from_image(hdu: Any, name: str) -> Fields:
    for key in ("COEFF0", "COEFF1"):
        if key not in hdu.header:
            raise DataError(f"{name} has no {key} in its header: it is no LAMOST spectrum.")
    image = hdu.data
    if image is None or image.ndim != 2 or image.shape[0] < 2:
        shape = None if image is None else image.shape
        raise DataError(f"{name} should hold rows flux, inverse variance, ... but is {shape}.")
    pixels = np.arange(image.shape[1])
    wavelength = 10.0 ** (hdu.header["COEFF0"] + pixels * hdu.header["COEFF1"])
    bad = image[3] != 0 if image.shape[0] > 3 else np.zeros(len(pixels), bool)
    return _fields(wavelength, image[0], image[1], bad)


def _from_table(hdu: Any, name: str) -> Fields:
    columns = getattr(hdu, "columns", None)
    names = [column.upper() for column in column_names(hdu)]
    for needed in ("FLUX", "IVAR", "WAVELENGTH"):
        if needed not in names:
            raise DataError(f"{name} has no column {needed} in its first table.")
    stated = dict(zip(names, getattr(columns, "units", ()), strict=True))["WAVELENGTH"]
    if str(stated or "Angstrom").lower().rstrip("s") != "angstrom":
        raise DataError(
            f"{name} has wavelengths in '{stated}', LAMOST's are in Angstrom: leave out 'format' "
            "and name its columns."
        )
    row = {column: np.ravel(hdu.data[column]) for column in names}
    bad = row["ANDMASK"] != 0 if "ANDMASK" in row else np.zeros(len(row["FLUX"]), bool)
    lengths = {len(row[column]) for column in ("FLUX", "IVAR", "WAVELENGTH")} | {len(bad)}
    if len(lengths) > 1:
        raise DataError(f"{name} has columns of unequal length.")
    return _fields(row["WAVELENGTH"], row["FLUX"], row["IVAR"], bad)


def _fields(wavelength: np.ndarray, flux: np.ndarray, ivar: np.ndarray, bad: np.ndarray) -> Fields:
    arrays = {"wavelength": wavelength, "flux": flux, "ivar": ivar}
    fields: Fields = {key: np.asarray(values, np.float32) for key, values in arrays.items()}
    fields["mask"] = np.asarray(bad, bool) | ~(fields["ivar"] > 0)
    return fields
