import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from skybind.modalities.augment import blurred, flipped, mirrored, noisy, reddened, rotated_crop


def images(n=3, side=20, channels=2, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(n, channels, side, side)).astype(np.float32))


def still(n):
    return torch.zeros(n, 2)


@pytest.mark.parametrize("side", [20, 21])
def test_a_turn_by_a_quarter_is_that_of_numpy(side):
    given = images(4, side)
    size = side - 4
    angle = torch.tensor([0, np.pi / 2, np.pi, -np.pi / 2])
    got = rotated_crop(given, angle, still(4), size).numpy()
    for i, quarters in enumerate([0, 1, 2, -1]):
        want = np.rot90(given[i].numpy(), quarters, axes=(1, 2))[:, 2:-2, 2:-2]
        np.testing.assert_allclose(got[i], want, atol=1e-4)


def test_a_shift_moves_the_centre_of_the_crop():
    given = images(2, 20)
    shift = torch.tensor([[2.0, 0.0], [0.5, -1.0]])
    got = rotated_crop(given, torch.zeros(2), shift, 10)
    torch.testing.assert_close(got[0], given[0, :, 5:15, 7:17], atol=1e-5, rtol=0)
    between = (given[1, :, 4:14, 5:15] + given[1, :, 4:14, 6:16]) / 2
    torch.testing.assert_close(got[1], between, atol=1e-5, rtol=0)


def test_turning_a_round_source_changes_nothing():
    x = np.arange(40) - 19.5
    round_source = np.exp(-(x**2 + x[:, None] ** 2) / (2 * 4.0**2))
    given = torch.from_numpy(np.tile(round_source, (3, 1, 1, 1)).astype(np.float32))
    got = rotated_crop(given, torch.tensor([0.3, 1.0, 2.5]), still(3), 24).numpy()
    assert np.abs(got - round_source[8:-8, 8:-8]).max() < 0.015  # bilinear smoothing


def test_zooming_scales_the_size_and_keeps_the_surface_brightness():
    x = np.arange(60) - 29.5

    def source(sigma):
        return np.exp(-(x**2 + x[:, None] ** 2) / (2 * sigma**2))

    given = torch.from_numpy(np.tile(source(4.0), (2, 1, 1, 1)).astype(np.float32))
    zoom = torch.tensor([1.5, 0.75])
    got = rotated_crop(given, torch.tensor([0.0, 0.7]), still(2), 40, zoom).numpy()
    assert np.abs(got[0] - source(6.0)[10:-10, 10:-10]).max() < 0.02
    assert np.abs(got[1] - source(3.0)[10:-10, 10:-10]).max() < 0.02


def test_dust_dims_and_reddens():
    given = torch.ones(2, 3, 4, 4)
    got = reddened(given, torch.tensor([0.0, 0.1]), torch.tensor([3.214, 2.165, 1.211]))
    assert torch.equal(got[0], given[0])
    magnitudes = -2.5 * torch.log10(got[1, :, 0, 0])
    torch.testing.assert_close(magnitudes, torch.tensor([0.3214, 0.2165, 0.1211]))


def test_each_image_is_mirrored_as_asked():
    given = images(4)
    horizontal = torch.tensor([False, True, False, True])
    vertical = torch.tensor([False, False, True, True])
    got = flipped(given, horizontal, vertical)
    for i, axes in enumerate([(), (-1,), (-2,), (-1, -2)]):
        torch.testing.assert_close(got[i], given[i].flip(axes), rtol=0, atol=0)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(0.3, 2.0), min_size=1, max_size=4),
    st.integers(6, 30),
    st.integers(0, 1000),
)
def test_blur_is_that_of_scipy_and_keeps_the_flux(sigmas, side, seed):
    given_images = images(len(sigmas), side, seed=seed)
    got = blurred(given_images, torch.tensor(sigmas), 2.0).numpy()
    for i, sigma in enumerate(sigmas):
        for band in range(2):
            want = gaussian_filter(given_images[i, band].numpy().astype(float), sigma)
            np.testing.assert_allclose(got[i, band], want, atol=2e-5)
    np.testing.assert_allclose(
        got.sum((2, 3)), given_images.sum((2, 3)).numpy(), atol=1e-5 * side**2
    )


def test_no_blur_changes_nothing():
    given = images(2)
    torch.testing.assert_close(blurred(given, torch.zeros(2), 1.5), given)


def test_an_axis_is_mirrored_at_its_edges():
    assert mirrored(3, 2).tolist() == [1, 0, 0, 1, 2, 2, 1]
    padded = np.pad(np.arange(4), 6, mode="symmetric")  # further than the axis is long
    assert mirrored(4, 6).tolist() == padded.tolist()


def test_noise_has_the_size_of_each_image_and_band():
    given = torch.zeros(2, 2, 60, 60)
    sigma = torch.tensor([[1.0, 2.0], [0.0, 5.0]])
    got = noisy(given, sigma, np.random.default_rng(0))
    torch.testing.assert_close(got.std((2, 3)), sigma, rtol=0.05, atol=1e-6)
    again = noisy(given, sigma, np.random.default_rng(0))
    torch.testing.assert_close(got, again, rtol=0, atol=0)
