"""The shapes of galaxies on the pixel grid: Sersic spheroids and discs with arms and patches.

Everything is computed for a batch of galaxies at once; every map has unit flux in all the plane,
of which the field holds a part.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import gamma

from skybind.simulate.galaxies import cosmology
from skybind.simulate.galaxies.camera import FIELD, PIXEL_SCALE
from skybind.simulate.galaxies.history import COMPONENTS
from skybind.simulate.galaxies.population import Galaxies

# pixels a side of the middle, which is computed on a finer grid, and points a pixel there
_MIDDLE, _FINE = 10, 7


_WAVES = 5


# pixels a side of the grid for small discs
_SMALL = 64


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
    maps = {name: np.zeros((len(scale), FIELD, FIELD), np.float32) for name in COMPONENTS}
    maps["bulge"] = _on_grid(FIELD, lambda plane: [_spheroid(g, scale, plane)], g["angle"])[0]
    # most discs are small: they are computed on a small grid around the centre
    length = g["radius"] / scale / 1.678
    small = length * 9 < _SMALL / 2 * PIXEL_SCALE
    for size, chosen in ((_SMALL, small), (FIELD, ~small)):
        rows = np.flatnonzero(chosen)
        part = {key: values[rows] for key, values in g.items()}
        discs = _on_grid(size, partial(_disc, part, scale[rows], waves[:, rows]), part["angle"])
        inside = _window(size)
        for name, disc in zip(("disc", "young"), discs, strict=True):
            maps[name][rows, inside, inside] = disc
    _keep_flux(maps, length)
    return maps


def _window(size: int) -> slice:
    start = (FIELD - size) // 2
    return slice(start, start + size)


def _on_grid(
    size: int, profiles: Callable[["_Plane"], list[np.ndarray]], angle: np.ndarray
) -> list[np.ndarray]:
    """Evaluate profiles on the central pixels of the field, the middle on a finer grid."""
    axis = _AXIS[_window(size)]
    whole = [p * np.float32(PIXEL_SCALE**2) for p in profiles(_turn(axis, angle))]
    fine = (_AXIS[_window(_MIDDLE), None] + _OFFSETS).ravel()
    shape = (len(angle), _MIDDLE, _FINE, _MIDDLE, _FINE)
    inside = slice((size - _MIDDLE) // 2, (size + _MIDDLE) // 2)
    for coarse, middle in zip(whole, profiles(_turn(fine, angle)), strict=True):
        mean = middle.reshape(shape).mean(axis=(2, 4))
        coarse[:, inside, inside] = mean * np.float32(PIXEL_SCALE**2)
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


def _column(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float32)[:, None, None]


def _turn(axis: np.ndarray, angle: np.ndarray) -> _Plane:
    x, y = axis[None, None, :], axis[None, :, None]
    cos, sin = _column(np.cos(angle)), _column(np.sin(angle))
    return _Plane(x * cos + y * sin, y * cos - x * sin)


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


def _disc(g: Galaxies, scale: np.ndarray, waves: np.ndarray, plane: _Plane) -> list[np.ndarray]:
    """Give the old and the young stars of discs; young ones crowd in arms, bars and patches."""
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
    ripple = np.zeros_like(x)
    for wave in range(_WAVES):
        kx, ky, phase = (_column(w[:, wave]) for w in waves)
        # patches of many sizes, from one to a tenth of a scale length; each wave bends the next,
        # so that crests break up into blobs
        frequency = np.float32(2.0 * 1.7**wave)
        bent = frequency * (kx * x + ky * y) + 6 * phase + np.float32(2.5) * ripple
        ripple = np.cos(bent)
        exponent += patchy * ripple
    exponent += _column(g["lopsidedness"]) * x * np.exp(-radius / 4)
    modulation = np.exp(np.clip(exponent, -4, 4))
    return [smooth * modulation ** np.float32(0.3), smooth * modulation]


def _keep_flux(maps: dict[str, np.ndarray], length: np.ndarray) -> None:
    """Scale the maps of the disc so that arms move light and make none."""
    # what of a smooth disc lies in the field: all but for the largest
    reach = FIELD / 2 * PIXEL_SCALE / length
    inside = 1 - np.exp(-reach) * (1 + reach)
    for name in ("disc", "young"):
        maps[name] *= _column(inside / maps[name].sum(axis=(1, 2), dtype=np.float64))
