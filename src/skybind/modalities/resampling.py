"""Spectra of any wavelengths on one grid: by interpolation, or conserving flux."""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from skybind.modalities.cleaning import error_values
from skybind.ragged import Ragged, flat_index

#: A bin of which less than this part is observed counts as not observed.
LEAST_COVERAGE = 1e-3
#: How much wider a pixel may be on one side than on the other: across a gap it does not reach.
WIDEST_RATIO = 1.5

Resampled = tuple[np.ndarray, np.ndarray, np.ndarray]


def interpolate(ragged: Ragged, grid: np.ndarray, extend: bool = False) -> Resampled:
    """Interpolate spectra linearly onto a grid; masked pixels are bridged.

    Parameters
    ----------
    ragged : Ragged
        Cleaned: fields wavelength (increasing) [Angstrom], flux, mask, and perhaps errors.
    grid : ndarray, shape (W,)
    extend : bool
        Go on with the first and last values beyond the observed range.

    Returns
    -------
    flux, uncertainty : ndarray, shape (n, W)
        Zero beyond the observed range, unless it is extended.
    seen : ndarray of bool, shape (n, W)
        Whether the grid point lies within the observed range.
    """
    n = len(ragged)
    beyond = None if extend else 0
    flux = np.zeros((n, len(grid)))
    error = np.zeros_like(flux)
    seen = np.zeros(flux.shape, bool)
    good = ~ragged.fields["mask"]
    wavelength, values = ragged.fields["wavelength"], ragged.fields["flux"]
    sigma = error_values(ragged)
    for i in np.flatnonzero(ragged.present):
        part = slice(ragged.offsets[i], ragged.offsets[i + 1])
        keep = good[part]
        w = wavelength[part][keep]
        if not len(w):
            continue
        flux[i] = np.interp(grid, w, values[part][keep], left=beyond, right=beyond)
        error[i] = np.interp(grid, w, sigma[part][keep], left=beyond, right=beyond)
        seen[i] = (grid >= w[0]) & (grid <= w[-1])
    return flux, error, seen


def rebin(ragged: Ragged, grid: np.ndarray) -> Resampled:
    """Average spectra over the bins of a grid so that the integral of the flux is kept.

    A pixel counts with the length of its overlap with the bin, and its flux density is taken as
    constant within it. Masked pixels take no part. The uncertainty is that of the weighted mean of
    independent pixels; neighbouring bins that share a pixel are correlated, which is not told.

    Parameters
    ----------
    ragged : Ragged
        Cleaned: fields wavelength (increasing) [Angstrom], flux, mask, and perhaps errors.
    grid : ndarray, shape (W,)
        Centres of the bins.

    Returns
    -------
    flux, uncertainty : ndarray, shape (n, W)
        Zero where not observed; the uncertainty also where no errors are known.
    seen : ndarray of bool, shape (n, W)
        Whether at least a thousandth of the bin is covered by good pixels.
    """
    edges = bin_edges(grid)
    total = _sums_over_bins(ragged, grid, edges)
    good = ~ragged.fields["mask"]
    length = total(good.astype(np.float64), 1)
    seen = length > LEAST_COVERAGE * np.diff(edges)
    safe = np.where(seen, length, 1.0)
    flux = total(np.where(good, ragged.fields["flux"], 0.0), 1) / safe
    variance = total(np.where(good, error_values(ragged), 0.0) ** 2, 2)
    return np.where(seen, flux, 0.0), np.where(seen, np.sqrt(variance) / safe, 0.0), seen


def _sums_over_bins(
    ragged: Ragged, grid: np.ndarray, edges: np.ndarray
) -> Callable[[np.ndarray, int], np.ndarray]:
    """Give the function that adds up pixel values (total,) times their overlaps to a power.

    Its result has shape (n, W). Where all spectra have the same wavelengths, which is common, the
    overlaps are worked out once, and the sum is a product with a sparse matrix.
    """
    n, n_bins = len(ragged), len(edges) - 1
    rows = np.flatnonzero(ragged.lengths)
    wavelength = ragged.fields["wavelength"]
    width = int(ragged.lengths[rows[0]]) if len(rows) else 0
    same = bool((ragged.lengths[rows] == width).all())
    if same and len(rows) > 1:
        same = bool((wavelength.reshape(-1, width) == wavelength[:width]).all())
    if same and len(rows):
        shared = on_grid(wavelength[:width], grid, edges)
        one = Ragged({"wavelength": shared}, np.array([0, width]), np.array([True]))
        pixel, bins, overlap = _overlaps(one, edges)

        def product(values: np.ndarray, power: int) -> np.ndarray:
            weights = sparse.csr_array((overlap**power, (pixel, bins)), (width, n_bins))
            result = np.zeros((n, n_bins))
            result[rows] = values.reshape(-1, width) @ weights
            return result

        return product
    fields = {"wavelength": on_grid(wavelength, grid, edges)}
    pixel, bins, overlap = _overlaps(Ragged(fields, ragged.offsets, ragged.present), edges)
    cell = ragged.owner[pixel] * n_bins + bins

    def count(values: np.ndarray, power: int) -> np.ndarray:
        sums = np.bincount(cell, overlap**power * values[pixel], n * n_bins)
        return sums.reshape(n, n_bins)

    return count


def on_grid(wavelength: np.ndarray, grid: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Give wavelengths that are those of a grid, rounded to single precision, its full digits.

    Otherwise a spectrum that is on the grid already would lose about 1e-4 of each pixel to its
    neighbours.
    """
    if wavelength.dtype != np.float32:
        return wavelength
    nearest = grid[np.searchsorted(edges[1:-1], wavelength)]
    return np.where(nearest.astype(np.float32) == wavelength, nearest, wavelength.astype(float))


def _overlaps(ragged: Ragged, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pair of a pixel and a bin that overlap: index, bin, and length of the overlap."""
    low, high = _pixel_edges(ragged)
    pixel = np.flatnonzero((high > edges[0]) & (low < edges[-1]) & (high > low))
    low, high, last_bin = low[pixel], high[pixel], len(edges) - 2
    first = np.clip(np.searchsorted(edges, low, side="right") - 1, 0, last_bin)
    last = np.clip(np.searchsorted(edges, high, side="left") - 1, first, last_bin)
    counts = last - first + 1
    bins = flat_index(first, counts)
    overlap = np.minimum(np.repeat(high, counts), edges[bins + 1])
    overlap -= np.maximum(np.repeat(low, counts), edges[bins])
    return np.repeat(pixel, counts), bins, overlap


def bin_edges(centres: np.ndarray) -> np.ndarray:
    """Edges half-way between the centres (W,), and as far beyond the ends; shape (W + 1,)."""
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def _pixel_edges(ragged: Ragged) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edge of every pixel: half-way to its neighbours, but not across a gap."""
    wavelength = ragged.fields["wavelength"].astype(np.float64)
    step = np.diff(wavelength)
    below, above = np.full(len(wavelength), np.inf), np.full(len(wavelength), np.inf)
    below[1:], above[:-1] = step, step
    some = ragged.lengths > 0
    below[ragged.offsets[:-1][some]] = np.inf
    above[ragged.offsets[1:][some] - 1] = np.inf
    # the first and the last pixel are as wide outwards as inwards
    below, above = (
        np.where(np.isinf(below), above, np.minimum(below, WIDEST_RATIO * above)),
        np.where(np.isinf(above), below, np.minimum(above, WIDEST_RATIO * below)),
    )
    lone = np.isinf(below)
    return (
        wavelength - np.where(lone, 0, below) / 2,
        wavelength + np.where(lone, 0, above) / 2,
    )
