"""Observe stellar spectra the way LAMOST does at low resolution.

Cui et al. (2012, RAA 12, 1197): 3700-9100 Angstrom, R about 1800, two arms that meet near
5900 Angstrom, steps of 1e-4 in log10(wavelength), relative flux calibration.
"""

import numpy as np

from skybind.ragged import Ragged, offsets_of
from skybind.simulate.stars.classes import Stars
from skybind.simulate.stars.lines import (
    BALMER,
    FEH_NODES,
    LOG_STEP,
    LOGG_NODES,
    N_PIXELS,
    TEFF_NODES,
    WAVELENGTH,
    absorption,
)
from skybind.simulate.stars.metadata import gravity

Rng = np.random.Generator


RESOLUTION = 1800.0


_LIGHT = 299792.458  # km/s


_FIRST, _LAST = np.searchsorted(WAVELENGTH, (3695.0, 9105.0))


_TRIM = 25  # the ends of spectra differ by up to so many pixels


def extinction_curve(wavelength: np.ndarray) -> np.ndarray:
    """Give A(lambda) / A_V for R_V = 3.1 (Cardelli, Clayton & Mathis 1989, optical)."""
    y = 1e4 / wavelength - 1.82
    a = [1, 0.17699, -0.50447, -0.02427, 0.72085, 0.01979, -0.77530, 0.32999]
    b = [0, 1.41338, 2.28305, 1.07233, -5.38434, -0.62251, 5.30260, -2.09002]
    optical = np.polyval(a[::-1], y) + np.polyval(b[::-1], y) / 3.1
    infrared = (0.574 - 0.527 / 3.1) * (1e4 / wavelength) ** 1.61
    return np.where(wavelength < 9090.9, optical, infrared)


def planck(teff: np.ndarray) -> np.ndarray:
    """Give the black-body flux per Angstrom on the grid, in arbitrary units, (n, n_pixels)."""
    exponent = np.float32(1.43877e8 / WAVELENGTH) / teff[:, None].astype(np.float32)
    return np.float32((5500 / WAVELENGTH) ** 5 * 1e4) / np.expm1(exponent)


def template(teff: np.ndarray, logg: np.ndarray, feh: np.ndarray, carbon: np.ndarray) -> np.ndarray:
    """Give the intrinsic surface flux of stars on the grid of wavelengths.

    Parameters
    ----------
    teff, logg, feh : ndarray, shape (n,)
        K, cgs dex, dex; clipped to the grid.
    carbon : ndarray of bool, shape (n,)

    Returns
    -------
    ndarray of float32, shape (n, n_pixels)
    """
    flux = planck(np.clip(teff, TEFF_NODES[0], TEFF_NODES[-1]))
    for kind in (False, True):
        rows = np.flatnonzero(carbon == kind)
        if len(rows):
            flux[rows] *= _interpolate(absorption(kind), teff[rows], logg[rows], feh[rows])
    return flux


def _interpolate(
    grid: np.ndarray, teff: np.ndarray, logg: np.ndarray, feh: np.ndarray
) -> np.ndarray:
    """Interpolate linearly in the three parameters."""
    cells = [
        _cell(nodes, values)
        for nodes, values in ((TEFF_NODES, teff), (LOGG_NODES, logg), (FEH_NODES, feh))
    ]
    total = np.zeros((len(teff), N_PIXELS), np.float32)
    for corner in range(8):
        bits = [(corner >> axis) & 1 for axis in range(3)]
        index = tuple(low + bit for (low, _), bit in zip(cells, bits, strict=True))
        weight = np.ones(len(teff))
        for (_, part), bit in zip(cells, bits, strict=True):
            weight = weight * (part if bit else 1 - part)
        total += weight[:, None].astype(np.float32) * grid[index]
    return total


def _cell(nodes: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = np.clip(values, nodes[0], nodes[-1])
    low = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, len(nodes) - 2)
    return low, (values - nodes[low]) / (nodes[low + 1] - nodes[low])


def intrinsic_spectrum(stars: Stars, rng: Rng) -> np.ndarray:
    """Give the spectrum of each system before dust, motion and instrument, (n, n_pixels).

    Pulsating stars are caught at a random phase; the light of binaries is added.
    """
    n = len(stars["teff"])
    logg = gravity(stars)
    carbon = stars["subtype"] == "carbon-rich"
    swing = np.select(
        [np.isin(stars["true_class"], ["RRAB", "RRC", "RRD", "HADS", "DSCT", "DCEP", "DCEPS"]),
         np.isin(stars["true_class"], ["M", "SR", "VAR"])],
        [620.0 * stars["amplitude"], 55.0 * stars["amplitude"]], 0.0,
    )  # fmt: skip
    teff = stars["teff"] + swing * np.sin(2 * np.pi * rng.random(n))
    flux = template(teff, logg, stars["feh"], carbon)
    _add_emission(flux, stars, teff, logg, rng)
    rows = np.flatnonzero(stars["luminosity2"] > 0)
    if len(rows):
        second = template(
            stars["teff2"][rows], logg[rows] + 0.1, stars["feh"][rows], np.zeros(len(rows), bool)
        )
        area1 = stars["luminosity"][rows] / stars["teff"][rows] ** 4
        area2 = stars["luminosity2"][rows] / stars["teff2"][rows] ** 4
        flux[rows] += (area2 / area1)[:, None].astype(np.float32) * second
    return flux


def _add_emission(
    flux: np.ndarray, stars: Stars, teff: np.ndarray, logg: np.ndarray, rng: Rng
) -> None:
    """Add chromospheric H alpha and Ca II, and the shock emission of Miras near maximum."""
    activity = stars["activity"] * rng.uniform(0.5, 1.3, len(teff))
    continuum = planck(teff)
    mira = stars["true_class"] == "M"
    # flare stars reach several Angstrom in H alpha, solar-type ones only fill the line
    halpha = np.interp(teff, [3200, 3600, 4200, 5000, 6000], [6.0, 4.5, 2.2, 1.3, 0.8])
    calcium = np.interp(teff, [3200, 4500, 5500, 6500], [8.0, 5.0, 3.0, 1.0])
    dwarf = {"Ha": halpha, "Hb": 0.35 * halpha * (teff < 4200), "K": calcium, "H": 0.9 * calcium}
    shock = {"Ha": 1.5, "Hb": 3.0, "Hg": 14.0, "Hd": 25.0}
    centres = BALMER | {"K": 3934.8, "H": 3969.6}
    for name in ("Ha", "Hb", "Hg", "Hd", "K", "H"):
        star = dwarf.get(name, np.zeros(len(teff)))
        width = activity * np.where(mira, shock.get(name, 0.0), star)
        add_line(flux, continuum, centres[name], width)


def add_line(
    flux: np.ndarray, continuum: np.ndarray, centre: float, width: np.ndarray, sigma: float = 1.3
) -> None:
    """Add an emission line of equivalent width [Angstrom], shape (n,), in place."""
    low, high = np.searchsorted(WAVELENGTH, (centre - 6 * sigma, centre + 6 * sigma))
    shape = np.exp(-0.5 * ((WAVELENGTH[low:high] - centre) / sigma) ** 2)
    shape /= sigma * np.sqrt(2 * np.pi)
    flux[:, low:high] += continuum[:, low:high] * (width[:, None] * shape).astype(np.float32)


def broaden_and_shift(
    flux: np.ndarray, sigma_velocity: np.ndarray, velocity: np.ndarray
) -> np.ndarray:
    """Convolve with a Gaussian [km/s] and shift by a radial velocity [km/s].

    Both are one multiplication in Fourier space, since the grid is logarithmic.
    """
    per_pixel = _LIGHT * LOG_STEP * np.log(10)
    frequency = np.fft.rfftfreq(flux.shape[1])
    width = (sigma_velocity / per_pixel)[:, None]
    shift = (velocity / per_pixel)[:, None]
    transfer = np.exp(-2 * (np.pi * frequency * width) ** 2 - 2j * np.pi * frequency * shift)
    spectrum = np.fft.rfft(flux, axis=1) * transfer.astype(np.complex64)
    return np.fft.irfft(spectrum, flux.shape[1], axis=1).astype(np.float32)


def observe(stars: Stars, intrinsic: np.ndarray, rng: Rng) -> Ragged:
    """Observe spectra: extinction, telluric bands, calibration errors and noise.

    Returns
    -------
    Ragged
        `wavelength` [Angstrom, vacuum], `flux` (relative), `ivar`; ivar 0 marks bad pixels.
    """
    n = len(intrinsic)
    instrument = _LIGHT / RESOLUTION / 2.3548
    # a Gaussian of the same variance stands for the rotation profile
    rotation = stars["vsini"] / 2
    velocity = stars["radial_velocity"] + rng.normal(0, 6, n) + _orbital(stars, rng)
    flux = broaden_and_shift(intrinsic, np.hypot(instrument, rotation), velocity)
    flux *= 10 ** (-0.4 * stars["extinction"][:, None] * extinction_curve(WAVELENGTH)).astype("f4")
    flux = flux[:, _FIRST:_LAST]
    wavelength = WAVELENGTH[_FIRST:_LAST]
    green = (wavelength > 5400) & (wavelength < 5600)
    losses = np.exp(rng.normal(0, 0.3, n))
    level = 836 * 10 ** (-0.4 * (stars["v_mag"] - 14)) * losses / flux[:, green].mean(axis=1)
    flux *= level[:, None].astype(np.float32)
    flux *= _telluric(wavelength, n, rng)
    ivar = _noise(flux, wavelength, rng)
    response = _calibration(wavelength, n, rng)
    flux *= response
    ivar /= response**2
    return _ragged(flux, ivar, wavelength, rng)


def _orbital(stars: Stars, rng: Rng) -> np.ndarray:
    """Give the orbital velocity of the brighter star at a random phase [km/s]."""
    n = len(stars["mass"])
    total = stars["mass"] * (1 + stars["q"])
    speed = 212.9 * np.cbrt(total / stars["period"]) * stars["q"] / (1 + stars["q"])
    return np.where(stars["luminosity2"] > 0, speed * np.sin(2 * np.pi * rng.random(n)), 0)


def _throughput(wavelength: np.ndarray) -> np.ndarray:
    blue = np.interp(wavelength, [3690, 3900, 4300, 4800, 5600, 5900, 6000],
                     [0.10, 0.35, 0.8, 1.0, 0.8, 0.3, 0])  # fmt: skip
    red = np.interp(wavelength, [5700, 5900, 6300, 7200, 8200, 8800, 9110],
                    [0, 0.35, 0.9, 1.1, 0.9, 0.6, 0.35])  # fmt: skip
    return np.maximum(np.maximum(blue, red), 0.05)


def sky_brightness(wavelength: np.ndarray) -> np.ndarray:
    """Give the sky's brightness relative to its continuum: airglow lines and OH bands."""
    sky = 1 + 0.5 * np.clip((wavelength - 7200) / 1000, 0, 2)
    for centre, height in ((5578.9, 40), (5891.5, 6), (6302.0, 12), (6365.5, 5)):
        sky += height * np.exp(-0.5 * ((wavelength - centre) / 1.6) ** 2)
    for band in (7300, 7800, 8380, 8850, 9440):
        lines = band + 17.0 * np.arange(-8, 9)
        near = np.abs(wavelength[:, None] - lines)
        sky += np.sum(9 * np.exp(-0.5 * (near / 1.8) ** 2), axis=1)
    return sky


def _telluric(wavelength: np.ndarray, n: int, rng: Rng) -> np.ndarray:
    """Give what is left of O2 and H2O absorption, different from star to star."""
    tau = np.zeros(len(wavelength))
    for centre, width, depth in ((6885, 18, 0.25), (7615, 22, 0.6), (7655, 20, 0.3)):
        tau += depth * np.exp(-0.5 * ((wavelength - centre) / width) ** 2)
    water = np.zeros(len(wavelength))
    for centre, width, depth in ((7240, 50, 0.10), (8220, 60, 0.10), (9030, 60, 0.25)):
        water += depth * np.exp(-0.5 * ((wavelength - centre) / width) ** 2)
    oxygen = rng.normal(0.5, 0.25, (n, 1)) * tau
    return np.exp(-oxygen - rng.normal(0.4, 0.4, (n, 1)) * water).astype(np.float32)


def _noise(flux: np.ndarray, wavelength: np.ndarray, rng: Rng) -> np.ndarray:
    """Add photon and sky noise in place; give the reported inverse variance."""
    n = len(flux)
    gain = 6.0 * _throughput(wavelength) * np.exp(rng.normal(0, 0.5, (n, 1)))
    gain = gain.astype(np.float32)
    sky = (700 * sky_brightness(wavelength) * _throughput(wavelength)).astype(np.float32)
    sigma = np.sqrt(np.maximum(flux, 0) * gain + sky + 30) / gain
    sigma = np.hypot(sigma, np.float32(0.006) * flux)
    flux += sigma * rng.standard_normal(flux.shape, np.float32)
    ivar = 1 / sigma**2
    # cosmic rays spoil a few pixels in a row, sky lines whole stretches of faint spectra
    hits = rng.random(flux.shape, np.float32) < 0.0015
    hits |= np.roll(hits, 1, axis=1) | np.roll(hits, 2, axis=1)
    flux += hits * sigma * rng.exponential(30, (n, 1)).astype(np.float32)
    flagged = hits & (rng.random((n, 1)) < 0.9)
    faint = np.median(sigma, axis=1) > 0.03 * np.median(flux, axis=1)
    drowned = (sky_brightness(wavelength) > 15) & faint[:, None]
    # the ends of both arms are badly traced in some fibres
    blue, red = rng.integers(0, (160, 60), (n, 2)).T[:, :, None]
    column = np.arange(flux.shape[1])
    ends = (column < blue) | (column >= flux.shape[1] - red)
    ivar[flagged | drowned | ends] = 0
    return ivar


def _calibration(wavelength: np.ndarray, n: int, rng: Rng) -> np.ndarray:
    """Give errors of the flux calibration: a slope, a bend and a step between the arms."""
    x = (wavelength - 6400) / 2700
    slope, bend, step = rng.normal(0, 1, (3, n, 1)) * np.array([0.25, 0.12, 0.03])[:, None, None]
    arm = 1 / (1 + np.exp(-(wavelength - 5850) / 40))
    return np.exp(slope * x + bend * (x**2 - 0.33) + step * arm).astype(np.float32)


def _ragged(flux: np.ndarray, ivar: np.ndarray, wavelength: np.ndarray, rng: Rng) -> Ragged:
    n, pixels = flux.shape
    first, last = rng.integers(0, _TRIM, (2, n, 1))
    column = np.arange(pixels)
    keep = (column >= first) & (column < pixels - last)
    offsets = offsets_of(keep.sum(axis=1))
    grid = np.broadcast_to(wavelength.astype(np.float32), flux.shape)
    fields = {"wavelength": grid[keep], "flux": flux[keep], "ivar": ivar[keep]}
    return Ragged(fields, offsets, np.ones(n, bool))
