"""Eclipsing binaries: draw two stars and an orbit, then compute eclipses from geometry.

Detached (EA), close or semi-detached (EB) and contact (EW) systems differ in how full their
Roche lobes are. Light curves: spherical limb-darkened discs, plus first-order ellipsoidal
variation (Morris 1985, ApJ 295, 143) and reflection.
"""

import numpy as np

from skybind.simulate.stars.classes import Stars
from skybind.simulate.stars.colours import bolometric_correction, luminosity_from_mv, radius

Rng = np.random.Generator


LIMB_DARKENING = 0.6


"""Linear coefficient of all stars in V, I(mu) = 1 - u (1 - mu)."""


_MIN_AMPLITUDE = 0.05


_X, _W = np.polynomial.legendre.leggauss(12)


# nodes and weights on [0, 1], crowded at both ends where the covered arc has square roots
_NODES = (1 - np.cos(np.pi * (_X + 1) / 2)) / 2


_WEIGHTS = _W / 2 * np.pi / 2 * np.sin(np.pi * (_X + 1) / 2)


# mass -> Teff and log L on the zero-age main sequence (Pecaut & Mamajek 2013)
_MASS = np.array([0.45, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0, 2.3, 2.8, 3.5])


_TEFF = np.array(
    [3600.0, 4000, 4400, 4900, 5350, 5750, 6000, 6200, 6650, 7350, 7950, 8700, 9600, 11200, 13200]
)


_LOG_L = np.array(
    [-1.45, -1.1, -0.8, -0.52, -0.28, -0.02, 0.16, 0.3, 0.58, 0.83, 1.03, 1.22, 1.48, 1.85, 2.25]
)


def roche_radius(q: np.ndarray) -> np.ndarray:
    """Give the volume radius of the Roche lobe of the star whose mass is q times the other's.

    In units of the separation (Eggleton 1983, ApJ 268, 368).
    """
    cube = np.cbrt(q)
    return 0.49 * cube**2 / (0.6 * cube**2 + np.log1p(cube))


def orbital_period(separation: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Give the period [d] from the semi-major axis [solar radii] and total mass [solar]."""
    return 0.11590 * np.sqrt(separation**3 / mass)


def contact_mv(period: np.ndarray) -> np.ndarray:
    """Give M_V at maximum of a contact binary (Chen et al. 2018, ApJ 859, 140)."""
    return -9.15 * np.log10(period) - 0.23


def contact_teff(period: np.ndarray) -> np.ndarray:
    """Give the mean Teff [K] from the period-colour relation of contact binaries."""
    return 6650.0 * (period / 0.5) ** 0.42


def blocked_fraction(separation: np.ndarray, radius: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Give the fraction of a limb-darkened disc's light that another disc hides.

    Parameters
    ----------
    separation : ndarray, shape (n,)
        Projected distance of the two centres, in the unit of the radii.
    radius, other : ndarray, shape (n,)
        Radius of the star behind and of the star in front.

    Returns
    -------
    ndarray, shape (n,)
        0 (not eclipsed) to 1 (hidden).
    """
    hidden = np.zeros(len(separation))
    near = np.flatnonzero(separation < radius + other)
    # in units of the radius behind: rings below `inner` are all or nothing, up to `outer` partly
    d, o = separation[near] / radius[near], other[near] / radius[near]
    inner = np.minimum(np.abs(d - o), 1)
    outer = np.minimum(d + o, 1)
    span = np.maximum(outer - inner, 0)[:, None]
    ring = inner[:, None] + span * _NODES
    cosine = (ring**2 + (d**2 - o**2)[:, None]) / np.maximum(2 * ring * d[:, None], 1e-12)
    arc = np.arccos(np.clip(cosine, -1, 1)) / np.pi
    dimmed = 1 - LIMB_DARKENING * (1 - np.sqrt(np.maximum(1 - ring**2, 0)))
    partly = (arc * 2 * ring * dimmed * span) @ _WEIGHTS / (1 - LIMB_DARKENING / 3)
    hidden[near] = partly + np.where(o > d, light_within(inner), 0)
    return hidden


def light_within(ring: np.ndarray) -> np.ndarray:
    """Give the share of a disc's light inside a fraction `ring` of its radius."""
    u = LIMB_DARKENING
    dimmed = 2 * u / 3 * (1 - (1 - ring**2) ** 1.5)
    return ((1 - u) * ring**2 + dimmed) / (1 - u / 3)


def binary_flux(phase: np.ndarray, orbit: Stars, light2: np.ndarray) -> np.ndarray:
    """Give the flux of eclipsing binaries, near 1 outside eclipse.

    Parameters
    ----------
    phase : ndarray, shape (n,)
        Orbital phase; the star of `r1` is eclipsed at 0.
    orbit : dict of str to ndarray, shape (n,)
        `r1`, `r2`, `q`, `cos_i`, `ecc`, `omega`, as in the table of parameters.
    light2 : ndarray, shape (n,)
        Share of the secondary in the light of both.
    """
    theta, distance = _orbit(phase, orbit["ecc"], orbit["omega"])
    cos_i = orbit["cos_i"]
    sin2_i = 1 - cos_i**2
    separation = distance * np.sqrt(np.maximum(1 - np.cos(theta) ** 2 * sin2_i, 0))
    first_behind = np.cos(theta) > 0
    r1, r2, q = orbit["r1"], orbit["r2"], orbit["q"]
    hidden = blocked_fraction(
        separation, np.where(first_behind, r1, r2), np.where(first_behind, r2, r1)
    )
    bulge1 = _ellipsoidal(q, r1 / distance)
    bulge2 = _ellipsoidal(1 / q, r2 / distance)
    wave = np.cos(2 * theta) * sin2_i
    light1 = 1 - light2
    flux1 = light1 * (1 - bulge1 * wave) * np.where(first_behind, 1 - hidden, 1)
    # the side of the secondary that faces the primary shines brightest near phase 0.5
    reflected = 0.5 * light1 * r2**2 * (1 - np.cos(theta) * np.sqrt(sin2_i)) / 2
    flux2 = (light2 * (1 - bulge2 * wave) + reflected) * np.where(first_behind, 1, 1 - hidden)
    return flux1 + flux2


def _ellipsoidal(q: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Give the half-amplitude of the tidal distortion (Morris 1985), gravity darkening 0.32."""
    u = LIMB_DARKENING
    return np.minimum(0.15 * (15 + u) * 1.32 / (3 - u) * q * size**3, 0.22)


def _orbit(phase: np.ndarray, ecc: np.ndarray, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the angle from primary conjunction and the distance, solving Kepler's equation."""
    at_conjunction = np.pi / 2 - omega
    root = np.sqrt((1 - ecc) / (1 + ecc))
    e0 = 2 * np.arctan2(root * np.sin(at_conjunction / 2), np.cos(at_conjunction / 2))
    mean = e0 - ecc * np.sin(e0) + 2 * np.pi * phase
    anomaly = mean + ecc * np.sin(mean)
    for _ in range(5):
        anomaly -= (anomaly - ecc * np.sin(anomaly) - mean) / (1 - ecc * np.cos(anomaly))
    true = 2 * np.arctan2(np.sin(anomaly / 2) / root, np.cos(anomaly / 2))
    return true - at_conjunction, 1 - ecc * np.cos(anomaly)


def light_share(stars: Stars) -> np.ndarray:
    """Give the share of the secondary in the V light of both stars."""
    v1 = stars["luminosity"] * 10 ** (0.4 * bolometric_correction(stars["teff"], _DWARF_LOGG))
    v2 = stars["luminosity2"] * 10 ** (0.4 * bolometric_correction(stars["teff2"], _DWARF_LOGG))
    return v2 / (v1 + v2)


_DWARF_LOGG = np.array(4.2)


def draw_eclipsing(stars: Stars, name: str, rows: np.ndarray, rng: Rng) -> None:
    """Fill the rows of one class of eclipsing binaries."""
    draw = _contact if name == "EW" else _close_or_detached
    values = draw(name, len(rows), rng)
    for key, value in values.items():
        stars[key][rows] = value
    drawn = {key: stars[key][rows] for key in stars}
    drawn["cos_i"], drawn["amplitude"] = _inclined(drawn, rng)
    r1 = radius(drawn["teff"], drawn["luminosity"])
    drawn["vsini"] = np.clip(50.6 * r1 / drawn["period"], 3, 250)
    for key in ("cos_i", "amplitude", "vsini"):
        stars[key][rows] = drawn[key]


def _contact(name: str, n: int, rng: Rng) -> Stars:
    period = 10 ** np.clip(rng.normal(-0.45, 0.105, n), -0.66, 0.05)
    mv = contact_mv(period) + rng.normal(0, 0.18, n)
    teff = np.clip(contact_teff(period) + rng.normal(0, 170, n), 4200, 8500)
    q = np.clip(rng.beta(2, 2.5, n), 0.1, 0.95)
    ratio = np.clip(rng.normal(0.96, 0.055, n), 0.76, 1.08)
    fill = 1 + rng.uniform(-0.06, 0.06, n)
    r1, r2 = fill * roche_radius(1 / q), fill * roche_radius(q)
    total = luminosity_from_mv(mv, teff, np.full(n, 4.2))
    share = 1 / (1 + (r2 / r1) ** 2 * ratio**4)
    return {
        "feh": rng.normal(-0.2, 0.25, n), "period": period, "teff": teff, "teff2": teff * ratio,
        "luminosity": total * share, "luminosity2": total * (1 - share), "q": q, "r1": r1,
        "r2": r2, "mass": np.interp(teff, _TEFF, _MASS), "activity": rng.uniform(0.1, 0.6, n),
        "population": np.where(rng.random(n) < 0.15, "thick", "thin"),
        "subtype": np.where(teff > 6300, "A-type", "W-type"),
    }  # fmt: skip


def _close_or_detached(name: str, n: int, rng: Rng) -> Stars:
    close = name == "EB"
    # close systems fill their lobes young and hot; wide ones are seen best as subgiants
    mass = 10 ** (rng.normal(0.32, 0.09, n) if close else rng.normal(0.24, 0.14, n))
    mass = np.clip(mass, 0.62, 3.3)
    q = np.clip(rng.beta(3, 1.6, n), 0.2, 1.0)
    # Algols: the lobe-filling secondary has lost most of its mass and is cool for its size
    algol = (rng.random(n) < (0.35 if close else 0.22)) & (mass > 1.1)
    q = np.where(algol, rng.uniform(0.15, 0.45, n), q)
    age = rng.uniform(0, 0.9, n) if close else rng.uniform(0.5, 1.7, n)
    # the bright star of an Algol has gained its mass lately and looks young
    age = np.where(algol, np.minimum(age, 0.8), age)
    teff, log_l = _evolved(mass, age)
    teff2, log_l2 = _evolved(np.maximum(mass * q, 0.45), 0.4 * age)
    r1, r2 = radius(teff, 10**log_l), radius(teff2, 10**log_l2)
    fill = rng.uniform(0.6, 1.0, n) if close else rng.beta(2.2, 1.8, n) * 0.82 + 0.12
    separation = np.maximum(r1 / roche_radius(1 / q), r2 / roche_radius(q)) / fill
    separation = np.where(algol, r1 / roche_radius(1 / q) / np.minimum(fill, 0.85), separation)
    r2 = np.where(algol, roche_radius(q) * separation, r2)
    teff2 = np.where(algol, teff * rng.uniform(0.5, 0.72, n), teff2)
    teff2 = np.where(close & ~algol, teff * rng.uniform(0.7, 0.98, n), teff2)
    period = orbital_period(separation, mass * (1 + q))
    eccentric = ~algol & (period > 3) & (rng.random(n) < 0.5) & (not close)
    cool = np.clip((6200 - teff) / 1500, 0, 1) * np.clip(3 / period, 0, 1)
    return {
        "feh": rng.normal(-0.1, 0.2, n), "period": period, "teff": teff, "teff2": teff2,
        "luminosity": 10**log_l, "luminosity2": (r2 * (teff2 / 5772) ** 2) ** 2, "q": q,
        "r1": r1 / separation, "r2": r2 / separation, "mass": mass,
        "ecc": np.where(eccentric, rng.beta(1.5, 5, n), 0.0),
        "omega": rng.uniform(0, 2 * np.pi, n), "activity": cool * rng.uniform(0, 0.8, n),
        "population": np.where(mass > 1.7, "young", "thin"),
        "subtype": np.where(algol, "semi-detached", "close" if close else "detached"),
    }  # fmt: skip


def _evolved(mass: np.ndarray, age: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give Teff and log L at a fraction `age` of the main-sequence life, roughly."""
    live = np.clip((mass - 0.8) / 0.4, 0, 1) * age**2
    teff = np.interp(mass, _MASS, _TEFF) * (1 - 0.10 * live)
    return teff, np.interp(mass, _MASS, _LOG_L) + 0.35 * live


def _inclined(stars: Stars, rng: Rng, trials: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Draw isotropic orbits until the depth can be seen; give cos i and the depth [mag]."""
    n = len(stars["r1"])
    light2 = light_share(stars)
    limit = np.minimum(stars["r1"] + stars["r2"], 0.75)
    best = np.zeros(n)
    depth = _depth(stars, best, light2)
    seen = np.zeros(n, bool)
    for _ in range(trials):
        trial = rng.uniform(0, limit)
        tried = _depth(stars, trial, light2)
        use = ~seen & (tried > _MIN_AMPLITUDE)
        best, depth, seen = np.where(use, trial, best), np.where(use, tried, depth), seen | use
    return best, depth


def _depth(stars: Stars, cos_i: np.ndarray, light2: np.ndarray) -> np.ndarray:
    orbit = stars | {"cos_i": cos_i}
    flux = np.stack([binary_flux(np.full(len(cos_i), p), orbit, light2) for p in (0, 0.25, 0.5)])
    flux = np.maximum(flux, 1e-3)
    return 2.5 * np.log10(np.maximum(flux[1], flux[2]) / np.minimum(flux[0], flux[2]))
