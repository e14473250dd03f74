"""Observe galaxy spectra the way DESI does.

DESI Collaboration (2022, AJ 164, 207): fibres of 1.5 arcsec, 3600-9824 Angstrom in steps of 0.8,
resolution 2000 in the blue to 5000 in the red. The noise is that of real coadds: the median over
the BGS and LRG galaxies of the sample in `desihigh` of the scatter of pixels two apart.
"""

import numpy as np

from skybind.ragged import Ragged
from skybind.simulate.galaxies.history import COMPONENTS
from skybind.simulate.galaxies.light import Light
from skybind.simulate.galaxies.nebular import WAVELENGTHS as LINE_WAVELENGTHS
from skybind.simulate.galaxies.population import Galaxies
from skybind.simulate.galaxies.ssp import LOG_START, N_PIXELS
from skybind.simulate.stars.lines import LOG_STEP
from skybind.simulate.stars.spectra import broaden_and_shift, sky_brightness

Rng = np.random.Generator


WAVELENGTH = 3600 + 0.8 * np.arange(7781)


"""Observed wavelengths [Angstrom, vacuum]."""


_LIGHT = 299792.458


# wavelength and noise [1e-17 erg/s/cm2/Angstrom] away from sky lines
_NOISE = np.array(
    [[3600, 0.33], [3800, 0.24], [4200, 0.16], [4800, 0.12], [5400, 0.11], [5750, 0.10],
     [6000, 0.075], [6500, 0.06], [7500, 0.055], [8500, 0.05], [9200, 0.065], [9824, 0.09]]
)  # fmt: skip


# light of the sky's continuum in a fibre, 21 mag/arcsec2 over 1.77 arcsec2, same unit
_SKY_FLUX = 1.8


_STEP = 1 / 16


def resolution_sigma(wavelength: np.ndarray) -> np.ndarray:
    """Give the width of the line-spread function [Angstrom, standard deviation]."""
    return np.interp(wavelength, [3600, 5800, 7600, 9824], [0.80, 0.74, 0.72, 0.78])


def fibre_spectra(g: Galaxies, light: Light, fibre: dict[str, np.ndarray]) -> np.ndarray:
    """Give what enters the fibres, without noise.

    Parameters
    ----------
    g : dict of str to ndarray, shape (n,)
    light : Light
    fibre : dict of str to ndarray, shape (n,)
        Fraction of the light of each component that enters the fibre.

    Returns
    -------
    ndarray of float32, shape (n, 7781)
        1e-17 erg/s/cm2/Angstrom.
    """
    rest = sum(light.stars[name] * _column(fibre[name]) for name in COMPONENTS)
    # one width in velocity stands for the instrument's, which hardly matters to stars
    instrument = _LIGHT * 0.76 / 6500
    width = np.hypot(g["sigma"], instrument)
    rest = broaden_and_shift(rest, width, np.zeros(len(width)))
    flux = _resample(rest, g["redshift"])
    gas = np.clip(0.6 * g["sigma"], 35, 180)
    add_lines(flux, light.lines * fibre["young"][:, None], g["redshift"], gas)
    return flux


def _column(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float32)[:, None]


def _resample(rest: np.ndarray, redshift: np.ndarray) -> np.ndarray:
    """Interpolate spectra on the rest grid at the observed wavelengths."""
    place = (np.log10(WAVELENGTH) - LOG_START - np.log10(1 + redshift)[:, None]) / LOG_STEP
    low = np.clip(place.astype(np.int32), 0, N_PIXELS - 2)
    part = (place - low).astype(np.float32)
    below = np.take_along_axis(rest, low, axis=1)
    above = np.take_along_axis(rest, low + 1, axis=1)
    return below + part * (above - below)


def add_lines(
    flux: np.ndarray,
    lines: np.ndarray,
    redshift: np.ndarray,
    sigma: np.ndarray,
    wavelengths: np.ndarray = LINE_WAVELENGTHS,
) -> None:
    """Add emission lines of Gaussian shape, in place.

    Parameters
    ----------
    flux : ndarray, shape (n, 7781)
    lines : ndarray, shape (n, n_lines)
        Fluxes [1e-17 erg/s/cm2].
    redshift, sigma : ndarray, shape (n,)
        `sigma` [km/s] without the instrument.
    wavelengths : ndarray, shape (n_lines,)
        At rest [Angstrom].
    """
    step = WAVELENGTH[1] - WAVELENGTH[0]
    rows = np.arange(len(flux))[:, None]
    for column, rest in enumerate(wavelengths):
        centre = rest * (1 + redshift)
        width = np.hypot(sigma / _LIGHT * centre, resolution_sigma(centre))
        reach = int(np.ceil(4.5 * width.max(initial=0) / step))
        middle = np.rint((centre - WAVELENGTH[0]) / step).astype(np.int64)
        index = middle[:, None] + np.arange(-reach, reach + 1)
        inside = (index >= 0) & (index < len(WAVELENGTH))
        index = np.clip(index, 0, len(WAVELENGTH) - 1)
        x = (WAVELENGTH[index] - centre[:, None]) / width[:, None]
        peak = lines[:, column] / (width * np.sqrt(2 * np.pi))
        # within a row each pixel occurs once, clipped ones add nothing
        np.add.at(flux, (rows, index), np.where(inside, peak[:, None] * np.exp(-0.5 * x * x), 0))


def observe(flux: np.ndarray, rng: Rng) -> Ragged:
    """Add errors of calibration, noise, residuals of sky lines and bad pixels.

    Returns
    -------
    Ragged
        `wavelength` [Angstrom, vacuum], `flux` [1e-17 erg/s/cm2/Angstrom], `ivar` (0: bad pixel).
    """
    n = len(flux)
    x = ((WAVELENGTH - 6700) / 3100).astype(np.float32)
    slope, bend, level = rng.normal(0, 1, (3, n, 1)).astype(np.float32)
    flux = flux * np.exp(0.03 * slope * x + 0.02 * bend * (x * x - 0.33) + 0.04 * level)
    sky = sky_brightness(WAVELENGTH)
    base = np.interp(WAVELENGTH, _NOISE[:, 0], _NOISE[:, 1]) * np.sqrt(sky)
    depth = np.exp(rng.normal(0, 0.3, (n, 1))).astype(np.float32)
    source = np.maximum(flux, 0) / (_SKY_FLUX * sky).astype(np.float32)
    sigma = depth * base.astype(np.float32) * np.sqrt(1 + source)
    flux += sigma * rng.standard_normal(flux.shape, np.float32)
    # the sky is subtracted with errors of a percent, the same for all lines of a band
    error = 0.008 * rng.standard_normal((n, 3)).astype(np.float32)
    band = np.digitize(WAVELENGTH, [5800, 7600])
    flux += error[:, band] * depth * (_SKY_FLUX * 0.15 * (sky - 1)).astype(np.float32)
    bad = rng.random(flux.shape, np.float32) < 0.001
    flux += bad * sigma * rng.exponential(15, (n, 1)).astype(np.float32)
    ivar = np.where(bad, np.float32(0), 1 / sigma**2)
    step = sigma.min(axis=1, keepdims=True) * np.float32(_STEP)
    return _ragged(np.rint(flux / step) * step, _round(ivar))


def _round(values: np.ndarray) -> np.ndarray:
    """Keep nine bits of the mantissa: errors below 0.1 %, and files half as large."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + np.uint32(1 << 13)) & np.uint32(0xFFFFC000)).view(np.float32)


def _ragged(flux: np.ndarray, ivar: np.ndarray) -> Ragged:
    n, pixels = flux.shape
    wavelength = np.tile(WAVELENGTH.astype(np.float32), n)
    fields = {"wavelength": wavelength, "flux": flux.ravel(), "ivar": ivar.ravel()}
    return Ragged(fields, np.arange(n + 1, dtype=np.int64) * pixels, np.ones(n, bool))
