"""GALAH DR3 spectra: four files a star, one for each camera of HERMES.

`SOBJECT_ID` followed by 1 (blue), 2 (green), 3 (red) or 4 (near infrared): `1704180037012051.fits`.
Extension 0 is the spectrum with the sky subtracted, in counts; 1 its relative error (error over
flux); 2 and 3 are without subtraction of the sky; 4 is the flux divided by its pseudo-continuum,
to which the same relative error belongs (GALAH DR3, "Spectra", Data Central). The wavelength of a
pixel follows from CRVAL1, CDELT1 and CRPIX1 of its own extension, corrected for the motion of the
Earth, not of the star (Kos et al. 2017, MNRAS 464, 1259; Data Central, "Data reduction and
analysis"). It is taken to be in air, as is usual for arcs in the optical; the pages of the release
do not say so. CRPIX1 = 0, which some files have, stands for 1, as in the survey's own programs.

The four become one spectrum, blue first, with the gaps between the cameras left as they are. Any of
the files may be named; the others are found beside it. Some stars lack a camera. There are no
flags: a pixel is bad where its flux or its error is not a number, or 0.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.contents import image_shape, open_fits
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import Fields, register_spectrum_file
from skybind.ingest.readers.wavelengths import axis_of_header, spectrum_fields
from skybind.modalities.cleaning import flux_err_to_ivar

CAMERAS = "1234"
_UNITS = {"wavelength": "Angstrom", "flux": None, "ivar": None, "mask": None}
_ENDING = re.compile(r"([1-4])(\.fits?(?:\.gz)?)$", re.IGNORECASE)
#: Range of HERMES [Angstrom].
_RANGE = 4600, 8000


def other_cameras(name: str) -> list[str]:
    """Names of the files of the other cameras."""
    found = _ENDING.search(name)
    if found is None:
        return []
    return [name[: found.start()] + camera + found[2] for camera in CAMERAS if camera != found[1]]


def is_galah(look: Look) -> bool:
    """Whether a file is of GALAH: HERMES' spectrum, its relative error, and the normalised one."""
    hdus = look.hdus
    if len(hdus) < 5 or any(not _is_spectrum(hdu) for hdu in (*hdus[:2], hdus[4])):
        return False
    said = [str(hdus[0].header.get(key, "")) for key in ("INSTRUME", "ORIGIN", "SURVEY")]
    named = str(hdus[1].name).lower() == "input_sigma"
    first = float(hdus[0].header.get("CRVAL1", 0))
    hermes = any("HERMES" in word.upper() or "GALAH" in word.upper() for word in said)
    return (named or hermes) and _RANGE[0] < first < _RANGE[1]


@register_spectrum_file(
    "galah",
    _UNITS,
    title="GALAH",
    known_by=is_galah,
    about="wavelengths in air; flux in counts, each camera on its own",
    beside=other_cameras,
)
def read_galah(data: bytes, name: str, others: Mapping[str, bytes]) -> Fields:
    """Read the spectrum of a star from the files of its cameras.

    Parameters
    ----------
    data, name
        Of the file of one camera.
    others : mapping of str to bytes
        Those of other cameras that are there, by name.

    Returns
    -------
    dict
        `wavelength` [Angstrom, air], `flux`, `ivar`, `mask` (True = bad), shape (pixels,).

    Raises
    ------
    DataError
        If one is no such file.
    """
    return _cameras({name: data, **others}, 0)


@register_spectrum_file(
    "galah_normalised",
    _UNITS,
    title="GALAH normalised",
    about="wavelengths in air; flux over its pseudo-continuum",
    beside=other_cameras,
)
def read_galah_normalised(data: bytes, name: str, others: Mapping[str, bytes]) -> Fields:
    """Read the normalised spectrum of a star; see `read_galah`."""
    return _cameras({name: data, **others}, 4)


def _cameras(files: Mapping[str, bytes], extension: int) -> Fields:
    found = [_camera(data, name, extension) for name, data in files.items()]
    found.sort(key=lambda fields: float(fields["wavelength"][0]))
    return {field: np.concatenate([one[field] for one in found]) for field in found[0]}


def _camera(data: bytes, name: str, extension: int) -> Fields:
    with open_fits(data, name) as hdus:
        if len(hdus) <= max(extension, 1) or not _is_spectrum(hdus[extension]):
            raise DataError(
                f"{name} has no spectrum in extension {extension}: it is none of GALAH."
            )
        if not _is_spectrum(hdus[1]):
            raise DataError(f"{name} has no relative error in extension 1: it is none of GALAH.")
        header, flux = dict(hdus[extension].header), hdus[extension].data.astype(float)
        relative = hdus[1].data.astype(float)
    if not header.get("CRPIX1", 1):
        header["CRPIX1"] = 1
    where = f"{name}, extension {extension}"
    if len(relative) != len(flux):
        raise DataError(f"{where}: it has {len(flux)} pixels, its error {len(relative)}.")
    wavelength = axis_of_header(header, len(flux), where)
    ivar = flux_err_to_ivar(np.abs(flux * relative))
    return spectrum_fields(wavelength, flux, ivar, np.zeros(len(flux), bool), where)


def _is_spectrum(hdu: Any) -> bool:
    return len(image_shape(hdu)) == 1
