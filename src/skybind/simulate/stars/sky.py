"""Place stars in the Galaxy: brightness, distance, extinction, position and motion.

Double-exponential discs and a power-law halo seen from the Sun, in the part of the sky that
LAMOST covers; space motions by population (Bensby, Feltzing & Lundström 2003; Robin et al.
2003 for scale heights).
"""

from dataclasses import dataclass

import numpy as np

from skybind.simulate.stars.classes import ALL_CLASSES, Stars

Rng = np.random.Generator


SUN_RADIUS = 8.2  # kpc


_DUST_HEIGHT = 0.12  # kpc


_DUST_LOCAL = 0.7  # A_V per kpc in the plane at the Sun


_DECLINATION = (-10.0, 62.0)


_CANDIDATES = 24


@dataclass(frozen=True)
class Population:
    """A stellar population: scale height [kpc], dispersions (U, V, W) and lag [km/s]."""

    height: float
    length: float
    dispersion: tuple[float, float, float]
    lag: float


POPULATIONS = {
    "young": Population(0.09, 2.8, (18.0, 12.0, 9.0), 4.0),
    "thin": Population(0.28, 2.6, (35.0, 22.0, 17.0), 14.0),
    "thick": Population(0.85, 2.0, (65.0, 40.0, 38.0), 48.0),
    "halo": Population(0.0, 0.0, (150.0, 95.0, 90.0), 220.0),
}


# ICRS to Galactic (IAU 1958 system at J2000, as in Hipparcos vol. 1, eq. 1.5.11)
_TO_GALACTIC = np.array(
    [
        [-0.0548755604, -0.8734370902, -0.4838350155],
        [0.4941094279, -0.4448296300, 0.7469822445],
        [-0.8676661490, -0.1980763734, 0.4559837762],
    ]
)


def place(stars: Stars, absolute_v: np.ndarray, rng: Rng) -> None:
    """Give every star a magnitude, a place and a motion; adds columns to the table.

    Parameters
    ----------
    stars : dict of str to ndarray, shape (n,)
        Table of parameters; gets `v_mag`, `distance` [kpc], `extinction` (A_V), `l`, `b`,
        `ra`, `dec` [deg], `pmra`, `pmdec` [mas/yr] and `radial_velocity` [km/s].
    absolute_v : ndarray, shape (n,)
        Absolute V magnitude of the whole system.
    """
    n = len(absolute_v)
    v = _apparent(stars["true_class"], rng)
    clumps = np.exp(rng.normal(0, 0.3, n))
    guess = 10 ** ((v - absolute_v) / 5 - 2) * 0.75
    lon, lat = _direction(stars["population"], guess, rng)
    distance = _distance(v - absolute_v, lon, lat, clumps)
    # a star of the disc cannot be seen beyond its edge: it is then brighter than drawn
    edge = np.where(stars["population"] == "halo", 40.0, 9.0)
    distance = np.minimum(distance, edge)
    extinction = clumps * extinction_v(distance, lon, lat)
    stars["v_mag"] = absolute_v + 5 * np.log10(distance) + 10 + extinction
    stars["distance"], stars["extinction"] = distance, extinction
    stars["l"], stars["b"] = lon, lat
    stars["ra"], stars["dec"] = equatorial(lon, lat)
    _move(stars, rng)


def _apparent(names: np.ndarray, rng: Rng) -> np.ndarray:
    """Draw V from a truncated exponential of each class's range and slope."""
    table = np.array(
        [[ALL_CLASSES[c].v_bright, ALL_CLASSES[c].v_faint, ALL_CLASSES[c].v_slope] for c in names]
    ).reshape(-1, 3)
    bright, faint, slope = table.T
    rate = slope * np.log(10)
    u = rng.random(len(names))
    return bright + np.log1p(u * np.expm1(rate * (faint - bright))) / rate


def _direction(
    population: np.ndarray, distance: np.ndarray, rng: Rng
) -> tuple[np.ndarray, np.ndarray]:
    """Draw Galactic coordinates [deg] with the density of the population at that distance."""
    n = len(distance)
    height = np.array([POPULATIONS[p].height or 1e3 for p in population])
    length = np.array([POPULATIONS[p].length or 1e3 for p in population])
    halo = population == "halo"
    # candidates, exponential in |sin lat| and uniform in lon, weighted by density and footprint
    u = rng.random((n, _CANDIDATES))
    ratio = (height / distance)[:, None]
    sin_b = -ratio * np.log1p(-u * -np.expm1(-1 / ratio))
    sin_b = np.clip(sin_b, 0, 1) * rng.choice([-1, 1], u.shape)
    lat = np.degrees(np.arcsin(sin_b))
    lon = rng.uniform(0, 360, u.shape)
    _, dec = equatorial(lon, lat)
    plane, z = _galactocentric(distance[:, None], lon, lat)
    disc = np.exp(-(plane - SUN_RADIUS) / length[:, None])
    spheroid = (plane**2 + (z / 0.7) ** 2 + 1) ** -1.4
    weight = np.where(halo[:, None], spheroid, disc)
    # LAMOST's plates favour the anticentre
    weight = weight * (0.3 + 0.7 * (1 - np.cos(np.radians(lon))) / 2)
    weight *= np.where((dec > _DECLINATION[0]) & (dec < _DECLINATION[1]), 1, 1e-6)
    total = np.cumsum(weight, axis=1)
    pick = np.argmax(total >= rng.random((n, 1)) * total[:, -1:], axis=1)
    rows = np.arange(n)
    return lon[rows, pick], lat[rows, pick]


def _galactocentric(
    distance: np.ndarray, lon: np.ndarray, lat: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give the radius in the plane and the height [kpc]."""
    along = distance * np.cos(np.radians(lat))
    x = SUN_RADIUS - along * np.cos(np.radians(lon))
    y = along * np.sin(np.radians(lon))
    return np.hypot(x, y), distance * np.sin(np.radians(lat))


def extinction_v(distance: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Give A_V [mag] of a smooth exponential dust disc, to a distance [kpc]."""
    rise = np.maximum(np.abs(np.sin(np.radians(lat))), 1e-3) / _DUST_HEIGHT
    # towards the centre there is more dust, towards the anticentre less
    outward = np.cos(np.radians(lon)) * np.cos(np.radians(lat)) / 4.0
    rate = np.maximum(rise - outward, 0.05)
    return _DUST_LOCAL * -np.expm1(-rate * distance) / rate


def _distance(
    modulus: np.ndarray, lon: np.ndarray, lat: np.ndarray, clumps: np.ndarray
) -> np.ndarray:
    """Solve V - M_V = 5 log d + 10 + A_V(d) for d [kpc] by bisection."""
    low, high = np.full(len(modulus), -4.0), modulus / 5 - 2
    for _ in range(40):
        middle = (low + high) / 2
        d = 10**middle
        far = 5 * middle + 10 + clumps * extinction_v(d, lon, lat) > modulus
        low, high = np.where(far, low, middle), np.where(far, middle, high)
    return 10 ** ((low + high) / 2)


def _unit(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    a, d = np.radians(longitude), np.radians(latitude)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def equatorial(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give ra, dec [deg, ICRS] of Galactic coordinates [deg]."""
    x = _unit(lon, lat) @ _TO_GALACTIC
    ra = np.degrees(np.arctan2(x[..., 1], x[..., 0])) % 360
    return ra, np.degrees(np.arcsin(np.clip(x[..., 2], -1, 1)))


def _move(stars: Stars, rng: Rng) -> None:
    """Draw space motions; the Sun moves at (11, 12, 7) km/s (Schönrich et al. 2010)."""
    n = len(stars["l"])
    population = stars["population"]
    sigma = np.array([POPULATIONS[p].dispersion for p in population]).reshape(-1, 3)
    lag = np.array([POPULATIONS[p].lag for p in population])
    uvw = rng.normal(0, 1, (n, 3)) * sigma - np.array([11.1, 12.2, 7.3])
    uvw[:, 1] -= lag
    # flat rotation curve: the disc at the star's place turns another way than at the Sun
    lon, lat = np.radians(stars["l"]), np.radians(stars["b"])
    along = stars["distance"] * np.cos(lat)
    x, y = SUN_RADIUS - along * np.cos(lon), along * np.sin(lon)
    turn = 220.0 * (population != "halo")
    ring = np.maximum(np.hypot(x, y), 0.3)
    uvw[:, 0] += turn * y / ring
    uvw[:, 1] += turn * (x / ring - 1)
    velocity = uvw @ _TO_GALACTIC
    ra, dec = np.radians(stars["ra"]), np.radians(stars["dec"])
    zero = np.zeros(n)
    east = np.stack([-np.sin(ra), np.cos(ra), zero], axis=1)
    north = np.stack([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)], axis=1)
    stars["pmra"] = np.sum(velocity * east, axis=1) / (4.74047 * stars["distance"])
    stars["pmdec"] = np.sum(velocity * north, axis=1) / (4.74047 * stars["distance"])
    toward = _unit(stars["ra"], stars["dec"])
    stars["radial_velocity"] = np.sum(velocity * toward, axis=1)
