"""Spectra of 6dFGS."""

from pathlib import Path

import numpy as np
from astropy.io import fits

WAVE = 3932.253 + 1.633849 * np.arange(6)

FLUX = np.array([50, 60, 70, 80, 90, 100.0])

VARIANCE = np.array([25, 0, 4, np.nan, 16, 100.0])


def spectrum(first: float, step: float, *rows: np.ndarray, crpix: float = 1) -> fits.ImageHDU:
    header = {"CRVAL1": first, "CDELT1": step, "CRPIX1": crpix, "CTYPE1": "LINEAR"}
    header |= {"CUNIT1": "Angstroms"}
    return fits.ImageHDU(np.array(rows, np.float32), fits.Header(header))


def write(path: Path, fourth: bool = True, observations: int = 1) -> Path:
    sky = np.full(6, 7.0)
    hdus = [fits.PrimaryHDU()]
    scale = fits.Header({"CTYPE1": "RA---TAN", "CRVAL1": 180.0, "CDELT1": -1e-4})
    hdus += [fits.ImageHDU(np.ones((4, 4), np.float32), scale) for _ in range(5)]
    for i in range(observations):
        hdus.append(spectrum(4773.686, 1.633849, 9 * FLUX, VARIANCE, sky, crpix=516))
        hdus.append(spectrum(6462.262, 2.201290, 8 * FLUX, VARIANCE, sky, crpix=516))
        rows = [FLUX * (1 + i), VARIANCE, sky, WAVE][: 4 if fourth else 3]
        # the reference pixel is not the first, so that counting from 0 would be seen
        hdus.append(spectrum(WAVE[2], 1.633849, *rows, crpix=3))
    fits.HDUList(hdus).writeto(path)
    return path
