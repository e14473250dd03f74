"""The catalogue row of a galaxy: brightness, size and shape as measured on its image."""

import numpy as np

from skybind.simulate.galaxies.bandpasses import BANDS, magnitude
from skybind.simulate.galaxies.camera import FIELD, PIXEL_SCALE, SEEING
from skybind.simulate.galaxies.population import Galaxies

Rng = np.random.Generator


FEATURES = {
    "mag_g": ("mag", "total AB magnitude in g"),
    "mag_r": ("mag", "total AB magnitude in r"),
    "mag_z": ("mag", "total AB magnitude in z"),
    "fibre_mag_r": ("mag", "AB magnitude in r within 1.5 arcsec, in the seeing"),
    "half_light_radius": ("arcsec", "radius of half the light in r, along the major axis"),
    "axis_ratio": (None, "minor over major axis"),
    "concentration": (None, "radius of 80 % over radius of 20 % of the light in r"),
}


def light_radii(image: np.ndarray, g: Galaxies, fractions: tuple[float, ...]) -> np.ndarray:
    """Give elliptical radii that hold fractions of a galaxy's light [arcsec], (n, n_fractions).

    Parameters
    ----------
    image : ndarray, shape (n, FIELD, FIELD)
        Light of the galaxies alone, not blurred.
    """
    axis = (np.arange(FIELD) - (FIELD - 1) / 2) * PIXEL_SCALE
    x, y = axis[None, None, :], axis[None, :, None]
    cos, sin = np.cos(g["angle"])[:, None, None], np.sin(g["angle"])[:, None, None]
    q = g["axis_ratio"][:, None, None]
    radius = np.sqrt((x * cos + y * sin) ** 2 + ((y * cos - x * sin) / q) ** 2)
    edges = 0.13 * 1.1 ** np.arange(60)
    which = np.ceil(np.log(np.maximum(radius / 0.13, 1e-3)) / np.log(1.1))
    which = np.clip(which, 0, len(edges)).astype(np.int64)
    flat = which + (len(edges) + 1) * np.arange(len(image))[:, None, None]
    rings = np.bincount(flat.ravel(), image.ravel(), len(image) * (len(edges) + 1))
    growth = np.cumsum(rings.reshape(len(image), -1), axis=1)[:, :-1]
    growth = growth / image.sum(axis=(1, 2), dtype=np.float64)[:, None]
    return np.stack([[np.interp(f, curve, edges) for f in fractions] for curve in growth])


def row(
    g: Galaxies, total: np.ndarray, fibre_r: np.ndarray, radii: np.ndarray, depth: np.ndarray,
    rng: Rng,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Give the features of the catalogue, with errors.

    Parameters
    ----------
    total : ndarray, shape (n, 3)
        True fluxes [nanomaggies].
    fibre_r : ndarray, shape (n,)
        Flux in r in the fibre's aperture [nanomaggies].
    radii : ndarray, shape (n, 3)
        True radii of 20, 50 and 80 % of the light [arcsec].
    depth : ndarray, shape (n, 3)
        Noise of the sky [nanomaggies per pixel].
    """
    n = len(fibre_r)
    area = np.pi * (2 * np.hypot(radii[:, 1], SEEING[1] / 2) / PIXEL_SCALE) ** 2
    error = depth * np.sqrt(area)[:, None]
    flux = total * np.exp(rng.normal(0, 0.015, (n, 3))) + error * rng.normal(0, 1, (n, 3))
    flux = np.maximum(flux, 0.2 * error)
    values = {f"mag_{band}": magnitude(flux[:, i]) for i, band in enumerate(BANDS)}
    noise = rng.normal(0, 1, (4, n))
    faint = 0.03 + error[:, 1] / total[:, 1]
    values["fibre_mag_r"] = magnitude(fibre_r * np.exp(0.02 * noise[0]))
    values["half_light_radius"] = radii[:, 1] * np.exp(faint * noise[1])
    values["axis_ratio"] = np.clip(g["axis_ratio"] * np.exp(faint * noise[2]), 0.05, 1)
    values["concentration"] = radii[:, 2] / radii[:, 0] * np.exp(faint * noise[3])
    return values
