"""Star-formation histories: how much mass a galaxy's parts formed at each age.

The disc (or all that is no bulge) formed stars as t exp(-t / tau) since the galaxy's age; tau is
what gives the drawn specific star-formation rate. The last 100 Myr are a part of their own,
`young`, with bursts; the bulge formed early and quickly.
"""

import numpy as np

from skybind.simulate.galaxies.population import Galaxies
from skybind.simulate.galaxies.ssp import (
    AGES,
    METALLICITIES,
    metallicity_weights,
    surviving_fractions,
)

YOUNG = 1e8


"""Stars younger than this [yr] are the young component."""


COMPONENTS = ("bulge", "disc", "young")


_BURST = 5e7


_EDGES = np.concatenate([[0.0], np.sqrt(AGES[1:] * AGES[:-1]), [2e10]])


_X = np.geomspace(1e-2, 30, 400)


# specific star-formation rate x age of the delayed exponential against age / tau, for a
# returned fraction of 0.42
_RATE = _X**2 * np.exp(-_X) / (1 - np.exp(-_X) * (1 + _X)) / 0.58


def formed_masses(g: Galaxies) -> dict[str, np.ndarray]:
    """Give the mass that each component formed at each age and metallicity.

    Returns
    -------
    dict of str to ndarray, shape (n, n_ages, n_metallicities)
        Solar masses; stars and remnants of all together weigh 10 ** `log_mass` now.
    """
    disc = delayed(g["age"], tau(g["age"], g["log_ssfr"]))
    young = disc * (AGES < YOUNG)
    burst = (AGES <= _BURST) * np.diff(_EDGES) / _EDGES[np.searchsorted(AGES, _BURST) + 1]
    young = young + (g["burst"] * young[:, AGES <= _BURST].sum(axis=1))[:, None] * burst
    parts = {"bulge": _early(g), "disc": disc * (AGES >= YOUNG), "young": young}
    bulge = g["bulge_fraction"]
    share = {"bulge": bulge, "disc": 1 - bulge, "young": 1 - bulge}
    richer = {"bulge": 0.08, "disc": -0.05, "young": 0.05}
    left = surviving_fractions()
    masses = {}
    # disc and young share one normalisation, so that the history of the disc is one
    weights = {
        name: parts[name][:, :, None]
        * metallicity_weights(np.clip(g["log_z"] + richer[name], *METALLICITIES[[0, -1]]))[:, None]
        for name in COMPONENTS
    }
    now = {name: np.sum(weights[name] * left, axis=(1, 2)) for name in COMPONENTS}
    disc_now = now["disc"] + now["young"]
    total = {"bulge": now["bulge"], "disc": disc_now, "young": disc_now}
    for name in COMPONENTS:
        scale = 10 ** g["log_mass"] * share[name] / np.maximum(total[name], 1e-12)
        masses[name] = weights[name] * scale[:, None, None]
    return masses


def star_formation_rate(masses: dict[str, np.ndarray], over: float) -> np.ndarray:
    """Give the mean rate of the last `over` years [solar masses/yr], (n,)."""
    recent = np.clip((over - _EDGES[:-1]) / np.diff(_EDGES), 0, 1)
    formed = sum(m.sum(axis=2) @ recent for m in masses.values())
    return formed / over


def tau(age: np.ndarray, log_ssfr: np.ndarray) -> np.ndarray:
    """Give the time scale [yr] with which a delayed exponential has that specific rate now."""
    wanted = np.log(age) + np.log(10) * log_ssfr
    x = np.exp(np.interp(-wanted, -np.log(_RATE), np.log(_X)))
    return age / x


def delayed(age: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Give the fraction of t exp(-t / tau) that was formed at each of `AGES`, (n, n_ages)."""
    since = np.maximum(age[:, None] - _EDGES, 0) / time[:, None]
    older = 1 - np.exp(-since) * (1 + since)
    total = older[:, :1]
    return (older[:, :-1] - older[:, 1:]) / np.maximum(total, 1e-12)


def _early(g: Galaxies) -> np.ndarray:
    """Give the bulge's history: formed within about a Gyr, later in smaller galaxies."""
    delay = np.interp(g["log_mass"], [9, 10, 11, 11.6], [5e9, 3.2e9, 1.4e9, 0.7e9])
    delay = delay + np.where(g["quiescent"], 0.0, 1e9)
    return delayed(g["age"], np.minimum(0.45 * delay, g["age"] / 5))
