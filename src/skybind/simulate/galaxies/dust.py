"""Dust in galaxies: the attenuation curve of Calzetti et al. (2000, ApJ 533, 682)."""

import numpy as np

GAS_TO_STARS = 0.44


"""Colour excess of the stars relative to that of the ionised gas (their equation 3)."""


def attenuation(wavelength: np.ndarray) -> np.ndarray:
    """Give A(lambda) / A_V; wavelength in Angstrom, rest frame."""
    x = 1e4 / wavelength
    blue = 2.659 * (-2.156 + 1.509 * x - 0.198 * x**2 + 0.011 * x**3) + 4.05
    red = 2.659 * (-1.857 + 1.040 * x) + 4.05
    return np.where(wavelength < 6300, blue, red) / 4.05


def transmitted(wavelength: np.ndarray, a_v: np.ndarray) -> np.ndarray:
    """Give the fraction of light let through, shape (n, n_pixels) for `a_v` of shape (n,)."""
    curve = attenuation(wavelength).astype(np.float32)
    return np.exp(np.float32(-0.4 * np.log(10)) * a_v[:, None].astype(np.float32) * curve)
