"""True light curves: V magnitude against time for every family of variable stars.

Fourier shapes are sine series in magnitude, m = sum A_k sin(2 pi k phase + phi_k), with
phi_k1 = phi_k - k phi_1 and R_k1 = A_k / A_1, as in Simon & Lee (1981) and Jurcsik & Kovács
(1996). Everything is vectorised: flat epochs, and `owner`, the star of each epoch.
"""

from dataclasses import dataclass

import numpy as np

from skybind.simulate.stars.binaries import binary_flux, light_share
from skybind.simulate.stars.classes import ALL_CLASSES, Stars

Rng = np.random.Generator


_EPOCH = 2457000.0


_TWO_PI = 2 * np.pi


@dataclass
class Epochs:
    """The epochs of some stars: `time` [d] and `owner` (row of the star), both flat."""

    time: np.ndarray
    owner: np.ndarray


def true_magnitudes(stars: Stars, time: np.ndarray, offsets: np.ndarray, rng: Rng) -> np.ndarray:
    """Give the noiseless V magnitude of every star at its epochs.

    Parameters
    ----------
    stars : dict of str to ndarray, shape (n,)
        Table of parameters, with `v_mag`.
    time : ndarray
        HJD [d], flat.
    offsets : ndarray of int64, shape (n + 1,)

    Returns
    -------
    ndarray
        V [mag], flat; the mean over a cycle is about `v_mag`.
    """
    n = len(offsets) - 1
    owner = np.repeat(np.arange(n), np.diff(offsets))
    change = np.zeros(len(time))
    local = np.zeros(n, np.int64)
    for name in np.unique(stars["true_class"]):
        rows = np.flatnonzero(stars["true_class"] == name)
        local[rows] = np.arange(len(rows))
        mine = stars["true_class"][owner] == name
        part = {key: values[rows] for key, values in stars.items()}
        epochs = Epochs(time[mine] - _EPOCH, local[owner[mine]])
        change[mine] = _variation(str(name), part, epochs, rng)
    return stars["v_mag"][owner] + change


def _variation(name: str, stars: Stars, epochs: Epochs, rng: Rng) -> np.ndarray:
    family = ALL_CLASSES[name].family
    if family == "eclipsing":
        return _eclipsing(name, stars, epochs, rng)
    if family == "rotating":
        return _rotating(stars, epochs, rng)
    if name == "M":
        return _mira(stars, epochs, rng)
    if family == "red":
        return _semiregular(stars, epochs, rng, irregular=name == "VAR")
    if name == "DSCT":
        return _multimode(stars, epochs, rng)
    return _pulsating(name, stars, epochs, rng)


def fourier_series(phase: np.ndarray, ratios: np.ndarray, phis: np.ndarray) -> np.ndarray:
    """Give a sine series with amplitude one of its first term.

    Parameters
    ----------
    phase : ndarray, shape (m,)
        In cycles.
    ratios, phis : ndarray, shape (m, K) or (K,)
        R_k1 and phi_k1 for k = 1 ... K (so 1 and 0 come first).
    """
    total = np.zeros(len(phase))
    for k in range(ratios.shape[-1]):
        total += ratios[..., k] * np.sin(_TWO_PI * (k + 1) * phase + phis[..., k])
    return total


def fourier_shape(name: str, stars: Stars, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Draw R_k1 and phi_k1, k = 1 ... 7, of pulsating stars of one class, shape (n, 7)."""
    n = len(stars["period"])
    k = np.arange(7)
    period = stars["period"]
    if name in ("RRAB", "HADS", "DCEP"):
        base = {"RRAB": 0.50, "HADS": 0.38, "DCEP": 0.36}[name]
        typical = {"RRAB": 0.85, "HADS": 0.45, "DCEP": 0.8}[name]
        # larger amplitudes are steeper
        r21 = base + 0.12 * (stars["amplitude"] / typical - 1) + rng.normal(0, 0.04, n)
        r21 = np.clip(r21, 0.08, 0.6)[:, None]
        ratios = np.where(k == 0, 1.0, r21 ** (1 + 0.62 * (k - 1)))
    else:
        r21 = np.clip(rng.normal(0.14, 0.05, n), 0.01, 0.3)[:, None]
        ratios = np.where(k == 0, 1.0, r21 * 0.45 ** (k - 1.0))
    if name == "RRAB":
        # Jurcsik & Kovács (1996): [Fe/H] = -5.038 - 5.394 P + 1.345 phi31, their scale
        phi31 = (stars["feh"] + 0.2 + 5.038 + 5.394 * period) / 1.345 + rng.normal(0, 0.08, n)
        phi31 = np.clip(phi31, 4.0, 6.3)
        phi21 = 2.40 + 0.35 * (phi31 - 5.1) + rng.normal(0, 0.06, n)
    elif name == "DCEP":
        # the Hertzsprung progression: the bump moves through the cycle near ten days
        phi21 = 2.6 + 1.1 * np.log10(period) + rng.normal(0, 0.1, n)
        phi31 = 2 * phi21 + 0.3
    elif name == "HADS":
        phi21 = 2.45 + rng.normal(0, 0.12, n)
        phi31 = 2 * phi21 + 0.3 + rng.normal(0, 0.15, n)
    else:
        phi21 = 3.1 + rng.normal(0, 0.4, n)
        phi31 = 2 * phi21 + rng.normal(0, 0.5, n)
    step = phi31 - phi21
    phis = phi21[:, None] + step[:, None] * (k - 1.0)
    return ratios, np.where(k == 0, 0.0, phis)


def _span(ratios: np.ndarray, phis: np.ndarray) -> np.ndarray:
    """Give the peak-to-peak range of each series, shape (n,)."""
    grid = np.arange(96) / 96
    k = np.arange(1, ratios.shape[1] + 1)
    angle = _TWO_PI * k[:, None] * grid + phis[:, :, None]
    curve = np.einsum("nk,nkg->ng", ratios, np.sin(angle))
    return np.ptp(curve, axis=1)


def _pulsating(name: str, stars: Stars, epochs: Epochs, rng: Rng) -> np.ndarray:
    n, owner = len(stars["period"]), epochs.owner
    ratios, phis = fourier_shape(name, stars, rng)
    scale = stars["amplitude"] / _span(ratios, phis)
    phase = epochs.time / stars["period"][owner] + rng.random(n)[owner]
    blazhko = rng.random(n) < {"RRAB": 0.25, "RRC": 0.08}.get(name, 0.0)
    depth = blazhko * rng.uniform(0.05, 0.3, n)
    slow = epochs.time / rng.uniform(20, 150, n)[owner] + rng.random(n)[owner]
    wave = 1 + depth[owner] * np.sin(_TWO_PI * slow)
    phase = phase + 0.06 * depth[owner] * np.cos(_TWO_PI * slow)
    change = scale[owner] * wave * fourier_series(phase, ratios[owner], phis[owner])
    if name == "RRD":
        # the fundamental mode beside the first overtone, at a period ratio of 0.744
        share = rng.uniform(0.25, 0.6, n) * stars["amplitude"] / 2
        phase0 = epochs.time * 0.744 / stars["period"][owner] + rng.random(n)[owner]
        change += share[owner] * np.sin(_TWO_PI * phase0)
    return change


def _multimode(stars: Stars, epochs: Epochs, rng: Rng) -> np.ndarray:
    """Delta Scuti: one to five radial and non-radial modes."""
    n, owner = len(stars["period"]), epochs.owner
    modes = 5
    ratio = rng.uniform(0.55, 1.6, (n, modes))
    ratio[:, 0] = 1.0
    radial = rng.random(n) < 0.4
    ratio[radial, 1] = 0.773
    weight = rng.uniform(0.05, 0.6, (n, modes)) * (rng.random((n, modes)) < 0.5)
    weight[:, 0] = 1.0
    weight *= (stars["amplitude"] / 2 / np.sqrt(np.sum(weight**2, axis=1)))[:, None]
    start = rng.random((n, modes))
    change = np.zeros(len(owner))
    for j in range(modes):
        phase = epochs.time / (stars["period"] * ratio[:, j])[owner] + start[owner, j]
        change += weight[owner, j] * np.sin(_TWO_PI * phase)
    return change


def _eclipsing(name: str, stars: Stars, epochs: Epochs, rng: Rng) -> np.ndarray:
    n, owner = len(stars["period"]), epochs.owner
    light2 = light_share(stars)
    phase = epochs.time / stars["period"][owner] + rng.random(n)[owner]
    keys = ("r1", "r2", "q", "cos_i", "ecc", "omega")
    orbit = {key: stars[key][owner] for key in keys}
    flux = binary_flux(phase, orbit, light2[owner])
    # spots: unequal maxima (O'Connell effect), stronger on cool, active stars
    size = {"EW": 0.025, "EB": 0.015, "EA": 0.008}[name] * rng.exponential(1, n)
    drift = epochs.time / rng.uniform(300, 3000, n)[owner] + rng.random(n)[owner]
    flux += size[owner] * np.sin(_TWO_PI * (phase + drift * (name == "EA")))
    if name == "EA":
        flux += _active_secondary(stars, epochs, phase, rng)
    change = -2.5 * np.log10(np.maximum(flux, 1e-3))
    count = np.maximum(np.bincount(owner, minlength=n), 1)
    return change - (np.bincount(owner, change, minlength=n) / count)[owner]


def _active_secondary(stars: Stars, epochs: Epochs, phase: np.ndarray, rng: Rng) -> np.ndarray:
    """Spots on tidally locked cool components: a wave at nearly the orbital period."""
    size = 0.04 * stars["activity"] * rng.random(len(stars["period"]))
    slow = epochs.time / rng.uniform(400, 1500, len(size))[epochs.owner]
    return size[epochs.owner] * np.sin(_TWO_PI * (phase + slow))


def _rotating(stars: Stars, epochs: Epochs, rng: Rng) -> np.ndarray:
    """Three spot groups that grow, fade and rotate differentially."""
    n, owner = len(stars["period"]), epochs.owner
    tilt = np.arccos(rng.uniform(0, 0.9, n))
    dimming = np.zeros(len(owner))
    for _ in range(3):
        latitude = np.arcsin(rng.uniform(-0.7, 0.95, n))
        period = stars["period"] * (1 + 0.025 * (np.sin(latitude) ** 2 - 0.3))
        angle = _TWO_PI * (epochs.time / period[owner] + rng.random(n)[owner])
        along = (np.sin(tilt) * np.cos(latitude))[owner] * np.cos(angle)
        facing = np.maximum(along + (np.cos(tilt) * np.sin(latitude))[owner], 0)
        life = np.maximum(10 * stars["period"], rng.uniform(150, 900, n))
        age = epochs.time / (2 * life)[owner] + rng.random(n)[owner]
        dimming += rng.uniform(0.3, 1, n)[owner] * facing * np.sin(np.pi * age) ** 2
    # scaled so that the largest range over the years is the drawn amplitude
    top = np.zeros(n)
    low = np.full(n, np.inf)
    np.maximum.at(top, owner, dimming)
    np.minimum.at(low, owner, dimming)
    scale = stars["amplitude"] / np.maximum(top - low, 0.2)
    change = scale[owner] * dimming
    # an activity cycle changes the mean brightness a little
    cycle = epochs.time / rng.uniform(1000, 6000, n)[owner] + rng.random(n)[owner]
    change += 0.15 * stars["amplitude"][owner] * np.sin(_TWO_PI * cycle)
    count = np.maximum(np.bincount(owner, minlength=n), 1)
    return change - (np.bincount(owner, change, minlength=n) / count)[owner]


def _mira(stars: Stars, epochs: Epochs, rng: Rng) -> np.ndarray:
    """One asymmetric mode whose height changes from cycle to cycle."""
    n, owner = len(stars["period"]), epochs.owner
    k = np.arange(3)
    r21 = np.clip(rng.normal(0.18, 0.08, n), 0.0, 0.4)[:, None]
    ratios = np.where(k == 0, 1.0, r21 ** np.maximum(k, 1.0))
    phis = np.where(k == 0, 0.0, rng.normal(2.6, 0.5, n)[:, None] * k)
    wander = _wander(n, epochs, rng, stars["period"] * 3.3)
    phase = epochs.time / stars["period"][owner] + rng.random(n)[owner] + 0.02 * wander
    height = 1 + 0.10 * _wander(n, epochs, rng, stars["period"] * 2.6)
    scale = stars["amplitude"] / _span(ratios, phis)
    mean = 0.08 * stars["amplitude"][owner] * _wander(n, epochs, rng, stars["period"] * 4.1)
    return scale[owner] * height * fourier_series(phase, ratios[owner], phis[owner]) + mean


def _semiregular(stars: Stars, epochs: Epochs, rng: Rng, irregular: bool) -> np.ndarray:
    """Up to four modes whose phases and heights wander, and a long secondary period."""
    n, owner = len(stars["period"]), epochs.owner
    coherence = np.where(rng.random(n) < 0.3, 0.05, 0.25) * (3.0 if irregular else 1.0)
    change = np.zeros(len(owner))
    for j in range(3):
        ratio = 1.0 if j == 0 else rng.uniform(0.5, 1.9, n)
        weight = 1.0 if j == 0 else rng.uniform(0.1, 0.6, n) * (rng.random(n) < 0.6)
        period = stars["period"] * ratio
        wander = coherence[owner] * _wander(n, epochs, rng, period * 5)
        phase = epochs.time / period[owner] + rng.random(n)[owner] + wander
        height = 1 + 0.4 * _wander(n, epochs, rng, period * 6)
        wave = np.sin(_TWO_PI * phase) + 0.12 * np.sin(2 * _TWO_PI * phase + 2.5)
        change += np.broadcast_to(weight, n)[owner] * height * wave
    long = (rng.random(n) < 0.3) * rng.uniform(0.3, 1.2, n)
    slow = epochs.time / (stars["period"] * rng.uniform(7, 12, n))[owner] + rng.random(n)[owner]
    change += long[owner] * np.sin(_TWO_PI * slow)
    return stars["amplitude"][owner] / 2 * change


def _wander(n: int, epochs: Epochs, rng: Rng, timescale: np.ndarray) -> np.ndarray:
    """Give a smooth random function of time of variance about one and that time scale."""
    total = np.zeros(len(epochs.owner))
    for factor in (1.0, 0.61, 0.37):
        rate = factor / timescale * rng.uniform(0.7, 1.3, n)
        total += np.sin(_TWO_PI * (epochs.time * rate[epochs.owner] + rng.random(n)[epochs.owner]))
    return total * np.sqrt(2 / 3)
