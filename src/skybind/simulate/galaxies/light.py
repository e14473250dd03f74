"""The light of galaxies: component spectra at rest, and their fluxes through the bandpasses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skybind.simulate.galaxies import bandpasses, cosmology, dust, history, nebular
from skybind.simulate.galaxies.bandpasses import BANDS
from skybind.simulate.galaxies.history import COMPONENTS
from skybind.simulate.galaxies.population import Galaxies
from skybind.simulate.galaxies.ssp import LOG_START, N_PIXELS, WAVELENGTH, population_spectra
from skybind.simulate.stars.lines import LOG_STEP

# attenuation of each component in units of the galaxy's
_DUST = {"bulge": 0.5, "disc": 0.8, "young": 1.3}


@dataclass
class Light:
    """What galaxies emit and what of it arrives, before the telescope.

    Attributes
    ----------
    stars : dict of str to ndarray of float32, shape (n, n_rest)
        Observed flux per observed wavelength of each component of stars,
        1e-17 erg/s/cm2/Angstrom, on the grid (1 + z) x `ssp.WAVELENGTH`.
    lines : ndarray, shape (n, n_lines)
        Observed fluxes of the emission lines [1e-17 erg/s/cm2].
    bands : dict of str to ndarray, shape (n, 3)
        nanomaggies through g, r, z; the lines shine with the young component.
    """

    stars: dict[str, np.ndarray]
    lines: np.ndarray
    bands: dict[str, np.ndarray]

    def take(self, rows: np.ndarray) -> "Light":
        """Select galaxies by index."""
        return Light(
            {name: values[rows] for name, values in self.stars.items()},
            self.lines[rows],
            {name: values[rows] for name, values in self.bands.items()},
        )

    @classmethod
    def join(cls, parts: Sequence["Light"]) -> "Light":
        """Put the light of galaxies one after the other."""
        return cls(
            {name: np.concatenate([p.stars[name] for p in parts]) for name in parts[0].stars},
            np.concatenate([p.lines for p in parts]),
            {name: np.concatenate([p.bands[name] for p in parts]) for name in parts[0].bands},
        )

    @property
    def total(self) -> np.ndarray:
        """Fluxes of whole galaxies through the bands [nanomaggies], (n, 3)."""
        return np.sum(list(self.bands.values()), axis=0)


def shine(g: Galaxies, rng: np.random.Generator) -> Light:
    """Give the light of galaxies; adds `sfr` and `log_ssfr_true` to the table."""
    masses = history.formed_masses(g)
    g["sfr"] = history.star_formation_rate(masses, 1e8)
    grid = population_spectra().reshape(-1, N_PIXELS)
    distance = cosmology.luminosity_distance(g["redshift"]) * cosmology.MPC
    dilution = 1e17 / (4 * np.pi * distance**2)
    stars, bands = {}, {}
    for name in COMPONENTS:
        mass = masses[name].reshape(len(distance), -1)
        scale = (dilution / (1 + g["redshift"]))[:, None]
        # the scale comes first: luminosities of galaxies overflow single precision
        flux = (mass * scale * 1e30).astype(np.float32) @ (grid * np.float32(1e-30))
        flux *= dust.transmitted(WAVELENGTH, _DUST[name] * g["a_v"])
        stars[name] = flux
        bands[name] = _band_fluxes(flux, g["redshift"])
    gas_dust = _DUST["disc"] * g["a_v"] / dust.GAS_TO_STARS
    emitted = nebular.line_luminosities(g, history.star_formation_rate(masses, 1e7), rng)
    curve = dust.attenuation(nebular.WAVELENGTHS)
    lines = emitted * dilution[:, None] * 10 ** (-0.4 * gas_dust[:, None] * curve)
    bands["young"] = bands["young"] + _line_fluxes(lines, g["redshift"])
    return Light(stars, lines, bands)


def _band_fluxes(flux: np.ndarray, redshift: np.ndarray) -> np.ndarray:
    """Give synthetic photometry of redshifted spectra on the rest grid [nanomaggies], (n, 3)."""
    result = np.empty((len(flux), len(BANDS)))
    for column, band in enumerate(BANDS):
        low, high = bandpasses.limits(band)
        first = (np.log10(low / (1 + redshift)) - LOG_START) / LOG_STEP
        first = np.clip(np.floor(first), 0, None).astype(np.int64)
        count = int(np.ceil(np.log10(high / low) / LOG_STEP)) + 2
        index = np.minimum(first[:, None] + np.arange(count), N_PIXELS - 1)
        wavelength = WAVELENGTH[index] * (1 + redshift)[:, None]
        weight = bandpasses.transmission(band, wavelength) * wavelength**2
        energy = np.sum(np.take_along_axis(flux, index, axis=1) * weight, axis=1)
        energy *= LOG_STEP * np.log(10)
        result[:, column] = energy * 1e-17 / bandpasses.normalisation(band)
    return result / bandpasses.AB_NANOMAGGY


def _line_fluxes(lines: np.ndarray, redshift: np.ndarray) -> np.ndarray:
    """Give what emission lines add to the bands [nanomaggies], (n, 3)."""
    wavelength = nebular.WAVELENGTHS * (1 + redshift)[:, None]
    per_band = [
        np.sum(lines * bandpasses.transmission(band, wavelength) * wavelength, axis=1)
        * 1e-17
        / bandpasses.normalisation(band)
        for band in BANDS
    ]
    return np.stack(per_band, axis=1) / bandpasses.AB_NANOMAGGY
