"""MaNGA cubes (`LOGCUBE`, `LINCUBE`): the spectrum of the spaxel on the centre of the galaxy.

Extensions FLUX, IVAR and MASK have the axes (wavelength, y, x); WAVE holds the wavelengths, in
vacuum and heliocentric. FLUX is in 1e-17 erg / (s cm2 Angstrom) per spaxel of 0.5 arcsec (SDSS DR17
data model: manga-PLATE-IFU-LOGCUBE; Law et al. 2016, AJ 152, 83).

The centre is that of the galaxy (OBJRA, OBJDEC of the first header), or where these are not given
the reference pixel (CRPIX1, CRPIX2), which is the centre of the bundle of fibres. Bits that make a
pixel bad (MANGA_DRP3PIXMASK): 0 NOCOV (no fibre), 1 LOWCOV (few), 2 DEADFIBER, 3 FORESTAR (a star
before it), 10 DONOTUSE.
"""

from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.contents import image_shape, open_fits
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import Fields, register_spectrum_file
from skybind.ingest.readers.sdss import FLUX_UNIT, IVAR_UNIT
from skybind.ingest.readers.wavelengths import spectrum_fields

#: Bits 0 to 3 and 10.
BAD_BITS = 1039
_CUBES = ("FLUX", "IVAR", "MASK")


def is_manga(look: Look) -> bool:
    """Whether a file is a cube of MaNGA: by its extensions and their shapes."""
    parts = {str(hdu.name).upper(): hdu for hdu in look.hdus}
    return {*_CUBES, "WAVE"} <= set(parts) and all(
        len(image_shape(parts[cube])) == 3 for cube in _CUBES
    )


@register_spectrum_file(
    "manga",
    {"wavelength": "Angstrom", "flux": FLUX_UNIT, "ivar": IVAR_UNIT, "mask": None},
    title="MaNGA",
    known_by=is_manga,
    about="the central spaxel of the cube; wavelengths in vacuum; flux per spaxel",
)
def read_manga(data: bytes, name: str) -> Fields:
    """Read the spectrum of the central spaxel.

    Returns
    -------
    dict
        `wavelength` [Angstrom, vacuum], `flux`, `ivar`, `mask` (True = bad), shape (pixels,).

    Raises
    ------
    DataError
        If it is no such file, is in another unit, or does not hold the centre.
    """
    with open_fits(data, name) as hdus:
        missing = [key for key in (*_CUBES, "WAVE") if key not in hdus]
        if missing:
            raise DataError(f"{name} has no extension {missing[0]}: it is no cube of MaNGA.")
        header = hdus["FLUX"].header
        unit = str(header.get("BUNIT", "1E-17")).upper().replace(" ", "")
        if not unit.startswith("1E-17"):
            raise DataError(f"{name} is in '{header['BUNIT']}', MaNGA's cubes in 1E-17 erg/s/...")
        x, y = _centre(hdus[0].header, header)
        shape = hdus["FLUX"].shape
        if len(shape) != 3 or not (0 <= x < shape[2] and 0 <= y < shape[1]):
            raise DataError(
                f"{name}: the centre of the galaxy, pixel ({x + 1}, {y + 1}), lies outside the "
                f"cube of {shape}."
            )
        flux, ivar, bits = (np.asarray(hdus[cube].data[:, y, x]) for cube in _CUBES)
        bad = (bits.astype(np.int64) & BAD_BITS) != 0
        return spectrum_fields(np.ravel(hdus["WAVE"].data), flux, ivar, bad, name)


def _centre(first: Any, cube: Any) -> tuple[int, int]:
    """Find the spaxel (x, y), counted from 0, on which the galaxy is centred."""
    if "OBJRA" in first and "OBJDEC" in first:
        from astropy.wcs import WCS

        place = WCS(cube).celestial.world_to_pixel_values(first["OBJRA"], first["OBJDEC"])
    else:
        place = (cube["CRPIX1"] - 1, cube["CRPIX2"] - 1)
    return round(float(place[0])), round(float(place[1]))
