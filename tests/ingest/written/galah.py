"""Spectra of GALAH, a file a camera."""

from pathlib import Path

import numpy as np
from astropy.io import fits

STAR = "170418003701205"

FIRST = {1: 4712.0, 2: 5647.0, 3: 6475.0, 4: 7584.0}

STEP = {1: 0.046, 2: 0.055, 3: 0.064, 4: 0.074}

FLUX = np.array([1000, 2000, 0, np.nan, -500.0])

RELATIVE = np.array([0.1, 0.05, 0.1, 0.1, -0.2])


def write(folder: Path, camera: int, crpix: float = 1.0) -> Path:
    """Write the file of a camera; its normalised spectrum begins two pixels later."""
    headers = [
        fits.Header({"CRVAL1": FIRST[camera] + shift * STEP[camera], "CDELT1": STEP[camera],
                     "CRPIX1": crpix})
        for shift in (0, 0, 0, 0, 2)
    ]  # fmt: skip
    headers[0]["INSTRUME"] = "HERMES-2dF"
    images = [camera * FLUX, RELATIVE, camera * FLUX + 50, FLUX, FLUX / 1000]
    names = ("input_sigma", "no_sky_subspectrum", "no_sky_sigma", "normalised_spectrum")
    hdus = [fits.PrimaryHDU(images[0].astype("f4"), headers[0])]
    for image, header, name in zip(images[1:], headers[1:], names, strict=True):
        hdus.append(fits.ImageHDU(image.astype("f4"), header, name=name))
    path = folder / f"{STAR}{camera}.fits"
    fits.HDUList(hdus).writeto(path)
    return path
