"""Draw the physical parameters of single variable stars, class by class.

Each function fills the rows of one class in the table of parameters. The relations and their
sources are listed in docs/simulated_stars.md.
"""

import numpy as np

from skybind.simulate.stars.classes import Stars
from skybind.simulate.stars.colours import luminosity_from_mk, luminosity_from_mv, surface_gravity

Rng = np.random.Generator


def draw_pulsating(stars: Stars, name: str, rows: np.ndarray, rng: Rng) -> None:
    """Fill the rows of one class of pulsating stars."""
    if name in ("RRAB", "RRC", "RRD"):
        _rr_lyrae(stars, name, rows, rng)
    elif name in ("DSCT", "HADS"):
        _delta_scuti(stars, name, rows, rng)
    else:
        _cepheid(stars, name, rows, rng)


def draw_red(stars: Stars, name: str, rows: np.ndarray, rng: Rng) -> None:
    """Fill the rows of one class of red giant and supergiant variables."""
    if name == "SRD":
        _yellow_semiregular(stars, rows, rng)
        return
    if name == "VAR":
        # uncertain stars: half of them dusty Miras caught badly, half irregular giants
        mira = rng.random(len(rows)) < 0.5
        _mira(stars, rows[mira], rng)
        _semiregular(stars, rows[~mira], rng)
        stars["amplitude"][rows] *= rng.uniform(0.5, 1.2, len(rows))
        return
    (_mira if name == "M" else _semiregular)(stars, rows, rng)


def rr_lyrae_mv(feh: np.ndarray) -> np.ndarray:
    """Give M_V of an RR Lyrae star (Muraveva et al. 2018, MNRAS 481, 1195, Gaia DR2)."""
    return 0.34 * feh + 1.17


def delta_scuti_mv(period: np.ndarray) -> np.ndarray:
    """Give M_V of a fundamental-mode delta Scuti star (Ziaali et al. 2019, MNRAS 486, 4348)."""
    return -2.94 * np.log10(period) - 1.34


def cepheid_mv(period: np.ndarray) -> np.ndarray:
    """Give M_V of a fundamental-mode Cepheid (Benedict et al. 2007, AJ 133, 1810)."""
    return -2.43 * (np.log10(period) - 1) - 4.05


def mira_mk(period: np.ndarray) -> np.ndarray:
    """Give M_K of a Mira (Whitelock, Feast & van Leeuwen 2008, MNRAS 386, 313)."""
    return -3.51 * (np.log10(period) - 2.38) - 7.25


def semiregular_mk(period: np.ndarray) -> np.ndarray:
    """Give M_K on sequence C', about half the Mira period at the same brightness (Wood 2000)."""
    return mira_mk(period * 1.9)


def _set(stars: Stars, rows: np.ndarray, **values: np.ndarray | float | str) -> None:
    for key, value in values.items():
        stars[key][rows] = value


def _luminosity(mv: np.ndarray, teff: np.ndarray, mass: np.ndarray | float) -> np.ndarray:
    """Give the luminosity for M_V; log g enters the correction, so it is iterated."""
    luminosity = np.full(len(teff), 50.0)
    for _ in range(3):
        logg = surface_gravity(np.asarray(mass), teff, luminosity)
        luminosity = luminosity_from_mv(mv, teff, logg)
    return luminosity


def _rr_lyrae(stars: Stars, name: str, rows: np.ndarray, rng: Rng) -> None:
    n = len(rows)
    disc = rng.random(n) < 0.12
    feh = np.clip(np.where(disc, rng.normal(-0.6, 0.3, n), rng.normal(-1.55, 0.35, n)), -2.6, 0.1)
    oosterhoff2 = rng.random(n) < np.clip(-0.35 * (feh + 1.0), 0.05, 0.6)
    if name == "RRAB":
        period = np.clip(rng.normal(0.545, 0.065, n) + 0.09 * oosterhoff2, 0.38, 0.95)
        # Bailey diagram: the amplitude falls with the period, Oosterhoff II shifted to the right
        amplitude = 1.12 - 3.2 * (period - 0.09 * oosterhoff2 - 0.50) + rng.normal(0, 0.14, n)
        amplitude = np.clip(amplitude, 0.2, 1.5)
        teff = 6480 + 330 * (amplitude - 0.9) + rng.normal(0, 110, n)
    elif name == "RRC":
        period = np.clip(rng.normal(0.315, 0.035, n) + 0.03 * oosterhoff2, 0.2, 0.45)
        amplitude = np.clip(rng.normal(0.43, 0.09, n), 0.12, 0.7)
        teff = rng.normal(7150, 130, n)
    else:
        period = rng.normal(0.375, 0.015, n)
        amplitude = np.clip(rng.normal(0.45, 0.08, n), 0.2, 0.7)
        teff = rng.normal(6900, 90, n)
    mv = rr_lyrae_mv(feh) + rng.normal(0, 0.1, n)
    _set(
        stars, rows, feh=feh, period=period, amplitude=amplitude, teff=teff, mass=0.65,
        luminosity=_luminosity(mv, teff, 0.65), vsini=rng.uniform(5, 20, n),
        population=np.where(disc, "thick", "halo"),
        subtype=np.where(oosterhoff2, "Oosterhoff II", "Oosterhoff I"),
    )  # fmt: skip


def _delta_scuti(stars: Stars, name: str, rows: np.ndarray, rng: Rng) -> None:
    n = len(rows)
    halo = rng.random(n) < (0.15 if name == "HADS" else 0.03)
    feh = np.where(halo, rng.normal(-1.4, 0.4, n), rng.normal(-0.1, 0.2, n))
    if name == "HADS":
        period = np.clip(10 ** rng.normal(-1.0, 0.17, n), 0.042, 0.25)
        amplitude = np.clip(rng.normal(0.45, 0.14, n), 0.2, 0.9)
        vsini = rng.uniform(5, 40, n)
        mv = delta_scuti_mv(period) + rng.normal(0, 0.2, n)
    else:
        period = np.clip(10 ** rng.normal(-1.0, 0.18, n), 0.035, 0.26)
        amplitude = np.clip(10 ** rng.normal(-1.0, 0.2, n), 0.03, 0.33)
        vsini = rng.uniform(20, 200, n)
        mv = delta_scuti_mv(period) + rng.normal(0, 0.35, n)
    # longer periods: larger, cooler stars; the strip is about 1500 K wide
    teff = 7500 - 900 * (np.log10(period) + 1) + 350 * halo + rng.normal(0, 280, n)
    mass = np.where(halo, 1.1, 1.8)
    _set(
        stars, rows, feh=feh, period=period, amplitude=amplitude, vsini=vsini, teff=teff,
        mass=mass, luminosity=_luminosity(mv, teff, mass),
        population=np.where(halo, "halo", "thin"), subtype=np.where(halo, "SX Phe", "population I"),
    )  # fmt: skip


def _cepheid(stars: Stars, name: str, rows: np.ndarray, rng: Rng) -> None:
    n = len(rows)
    overtone = name == "DCEPS"
    centre, width = (0.45, 0.15) if overtone else (0.80, 0.25)
    period = 10 ** np.clip(rng.normal(centre, width, n), -0.1, 1.6)
    fundamental = period / 0.70 if overtone else period
    amplitude = rng.normal(0.35, 0.08, n) if overtone else rng.normal(0.8, 0.18, n)
    mv = cepheid_mv(fundamental) + rng.normal(0, 0.2, n)
    teff = 5750 - 600 * (np.log10(fundamental) - 0.8) + rng.normal(0, 150, n)
    mass = 5.5 * (fundamental / 6) ** 0.3
    _set(
        stars, rows, feh=rng.normal(0.0, 0.12, n), period=period, teff=teff, mass=mass,
        amplitude=np.clip(amplitude, 0.1, 1.4), vsini=rng.uniform(8, 20, n), population="young",
        luminosity=_luminosity(mv, teff, mass),
        subtype="first overtone" if overtone else "fundamental",
    )  # fmt: skip


def _mira(stars: Stars, rows: np.ndarray, rng: Rng) -> None:
    n = len(rows)
    carbon = rng.random(n) < 0.15
    period = np.clip(np.where(carbon, rng.normal(360, 80, n), rng.normal(290, 80, n)), 100, 600)
    log_p = np.log10(period)
    teff = np.where(carbon, 2900.0, 3150 - 900 * (log_p - 2.4)) + rng.normal(0, 110, n)
    amplitude = np.clip(3.4 + 3.0 * (log_p - 2.45) + rng.normal(0, 0.7, n), 2.5, 6.5)
    amplitude = np.where(carbon, np.maximum(0.75 * amplitude, 2.5), amplitude)
    dust = np.clip(0.25 + 1.2 * (log_p - 2.4) + rng.normal(0, 0.15, n) + 0.35 * carbon, 0.05, 2)
    mk = mira_mk(period) + rng.normal(0, 0.18, n)
    teff = np.clip(teff, 2650, 3500)
    young = period > 300
    _set(
        stars, rows, feh=rng.normal(-0.3, 0.3, n), period=period, teff=teff, amplitude=amplitude,
        dust=dust, mass=1.2, vsini=8.0, population=np.where(young, "thin", "thick"),
        luminosity=luminosity_from_mk(mk, teff, np.zeros(n)),
        activity=np.where(carbon, 0.35, 1.0) * (rng.random(n) < 0.75),
        subtype=np.where(carbon, "carbon-rich", "oxygen-rich"),
    )  # fmt: skip


def _semiregular(stars: Stars, rows: np.ndarray, rng: Rng) -> None:
    n = len(rows)
    carbon = rng.random(n) < 0.04
    period = 10 ** np.clip(rng.normal(1.85, 0.28, n) + 0.45 * carbon, 1.25, 2.75)
    log_p = np.log10(period)
    teff = np.where(carbon, 3150.0, 3620 - 420 * (log_p - 1.85)) + rng.normal(0, 110, n)
    amplitude = 10 ** np.clip(-0.55 + 0.75 * (log_p - 1.85) + rng.normal(0, 0.2, n), -1.3, 0.42)
    mk = semiregular_mk(period) + rng.normal(0, 0.35, n)
    teff = np.clip(teff, 2750, 4100)
    dust = np.clip(0.05 + 0.35 * (log_p - 1.9) + rng.normal(0, 0.06, n) + 0.2 * carbon, 0, 1)
    _set(
        stars, rows, feh=rng.normal(-0.25, 0.3, n), period=period, teff=teff, amplitude=amplitude,
        dust=dust, mass=1.2, vsini=6.0,
        luminosity=luminosity_from_mk(mk, teff, np.full(n, 0.5)),
        population=np.where(rng.random(n) < 0.6, "thin", "thick"),
        activity=0.5 * (rng.random(n) < 0.05),
        subtype=np.where(carbon, "carbon-rich", "oxygen-rich"),
    )  # fmt: skip


def _yellow_semiregular(stars: Stars, rows: np.ndarray, rng: Rng) -> None:
    n = len(rows)
    period = 10 ** np.clip(rng.normal(1.75, 0.25, n), 1.3, 2.4)
    teff = np.clip(rng.normal(4900, 400, n), 4200, 6200)
    mv = rng.normal(-1.8, 0.7, n)
    _set(
        stars, rows, feh=rng.normal(-1.0, 0.5, n), period=period, teff=teff, mass=0.8, vsini=8.0,
        amplitude=10 ** rng.normal(-0.45, 0.2, n), luminosity=_luminosity(mv, teff, 0.8),
        population=np.where(rng.random(n) < 0.5, "thick", "halo"), subtype="yellow",
        dust=np.clip(rng.normal(0.1, 0.1, n), 0, 1),
    )  # fmt: skip


def draw_rotating(stars: Stars, name: str, rows: np.ndarray, rng: Rng) -> None:
    """Fill rows of spotted stars: young or tidally locked dwarfs, and giants (RS CVn)."""
    n = len(rows)
    giant = rng.random(n) < 0.45
    # dwarfs: from fully convective to solar; saturated activity below a few days
    p_dwarf = 10 ** np.clip(rng.normal(0.45, 0.38, n), -0.6, 1.5)
    t_dwarf = np.clip(rng.normal(4450, 580, n), 3150, 6000)
    l_dwarf = 10 ** (np.interp(t_dwarf, *_MAIN_SEQUENCE) + np.abs(rng.normal(0, 0.12, n)))
    p_giant = 10 ** np.clip(rng.normal(1.35, 0.33, n), 0.5, 2.2)
    t_giant = np.clip(rng.normal(4720, 230, n), 4000, 5400)
    l_giant = 10 ** np.clip(rng.normal(1.25, 0.35, n) - 0.0012 * (t_giant - 4720), 0.5, 2.6)
    period = np.where(giant, p_giant, p_dwarf)
    amplitude = 10 ** np.clip(rng.normal(-0.85, 0.2, n), -1.4, -0.2)
    saturated = np.where(giant, 45.0, 7.0) / period
    _set(
        stars, rows, feh=rng.normal(-0.1, 0.2, n), period=period,
        teff=np.where(giant, t_giant, t_dwarf), luminosity=np.where(giant, l_giant, l_dwarf),
        mass=np.where(giant, 1.2, 0.8), amplitude=amplitude * (0.6 if name == "ROT:" else 1.0),
        activity=np.clip(saturated, 0, 1) * rng.beta(3, 2, n),
        population=np.where(giant, "thin", "young"), subtype=np.where(giant, "giant", "dwarf"),
    )  # fmt: skip
    r_sun = np.sqrt(stars["luminosity"][rows]) * (5772 / stars["teff"][rows]) ** 2
    stars["vsini"][rows] = np.clip(50.6 * r_sun / period * rng.uniform(0.5, 1, n), 3, 150)


# Teff [K] -> log L of the zero-age main sequence (Pecaut & Mamajek 2013)
_MAIN_SEQUENCE = (
    np.array([3000.0, 3200, 3550, 3850, 4050, 4450, 4830, 5270, 5770, 6000]),
    np.array([-2.6, -2.15, -1.55, -1.18, -1.05, -0.78, -0.58, -0.37, -0.02, 0.12]),
)
