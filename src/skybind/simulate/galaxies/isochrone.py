"""Stars of one age: where they are in the Hertzsprung-Russell diagram, and how many.

Not a library of tracks but tables and power laws after Schaller et al. (1992, A&AS 96, 269):
lifetimes, luminosities and temperatures of the main sequence, and for evolved stars a few phases
with the fuel that they burn (Renzini & Buzzoni 1986): subgiants, red giants whose number falls as
one over luminosity, the red clump, early asymptotic giants, and supergiants of massive stars.
"""

from dataclasses import dataclass

import numpy as np

# initial mass [solar], log10 lifetime on the main sequence [yr], log10 luminosity [solar] and
# effective temperature [K] at zero age, solar metallicity
_TRACKS = np.array(
    [
        [0.10, 12.5, -3.10, 2850.0], [0.20, 12.0, -2.25, 3200.0], [0.35, 11.5, -1.80, 3420.0],
        [0.50, 11.1, -1.42, 3720.0], [0.70, 10.60, -0.80, 4450.0], [0.85, 10.30, -0.42, 5150.0],
        [1.00, 10.02, -0.15, 5640.0], [1.20, 9.70, 0.24, 6250.0], [1.50, 9.40, 0.70, 7150.0],
        [2.00, 9.03, 1.22, 9000.0], [3.00, 8.53, 1.92, 12200.0], [5.00, 7.97, 2.74, 17200.0],
        [9.00, 7.42, 3.60, 24500.0], [15.0, 7.07, 4.30, 31000.0], [25.0, 6.83, 4.86, 38000.0],
        [40.0, 6.66, 5.35, 43500.0], [60.0, 6.56, 5.70, 46000.0], [120.0, 6.46, 6.22, 48000.0],
    ]
)  # fmt: skip


_MASSES = np.geomspace(0.1, 120, 500)


# above it a star has an electron-degenerate core never, hence no bright red-giant branch
_DEGENERATE = 2.0


_MASSIVE = 8.0


@dataclass(frozen=True)
class Stars:
    """Stars of one population, per solar mass formed.

    Attributes
    ----------
    weight : ndarray
        Number of stars.
    luminosity : ndarray
        Bolometric, solar.
    teff, logg : ndarray
        K, cgs dex.
    """

    weight: np.ndarray
    luminosity: np.ndarray
    teff: np.ndarray
    logg: np.ndarray


def kroupa(mass: np.ndarray) -> np.ndarray:
    """Give the initial mass function of Kroupa (2001): stars per solar mass interval, per
    solar mass formed between 0.1 and 120 solar masses."""  # noqa: D209

    def shape(m: np.ndarray) -> np.ndarray:
        return np.where(m < 0.5, 2 * m**-1.3, m**-2.3)

    grid = np.geomspace(0.1, 120, 4000)
    return shape(mass) / np.trapezoid(shape(grid) * grid, grid)


def lifetime(mass: np.ndarray, metallicity: float) -> np.ndarray:
    """Give the time on the main sequence [yr]; metal-poor stars are hotter and die earlier."""
    log_time = np.interp(np.log10(mass), np.log10(_TRACKS[:, 0]), _TRACKS[:, 1])
    return 10 ** (log_time + 0.12 * np.clip(metallicity, -2, 0.4))


def surviving_mass(age: float, metallicity: float) -> float:
    """Give the mass in living stars and remnants per solar mass formed.

    White dwarfs after Kalirai et al. (2008): 0.109 m + 0.394; neutron stars 1.4, black holes 8.
    """
    alive = lifetime(_MASSES, metallicity) > age
    remnant = np.select([_MASSES < _MASSIVE, _MASSES < 25], [0.109 * _MASSES + 0.394, 1.4], 8.0)
    left = np.where(alive, _MASSES, np.minimum(remnant, _MASSES))
    return float(np.trapezoid(kroupa(_MASSES) * left, _MASSES))


def stars_of_age(age: float, metallicity: float) -> Stars:
    """Give all stars of a population of one age [yr] and metallicity [dex, solar]."""
    parts = [_main_sequence(age, metallicity), _evolved(age, metallicity)]
    joined = np.concatenate(parts, axis=1)
    return Stars(*joined)


def _main_sequence(age: float, metallicity: float) -> np.ndarray:
    phase = age / lifetime(_MASSES, metallicity)
    living = phase < 1
    mass, phase = _MASSES[living], phase[living]
    width = np.gradient(_MASSES)[living]
    log_l, teff = _on_main_sequence(mass, phase, metallicity)
    return _rows(kroupa(mass) * width, mass, log_l, teff)


def _on_main_sequence(
    mass: np.ndarray, phase: np.ndarray, metallicity: float
) -> tuple[np.ndarray, np.ndarray]:
    """Give log luminosity and temperature after a fraction `phase` of the main sequence."""
    log_m = np.log10(mass)
    log_l = np.interp(log_m, np.log10(_TRACKS[:, 0]), _TRACKS[:, 2])
    log_t = np.interp(log_m, np.log10(_TRACKS[:, 0]), np.log10(_TRACKS[:, 3]))
    log_l = log_l + 0.38 * phase**1.3 - 0.12 * metallicity
    cooling = 0.01 + 0.11 * np.clip(mass - 1, 0, 1)
    return log_l, 10 ** (log_t - cooling * phase**2 - 0.045 * metallicity)


def _evolved(age: float, metallicity: float) -> np.ndarray:
    """Give the stars that have left the main sequence: rate of leaving x time in each phase."""
    lives = lifetime(_MASSES, metallicity)
    turnoff = float(np.interp(-age, -lives, _MASSES))
    slope = np.gradient(_MASSES, lives)
    rate = float(kroupa(np.array(turnoff)) * np.interp(turnoff, _MASSES, np.abs(slope)))
    log_l, hot = (
        float(v[0]) for v in _on_main_sequence(np.array([turnoff]), np.ones(1), metallicity)
    )
    if turnoff < _DEGENERATE:
        rows = _low_mass_phases(log_l, hot, age, metallicity)
    elif turnoff < _MASSIVE:
        rows = _intermediate_phases(log_l, hot, age, metallicity)
    else:
        rows = _supergiants(log_l, age, metallicity)
    time, luminosity, teff = rows
    return _rows(rate * time, np.full(len(time), turnoff), luminosity, teff)


def _giant_temperature(log_l: np.ndarray, metallicity: float) -> np.ndarray:
    up = log_l - 0.5
    log_t = 3.705 - 0.016 * up - 0.0130 * up**2 - (0.025 + 0.009 * up) * metallicity
    return 10 ** np.clip(log_t, np.log10(3050), np.log10(5800))


def _low_mass_phases(
    log_l: float, hot: float, age: float, metallicity: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give subgiants, red giants, red clump or horizontal branch, early asymptotic giants."""
    base = max(log_l + 0.15, 0.45)
    fraction = np.linspace(0.1, 0.9, 5)
    cool = _giant_temperature(np.array([base]), metallicity)[0]
    subgiant = np.full(5, 0.10 * age / 5), log_l + 0.15 * fraction, hot + (cool - hot) * fraction
    edges = np.linspace(base, 3.4, 16)
    middle = (edges[1:] + edges[:-1]) / 2
    # time above luminosity L is 3.0 Gyr / L: equal energy per decade of luminosity
    climb = 3.0e9 * (10 ** -edges[:-1] - 10 ** -edges[1:])
    red = climb, middle, _giant_temperature(middle, metallicity)
    blue = np.clip(-metallicity - 0.9, 0, 1) * 2500
    clump = (
        np.full(1, 1.1e8),
        np.full(1, 1.72),
        _giant_temperature(np.array([1.5]), metallicity) + blue,
    )
    edges = np.linspace(2.0, 3.5, 7)
    middle = (edges[1:] + edges[:-1]) / 2
    climb = 1.3e9 * (10 ** -edges[:-1] - 10 ** -edges[1:])
    asymptotic = climb, middle, _giant_temperature(middle - 0.1, metallicity)
    return _join(subgiant, red, clump, asymptotic)


def _intermediate_phases(
    log_l: float, hot: float, age: float, metallicity: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the crossing, core helium burning in the clump and on blue loops, and giants."""
    clump = log_l + 0.12
    crossing = np.full(2, 0.01 * age), np.full(2, log_l), hot * np.array([0.85, 0.65])
    cool = _giant_temperature(np.array([min(clump, 2.6)]), metallicity)[0]
    burning = np.full(2, 0.075 * age), np.full(2, clump), np.array([cool, cool + 600])
    edges = np.linspace(max(clump, 2.4), max(clump + 0.5, 3.9), 6)
    middle = (edges[1:] + edges[:-1]) / 2
    climb = 2.0e9 * (10 ** -edges[:-1] - 10 ** -edges[1:])
    giants = climb, middle, _giant_temperature(np.minimum(middle - 0.3, 3.4), metallicity)
    return _join(crossing, burning, giants)


def _supergiants(
    log_l: float, age: float, metallicity: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give blue and red supergiants: a tenth of the life; the most massive stay blue."""
    red = 0.05 if age > 5e6 else 0.0
    time = np.array([0.1 - red, red]) * age
    cool = 3850 - 250 * metallicity
    return time, np.full(2, log_l + 0.1), np.array([14000.0, cool])


def _join(
    *parts: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    time, log_l, teff = (np.concatenate(column) for column in zip(*parts, strict=True))
    return time, log_l, teff


def _rows(weight: np.ndarray, mass: np.ndarray, log_l: np.ndarray, teff: np.ndarray) -> np.ndarray:
    """Stack weight, luminosity, temperature and gravity (Stefan-Boltzmann)."""
    logg = 4.438 + np.log10(mass) + 4 * np.log10(teff / 5772) - log_l
    return np.stack([weight, 10**log_l, teff, logg])
