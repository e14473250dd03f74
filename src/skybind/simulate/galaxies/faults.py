"""What is planted beside artefacts: spectra that are no galaxy's, and wrong redshifts."""

import numpy as np

from skybind.simulate.galaxies import cosmology
from skybind.simulate.galaxies.population import Galaxies
from skybind.simulate.galaxies.spectra import WAVELENGTH, add_lines
from skybind.simulate.galaxies.ssp import WAVELENGTH as REST
from skybind.simulate.galaxies.ssp import star_spectra

Rng = np.random.Generator


SPECTRUM_FAULTS = ("quasar", "star", "broad lines", "another galaxy")


REDSHIFT_FAULTS = ("line confusion", "random")


# strongest lines of quasars: wavelength, equivalent width, relative to the continuum [Angstrom]
_BROAD = np.array([[1215.7, 75.0], [1240.0, 20.0], [1549.5, 35.0], [1908.7, 25.0], [2799.1, 35.0],
                   [4102.9, 8.0], [4341.7, 16.0], [4862.7, 50.0], [6564.6, 195.0]])  # fmt: skip


_CONFUSED = ((6564.6, 3728.5), (3728.5, 6564.6), (6564.6, 5008.2), (5008.2, 6564.6))


def choose(n: int, kinds: tuple[str, ...], fraction: float, rng: Rng) -> np.ndarray:
    """Give the fault of each galaxy, empty for most."""
    kind = rng.choice(kinds, n)
    return np.where(rng.random(n) < fraction, kind, "").astype("U16")


def disturb_spectra(flux: np.ndarray, g: Galaxies, kind: np.ndarray, rng: Rng) -> None:
    """Put other objects into fibres, in place, as bright as the galaxy was.

    Parameters
    ----------
    flux : ndarray, shape (n, 7781)
        Without noise.
    kind : ndarray of str, shape (n,)
        One of `SPECTRUM_FAULTS` or empty.
    """
    level = np.median(flux, axis=1)
    rows = np.flatnonzero(kind == "quasar")
    redshift = rng.uniform(0.7, 2.6, len(rows))
    flux[rows] = quasar(redshift, rng) * level[rows, None]
    rows = np.flatnonzero(kind == "broad lines")
    active = quasar(g["redshift"][rows], rng)
    flux[rows] = 0.5 * flux[rows] + active * level[rows, None] * rng.uniform(0.5, 2, (len(rows), 1))
    rows = np.flatnonzero(kind == "star")
    flux[rows] = _stars(len(rows), rng) * level[rows, None]
    rows = np.flatnonzero(kind == "another galaxy")
    others = (rows + rng.integers(1, len(flux), len(rows))) % len(flux)
    flux[rows] = flux[others] * (level[rows] / np.maximum(level[others], 1e-3))[:, None]


def quasar(redshift: np.ndarray, rng: Rng) -> np.ndarray:
    """Give spectra of quasars of unit median: a power law, broad lines and blends of iron.

    Slope and equivalent widths after Vanden Berk et al. (2001, AJ 122, 549).
    """
    n = len(redshift)
    rest = WAVELENGTH / (1 + redshift[:, None])
    slope = rng.normal(-1.5, 0.3, (n, 1))
    flux = (rest / 3000) ** slope
    for centre, width, height in ((2500, 180, 0.20), (4570, 70, 0.12), (5250, 90, 0.12)):
        flux = flux * (1 + height * np.exp(-0.5 * ((rest - centre) / width) ** 2))
    flux[rest < 1210] *= 0.5
    continuum = (_BROAD[:, 0] / 3000) ** slope
    strength = np.exp(rng.normal(0, 0.25, (n, 1)))
    lines = continuum * _BROAD[:, 1] * (1 + redshift[:, None]) * strength
    add_lines(flux, lines, redshift, rng.uniform(1200, 2600, n), _BROAD[:, 0])
    return (flux / np.median(flux, axis=1, keepdims=True)).astype(np.float32)


def _stars(n: int, rng: Rng) -> np.ndarray:
    """Give spectra of dwarfs from M to F, of unit median."""
    nodes = star_spectra(0.0)[:, -1]
    chosen = nodes[rng.integers(2, 20, n)]
    flux = np.stack([np.interp(WAVELENGTH, REST, star) for star in chosen]) if n else chosen
    flux = flux if n else np.empty((0, len(WAVELENGTH)), np.float32)
    return flux / np.median(flux, axis=1, keepdims=True)


def catalogue_redshift(redshift: np.ndarray, kind: np.ndarray, rng: Rng) -> np.ndarray:
    """Give the redshifts of the catalogue: wrong where a fault was planted.

    One line was taken for another where that leaves a redshift of a galaxy in the survey,
    otherwise it is random.
    """
    n = len(redshift)
    pick = np.array(_CONFUSED)[rng.integers(0, len(_CONFUSED), n)]
    confused = (1 + redshift) * pick[:, 0] / pick[:, 1] - 1
    random = rng.uniform(0.01, 0.6, n)
    # never by chance the right one
    random = np.where(np.abs(random - redshift) < 0.05, (redshift + 0.3) % 0.6, random)
    sensible = (confused > 0.01) & (confused < 0.7)
    wrong = np.where((kind == "line confusion") & sensible, confused, random)
    exact = redshift + rng.normal(0, 3e-5, n) * (1 + redshift)
    return np.where(kind == "", exact, wrong)


def catalogue_mass(
    log_mass: np.ndarray, redshift: np.ndarray, catalogue: np.ndarray, rng: Rng
) -> np.ndarray:
    """Give the masses of the catalogue: 0.1 dex of error, and the wrong distance's luminosity."""
    ratio = cosmology.luminosity_distance(catalogue) / cosmology.luminosity_distance(redshift)
    return log_mass + rng.normal(0, 0.1, len(log_mass)) + 2 * np.log10(ratio)
