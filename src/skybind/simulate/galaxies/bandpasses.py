"""Bandpasses g, r, z of the Dark Energy Camera and synthetic photometry.

Trapezoids with smooth edges at the half-power points of Abbott et al. (2018, ApJS 239, 18), with
the falling efficiency of the detectors in z; telluric bands are left out.
"""

import numpy as np

BANDS = ("g", "r", "z")


LIGHT = 2.99792458e18  # Angstrom/s


AB_NANOMAGGY = 3.631e-29


"""erg/s/cm2/Hz of one nanomaggy (AB magnitude 22.5)."""


# lower and upper half-power point and width of the edges [Angstrom]
_EDGES = {"g": (3980.0, 5480.0, 35.0), "r": (5680.0, 7150.0, 30.0), "z": (8480.0, 10080.0, 50.0)}


_SLOPE = {"g": 0.25, "r": 0.0, "z": -0.5}


def transmission(band: str, wavelength: np.ndarray) -> np.ndarray:
    """Give the transmission of a band, peak about one, per photon."""
    low, high, edge = _EDGES[band]
    rising = 1 / (1 + np.exp(np.clip((low - wavelength) / edge, -60, 60)))
    falling = 1 / (1 + np.exp(np.clip((wavelength - high) / edge, -60, 60)))
    slope = 1 + _SLOPE[band] * (wavelength - low) / (high - low)
    return rising * falling * np.maximum(slope, 0)


def limits(band: str) -> tuple[float, float]:
    """Give wavelengths outside which a band sees nothing [Angstrom]."""
    low, high, edge = _EDGES[band]
    return low - 8 * edge, high + 8 * edge


def normalisation(band: str) -> float:
    """Give the integral of T c / lambda, so that AB fluxes are per frequency."""
    grid = np.linspace(*limits(band), 4000)
    return float(np.trapezoid(transmission(band, grid) * LIGHT / grid, grid))


def effective_wavelength(band: str) -> float:
    """Give the mean wavelength of a band, weighted by its transmission [Angstrom]."""
    grid = np.linspace(*limits(band), 4000)
    weight = transmission(band, grid)
    return float(np.sum(weight * grid) / np.sum(weight))


def band_flux(wavelength: np.ndarray, flux: np.ndarray, band: str) -> np.ndarray:
    """Give the flux of observed spectra through a band.

    Parameters
    ----------
    wavelength : ndarray, shape (n_pixels,)
        Observed, Angstrom.
    flux : ndarray, shape (..., n_pixels)
        1e-17 erg/s/cm2/Angstrom.

    Returns
    -------
    ndarray, shape (...)
        nanomaggies
    """
    low, high = np.searchsorted(wavelength, limits(band))
    grid = wavelength[low:high]
    weight = transmission(band, grid) * grid
    energy = np.trapezoid(flux[..., low:high] * weight, grid, axis=-1)
    return energy * 1e-17 / normalisation(band) / AB_NANOMAGGY


def magnitude(flux: np.ndarray) -> np.ndarray:
    """Give AB magnitudes of fluxes in nanomaggies; NaN where not positive."""
    return 22.5 - 2.5 * np.log10(np.where(flux > 0, flux, np.nan))
