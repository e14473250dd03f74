import numpy as np
import pytest

from skybind.simulate.galaxies import bandpasses, cosmology, dust, population, spectra
from skybind.simulate.galaxies.light import shine


@pytest.fixture(scope="module")
def shone():
    g = population.draw(60, np.random.default_rng(4))
    return g, shine(g, np.random.default_rng(0))


def test_spectrum_and_bands_are_the_same_light(shone):
    g, light = shone
    fibre = {"bulge": np.full(60, 0.6), "disc": np.full(60, 0.2), "young": np.full(60, 0.3)}
    flux = spectra.fibre_spectra(g, light, fibre)
    expected = sum(light.bands[name] * fibre[name][:, None] for name in fibre)
    # g and r lie within the spectrum wholly
    for column, band in enumerate("gr"):
        found = bandpasses.band_flux(spectra.WAVELENGTH, flux, band)
        np.testing.assert_allclose(found, expected[:, column], rtol=0.01)


def test_light_dims_with_distance(shone):
    g, light = shone
    # luminosity per mass is of the order of the Sun's wherever the galaxy is
    distance = 4 * np.pi * (cosmology.luminosity_distance(g["redshift"]) * cosmology.MPC) ** 2
    emitted = light.total[:, 1] * bandpasses.AB_NANOMAGGY * distance / (1 + g["redshift"])
    ratio = emitted * bandpasses.LIGHT / 6400 / 3.828e33 / 10 ** g["log_mass"]
    assert np.all((ratio > 0.05) & (ratio < 20))


def test_line_ratios_hold_the_dust(shone):
    g, light = shone
    names = list(spectra.LINE_WAVELENGTHS)
    ha, hb = (int(np.argmin(np.abs(np.array(names) - w))) for w in (6564.61, 4862.68))
    decrement = light.lines[:, ha] / light.lines[:, hb]
    assert np.all(decrement > 2.8)
    assert np.corrcoef(np.log(decrement), g["a_v"])[0, 1] > 0.99


def test_calzetti_curve():
    np.testing.assert_allclose(dust.attenuation(np.array([5500.0])), 1, atol=0.01)
    # A(1600) = 9.97 E(B - V) and R_V = 4.05
    assert dust.attenuation(np.array([1600.0]))[0] == pytest.approx(9.97 / 4.05, rel=0.01)
    through = dust.transmitted(np.array([5500.0]), np.array([0.0, 1.0]))[:, 0]
    np.testing.assert_allclose(through, [1, 10**-0.4], rtol=0.01)
