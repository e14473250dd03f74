import numpy as np
import pytest

from skybind.errors import DataError
from skybind.modalities.rgb import legacy_rgb


def test_a_pixel_worked_out_by_hand():
    # scaled + m: r 3.4 * 0.1 + 0.03 = 0.37, g 6 * 0.02 + 0.03 = 0.15, z 2.2 * 0.2 + 0.03 = 0.47;
    # mean I = 0.33; arcsinh(20 * 0.33) / sqrt(20) = 2.585905 / 4.472136 = 0.578226;
    # gain = 0.578226 / 0.33 = 1.752199; red 0.823534, green 0.648314, blue 0.262830
    pixels = np.array([0.02, 0.1, 0.2], np.float32).reshape(3, 1, 1)
    got = legacy_rgb(pixels, ["g", "r", "z"])
    assert got.shape == (1, 1, 3)
    np.testing.assert_allclose(got[0, 0], [0.823534, 0.648314, 0.262830], atol=2e-6)


def test_bands_are_found_by_name_and_others_take_no_part():
    rng = np.random.default_rng(0)
    pixels = rng.normal(0.05, 0.05, (2, 4, 5, 5)).astype(np.float32)
    picture = legacy_rgb(pixels, ["g", "r", "i", "z"])
    other = legacy_rgb(pixels[:, [3, 1, 0]], ["z", "r", "g"])
    np.testing.assert_allclose(other, picture, atol=1e-6)
    assert picture.shape == (2, 5, 5, 3)
    assert picture.min() >= 0
    assert picture.max() <= 1


def test_brighter_is_brighter_and_masked_pixels_are_sky():
    flux = np.linspace(0, 0.2, 9, dtype=np.float32)
    grey = legacy_rgb(np.tile(flux, (3, 1, 1)), ["g", "r", "z"])[0]
    assert (np.diff(grey.sum(1)) > 0).all()
    masked = legacy_rgb(np.full((3, 1, 1), np.nan, np.float32), ["g", "r", "z"])
    np.testing.assert_array_equal(
        masked, legacy_rgb(np.zeros((3, 1, 1), np.float32), ["g", "r", "z"])
    )


def test_fewer_bands_still_make_a_picture():
    grey = legacy_rgb(np.full((1, 2, 2), 0.05, np.float32), ["r"])
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])
    with pytest.raises(DataError, match="needs one of the bands"):
        legacy_rgb(np.zeros((1, 2, 2)), ["nuv"])
