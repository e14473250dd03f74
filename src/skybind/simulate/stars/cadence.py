"""When a star is observed and how well: ASAS-SN V band, 2013 to 2018.

Shappee et al. (2014, ApJ 788, 48), Kochanek et al. (2017, PASP 129, 104502).
"""

import numpy as np

Rng = np.random.Generator


FIRST_NIGHT, LAST_NIGHT = 2456310, 2458450


ZERO_POINT = 3.636e6


"""Flux of magnitude 0 in V [mJy]."""


_SKY_NOISE = 0.09  # mJy, dark-sky noise of one epoch


_FLOOR = 0.012  # relative, flat field and scintillation


_PHOTON = 0.0012  # mJy of flux with a Poisson error of one


def observing_times(ra: np.ndarray, weather_seed: int, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Draw the epochs of every star.

    Parameters
    ----------
    ra : ndarray, shape (n,)
        Right ascension [deg]: sets the season.
    weather_seed : int
        All stars of a survey share its cloudy nights.

    Returns
    -------
    time : ndarray of float64
        HJD [d], ascending within each star, flat.
    offsets : ndarray of int64, shape (n + 1,)
    """
    n = len(ra)
    nights = np.arange(FIRST_NIGHT, LAST_NIGHT)
    clear = np.random.default_rng([weather_seed, 77]).random(len(nights)) > 0.3
    # the Sun's right ascension: 0 at the March equinox (JD 2456372)
    sun = ((nights - 2456372) * 360 / 365.25) % 360
    away = np.abs((ra[:, None] - sun + 180) % 360 - 180)
    season = rng.uniform(50, 75, n)
    up = clear & (away > season[:, None])
    start = FIRST_NIGHT + rng.uniform(0, 500, n) * (rng.random(n) < 0.5)
    up &= nights >= start[:, None]
    wanted = np.clip(10 ** rng.normal(2.33, 0.2, n), 60, 650)
    rate = wanted / np.maximum(up.sum(axis=1), 1)
    seen = up & (rng.random(up.shape) < rate[:, None])
    seen[~seen.any(axis=1), len(nights) // 2 :: 10] = True
    star, night = np.nonzero(seen)
    # a field culminates four minutes earlier every night; several sites blur the hour
    hour = (ra[star] - sun[night] - 180 + 180) % 360 - 180
    when = nights[night] + 0.9 + hour / 360 * 0.6 + rng.normal(0, 0.09, len(night))
    order = np.lexsort((when, star))
    offsets = np.searchsorted(star, np.arange(n + 1)).astype(np.int64)
    return when[order], offsets


def flux_of_magnitude(magnitude: np.ndarray) -> np.ndarray:
    """Give the flux [mJy] of a V magnitude."""
    return ZERO_POINT * 10 ** (-0.4 * magnitude)


def flux_noise(flux: np.ndarray, sky: np.ndarray) -> np.ndarray:
    """Give the error [mJy] of one epoch: sky, photons and a relative floor.

    Parameters
    ----------
    flux, sky : ndarray
        True flux [mJy] and the sky's brightness relative to a dark night.
    """
    variance = (_SKY_NOISE * sky) ** 2 + _PHOTON * np.abs(flux) + (_FLOOR * flux) ** 2
    return np.sqrt(variance)


def observe(magnitude: np.ndarray, offsets: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Observe a true light curve: flux and flux_err [mJy], with a few bad epochs.

    Parameters
    ----------
    magnitude : ndarray
        True V magnitude at each epoch, flat.
    offsets : ndarray of int64, shape (n + 1,)
    """
    flux = flux_of_magnitude(magnitude)
    total = len(flux)
    field = np.exp(rng.normal(0, 0.15, len(offsets) - 1))
    sky = np.repeat(field, np.diff(offsets)) * np.exp(rng.normal(0, 0.25, total))
    sigma = flux_noise(flux, sky)
    observed = flux + sigma * rng.standard_normal(total)
    # clouds, ghosts and blends: more scatter than the error tells
    bad = rng.random(total) < 0.006
    observed += bad * sigma * rng.standard_t(2, total) * 5
    reported = sigma * np.exp(rng.normal(0, 0.05, total))
    return observed.astype(np.float32), reported.astype(np.float32)
