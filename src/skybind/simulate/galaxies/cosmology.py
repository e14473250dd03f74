"""Distances in a flat universe with H0 = 70 km/s/Mpc and a matter density of 0.3."""

from functools import cache

import numpy as np
from astropy.cosmology import FlatLambdaCDM

COSMOLOGY = FlatLambdaCDM(H0=70, Om0=0.3)


_Z = np.linspace(0, 3.2, 1601)


MPC = 3.0856776e24


"""Centimetres in a megaparsec."""


@cache
def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    distance = COSMOLOGY.comoving_distance(_Z).value
    volume = COSMOLOGY.differential_comoving_volume(_Z).value
    return distance, volume, COSMOLOGY.age(_Z).value


def luminosity_distance(z: np.ndarray) -> np.ndarray:
    """Give the luminosity distance [Mpc]."""
    return (1 + z) * np.interp(z, _Z, _tables()[0])


def kpc_per_arcsec(z: np.ndarray) -> np.ndarray:
    """Give the size that an arcsecond spans [kpc]; it holds the dimming by (1 + z)^4."""
    return np.interp(z, _Z, _tables()[0]) / (1 + z) * 1e3 * np.pi / 648000


def volume(z: np.ndarray) -> np.ndarray:
    """Give the comoving volume per redshift and solid angle [Mpc3/sr]."""
    return np.interp(z, _Z, _tables()[1])


def age(z: np.ndarray) -> np.ndarray:
    """Give the age of the universe [yr]."""
    return 1e9 * np.interp(z, _Z, _tables()[2])
