"""Imaging artefacts, as they survive in co-added images of wide surveys."""

import numpy as np

from skybind.simulate.galaxies.camera import NOISE, PIXEL_SCALE, SIZE, point_spread

Rng = np.random.Generator


KINDS = ("satellite trail", "saturated star", "bad columns", "missing band", "ghost")


def choose(n: int, fraction: float, rng: Rng) -> np.ndarray:
    """Give the artefact of each image, empty for most."""
    kind = rng.choice(KINDS, n)
    return np.where(rng.random(n) < fraction, kind, "").astype("U16")


def plant(images: np.ndarray, kind: np.ndarray, rng: Rng) -> None:
    """Disturb images, in place.

    Parameters
    ----------
    images : ndarray of float32, shape (n, 3, SIZE, SIZE)
        With noise, nanomaggies.
    kind : ndarray of str, shape (n,)
        One of `KINDS` or empty.
    """
    disturb = {
        "satellite trail": _trail, "saturated star": _saturated, "bad columns": _columns,
        "missing band": _missing, "ghost": _ghost,
    }  # fmt: skip
    for name, apply in disturb.items():
        for row in np.flatnonzero(kind == name):
            apply(images[row], rng)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    return y, x


def _trail(image: np.ndarray, rng: Rng) -> None:
    """Draw a satellite: one exposure's band, so one colour; some tumble and flash."""
    y, x = _grid()
    angle = rng.uniform(0, np.pi)
    middle = SIZE / 2 + rng.uniform(-25, 25, 2)
    across = (x - middle[0]) * np.sin(angle) - (y - middle[1]) * np.cos(angle)
    along = (x - middle[0]) * np.cos(angle) + (y - middle[1]) * np.sin(angle)
    width = rng.uniform(1.8, 3.5)
    flash = 1 + rng.choice([0, 0.8]) * np.sin(along / rng.uniform(6, 25))
    band = rng.integers(0, 3)
    image[band] += rng.uniform(15, 60) * NOISE[band] * flash * np.exp(-0.5 * (across / width) ** 2)


def _saturated(image: np.ndarray, rng: Rng) -> None:
    """Put a bright star near the edge: wings, spikes, and a bled column in r and z."""
    y, x = _grid()
    side = rng.integers(0, 4)
    far, free = rng.uniform(0.36, 0.52) * SIZE, rng.uniform(-0.35, 0.35) * SIZE
    dy, dx = [(far, free), (-far, free), (free, far), (free, -far)][side]
    y, x = y - SIZE / 2 - dy, x - SIZE / 2 - dx
    radius = np.hypot(x, y) * PIXEL_SCALE
    bright = 10 ** (0.4 * (22.5 - rng.uniform(8.5, 11.0)))
    peak = bright * 0.06 * np.array([0.5, 1.0, 1.3])
    wings = point_spread(radius, 1.2) + 1e-4 / (1 + (radius / 4) ** 2)
    turn = rng.uniform(0, np.pi / 2)
    for angle in (turn, turn + np.pi / 2):
        across = x * np.sin(angle) - y * np.cos(angle)
        along = np.abs(x * np.cos(angle) + y * np.sin(angle))
        wings += 4e-4 * np.exp(-along / 45) * np.exp(-0.5 * (across / 1.3) ** 2)
    image += (peak[:, None, None] * wings).astype(np.float32)
    full = 0.25 * peak[:, None, None]
    np.minimum(image, full, out=image)
    bled = (np.abs(x) < 2.0) & (np.abs(y) < rng.uniform(30, 120))
    for band in rng.choice(3, rng.integers(1, 3), replace=False):
        image[band][bled] = full[band, 0, 0]


def _columns(image: np.ndarray, rng: Rng) -> None:
    """Leave stripes of bad columns or of a bad amplifier's read-out in one band."""
    band = rng.integers(0, 3)
    flat = image[band] if rng.random() < 0.5 else image[band].T
    for _ in range(rng.integers(2, 7)):
        first, width = rng.integers(20, SIZE - 20), rng.integers(1, 5)
        level = rng.choice([-1.0, 1.0]) * rng.uniform(8, 40) * NOISE[band]
        flat[:, first : first + width] += np.float32(level)


def _missing(image: np.ndarray, rng: Rng) -> None:
    """Lose a band, wholly or beyond the edge of its last exposure."""
    band = rng.integers(0, 3)
    y, x = _grid()
    angle, edge = rng.uniform(0, 2 * np.pi), rng.uniform(-10, 45)
    beyond = (x - SIZE / 2) * np.cos(angle) + (y - SIZE / 2) * np.sin(angle) < edge
    image[band][beyond | (rng.random() < 0.5)] = 0


def _ghost(image: np.ndarray, rng: Rng) -> None:
    """Draw the out-of-focus reflection of a bright star: a ring-like disc with a shadow."""
    y, x = _grid()
    centre = SIZE / 2 + rng.uniform(-45, 45, 2)
    radius = np.hypot(x - centre[0], y - centre[1])
    outer = rng.uniform(30, 75)
    inner = outer * rng.uniform(0.3, 0.5)
    disc = 1 / (1 + np.exp((radius - outer) / 1.5)) - 0.8 / (1 + np.exp((radius - inner) / 1.5))
    colour = rng.uniform(0.2, 1.0, 3)
    level = rng.uniform(5, 14) * NOISE * colour
    image += (level[:, None, None] * disc).astype(np.float32)
