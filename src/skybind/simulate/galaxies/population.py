"""Draw galaxies: one set of physical parameters each.

Masses from the double Schechter function of Baldry et al. (2012, MNRAS 421, 621) within reach of
a flux limit, as of the DESI Bright Galaxy Survey (r < 20), a share of luminous red galaxies
(z > 0.3), and a few large nearby spirals. Scaling relations: star-forming main sequence
(Speagle et al. 2014), stellar and gas metallicity (Gallazzi et al. 2005; Tremonti et al. 2004 on
the scale of Pettini & Pagel 2004), sizes (Shen et al. 2003; van der Wel et al. 2014), velocity
dispersion (Faber-Jackson).
"""

from functools import cache

import numpy as np

from skybind.simulate.galaxies import cosmology

Rng = np.random.Generator


Galaxies = dict[str, np.ndarray]


"""A table of parameters, one array of shape (n,) each."""


MORPHOLOGIES = ("elliptical", "spiral", "irregular", "merger")


R_LIMIT = 20.0


"""Magnitude limit in r of the bright survey; of the luminous red galaxies in z it is 19.9."""


Z_LIMIT_RED = 19.9


MAX_REDSHIFT = 0.6


RED_SHARE = 0.15


NEARBY_SHARE = 0.02


_LOG_MASS = np.linspace(7.5, 12.2, 95)


_REDSHIFT = np.linspace(0.008, MAX_REDSHIFT, 149)


def mass_function(log_mass: np.ndarray) -> np.ndarray:
    """Give galaxies per comoving Mpc3 and dex (Baldry et al. 2012, table 6)."""
    x = 10 ** (log_mass - 10.66)
    return np.log(10) * np.exp(-x) * (3.96e-3 * x**0.65 + 0.79e-3 * x**-0.47)


@cache
def _reach() -> tuple[np.ndarray, np.ndarray]:
    """Give the cumulated number of galaxies within reach, for the bright and the red sample.

    Each has the shape (n_redshift * n_mass,); it only proposes: the limit is applied to the
    magnitudes that a galaxy then gets.
    """
    z, mass = np.meshgrid(_REDSHIFT, _LOG_MASS, indexing="ij")
    modulus = 5 * np.log10(cosmology.luminosity_distance(z)) + 25
    # typical light per mass, brighter for small (young) galaxies; K correction as of spirals
    r_mag = 4.65 - 2.5 * mass + 2.5 * (0.2 + 0.18 * (mass - 10)) + modulus + 1.1 * z
    number = cosmology.volume(z) * mass_function(mass)
    bright = number / (1 + np.exp((r_mag - R_LIMIT - 0.4) / 0.15))
    red = number * (z > 0.3) / (1 + np.exp((11.15 - mass) / 0.05))
    return _cumulated(bright), _cumulated(red)


def _cumulated(number: np.ndarray) -> np.ndarray:
    total = np.cumsum(number.ravel())
    return total / total[-1]


def draw(n: int, rng: Rng) -> Galaxies:
    """Draw `n` galaxies that may be within reach of the survey.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        `population`, `redshift`, `log_mass` [solar, stars now], `quiescent`, `morphology`,
        `log_ssfr` [1/yr], `age` [yr, since the first stars], `log_z` [dex, solar], `oh`
        (12 + log O/H of the gas), `bulge_fraction` (of the mass), `radius` [kpc, half light, of
        the disc or the elliptical], `bulge_radius` [kpc], `cos_i`, `axis_ratio`, `angle`
        [rad], `a_v` [mag], `sigma` [km/s], `burst`, `agn`, and parameters of the arms.
    """
    g: Galaxies = {}
    u = rng.random((2, n))
    g["population"] = np.select(
        [u[0] < NEARBY_SHARE, u[0] < NEARBY_SHARE + RED_SHARE], ["nearby", "red"], "bright"
    ).astype("U8")
    _place(g, u[1], rng)
    _choose_types(g, rng)
    _star_formation(g, rng)
    _structure(g, rng)
    _pattern(g, rng)
    return g


def _place(g: Galaxies, u: np.ndarray, rng: Rng) -> None:
    n = len(u)
    bright, red = _reach()
    cell = np.where(g["population"] == "red", np.searchsorted(red, u), np.searchsorted(bright, u))
    row, column = np.divmod(np.minimum(cell, len(bright) - 1), len(_LOG_MASS))
    step_z, step_m = _REDSHIFT[1] - _REDSHIFT[0], _LOG_MASS[1] - _LOG_MASS[0]
    z = _REDSHIFT[row] + step_z * rng.uniform(-0.5, 0.5, n)
    mass = _LOG_MASS[column] + step_m * rng.uniform(-0.5, 0.5, n)
    near = g["population"] == "nearby"
    g["redshift"] = np.where(near, rng.uniform(0.012, 0.030, n), np.clip(z, 0.005, MAX_REDSHIFT))
    g["log_mass"] = np.where(near, rng.normal(10.45, 0.25, n), mass)


def _choose_types(g: Galaxies, rng: Rng) -> None:
    n = len(g["redshift"])
    mass = g["log_mass"]
    near, red = g["population"] == "nearby", g["population"] == "red"
    quenched = 0.04 + 0.92 / (1 + np.exp(-(mass - 10.85 - 0.3 * g["redshift"]) / 0.30))
    quenched = np.select([near, red], [0.0, 0.96], quenched)
    g["quiescent"] = rng.random(n) < quenched
    u = rng.random(n)
    elliptical = np.where(g["quiescent"], 0.35 + 0.3 * np.clip(mass - 10, 0, 1.6), 0.02)
    irregular = np.where(g["quiescent"], 0.0, 0.55 / (1 + np.exp((mass - 9.1) / 0.3)))
    merger = np.full(n, 0.035)
    edges = np.cumsum([elliptical, irregular, merger], axis=0)
    names = np.array(["elliptical", "irregular", "merger", "spiral"])
    kind = names[(u > edges).sum(axis=0)]
    g["morphology"] = np.where(near, "spiral", kind).astype("U10")


def _star_formation(g: Galaxies, rng: Rng) -> None:
    n = len(g["redshift"])
    mass, z, quiet = g["log_mass"], g["redshift"], g["quiescent"]
    sequence = -10.0 - 0.22 * (mass - 10) + 2.8 * np.log10(1 + z) + rng.normal(0, 0.3, n)
    g["log_ssfr"] = np.where(quiet, rng.normal(-12.0, 0.45, n), sequence)
    start = rng.uniform(0.6, 2.5, n) + np.where(quiet, 0.0, 1.2 * np.clip(10.5 - mass, 0, 2))
    g["age"] = cosmology.age(z) - start * 1e9
    g["log_z"] = np.clip(
        np.interp(mass, [8, 9, 10, 10.5, 11, 11.6], [-0.95, -0.65, -0.28, -0.02, 0.10, 0.16])
        + np.where(quiet, 0.05, -0.05) + rng.normal(0, 0.11, n), -1.5, 0.35,
    )  # fmt: skip
    g["oh"] = np.clip(
        np.interp(mass, [8, 9, 10, 10.5, 11, 11.6], [8.08, 8.36, 8.62, 8.71, 8.76, 8.77])
        - 0.10 * (g["log_ssfr"] + 10) * ~quiet - 0.2 * z + rng.normal(0, 0.06, n), 7.8, 8.85,
    )  # fmt: skip
    dusty = np.interp(mass, [8, 9, 10, 10.7, 11.3], [0.08, 0.16, 0.40, 0.55, 0.50])
    g["a_v"] = np.where(quiet, 0.08, dusty) * np.exp(rng.normal(0, 0.35, n))
    merging = g["morphology"] == "merger"
    bursting = ~quiet & (rng.random(n) < np.where(merging, 0.5, 0.08))
    # mass of the burst of the last 50 Myr relative to the steady star formation of that time
    g["burst"] = np.where(bursting, 10 ** rng.uniform(0.2, 0.9, n), 0.0)
    u = rng.random(n)
    massive = np.clip((mass - 10) / 1.2, 0, 1)
    seyfert = u < np.where(quiet, 0.04, 0.16) * massive
    g["agn"] = np.where(seyfert, rng.uniform(0.15, 0.9, n), 0.0)
    g["liner"] = quiet & (rng.random(n) < 0.6)


def _structure(g: Galaxies, rng: Rng) -> None:
    n = len(g["redshift"])
    mass, z, kind = g["log_mass"], g["redshift"], g["morphology"]
    round_ = kind == "elliptical"
    disc_bulge = np.clip(
        0.10 + 0.16 * (mass - 10) + 0.22 * g["quiescent"] + rng.normal(0, 0.09, n), 0.0, 0.75
    )
    disc_bulge = np.where(kind == "irregular", 0.03, disc_bulge)
    g["bulge_fraction"] = np.where(round_, rng.uniform(0.85, 1.0, n), disc_bulge)
    late = 0.72 + 0.24 * (mass - 10.5) - 0.75 * np.log10(1 + z) + rng.normal(0, 0.15, n)
    early = 0.55 + 0.60 * (mass - 10.7) - 1.2 * np.log10(1 + z) + rng.normal(0, 0.12, n)
    early = np.maximum(early, 0.15)
    g["radius"] = 10 ** np.where(round_, early, late)
    g["bulge_radius"] = np.where(round_, g["radius"], 10 ** (late - 0.62 + rng.normal(0, 0.12, n)))
    g["sersic"] = np.where(
        round_, np.clip(2.2 + 1.3 * (mass - 9.6), 1.6, 5.5) + rng.normal(0, 0.4, n),
        np.clip(1.4 + 3.0 * disc_bulge + rng.normal(0, 0.4, n), 0.9, 4.5),
    )  # fmt: skip
    g["cos_i"] = rng.uniform(0, 1, n)
    near = g["population"] == "nearby"
    g["cos_i"] = np.where(near, 0.35 + 0.65 * g["cos_i"], g["cos_i"])
    # large nearby spirals fill the crop: half-light radii of 8 to 14 arcsec
    angle = rng.uniform(8, 14, n) * cosmology.kpc_per_arcsec(g["redshift"])
    g["radius"] = np.where(near, angle, g["radius"])
    thickness = np.where(kind == "irregular", 0.35, 0.18)
    disc = np.sqrt(g["cos_i"] ** 2 * (1 - thickness**2) + thickness**2)
    g["axis_ratio"] = np.where(round_, rng.uniform(0.55, 1.0, n), disc)
    g["angle"] = rng.uniform(0, np.pi, n)
    tilt = np.where(round_, 1.0, np.minimum(0.75 + 0.35 / np.maximum(g["cos_i"], 0.2), 2.2))
    g["a_v"] = g["a_v"] * tilt
    bulge_mass = mass + np.log10(np.maximum(g["bulge_fraction"], 0.08))
    g["sigma"] = 10 ** (2.27 + 0.27 * (bulge_mass - 10.8) + rng.normal(0, 0.06, n))
    g["sigma"] = np.clip(g["sigma"], 45, 380)


def _pattern(g: Galaxies, rng: Rng) -> None:
    """Draw spiral arms, patches of star formation and lopsidedness."""
    n = len(g["redshift"])
    kind = g["morphology"]
    spiral = kind == "spiral"
    grand = rng.random(n)
    g["arms"] = np.where(grand < 0.7, 2.0, np.where(grand < 0.88, 3.0, 4.0))
    g["pitch"] = np.radians(rng.uniform(11, 28, n)) * rng.choice([-1.0, 1.0], n)
    g["arm_phase"] = rng.uniform(0, 2 * np.pi, n)
    strength = rng.uniform(0.7, 2.6, n) * np.where(g["quiescent"], 0.3, 1.0)
    g["arm_strength"] = np.where(spiral, strength, 0.0)
    patchy = np.select([kind == "irregular", kind == "merger"], [1.5, 1.0], 0.55)
    g["patchiness"] = patchy * rng.uniform(0.6, 1.3, n) * (kind != "elliptical")
    uneven = np.select([kind == "irregular", kind == "merger"], [0.55, 0.7], 0.10)
    g["lopsidedness"] = uneven * rng.uniform(0.3, 1.0, n) * (kind != "elliptical")
    g["bar"] = np.where(spiral & (rng.random(n) < 0.4), rng.uniform(0.4, 0.9, n), 0.0)


def within_limits(g: Galaxies, flux: np.ndarray) -> np.ndarray:
    """Tell which galaxies are bright enough for their sample; `flux` in g, r, z [nmgy], (n, 3)."""
    limit_r, limit_z = (10 ** (0.4 * (22.5 - limit)) for limit in (R_LIMIT, Z_LIMIT_RED))
    return np.where(g["population"] == "red", flux[:, 2] > limit_z, flux[:, 1] > limit_r)
