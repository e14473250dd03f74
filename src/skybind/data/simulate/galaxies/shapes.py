"""The shapes of galaxies on the pixel grid: Sersic spheroids and discs with arms and patches.

Everything is computed for a batch of galaxies at once; every map has unit flux in all the plane,
of which the field holds a part.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gamma

from skybind.data.simulate.galaxies import cosmology
from skybind.data.simulate.galaxies.camera import FIELD, PIXEL_SCALE
from skybind.data.simulate.galaxies.history import COMPONENTS
from skybind.data.simulate.galaxies.population import Galaxies

# pixels a side of the middle, which is computed on a finer grid, and points a pixel there
_MIDDLE, _FINE = 10, 7
_WAVES = 5
_AXIS = ((np.arange(FIELD) - (FIELD - 1) / 2) * PIXEL_SCALE).astype(np.float32)
_OFFSETS = ((np.arange(_FINE) - (_FINE - 1) / 2) / _FINE * PIXEL_SCALE).astype(np.float32)


@dataclass
class _Plane:
    """Coordinates along the axes of galaxies [arcsec], (n, rows, columns)."""

    major: np.ndarray
    minor: np.ndarray


def component_maps(g: Galaxies, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Give the surface brightness of each component of galaxies.

    Returns
    -------
    dict of str to ndarray of float32, shape (n, FIELD, FIELD)
        Flux per pixel for unit flux of the component. Surface brightness dims by (1 + z)^4 as
        fluxes and angles follow luminosity and angular-diameter distance.
    """
    scale = cosmology.kpc_per_arcsec(g["redshift"])
    waves = rng.normal(0, 1, (3, len(scale), _WAVES)).astype(np.float32)
    whole = _render(g, scale, waves, _grid(_AXIS), PIXEL_SCALE)
    start = (FIELD - _MIDDLE) // 2
    axis = _AXIS[start : start + _MIDDLE]
    fine = (axis[:, None] + _OFFSETS).ravel()
    middle = _render(g, scale, waves, _grid(fine), PIXEL_SCALE / _FINE)
    inside = slice(start, start + _MIDDLE)
    shape = (len(scale), _MIDDLE, _FINE, _MIDDLE, _FINE)
    for name in COMPONENTS:
        whole[name][:, inside, inside] = middle[name].reshape(shape).sum(axis=(2, 4))
    _keep_flux(whole, g, scale)
    return whole


def sersic_b(n: np.ndarray) -> np.ndarray:
    """Give b of the Sersic profile (Ciotti & Bertin 1999, equation 18)."""
    return 2 * n - 1 / 3 + 4 / (405 * n) + 46 / (25515 * n**2)


def sersic_total(n: np.ndarray) -> np.ndarray:
    """Give the flux in all the plane for unit brightness and area at the half-light radius.

    I(r) = exp(-b ((r / r_e)^(1/n) - 1)), circular, r_e = 1.
    """
    b = sersic_b(n)
    return 2 * np.pi * n * np.exp(b) * b ** (-2 * n) * gamma(2 * n)


def _grid(axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return axis[None, None, :], axis[None, :, None]


def _column(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float32)[:, None, None]


def _turn(grid: tuple[np.ndarray, np.ndarray], angle: np.ndarray) -> _Plane:
    x, y = grid
    cos, sin = _column(np.cos(angle)), _column(np.sin(angle))
    return _Plane(x * cos + y * sin, y * cos - x * sin)


def _render(
    g: Galaxies, scale: np.ndarray, waves: np.ndarray, grid: tuple[np.ndarray, np.ndarray],
    pixel: float,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Evaluate all components at the points of a grid, times the area of its cells."""
    plane = _turn(grid, g["angle"])
    area = np.float32(pixel**2)
    maps = {"bulge": _spheroid(g, scale, plane) * area}
    smooth, modulation = _disc(g, scale, plane, waves)
    smooth *= area
    maps["disc"] = smooth * modulation ** np.float32(0.3)
    maps["young"] = smooth * modulation
    return maps


def _spheroid(g: Galaxies, scale: np.ndarray, plane: _Plane) -> np.ndarray:
    """Give the bulge; in discs it is rounder than they are."""
    ratio = np.where(g["morphology"] == "elliptical", g["axis_ratio"],
                     np.clip(g["axis_ratio"] + 0.35, 0.55, 1.0))  # fmt: skip
    radius = g["bulge_radius"] / scale
    n = g["sersic"]
    q = _column(ratio)
    square = plane.major**2 * q + plane.minor**2 / q
    square *= _column(1 / radius**2)
    b = _column(sersic_b(n))
    profile = np.exp(b * (1 - square ** _column(0.5 / n)))
    return profile * _column(1 / (sersic_total(n) * radius**2))


def _disc(
    g: Galaxies, scale: np.ndarray, plane: _Plane, waves: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give the exponential disc and the factor by which young stars crowd in arms and patches."""
    length = g["radius"] / scale / 1.678
    q = _column(g["axis_ratio"])
    x = plane.major * _column(1 / length)
    y = plane.minor * (_column(1 / length) / q)
    radius = np.sqrt(x * x + y * y) + np.float32(1e-3)
    smooth = np.exp(-radius) * _column(1 / (2 * np.pi * length**2 * g["axis_ratio"]))
    theta = np.arctan2(y, x)
    log_r = np.log(radius)
    winding = _column(g["arms"]) * (theta - log_r * _column(1 / np.tan(g["pitch"])))
    # arms begin outside the bulge or bar
    grown = np.float32(1) / (1 + np.exp(-6 * (radius - np.float32(0.7))))
    exponent = _column(g["arm_strength"]) * grown * np.cos(winding + _column(g["arm_phase"]))
    bar = np.exp(-((x / 0.8) ** 4) - (y / np.float32(0.22)) ** 2)
    exponent += _column(1.6 * g["bar"]) * bar
    patchy = _column(g["patchiness"] * np.sqrt(2 / _WAVES))
    pattern = np.zeros_like(x)
    for wave in range(_WAVES):
        kx, ky, phase = (_column(w[:, wave]) for w in waves)
        pattern += np.cos(3 * kx * x + 3 * ky * y + 6 * phase)
    exponent += patchy * pattern
    exponent += _column(g["lopsidedness"]) * x * np.exp(-radius / 4)
    return smooth, np.exp(np.clip(exponent, -4, 4))


def _keep_flux(maps: dict[str, np.ndarray], g: Galaxies, scale: np.ndarray) -> None:
    """Scale the maps of the disc so that arms move light and make none."""
    half_side = FIELD / 2 * PIXEL_SCALE
    length = g["radius"] / scale / 1.678
    # what of a smooth disc lies in the field: all but for the largest
    reach = half_side / length
    inside = 1 - np.exp(-reach) * (1 + reach)
    for name in ("disc", "young"):
        maps[name] *= _column(inside / maps[name].sum(axis=(1, 2), dtype=np.float64))
