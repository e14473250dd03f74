"""Spectra of simple stellar populations: all stars of one age and metallicity.

The stars of `isochrone` are given the spectra of `skybind.simulate.stars.lines` (a black body of
the star's luminosity times absorption lines, bands and blanketing) and added up. In the near
ultraviolet, which redshift brings into view, Mg II, Mg I and Fe II are added.
"""

from functools import cache

import numpy as np

from skybind.simulate.galaxies.isochrone import stars_of_age, surviving_mass
from skybind.simulate.stars.lines import LOG_STEP, optical_depth

LOG_START = 3.34


N_PIXELS = 6920


WAVELENGTH = 10 ** (LOG_START + LOG_STEP * np.arange(N_PIXELS))


"""Rest wavelength of the templates [Angstrom, vacuum]."""


AGES = np.array(
    [1e6, 2e6, 3e6, 5e6, 7e6, 1e7, 2e7, 4e7, 7e7, 1e8, 2e8, 4e8, 7e8, 1e9, 1.5e9, 2e9, 3e9,
     4.5e9, 6.5e9, 9e9, 11.5e9, 13.5e9]
)  # fmt: skip


"""Ages of the populations [yr]."""


METALLICITIES = np.array([-1.5, -1.0, -0.5, 0.0, 0.35])


"""Metallicities of the populations [dex, solar]."""


SUN = 3.828e33  # erg/s


_TEFF = np.concatenate(
    [np.arange(2800, 4400, 150), np.arange(4400, 6400, 250), np.arange(6400, 10000, 600),
     [10500, 12000, 14000, 17000, 22000, 30000, 40000, 50000]]
).astype(float)  # fmt: skip


_LOGG = np.array([0.5, 2.5, 4.5])


BREAK_DEPTH = 0.42


"""Optical depth of the break at 4000 Angstrom in units of its strength; see docs."""


_STEFAN_BOLTZMANN = 5.670374e-5


# wavelength, strength in the Sun, width [Angstrom]: resonance lines and blends of Fe II
_ULTRAVIOLET = ((2803.0, 1.6, 16.0), (2852.1, 0.9, 9.0), (2600.0, 0.8, 22.0), (2380.0, 0.8, 25.0),
                (2740.0, 0.35, 25.0), (3050.0, 0.25, 40.0), (3360.0, 0.15, 25.0),
                (3580.0, 0.25, 18.0))  # fmt: skip


@cache
def population_spectra() -> np.ndarray:
    """Give the spectra of all populations.

    Returns
    -------
    ndarray of float32, shape (n_ages, n_metallicities, N_PIXELS)
        erg/s/Angstrom per solar mass formed.
    """
    grid = np.empty((len(AGES), len(METALLICITIES), N_PIXELS), np.float32)
    for column, metallicity in enumerate(METALLICITIES):
        nodes = star_spectra(float(metallicity)).reshape(-1, N_PIXELS)
        weights = np.stack([_node_weights(age, metallicity) for age in AGES])
        grid[:, column] = SUN * weights @ nodes
    return grid


@cache
def surviving_fractions() -> np.ndarray:
    """Give the mass left in stars and remnants per mass formed, (n_ages, n_metallicities)."""
    return np.array([[surviving_mass(age, z) for z in METALLICITIES] for age in AGES])


@cache
def star_spectra(metallicity: float) -> np.ndarray:
    """Give spectra of stars at the nodes of temperature and gravity.

    Returns
    -------
    ndarray, shape (n_teff, n_logg, N_PIXELS)
        Per Angstrom, normalised to a bolometric luminosity of one before lines absorb.
    """
    teff, logg = (a.ravel() for a in np.meshgrid(_TEFF, _LOGG, indexing="ij"))
    tau = optical_depth(teff, logg, np.full(len(teff), metallicity), False, WAVELENGTH)
    tau += _ultraviolet(teff, metallicity) + _break(teff, metallicity)
    # the hottest stars have weaker hydrogen lines than the table's last entry
    tau *= np.interp(teff, [14000, 25000, 40000], [1.0, 0.5, 0.25])[:, None]
    # light that lines take from the blue warms the layers from which the continuum comes
    warmed = teff * np.interp(teff, [3600, 4200, 6500, 8500], [1.0, 1.06, 1.06, 1.0])
    flux = _black_body(warmed) * np.exp(-tau) * _opacity(teff)
    return flux.reshape(len(_TEFF), len(_LOGG), N_PIXELS).astype(np.float32)


def _black_body(teff: np.ndarray) -> np.ndarray:
    """Give pi B_lambda / sigma T^4 [1/Angstrom]."""
    cm = WAVELENGTH * 1e-8
    per_cm = 2 * np.pi * 6.62607e-27 * 2.99792458e10**2 / cm**5
    exponent = 1.438777 / (cm * teff[:, None])
    return per_cm / np.expm1(exponent) * 1e-8 / (_STEFAN_BOLTZMANN * teff[:, None] ** 4)


def _opacity(teff: np.ndarray) -> np.ndarray:
    """Give how the continuum of cool stars bends away from a black body.

    The opacity of the negative hydrogen ion sets it; here an empirical curve that brings old
    populations to the colours of passive galaxies (g - r 0.8, r - z 0.65 at rest).
    """
    cool = np.interp(teff, [6000, 7500], [1.0, 0.0])
    bend = np.interp(
        WAVELENGTH, [2700, 3300, 3500, 3800, 3950, 4100, 4770, 6400, 7200, 9260],
        [0.72, 0.90, 0.93, 0.58, 0.18, 0.14, 0.08, 0.0, 0.06, 0.20],
    )  # fmt: skip
    return 10 ** (0.4 * cool[:, None] * bend)


def _ultraviolet(teff: np.ndarray, metallicity: float) -> np.ndarray:
    strength = np.interp(teff, [3000, 4500, 5800, 7000, 9000, 12000], [1.5, 1.5, 1, 0.6, 0.25, 0])
    strength = strength * 10 ** (0.3 * metallicity)
    tau = np.zeros((len(teff), N_PIXELS))
    for centre, depth, width in _ULTRAVIOLET:
        tau += depth * strength[:, None] * np.exp(-0.5 * ((WAVELENGTH - centre) / width) ** 2)
    return tau


def _break(teff: np.ndarray, metallicity: float) -> np.ndarray:
    """Give the crowding of metal lines below 4000 Angstrom, which makes the break of old stars."""
    strength = np.interp(teff, [3000, 4500, 5800, 7000, 9000], [1.6, 1.5, 0.85, 0.3, 0.0])
    strength = strength * 10 ** (0.3 * metallicity)
    step = 1 / (1 + np.exp(np.clip((WAVELENGTH - 3985) / 14, -60, 60)))
    # farther to the blue the continuum recovers
    step *= np.exp(np.minimum(WAVELENGTH - 3985, 0) / 280)
    return BREAK_DEPTH * strength[:, None] * step


def _node_weights(age: float, metallicity: float) -> np.ndarray:
    """Share the luminosity of a population's stars among the nodes, bilinearly."""
    stars = stars_of_age(age, metallicity)
    light = stars.weight * stars.luminosity
    weights = np.zeros((len(_TEFF), len(_LOGG)))
    t, t_part = _cell(np.log(_TEFF), np.log(stars.teff))
    g, g_part = _cell(_LOGG, stars.logg)
    for i, along in ((0, 1 - t_part), (1, t_part)):
        for j, across in ((0, 1 - g_part), (1, g_part)):
            np.add.at(weights, (t + i, g + j), light * along * across)
    return weights.ravel()


def _cell(nodes: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the lower node and the part of the way to the next; clipped to the nodes."""
    values = np.clip(values, nodes[0], nodes[-1])
    low = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, len(nodes) - 2)
    return low, (values - nodes[low]) / (nodes[low + 1] - nodes[low])


def metallicity_weights(metallicity: np.ndarray) -> np.ndarray:
    """Give linear weights of the nodes in metallicity, (n, n_metallicities)."""
    low, part = _cell(METALLICITIES, metallicity)
    weights = np.zeros((len(metallicity), len(METALLICITIES)))
    rows = np.arange(len(metallicity))
    weights[rows, low] = 1 - part
    weights[rows, low + 1] = part
    return weights
