"""6dFGS spectra: `targetname.fits` of the 6dF Galaxy Survey.

Five thumbnail images come first. Each observation adds three images of spectra: V, R and VR, the
two spliced. The rows of each are the reduced spectrum (in counts: 6dF has no calibration of
fluxes), its variance and the sky; VR has a fourth, the wavelength. Of an orphan field, which was
observed in one of V and R only, the others are copies of it. (6dFGS database, "Description of the
FITS files", WFAU Edinburgh; Jones et al. 2004, MNRAS 355, 747.)

VR is read, that of the first observation where there are several. Where it has no row of
wavelengths they follow from CRVAL1, CDELT1 and CRPIX1. They are taken to be in air, as is usual for
arcs in the optical (the pages of the database do not say so), and are not corrected for the motion
of the Earth. A pixel without a positive variance is bad; there are no flags.
"""

from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.contents import image_shape, open_fits
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import Fields, register_spectrum_file
from skybind.ingest.readers.wavelengths import axis_of_header, spectrum_fields

#: Where the wavelengths of a spectrum may begin [Angstrom].
_BEGIN = 3500, 8000


def is_sixdf(look: Look) -> bool:
    """Whether a file is of 6dFGS: V, R and VR with rows of flux, variance, sky, wavelength."""
    rows = [image_shape(hdu)[0] for hdu in _spectra(look.hdus)]
    return len(rows) >= 3 and len(rows) % 3 == 0 and rows[2] == 4


@register_spectrum_file(
    "6df",
    {"wavelength": "Angstrom", "flux": None, "ivar": None, "mask": None},
    title="6dFGS",
    known_by=is_sixdf,
    about="wavelengths in air, not heliocentric; flux in counts",
)
def read_sixdf(data: bytes, name: str) -> Fields:
    """Read the spliced spectrum of the first observation.

    Returns
    -------
    dict
        `wavelength` [Angstrom, air], `flux`, `ivar`, `mask` (True = bad), shape (pixels,).

    Raises
    ------
    DataError
        If it is no such file.
    """
    with open_fits(data, name) as hdus:
        found = _spectra(hdus)
        if len(found) < 3:
            raise DataError(f"{name} has no images V, R and VR of spectra: it is none of 6dFGS.")
        image, header = np.asarray(found[2].data, float), found[2].header
    where = f"{name}, VR"
    wavelength = image[3] if len(image) > 3 else axis_of_header(header, image.shape[1], where)
    variance = image[1]
    good = np.isfinite(variance) & (variance > 0)
    ivar = np.where(good, 1 / np.where(good, variance, 1), 0)
    return spectrum_fields(wavelength, image[0], ivar, ~good, where)


def _spectra(hdus: Any) -> list[Any]:
    """Images with a linear axis in Angstrom and three or four rows."""
    return [
        hdu
        for hdu in hdus[1:]
        if len(image_shape(hdu)) == 2
        and image_shape(hdu)[0] in (3, 4)
        and str(hdu.header.get("CUNIT1", "")).lower().startswith("angstrom")
        and _BEGIN[0] < axis_of_header(hdu.header, 1, str(hdu.name))[0] < _BEGIN[1]
    ]
