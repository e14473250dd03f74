"""Spectra of APOGEE."""

from pathlib import Path

import numpy as np
from astropy.io import fits

N = 8

WAVE = 10 ** (4.179 + 6e-6 * np.arange(N))  # the grid of the data model

FLUX = np.array([100, 110, 120, 0, 140, 150, 160, 170.0])

ERROR = np.array([2, 4, 5, 1e10, 10, 2, 2, 1.0])  # 1e10 between the chips

# good; persistence and a sky line; cosmic ray; between chips; saturated; no sky; poor PSF; telluric
BITS = np.array([0, 1 << 9 | 1 << 12, 1 << 1, 0, 1 << 2, 1 << 7, 1 << 14, 1 << 13], np.int16)


def write(path: Path, *images: np.ndarray) -> Path:
    axis = {"CRVAL1": 4.179, "CDELT1": 6e-6, "CRPIX1": 1, "CTYPE1": "LOG-LINEAR", "DC-FLAG": 1}
    primary = fits.PrimaryHDU(header=fits.Header({"TELESCOP": "SDSS 2.5-m", "NVISITS": 2}))
    extensions = [fits.ImageHDU(image, fits.Header(axis)) for image in images]
    fits.HDUList([primary, *extensions]).writeto(path)
    return path


def star(path: Path, one_visit: bool = False) -> Path:
    """Write an apStar: two sums and two visits, or a star with one visit and so one row."""
    rows = [(1, 0), (1.1, 0), (9, 1), (8, 4)]
    flux = np.array([scale * FLUX for scale, _ in rows], np.float32)
    error = np.array([scale * ERROR for scale, _ in rows], np.float32)
    bits = np.array([BITS | more for _, more in rows], np.int16)
    images = (flux, error, bits, flux)
    return write(path, *(image[0] if one_visit else image for image in images))
