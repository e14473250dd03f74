import numpy as np
import pytest

from skybind.simulate.galaxies import spectra


def test_grid_is_that_of_desi():
    assert len(spectra.WAVELENGTH) == 7781
    assert spectra.WAVELENGTH[0] == 3600
    assert spectra.WAVELENGTH[-1] == pytest.approx(9824)


def test_lines_have_their_place_flux_and_width():
    flux = np.zeros((3, 7781), np.float32)
    redshift = np.array([0.02, 0.11, 0.3])
    spectra.add_lines(flux, np.array([[50.0]] * 3), redshift, np.full(3, 150.0), np.array([6564.6]))
    np.testing.assert_allclose(flux.sum(axis=1) * 0.8, 50, rtol=1e-3)
    centre = (flux * spectra.WAVELENGTH).sum(axis=1) / flux.sum(axis=1)
    np.testing.assert_allclose(centre, 6564.6 * (1 + redshift), atol=0.02)
    away = (spectra.WAVELENGTH - centre[:, None]) ** 2
    width = np.sqrt((flux * away).sum(axis=1) / flux.sum(axis=1))
    expected = np.hypot(150 / 299792.458 * centre, spectra.resolution_sigma(centre))
    np.testing.assert_allclose(width, expected, rtol=0.02)


def test_lines_outside_leave_no_trace():
    flux = np.zeros((1, 7781), np.float32)
    spectra.add_lines(
        flux, np.array([[50.0]]), np.array([0.8]), np.array([100.0]), np.array([6564.6])
    )
    assert not flux.any()


def test_noise_is_what_ivar_says_and_grows_to_the_blue():
    flat = np.full((20, 7781), 1.0, np.float32)
    seen = spectra.observe(flat, np.random.default_rng(0))
    flux = seen.fields["flux"].reshape(20, -1)
    ivar = seen.fields["ivar"].reshape(20, -1)
    good = ivar > 0
    assert 0.0005 < 1 - good.mean() < 0.002
    # calibration and sky residuals are smooth or in lines: differences of neighbours are noise
    variance = 1 / np.where(good, ivar, np.nan)
    pull = np.diff(flux, axis=1) / np.sqrt(variance[:, 1:] + variance[:, :-1])
    pull = pull[np.isfinite(pull)]
    assert 1.4826 * np.median(np.abs(pull)) == pytest.approx(1, abs=0.03)
    sigma = 1 / np.sqrt(np.median(ivar, axis=0))
    wave = spectra.WAVELENGTH
    assert sigma[wave < 3700].mean() > 2.5 * np.median(sigma[(wave > 6500) & (wave < 7000)])
    line = np.abs(wave - 5578.9) < 2
    assert sigma[line].max() > 3 * np.median(sigma[np.abs(wave - 5600) < 15])
