"""The catalogue row: Gaia, 2MASS and WISE magnitudes, astrometry, and their errors."""

import numpy as np

from skybind.simulate.stars.classes import METADATA_FEATURES, Stars
from skybind.simulate.stars.colours import (
    BANDS,
    EXTINCTION,
    absolute_magnitudes,
    add_magnitudes,
    surface_gravity,
)

Rng = np.random.Generator


# circumstellar dust: extinction in V ... J and emission in W1 ... W4, per mag of W2 excess
_DUST = np.array([0.9, 0.8, 0.9, 0.7, 0.45, 0.35, 0.2, -0.5, -1.0, -1.9, -2.5])


# pulsation amplitude of each band relative to V, for red giants
_AMPLITUDE = np.array([1, 0.6, 0.8, 0.45, 0.22, 0.2, 0.17, 0.15, 0.15, 0.12, 0.12])


# Gaia focal-plane transits of about three years: G has nine CCDs each, BP and RP one
_TRANSITS_G, _TRANSITS_BP = 320, 38


def gravity(stars: Stars) -> np.ndarray:
    """Give log g [cgs] of the (primary) star, shape (n,)."""
    return surface_gravity(stars["mass"], stars["teff"], stars["luminosity"])


def intrinsic_magnitudes(stars: Stars) -> np.ndarray:
    """Give absolute magnitudes of the whole system in `BANDS`, dust shell included, (n, 11)."""
    logg = gravity(stars)
    first = absolute_magnitudes(stars["teff"], stars["luminosity"], logg, stars["feh"])
    logg2 = np.where(stars["luminosity2"] > 0, np.minimum(logg + 0.2, 4.7), logg)
    second = absolute_magnitudes(stars["teff2"], stars["luminosity2"], logg2, stars["feh"])
    total = add_magnitudes(first, second)
    carbon = (stars["subtype"] == "carbon-rich")[:, None]
    # C2 and CN instead of TiO: more light in V, redder in the near infrared (CN, HCN, dust)
    shift = np.array([-1.6, -0.5, -1.3, -0.3, 0.5, 0.2, -0.05, -0.2, -0.25, -0.3, -0.3])
    return total + carbon * shift + stars["dust"][:, None] * _DUST


def catalogue_row(
    stars: Stars, absolute: np.ndarray, rms: np.ndarray, rng: Rng
) -> dict[str, np.ndarray]:
    """Observe the 34 metadata features.

    Parameters
    ----------
    stars : dict of str to ndarray, shape (n,)
        Table of parameters after `place`.
    absolute : ndarray, shape (n, 11)
        Absolute magnitudes in `BANDS`.
    rms : ndarray, shape (n,)
        Root mean square of the light curve in V [mag].

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        In the order of the paper's table.
    """
    modulus = 5 * np.log10(stars["distance"]) + 10
    true = absolute + modulus[:, None] + stars["extinction"][:, None] * EXTINCTION
    m = dict(zip(BANDS, true.T, strict=True))
    row: dict[str, np.ndarray] = {}
    n = len(modulus)
    row["mean_vmag"] = m["V"] + rng.normal(0, 0.02, n) + rms / np.sqrt(200) * rng.normal(0, 1, n)
    _gaia_photometry(row, m, rms, rng)
    _infrared_photometry(row, m, rms, rng)
    _astrometry(row, stars, m["G"], rng)
    row["bp_rp"] = row["phot_bp_mean_mag"] - row["phot_rp_mean_mag"]
    row["j_k"] = row["j_mag"] - row["k_mag"]
    row["w1_w2"] = row["w1_mag"] - row["w2_mag"]
    row["w3_w4"] = row["w3_mag"] - row["w4_mag"]
    row["pm"] = np.hypot(row["pmra"], row["pmdec"])
    row["l"], row["b"] = stars["l"], stars["b"]
    return {column.name: row[column.name] for column in METADATA_FEATURES}


def _gaia_photometry(
    row: dict[str, np.ndarray], m: dict[str, np.ndarray], rms: np.ndarray, rng: Rng
) -> None:
    """Mean of many transits: the error holds the star's own variability."""
    n = len(rms)
    for band, transits, floor in (("G", _TRANSITS_G, 0.0003), ("BP", _TRANSITS_BP, 0.0015),
                                  ("RP", _TRANSITS_BP, 0.0012)):  # fmt: skip
        photon = floor + 0.004 * 10 ** (0.3 * (m[band] - 18)) * (3 if band != "G" else 0.5)
        own = rms * _AMPLITUDE[BANDS.index(band)]
        error = np.hypot(photon, own / np.sqrt(transits * rng.uniform(0.6, 1.6, n)))
        name = f"phot_{band.lower()}_mean_mag"
        row[name] = m[band] + error * rng.normal(0, 1, n)
        row["e_" + name] = error


def _infrared_photometry(
    row: dict[str, np.ndarray], m: dict[str, np.ndarray], rms: np.ndarray, rng: Rng
) -> None:
    """2MASS is a single epoch; WISE is a mean with saturation and a bright limit of depth."""
    n = len(rms)
    phase = rng.normal(0, 1, n)
    limits = {"J": 15.8, "H": 15.1, "K": 14.3, "W1": 16.5, "W2": 15.5, "W3": 11.2, "W4": 7.9}
    for band, limit in limits.items():
        name = band.lower() + "_mag"
        floor = 0.022 if band in "JHK" else 0.022 + 0.06 * (m[band] < 4)
        error = np.hypot(floor, 0.109 * 10 ** (0.4 * np.minimum(m[band] - limit, 1.5)))
        error *= np.exp(rng.normal(0, 0.1, n))
        own = rms * _AMPLITUDE[BANDS.index(band)] * (phase if band in "JHK" else 0.3 * phase)
        value = m[band] + own + error * rng.normal(0, 1, n)
        if band in ("W3", "W4"):
            # fainter sources have an upper limit near the depth of the survey instead
            value = np.where(value > limit + 1, limit + 0.8 + 0.3 * rng.normal(0, 1, n), value)
        else:
            row["e_" + name] = error
        row[name] = value


def _astrometry(row: dict[str, np.ndarray], stars: Stars, g: np.ndarray, rng: Rng) -> None:
    """Gaia DR3 errors by magnitude (Lindegren et al. 2021, A&A 649, A2)."""
    n = len(g)
    ruwe = np.exp(rng.normal(0.02, 0.06, n))
    binary = (stars["luminosity2"] > 0) & (rng.random(n) < 0.12)
    wide = rng.random(n) < 0.06
    ruwe = np.where(binary | wide, ruwe * (1 + rng.exponential(0.8, n)), ruwe)
    # convection cells shift the photocentre of large nearby giants
    size = np.sqrt(stars["luminosity"]) * (5772 / stars["teff"]) ** 2 / 215 / stars["distance"]
    ruwe = ruwe * (1 + np.clip(size * 0.15, 0, 1.0))
    base = 0.013 + 0.024 * 10 ** (0.22 * (np.maximum(g, 13) - 15))
    error = base * np.exp(rng.normal(0, 0.12, n)) * np.maximum(ruwe, 1) ** 0.8
    row["parallax"] = 1 / stars["distance"] - 0.03 + error * rng.normal(0, 1, n)
    row["parallax_error"] = error
    row["parallax_over_error"] = row["parallax"] / error
    for axis, factor in (("pmra", 0.98), ("pmdec", 0.88)):
        sigma = error * factor * np.exp(rng.normal(0, 0.08, n))
        row[axis] = stars[axis] + sigma * rng.normal(0, 1, n)
        row[axis + "_error"] = sigma
    row["ruwe"] = ruwe
