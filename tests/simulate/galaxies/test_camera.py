from pathlib import Path

import numpy as np
import pytest

from skybind.simulate.galaxies import camera

FIELD_IMAGE = Path(__file__).parents[4] / "shared/data/galaxies/astroclip_history/test_image.fits"


def sky(n=4):
    blank = np.zeros((n, 3, camera.SIZE, camera.SIZE), np.float32)
    depth = np.tile(camera.NOISE, (n, 1))
    return camera.observe(blank, depth, np.random.default_rng(0))


def correlation(image, apart):
    return np.mean(image[..., apart:] * image[..., :-apart]) / np.mean(image**2)


def test_noise_is_the_calibrated_one():
    image = sky()
    np.testing.assert_allclose(image.std(axis=(0, 2, 3)), camera.NOISE, rtol=0.02)
    for apart, expected in ((1, 0.27), (2, -0.12), (6, 0.0)):
        assert correlation(image, apart) == pytest.approx(expected, abs=0.02)


def test_noise_is_that_of_the_real_field():
    if not FIELD_IMAGE.exists():
        pytest.skip("the real field of the shared data is not here")
    from astropy.io import fits
    from scipy import ndimage

    real = fits.getdata(FIELD_IMAGE).astype(float)
    seen = ndimage.gaussian_filter(real.sum(axis=0), 2)
    middle = np.median(seen)
    limit = middle + 2 * 1.4826 * np.median(np.abs(seen - middle))
    free = ~ndimage.binary_dilation(seen > limit, iterations=6)
    for band, noise in zip(real, camera.NOISE, strict=True):
        pixels = band[free]
        spread = 1.4826 * np.median(np.abs(pixels - np.median(pixels)))
        assert spread == pytest.approx(noise, rel=0.03)


def test_numbers_are_steps_of_a_fraction_of_the_noise():
    image = sky(1)[0, 0]
    steps = image / (camera.NOISE[0] / 16)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-2)
    assert len(np.unique(image)) < 250


def test_bright_pixels_are_noisier():
    flat = np.full((2, 3, camera.SIZE, camera.SIZE), 2.0, np.float32)
    seen = camera.observe(flat, np.tile(camera.NOISE, (2, 1)), np.random.default_rng(0))
    assert np.all(seen.std(axis=(0, 2, 3)) > 1.3 * camera.NOISE)


@pytest.mark.parametrize("seeing", [0.8, 1.2, 1.8])
def test_a_point_gets_the_width_of_the_seeing_and_keeps_its_light(seeing):
    image = np.zeros((1, 3, camera.FIELD, camera.FIELD), np.float32)
    image[:, :, 90, 90] = 1
    seen = camera.blur(image, np.full((1, 3), seeing))[0, 1]
    assert seen.sum() == pytest.approx(1, abs=1e-4)
    profile = seen[90, 90:] / seen[90, 90]
    half = np.interp(-0.5, -profile, np.arange(len(profile)) * camera.PIXEL_SCALE)
    assert 2 * half == pytest.approx(seeing, abs=0.06)


def test_seeing_is_best_in_z():
    seeing = camera.draw_seeing(4000, np.random.default_rng(0))
    np.testing.assert_allclose(np.median(seeing, axis=0), camera.SEEING, rtol=0.02)
    assert np.corrcoef(seeing[:, 0], seeing[:, 2])[0, 1] > 0.4


def test_fibre_gets_a_known_part_of_a_point():
    # a Moffat profile of beta 3 and 1.1 arcsec within 0.75 arcsec
    alpha = 1.1 / (2 * np.sqrt(2 ** (1 / 3) - 1))
    expected = 1 - (1 + (0.75 / alpha) ** 2) ** -2
    weight = camera.fibre_weight()
    middle = weight[19:21, 19:21].mean()
    assert middle == pytest.approx(expected, abs=0.06)
    np.testing.assert_allclose(weight, weight[::-1], atol=1e-6)
    np.testing.assert_allclose(weight, weight.T, atol=1e-6)
