import numpy as np
import pytest

from skybind.simulate.galaxies import bandpasses


@pytest.mark.parametrize("band", bandpasses.BANDS)
def test_a_flat_source_has_its_magnitude(band):
    wavelength = np.linspace(3000, 11000, 20000)
    # one nanomaggy at every frequency
    flux = bandpasses.AB_NANOMAGGY * bandpasses.LIGHT / wavelength**2 * 1e17
    assert bandpasses.band_flux(wavelength, flux, band) == pytest.approx(1, rel=1e-3)
    assert bandpasses.magnitude(np.array(100.0)) == pytest.approx(17.5)


def test_effective_wavelengths_are_those_of_the_camera():
    # Abbott et al. (2018): 4730 to 4830, 6410 to 6430, 9120 to 9260 Angstrom
    found = [bandpasses.effective_wavelength(b) for b in bandpasses.BANDS]
    np.testing.assert_allclose(found, [4780, 6420, 9170], atol=50)


def test_no_magnitude_without_light():
    assert np.isnan(bandpasses.magnitude(np.array([-1.0, 0.0]))).all()
