"""Stellar colours, bolometric corrections and surface gravity from effective temperature.

Dwarfs: the mean sequence of Pecaut & Mamajek (2013, ApJS 208, 9, and its online update).
Giants below 5200 K: Bessell & Brett (1988, PASP 100, 1134) and Bessell et al. (1998). Values are
rounded to about 0.02 mag. G - V: Gaia EDR3 documentation, section 5.5.1. Extinction: Wang &
Chen (2019, ApJ 877, 116) for the wide bands.
"""

import numpy as np

BANDS = ("V", "G", "BP", "RP", "J", "H", "K", "W1", "W2", "W3", "W4")


EXTINCTION = np.array([1.0, 0.789, 1.002, 0.589, 0.243, 0.131, 0.078, 0.039, 0.026, 0.040, 0.01])


"""A_band / A_V for `BANDS` at R_V = 3.1."""


SUN_MBOL = 4.74


SUN_TEFF = 5772.0


# Teff, BC_V, V-K, J-K, H-K, BP-RP
_DWARFS = np.array(
    [
        [2600.0, -4.6, 7.60, 1.00, 0.36, 4.00],
        [3000.0, -3.2, 5.95, 0.90, 0.30, 3.30],
        [3200.0, -2.6, 5.15, 0.86, 0.27, 2.80],
        [3550.0, -1.9, 4.20, 0.84, 0.21, 2.18],
        [3850.0, -1.35, 3.75, 0.86, 0.18, 1.83],
        [4050.0, -1.05, 3.35, 0.83, 0.16, 1.66],
        [4450.0, -0.65, 2.80, 0.73, 0.12, 1.42],
        [4830.0, -0.38, 2.35, 0.60, 0.10, 1.18],
        [5270.0, -0.19, 1.93, 0.49, 0.08, 0.98],
        [5770.0, -0.09, 1.52, 0.37, 0.06, 0.82],
        [5930.0, -0.06, 1.42, 0.35, 0.06, 0.77],
        [6550.0, -0.02, 1.08, 0.26, 0.05, 0.58],
        [7220.0, 0.0, 0.73, 0.17, 0.04, 0.38],
        [8080.0, -0.02, 0.40, 0.09, 0.03, 0.21],
        [9700.0, -0.20, 0.04, 0.02, 0.01, 0.0],
        [12500.0, -0.65, -0.25, -0.05, -0.02, -0.13],
        [15700.0, -1.20, -0.45, -0.09, -0.03, -0.20],
    ]
)


_GIANTS = np.array(
    [
        [2600.0, -5.8, 9.40, 1.45, 0.42, 5.10],
        [2900.0, -4.9, 8.20, 1.36, 0.38, 4.60],
        [3100.0, -4.1, 7.30, 1.29, 0.34, 4.10],
        [3250.0, -3.4, 6.50, 1.26, 0.31, 3.65],
        [3420.0, -2.7, 5.70, 1.22, 0.28, 3.15],
        [3550.0, -2.15, 5.05, 1.16, 0.25, 2.75],
        [3700.0, -1.65, 4.40, 1.08, 0.22, 2.30],
        [3850.0, -1.28, 3.90, 1.00, 0.19, 1.98],
        [3950.0, -1.05, 3.60, 0.95, 0.17, 1.80],
        [4250.0, -0.70, 3.00, 0.80, 0.13, 1.50],
        [4500.0, -0.50, 2.65, 0.71, 0.11, 1.32],
        [4750.0, -0.36, 2.33, 0.62, 0.09, 1.16],
        [5000.0, -0.26, 2.10, 0.55, 0.08, 1.05],
        [5200.0, -0.20, 1.96, 0.50, 0.08, 1.00],
    ]
)


def surface_gravity(mass: np.ndarray, teff: np.ndarray, luminosity: np.ndarray) -> np.ndarray:
    """Give log g [cgs] from mass and luminosity (solar units) and Teff [K]."""
    log_l = np.log10(np.maximum(luminosity, 1e-6))
    return 4.438 + np.log10(mass) + 4 * np.log10(teff / SUN_TEFF) - log_l


def radius(teff: np.ndarray, luminosity: np.ndarray) -> np.ndarray:
    """Give the radius in solar units (Stefan-Boltzmann)."""
    return np.sqrt(luminosity) * (SUN_TEFF / teff) ** 2


def _column(index: int, teff: np.ndarray, logg: np.ndarray) -> np.ndarray:
    """Interpolate a column of the tables; giants (log g < 2.5) and dwarfs (> 3.8) are blended."""
    dwarf = np.interp(teff, _DWARFS[:, 0], _DWARFS[:, index])
    giant = np.interp(teff, _GIANTS[:, 0], _GIANTS[:, index])
    share = np.where(teff < 5200, np.clip((3.8 - logg) / 1.3, 0, 1), 0.0)
    return share * giant + (1 - share) * dwarf


def bolometric_correction(teff: np.ndarray, logg: np.ndarray) -> np.ndarray:
    """Give BC_V [mag]: M_bol = M_V + BC_V."""
    return _column(1, teff, logg)


def luminosity_from_mv(mv: np.ndarray, teff: np.ndarray, logg: np.ndarray) -> np.ndarray:
    """Give the luminosity (solar units) of a star of absolute magnitude M_V."""
    return 10 ** (-0.4 * (mv + bolometric_correction(teff, logg) - SUN_MBOL))


def luminosity_from_mk(mk: np.ndarray, teff: np.ndarray, logg: np.ndarray) -> np.ndarray:
    """Give the luminosity (solar units) of a star of absolute magnitude M_K."""
    return luminosity_from_mv(mk + _column(2, teff, logg), teff, logg)


def absolute_magnitudes(
    teff: np.ndarray, luminosity: np.ndarray, logg: np.ndarray, feh: np.ndarray
) -> np.ndarray:
    """Give intrinsic absolute magnitudes in `BANDS`, without circumstellar dust.

    Returns
    -------
    ndarray, shape (n, 11)
    """
    with np.errstate(divide="ignore"):
        mbol = SUN_MBOL - 2.5 * np.log10(luminosity)
    v = mbol - bolometric_correction(teff, logg)
    v_k = _column(2, teff, logg)
    k = v - v_k
    h = k + _column(4, teff, logg)
    j = k + _column(3, teff, logg)
    # less line blanketing makes metal-poor stars bluer
    bp_rp = _column(5, teff, logg) + 0.035 * np.clip(feh, -2.5, 0.5) * (teff < 7500)
    g = v - 0.02704 + 0.01424 * bp_rp - 0.2156 * bp_rp**2 + 0.01426 * bp_rp**3
    rp = g - (0.02 + 0.63 * bp_rp - 0.065 * bp_rp**2)
    bp = rp + bp_rp
    cool = np.clip((4500 - teff) / 1500, 0, 1)
    w1 = k - 0.03 - 0.12 * cool
    w2 = w1 + np.where(logg < 3, 0.09, -0.18) * cool
    w3 = w2 - 0.03 - 0.10 * cool
    w4 = w3 - 0.03 - 0.12 * cool
    return np.stack([v, g, bp, rp, j, h, k, w1, w2, w3, w4], axis=1)


def add_magnitudes(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Give the magnitude of two sources together."""
    return -2.5 * np.log10(10 ** (-0.4 * a) + 10 ** (-0.4 * b))
