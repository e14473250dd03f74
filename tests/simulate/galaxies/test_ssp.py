import numpy as np
import pytest

from skybind.simulate.galaxies import bandpasses, ssp
from skybind.simulate.galaxies.isochrone import kroupa, stars_of_age, surviving_mass


def d4000(wavelength, flux):
    """Balogh et al. (1999)."""

    def mean(low, high):
        use = (wavelength > low) & (wavelength < high)
        return np.trapezoid(flux[use] * wavelength[use] ** 2, wavelength[use]) / (high - low)

    return mean(4000, 4100) / mean(3850, 3950)


def depth(wavelength, flux, centre, half, side):
    """Mean depth of a line below the mean of both sides."""

    def mean(low, high):
        return flux[(wavelength > low) & (wavelength < high)].mean()

    left = mean(centre - side - half, centre - side + half)
    right = mean(centre + side - half, centre + side + half)
    return 1 - mean(centre - half, centre + half) / ((left + right) / 2)


def spectrum(age, metallicity=0.0):
    row = int(np.argmin(np.abs(ssp.AGES - age)))
    column = int(np.argmin(np.abs(ssp.METALLICITIES - metallicity)))
    return ssp.population_spectra()[row, column].astype(float)


def test_mass_function_holds_one_solar_mass():
    mass = np.geomspace(0.1, 120, 20000)
    assert np.trapezoid(kroupa(mass) * mass, mass) == pytest.approx(1, abs=1e-3)
    # half of the stars are below about 0.25 solar masses
    assert kroupa(np.array([0.3]))[0] / kroupa(np.array([3.0]))[0] > 50


def test_stars_die():
    assert stars_of_age(1e7, 0.0).teff.max() > 20000
    assert stars_of_age(1e10, 0.0).luminosity[:-30].max() < 4
    assert 0.5 < surviving_mass(1e10, 0.0) < 0.62 < surviving_mass(1e8, 0.0) < 0.85


@pytest.mark.parametrize("metallicity", [-0.5, 0.0, 0.35])
def test_break_grows_with_age(metallicity):
    ages = [1e7, 1e8, 4e8, 1e9, 3e9, 1.15e10]
    values = [d4000(ssp.WAVELENGTH, spectrum(age, metallicity)) for age in ages]
    assert np.all(np.diff(values) > 0)
    assert values[0] < 1.1


def test_break_of_old_stars_is_as_deep_as_observed():
    # Kauffmann et al. (2003): 1.7 to 2.1 for old galaxies of about solar metallicity
    assert 1.65 < d4000(ssp.WAVELENGTH, spectrum(9e9)) < 2.15
    assert d4000(ssp.WAVELENGTH, spectrum(9e9, -1.0)) < d4000(ssp.WAVELENGTH, spectrum(9e9)) - 0.1


def test_balmer_lines_peak_at_some_hundred_million_years():
    wave = ssp.WAVELENGTH
    depths = [depth(wave, spectrum(a), 4102.9, 8, 35) for a in (3e6, 4e8, 1.15e10)]
    assert depths[1] > depths[0] + 0.05
    assert depths[1] > depths[2] + 0.1


@pytest.mark.parametrize(("centre", "half"), [(3934.8, 6), (5176, 10), (4304, 10), (5894, 6)])
def test_metal_lines_grow_with_age(centre, half):
    young, old = (depth(ssp.WAVELENGTH, spectrum(a), centre, half, 40) for a in (1e8, 1.15e10))
    assert old > 0.04
    assert old > young + 0.03


def test_colours_and_mass_to_light_of_old_stars():
    flux = spectrum(9e9)
    g, r, z = (
        -2.5 * np.log10(bandpasses.band_flux(ssp.WAVELENGTH, flux, b)) for b in bandpasses.BANDS
    )
    assert g - r == pytest.approx(0.80, abs=0.08)
    assert r - z == pytest.approx(0.62, abs=0.10)
    at_10_pc = flux / (4 * np.pi * 3.0857e19**2) * 1e17
    absolute = bandpasses.magnitude(bandpasses.band_flux(ssp.WAVELENGTH, at_10_pc, "r"))
    left = ssp.surviving_fractions()[list(ssp.AGES).index(9e9), 3]
    # 2 to 3.5 in r for the mass function of Kroupa (Bruzual & Charlot 2003); the Sun has 4.65
    assert 1.8 < left / 10 ** (-0.4 * (absolute - 4.65)) < 3.5


def test_light_of_a_population_fades():
    total = [np.trapezoid(spectrum(a), ssp.WAVELENGTH) for a in (1e7, 1e8, 1e9, 1e10)]
    assert np.all(np.diff(total) < 0)
    assert total[0] > 100 * total[-1]
