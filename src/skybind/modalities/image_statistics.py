"""Simple measurements of images, as an astronomer would make them without a network."""

import numpy as np

#: Radii of the apertures as fractions of the image's side.
APERTURES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
#: Fluxes below this are measured on a linear scale: magnitude 25 [nanomaggy].
SOFTENING = 0.1
NOISE_PER_MAD = 1.4826
TINY = 1e-12


def pixel_noise(images: np.ndarray) -> np.ndarray:
    """Pixel noise of each band, from differences of pixels two apart, shape (n, C).

    The object's own light nearly cancels in them, and their median ignores its centre.

    Parameters
    ----------
    images : ndarray, shape (n, C, H, W)
        NaN where masked.
    """
    step = np.abs(images[:, :, ::2, 2:] - images[:, :, ::2, :-2])
    step = step.reshape(*step.shape[:2], -1)
    if np.isnan(step).any():
        step = np.where(np.isnan(step).all(axis=2, keepdims=True), 0, step)
        spread = np.nanmedian(step, axis=2)
    else:
        spread = np.median(step, axis=2)
    return (NOISE_PER_MAD / np.sqrt(2) * spread).astype(np.float32)


def image_statistics(images: np.ndarray) -> np.ndarray:
    """Measure some images.

    Parameters
    ----------
    images : ndarray of float32, shape (n, C, S, S)
        Fluxes [nanomaggies] with the sky at zero.

    Returns
    -------
    ndarray, shape (n, 5 C + 5 (C - 1) + C + 6)
        Aperture magnitudes (asinh magnitudes of softening 0.1 nanomaggies, five radii a band);
        colours of neighbouring bands in each aperture; the half-light radius of each band
        [pixel]; then, of the mean of all bands: radii of 20 and 80 per cent of the light,
        concentration 5 log10(r80/r20), ellipticity and radius from second moments under a
        Gaussian window, and asymmetry under a turn by 180 degrees (Conselice 2003).
    """
    n, side = images.shape[0], images.shape[-1]
    growth, radii = _growth(images)
    apertures = np.stack([growth[..., _ring(radii, f * side)] for f in APERTURES], axis=-1)
    magnitude = 22.5 - 2.5 / np.log(10) * (
        np.arcsinh(apertures / (2 * SOFTENING)) + np.log(SOFTENING)
    )
    colours = magnitude[:, :-1] - magnitude[:, 1:]
    half = _light_radius(growth, radii, 0.5)
    mean = images.mean(axis=1)
    total, _ = _growth(mean[:, None])
    r20, r80 = (_light_radius(total, radii, fraction)[:, 0] for fraction in (0.2, 0.8))
    concentration = 5 * np.log10(np.maximum(r80, 0.1) / np.maximum(r20, 0.1))
    ellipticity, size = _moments(mean)
    turned = np.abs(mean - mean[:, ::-1, ::-1]).sum((1, 2))
    asymmetry = turned / np.maximum(2 * np.abs(mean).sum((1, 2)), TINY)
    shape = np.stack([r20, r80, concentration, ellipticity, size, asymmetry], axis=1)
    return np.concatenate([magnitude.reshape(n, -1), colours.reshape(n, -1), half, shape], axis=1)


def _growth(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flux within each radius, (n, C, R), and the radii (R,): every pixel up to half the side."""
    n, channels, side, _ = images.shape
    x = np.arange(side) - (side - 1) / 2
    ring = np.floor(np.hypot(x[:, None], x)).astype(int).ravel()
    radii = np.arange(1, side // 2 + 1)
    inside = np.flatnonzero(ring < len(radii))
    order = inside[np.argsort(ring[inside], kind="stable")]
    starts = np.searchsorted(ring[order], np.arange(len(radii)))
    flat = images.reshape(n, channels, -1)[:, :, order].astype(np.float64)
    return np.cumsum(np.add.reduceat(flat, starts, axis=2), axis=2), radii.astype(float)


def _ring(radii: np.ndarray, radius: float) -> int:
    return int(np.argmin(np.abs(radii - radius)))


def _light_radius(growth: np.ndarray, radii: np.ndarray, fraction: float) -> np.ndarray:
    """Radius that holds a fraction of the largest flux of the curve of growth; (n, C)."""
    target = fraction * np.maximum(growth.max(axis=2), TINY)
    place = np.argmax(growth >= target[..., None], axis=2)
    before = np.maximum(place - 1, 0)
    low = np.where(place > 0, np.take_along_axis(growth, before[..., None], 2)[..., 0], 0.0)
    high = np.take_along_axis(growth, place[..., None], 2)[..., 0]
    part = np.clip((target - low) / np.maximum(high - low, TINY), 0, 1)
    return np.where(place > 0, radii[before], 0.0) + part * (
        radii[place] - np.where(place > 0, radii[before], 0.0)
    )


def _moments(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ellipticity (1 - b^2/a^2) / (1 + b^2/a^2) and radius [pixel] under a Gaussian window."""
    side = image.shape[-1]
    x = np.arange(side) - (side - 1) / 2
    y = x[:, None]
    weight = image * np.exp(-0.5 * (x**2 + y**2) / (side / 8) ** 2)
    flux = weight.sum((1, 2))
    seen = flux > TINY
    safe = np.where(seen, flux, 1.0)
    xx, yy, xy = ((weight * q).sum((1, 2)) / safe for q in (x**2 + 0 * y, y**2 + 0 * x, x * y))
    trace = np.maximum(xx + yy, TINY)
    ellipticity = np.clip(np.hypot(xx - yy, 2 * xy) / trace, 0, 1)
    return np.where(seen, ellipticity, 0.0), np.where(seen, np.sqrt(trace), 0.0)
