"""Augmentation of a batch of images: vectorised over objects, no Python loop over them."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

#: A Gaussian kernel ends at this many standard deviations.
TRUNCATE = 4.0


def rotated_crop(
    images: Tensor, angle: Tensor, shift: Tensor, size: int, zoom: Tensor | None = None
) -> Tensor:
    """Cut the central square out of images turned about their centre, by bilinear sampling.

    Parameters
    ----------
    images : Tensor, shape (B, C, P, P)
    angle : Tensor, shape (B,)
        Counterclockwise as drawn with the first row on top, as in `numpy.rot90` [radian].
    shift : Tensor, shape (B, 2)
        Where the centre of the crop lies from the centre of the image, x and y [pixel].
    size : int
        Pixels a side of the crop; beyond the image there is zero.
    zoom : Tensor, shape (B,), optional
        Everything is drawn so many times larger, at the same surface brightness.

    Returns
    -------
    Tensor, shape (B, C, size, size)
    """
    offset = torch.arange(size, dtype=images.dtype) - (size - 1) / 2
    v, u = torch.meshgrid(offset, offset, indexing="ij")
    cosine, sine = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    if zoom is not None:
        cosine, sine = cosine / zoom[:, None, None], sine / zoom[:, None, None]
    x = cosine * u - sine * v + shift[:, 0, None, None]
    y = sine * u + cosine * v + shift[:, 1, None, None]
    grid = torch.stack([x, y], dim=-1) * (2 / images.shape[-1])
    return functional.grid_sample(images, grid.to(images.dtype), align_corners=False)


def reddened(images: Tensor, excess: Tensor, coefficients: Tensor) -> Tensor:
    """Dim images (B, C, H, W) by dust in front of them: E(B-V) (B,) times A/E(B-V) a band (C,)."""
    dimmed = 10 ** (-0.4 * excess[:, None] * coefficients[None])
    return images * dimmed[:, :, None, None].to(images.dtype)


def flipped(images: Tensor, horizontal: Tensor, vertical: Tensor) -> Tensor:
    """Mirror some images: left to right where `horizontal` (B,), up to down where `vertical`."""
    images = torch.where(horizontal[:, None, None, None], images.flip(-1), images)
    return torch.where(vertical[:, None, None, None], images.flip(-2), images)


def blurred(images: Tensor, sigma: Tensor, limit: float) -> Tensor:
    """Convolve each image with a Gaussian of its own width; the edge is mirrored, flux is kept.

    Parameters
    ----------
    images : Tensor, shape (B, C, H, W)
    sigma : Tensor, shape (B,)
        Standard deviation of the kernel [pixel]; 0 leaves an image as it is.
    limit : float
        No sigma is larger; the cost grows with it.
    """
    radius = int(TRUNCATE * limit + 0.5)
    place = torch.arange(-radius, radius + 1, dtype=images.dtype)
    wide = sigma.to(images.dtype)[:, None].clamp(min=1e-3)
    kernel = torch.exp(-0.5 * (place / wide) ** 2)
    kernel = kernel * (place.abs() <= torch.floor(TRUNCATE * wide + 0.5))
    kernel = kernel / kernel.sum(1, keepdim=True)
    rows, columns = (_operator(kernel, length) for length in images.shape[2:])
    return rows[:, None] @ images @ columns[:, None].transpose(2, 3)


def _operator(kernel: Tensor, length: int) -> Tensor:
    """Give the convolution of an axis with each kernel (B, K) as a matrix, (B, length, length).

    Two matrix products are several times quicker on a CPU than a grouped convolution.
    """
    taps = kernel.shape[1]
    source = mirrored(length, taps // 2).unfold(0, length, 1)
    chosen = functional.one_hot(source, length).to(kernel.dtype)
    return (kernel @ chosen.reshape(taps, -1)).reshape(-1, length, length)


def mirrored(length: int, radius: int) -> Tensor:
    """Indices of an axis continued by `radius` on both sides: b a | a b c | c b."""
    index = torch.arange(-radius, length + radius) % (2 * length)
    return torch.where(index < length, index, 2 * length - 1 - index)


def noisy(images: Tensor, sigma: Tensor, rng: np.random.Generator) -> Tensor:
    """Add normal noise of standard deviation `sigma` (B, C) to images (B, C, H, W)."""
    draw = torch.from_numpy(rng.standard_normal(images.shape, dtype=np.float32))
    return images + sigma[:, :, None, None] * draw
