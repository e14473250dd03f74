"""Cubes of MaNGA."""

from pathlib import Path

import numpy as np
from astropy.io import fits

WAVE = 10 ** (3.5589 + 1e-4 * np.arange(5))

# good, LOWCOV, DONOTUSE, bit 4 (not one of the bad ones), good
BITS = np.array([0, 1 << 1, 1 << 10, 1 << 4, 0], np.int32)

RA, DEC, SIDE = 180.0, 30.0, 0.5 / 3600


def write(path: Path, unit: str = "1E-17 erg/s/cm^2/Ang/spaxel", **first: float) -> Path:
    """Write a cube 6 high and 8 wide, the flux of spaxel (x, y), from 0, being 100 y + 10 x + i."""
    i, y, x = np.mgrid[:5, :6, :8]
    flux = (100 * y + 10 * x + i).astype(np.float32)
    bits = np.broadcast_to(BITS[:, None, None], flux.shape).copy()
    header = fits.Header({
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CTYPE3": "WAVE-LOG", "CUNIT3": "Angstrom",
        "CRVAL1": RA, "CRVAL2": DEC, "CRPIX1": 5, "CRPIX2": 4, "CD1_1": -SIDE, "CD2_2": SIDE,
        "CRVAL3": 3621.596, "CRPIX3": 1, "CD3_3": 0.83, "BUNIT": unit,
    })  # fmt: skip
    cubes = [
        fits.ImageHDU(flux, header, name="FLUX"),
        fits.ImageHDU(np.full(flux.shape, 4, np.float32), name="IVAR"),
        fits.ImageHDU(bits, name="MASK"),
        fits.ImageHDU(WAVE, name="WAVE"),
    ]
    fits.HDUList([fits.PrimaryHDU(header=fits.Header(first)), *cubes]).writeto(path)
    return path
