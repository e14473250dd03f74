"""What the telescope does to images: blur, pixels and noise of the Legacy Surveys' co-added images.

Noise was measured on a real cutout of data release 9 (256 x 256 pixels at RA 357.9087,
Dec -54.8817; 1.4826 x the median absolute deviation of pixels more than six pixels from any
detected source): 0.00147, 0.00216 and 0.00692 nanomaggies a pixel in g, r, z; pixels next to each
other correlate with 0.27, two apart with -0.12, as Lanczos resampling leaves them. Seeing:
Dey et al. (2019, AJ 157, 168), section 4.
"""

from functools import cache

import numpy as np
from scipy import fft, ndimage

Rng = np.random.Generator


PIXEL_SCALE = 0.262


"""Arcseconds per pixel."""


SIZE = 152


"""Pixels a side of a cutout."""


PAD = 14


"""Pixels around the cutout that are simulated too, so that light can be blurred into it."""


FIELD = SIZE + 2 * PAD


NOISE = np.array([0.00147, 0.00216, 0.00692])


"""Standard deviation of the sky in g, r, z [nanomaggies per pixel]."""


CORRELATION = (0.27, -0.12)


"""Correlation of pixels one and two apart along a row."""


SEEING = np.array([1.29, 1.18, 1.11])


"""Median full width at half maximum in g, r, z [arcsec]."""


_SKY = np.array([22.0, 21.0, 18.8])  # mag/arcsec2


_SKY_FLUX = 10 ** (0.4 * (22.5 - _SKY)) * PIXEL_SCALE**2


_BETA = 3.0


_WIDTHS = np.arange(0.70, 2.41, 0.02)


# numbers are stored in steps of this fraction of the noise: that is far below the noise, and
# what is stored compresses
_STEP = 1 / 16


def draw_seeing(n: int, rng: Rng) -> np.ndarray:
    """Draw the width of the point-spread function in g, r, z [arcsec, FWHM], (n, 3)."""
    common = rng.normal(0, 0.10, (n, 1))
    return np.clip(SEEING * np.exp(common + rng.normal(0, 0.06, (n, 3))), 0.75, 2.3)


@cache
def _transfers() -> np.ndarray:
    """Give the Fourier transforms of Moffat profiles of all `_WIDTHS`, (n, FIELD, FIELD/2 + 1)."""
    index = np.minimum(np.arange(FIELD), FIELD - np.arange(FIELD)) * PIXEL_SCALE
    square = index[:, None] ** 2 + index**2
    alpha = _WIDTHS / (2 * np.sqrt(2 ** (1 / _BETA) - 1))
    # the pixel's own width is part of the seeing that is measured on images
    psf = (1 + square / alpha[:, None, None] ** 2) ** -_BETA
    psf /= psf.sum(axis=(1, 2), keepdims=True)
    return fft.rfft2(psf).real.astype(np.float32)


def blur(images: np.ndarray, seeing: np.ndarray) -> np.ndarray:
    """Convolve images with their point-spread functions.

    Parameters
    ----------
    images : ndarray of float32, shape (n, 3, FIELD, FIELD)
    seeing : ndarray, shape (n, 3)
        FWHM [arcsec].

    Returns
    -------
    ndarray of float32, shape (n, 3, FIELD, FIELD)
    """
    index = np.rint((seeing - _WIDTHS[0]) / 0.02).astype(np.int64)
    index = np.clip(index, 0, len(_WIDTHS) - 1)
    spectrum = fft.rfft2(images, overwrite_x=True)
    spectrum *= _transfers()[index]
    return fft.irfft2(spectrum, (FIELD, FIELD), overwrite_x=True)


def point_spread(radius: np.ndarray, seeing: float) -> np.ndarray:
    """Give a Moffat profile of unit peak; radius in arcsec."""
    alpha = seeing / (2 * np.sqrt(2 ** (1 / _BETA) - 1))
    return (1 + (radius / alpha) ** 2) ** -_BETA


@cache
def fibre_weight() -> np.ndarray:
    """Give what each pixel around the centre sends into a fibre of 1.5 arcsec, (40, 40).

    The aperture blurred by seeing of 1.1 arcsec, which is the same as the blurred light in the
    aperture.
    """
    fine, half = 5, 20
    axis = (np.arange(2 * half * fine) - (2 * half * fine - 1) / 2) * PIXEL_SCALE / fine
    radius = np.hypot(axis[:, None], axis)
    psf = point_spread(radius, 1.1)
    psf /= psf.sum()
    aperture = (radius < 0.75).astype(float)
    blurred = fft.irfft2(fft.rfft2(aperture) * fft.rfft2(fft.ifftshift(psf)), psf.shape)
    # an even grid has no central pixel, so the product is off by half a step in each direction
    blurred = (blurred + np.roll(blurred, 1, 0)) / 2
    blurred = (blurred + np.roll(blurred, 1, 1)) / 2
    return blurred.reshape(2 * half, fine, 2 * half, fine).mean(axis=(1, 3))


def crop(images: np.ndarray) -> np.ndarray:
    """Cut the margin off."""
    return images[..., PAD : PAD + SIZE, PAD : PAD + SIZE]


def observe(images: np.ndarray, depth: np.ndarray, rng: Rng) -> np.ndarray:
    """Add the noise of sky and source, and store in steps of a sixteenth of the sky's noise.

    Parameters
    ----------
    images : ndarray of float32, shape (n, 3, SIZE, SIZE)
        nanomaggies.
    depth : ndarray, shape (n, 3)
        Standard deviation of the sky [nanomaggies].
    """
    sigma = depth.astype(np.float32)[:, :, None, None]
    bright = np.maximum(images, 0) / _SKY_FLUX.astype(np.float32)[:, None, None]
    noise = _correlate(rng.standard_normal(images.shape, np.float32))
    images = images + noise * sigma * np.sqrt(1 + bright)
    step = sigma * np.float32(_STEP)
    return np.rint(images / step) * step


def draw_depth(n: int, rng: Rng) -> np.ndarray:
    """Draw the noise of the sky, which varies with the number of exposures, (n, 3)."""
    return NOISE * np.exp(rng.normal(0, 0.08, (n, 3)))


# weights that give white noise the measured correlations, two and one pixel away and here
_KERNEL = np.array([-0.075, 0.155, 1.0]) / np.sqrt(1 + 2 * (0.155**2 + 0.075**2))


def _correlate(noise: np.ndarray) -> np.ndarray:
    """Convolve along rows and columns; the edges wrap, so that the variance stays one."""
    weights = np.concatenate([_KERNEL, _KERNEL[-2::-1]])
    for axis in (-1, -2):
        noise = ndimage.correlate1d(noise, weights, axis, mode="wrap")
    return noise
