"""APOGEE spectra: `apStar` and `asStar` (combined visits), `aspcapStar` (normalised).

All have 8575 pixels of equal log10 wavelength, from the header of extension 1: CRVAL1 + i CDELT1.
Wavelengths are in vacuum, in the rest frame of the star (SDSS DR17 data model: apStar, asStar,
aspcapStar).

- apStar (Apache Point) and asStar (Las Campanas): extension 1 flux and 2 its error, both in
  1e-17 erg / (s cm2 Angstrom), 3 the bits of each pixel. The first row is the sum of all visits
  weighted by pixel, the second weighted by visit, further ones the visits; with one visit there
  may be that row alone. The first row is read.
- aspcapStar: extension 1 the flux divided by the pseudo-continuum, 2 its error, 3 the best model
  (no mask): a pixel is bad by its error alone.

Bits that make a pixel bad, as the reduction has it (APOGEE_PIXMASK, SDSS DR17; Holtzman et al.
2018, AJ 156, 125): 0 BADPIX, 1 CRPIX (cosmic ray), 2 SATPIX (saturated), 3 UNFIXABLE, 4 BADDARK,
5 BADFLAT, 6 BADERR, 7 NOSKY, 14 NOT_ENOUGH_PSF. Warnings are kept: Littrow ghost (8), persistence
(9, 10, 11), strong sky line (12) and telluric line (13). Between the three chips, and where all is
lost, the flux is 0 and the error a great number (1e10): those pixels are bad too, and ivar is 0.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.contents import image_shape, open_fits
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import Fields, register_spectrum_file
from skybind.ingest.readers.sdss import FLUX_UNIT, IVAR_UNIT
from skybind.ingest.readers.wavelengths import axis_of_header, spectrum_fields
from skybind.modalities.cleaning import flux_err_to_ivar

#: Bits 0 to 7 and 14.
BAD_BITS = 16639
#: Errors from here on mean that there is no measurement.
NO_ERROR = 1e9
_MICRON = 1.5e4, 1.75e4


def is_apogee(look: Look) -> bool:
    """Whether a file is an apStar or asStar: three images on APOGEE's axis, the third of bits."""
    return _layout(look.hdus) == "apStar"


def is_aspcap(look: Look) -> bool:
    """Whether a file is an aspcapStar: three images on APOGEE's axis, none of bits."""
    return _layout(look.hdus) == "aspcapStar"


@register_spectrum_file(
    "apogee",
    {"wavelength": "Angstrom", "flux": FLUX_UNIT, "ivar": IVAR_UNIT, "mask": None},
    title="APOGEE",
    known_by=is_apogee,
    about="wavelengths in vacuum, in the rest frame of the star",
)
def read_apogee(data: bytes, name: str) -> Fields:
    """Read the combined spectrum of an apStar or asStar file.

    Returns
    -------
    dict
        `wavelength` [Angstrom, vacuum, rest frame], `flux`, `ivar`, `mask` (True = bad), shape
        (pixels,).

    Raises
    ------
    DataError
        If it is no such file.
    """
    with open_fits(data, name) as hdus:
        flux, error = (_first_row(hdus, i, name) for i in (1, 2))
        bits = _first_row(hdus, 3, name)
        if bits.dtype.kind not in "iu":
            raise DataError(
                f"{name} has no bits of its pixels in extension 3: it is no apStar file (of an "
                "aspcapStar write format: aspcap)."
            )
        return _fields(hdus, flux, error, (bits.astype(np.int64) & BAD_BITS) != 0, name)


@register_spectrum_file(
    "aspcap",
    {"wavelength": "Angstrom", "flux": None, "ivar": None, "mask": None},
    title="APOGEE aspcapStar",
    known_by=is_aspcap,
    about="flux over its pseudo-continuum; wavelengths in vacuum, in the rest frame of the star",
)
def read_aspcap(data: bytes, name: str) -> Fields:
    """Read the normalised spectrum of an aspcapStar file; see `read_apogee`."""
    with open_fits(data, name) as hdus:
        flux, error = (_first_row(hdus, i, name) for i in (1, 2))
        if _first_row(hdus, 3, name).dtype.kind in "iu":
            raise DataError(f"{name} is no aspcapStar file: of an apStar write format: apogee.")
        return _fields(hdus, flux, error, np.zeros(len(flux), bool), name)


def _layout(hdus: Sequence[Any]) -> str | None:
    if len(hdus) < 4 or any(not _is_row(hdu) for hdu in hdus[1:4]):
        return None
    axis = [float(hdus[1].header.get(key, 0)) for key in ("CRVAL1", "CDELT1")]
    inside = np.log10(_MICRON[0]) < axis[0] < np.log10(_MICRON[1])
    if not inside or not 0 < axis[1] < 1e-4:
        return None
    return "apStar" if hdus[3].data.dtype.kind in "iu" else "aspcapStar"


def _is_row(hdu: Any) -> bool:
    """Whether an extension is an image of spectra: one, or one a row."""
    return len(image_shape(hdu)) in (1, 2)


def _first_row(hdus: Any, i: int, name: str) -> np.ndarray:
    if len(hdus) <= i or not _is_row(hdus[i]):
        raise DataError(f"{name} has no image in extension {i}: it is no spectrum of APOGEE.")
    return np.atleast_2d(hdus[i].data)[0]


def _fields(hdus: Any, flux: np.ndarray, error: np.ndarray, bad: np.ndarray, name: str) -> Fields:
    where = f"{name}, extension 1"
    wavelength = 10.0 ** axis_of_header(hdus[1].header, len(flux), where)
    ivar = flux_err_to_ivar(np.where(error < NO_ERROR, error, np.nan).astype(float))
    return spectrum_fields(wavelength, flux, ivar, bad, where)
