"""Other sources in the crop: field galaxies and stars, as deep images show them."""

import numpy as np

from skybind.simulate.galaxies.camera import FIELD, PIXEL_SCALE
from skybind.simulate.galaxies.population import Galaxies

Rng = np.random.Generator


# sources brighter than r = 24.5 per square arcminute: galaxies, and stars at high latitude
_GALAXIES, _STARS = 30.0, 4.0


_FAINT = 24.5


_HALF = 40  # pixels from the centre of a stamp to its edge


def add_neighbours(images: np.ndarray, g: Galaxies, own: np.ndarray, rng: Rng) -> None:
    """Add other galaxies and stars to blank or filled images before they are blurred, in place.

    Parameters
    ----------
    images : ndarray of float32, shape (n, 3, FIELD, FIELD)
    g : dict of str to ndarray, shape (n,)
        Mergers get a companion with the galaxy's own colours.
    own : ndarray, shape (n, 3)
        Fluxes of the galaxies [nanomaggies].
    """
    area = (FIELD * PIXEL_SCALE / 60) ** 2
    for density, add in ((_GALAXIES, _add_galaxies), (_STARS, _add_stars)):
        count = rng.poisson(density * area, len(images))
        add(images, np.repeat(np.arange(len(images)), count), rng)
    _add_companions(images, g, own, rng)


def _magnitudes(n: int, bright: float, slope: float, rng: Rng) -> np.ndarray:
    """Draw magnitudes whose number grows as 10^(slope m), between `bright` and the limit."""
    low = 10 ** (slope * (bright - _FAINT))
    return _FAINT + np.log10(low + (1 - low) * rng.random(n)) / slope


def _fluxes(r: np.ndarray, g_r: np.ndarray, r_z: np.ndarray) -> np.ndarray:
    magnitudes = np.stack([r + g_r, r, r - r_z], axis=1)
    return 10 ** (0.4 * (22.5 - magnitudes))


def _add_galaxies(images: np.ndarray, owner: np.ndarray, rng: Rng) -> None:
    n = len(owner)
    r = _magnitudes(n, 15.5, 0.40, rng)
    red = rng.random(n) < np.clip(0.55 - 0.07 * (r - 18), 0.1, 0.6)
    g_r = np.where(red, rng.normal(1.35, 0.25, n), rng.normal(0.65, 0.22, n))
    r_z = 0.18 + 0.50 * g_r + rng.normal(0, 0.12, n)
    size = np.exp(np.log(0.55) - 0.13 * (r - 22) * np.log(10) / 2 + rng.normal(0, 0.35, n))
    place = rng.uniform(0, FIELD - 1, (n, 2))
    flux = _fluxes(r, g_r, r_z)
    near = np.minimum(size * 5 / PIXEL_SCALE, _HALF)
    ratio, angle = rng.uniform(0.3, 1.0, n), rng.uniform(0, np.pi, n)
    for half, rows in _by_size(near):
        _add_exponentials(
            images, owner[rows], place[rows], flux[rows], size[rows], ratio[rows], angle[rows], half
        )


def _add_companions(images: np.ndarray, g: Galaxies, own: np.ndarray, rng: Rng) -> None:
    """Give every merger a second galaxy of 0.1 to 0.6 of its light, some arcseconds away."""
    n = len(images)
    share, angle, away = rng.uniform(0.1, 0.6, n), rng.uniform(0, 2 * np.pi, n), rng.random(n)
    ratio, turn = rng.uniform(0.5, 1, n), rng.uniform(0, np.pi, n)
    rows = np.flatnonzero(g["morphology"] == "merger")
    if not len(rows):
        return
    distance = (2.0 + 3.0 * away[rows]) / PIXEL_SCALE
    centre = (FIELD - 1) / 2
    place = centre + distance[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)[rows]
    flux = share[rows, None] * own[rows]
    size = 0.7 + 0.6 * away[rows]
    _add_exponentials(images, rows, place, flux, size, ratio[rows], turn[rows], 24)


def _by_size(reach: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Group sources by the half side of the stamp that they need."""
    groups, least = [], 0
    for half in (8, 18, _HALF):
        rows = np.flatnonzero((reach > least) & (reach <= half))
        if len(rows):
            groups.append((half, rows))
        least = half
    return groups


def _add_exponentials(
    images: np.ndarray, owner: np.ndarray, place: np.ndarray, flux: np.ndarray,
    size: np.ndarray, ratio: np.ndarray, angle: np.ndarray, half: int,
) -> None:  # fmt: skip
    """Add inclined exponential discs; `place` is (row, column), `size` half light [arcsec]."""
    corner = np.rint(place).astype(np.int64)
    steps = np.arange(-half, half + 1)
    dy = (steps + (corner - place)[:, :1]) * PIXEL_SCALE
    dx = (steps + (corner - place)[:, 1:]) * PIXEL_SCALE
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    y, x = dy[:, :, None], dx[:, None, :]
    q = ratio[:, None, None]
    square = (x * cos + y * sin) ** 2 * q + (y * cos - x * sin) ** 2 / q
    stamp = np.exp(-1.678 * np.sqrt(square) / size[:, None, None])
    stamp /= stamp.sum(axis=(1, 2), keepdims=True)
    _paste(images, owner, corner, stamp, flux, half)


def _paste(
    images: np.ndarray, owner: np.ndarray, corner: np.ndarray, stamp: np.ndarray,
    flux: np.ndarray, half: int,
) -> None:  # fmt: skip
    steps = np.arange(-half, half + 1)
    row = corner[:, :1] + steps
    column = corner[:, 1:] + steps
    inside = ((row >= 0) & (row < FIELD))[:, :, None] & ((column >= 0) & (column < FIELD))[:, None]
    which, i, j = np.nonzero(inside)
    flat = (owner[which] * len(images[0]) * FIELD + row[which, i]) * FIELD + column[which, j]
    values = stamp[which, i, j]
    target = images.reshape(-1)
    for band in range(images.shape[1]):
        light = (values * flux[which, band]).astype(np.float32)
        np.add.at(target, flat + band * FIELD * FIELD, light)


def _add_stars(images: np.ndarray, owner: np.ndarray, rng: Rng) -> None:
    """Add points: their light is shared among four pixels, so that places are exact."""
    n = len(owner)
    r = _magnitudes(n, 13.0, 0.13, rng)
    # the stellar locus: F to K stars along a line, M dwarfs of one g - r and growing r - z
    warm = rng.random(n) < 0.55
    g_r = np.where(warm, rng.uniform(0.3, 1.2, n), rng.normal(1.4, 0.07, n))
    r_z = np.where(warm, 0.62 * g_r - 0.07, rng.uniform(0.75, 2.0, n))
    flux = _fluxes(r, g_r, r_z)
    place = rng.uniform(0, FIELD - 1.001, (n, 2))
    corner = np.floor(place).astype(np.int64)
    part = place - corner
    for di, wi in ((0, 1 - part[:, 0]), (1, part[:, 0])):
        for dj, wj in ((0, 1 - part[:, 1]), (1, part[:, 1])):
            pixel = (owner * 3 * FIELD + corner[:, 0] + di) * FIELD + corner[:, 1] + dj
            for band in range(3):
                light = (flux[:, band] * wi * wj).astype(np.float32)
                np.add.at(images.reshape(-1), pixel + band * FIELD * FIELD, light)
