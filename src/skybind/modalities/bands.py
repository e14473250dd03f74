"""Bands of a light curve: which epochs count, and the level and amplitude of each band."""

from dataclasses import dataclass

import numpy as np

from skybind.errors import DataError
from skybind.ragged import Ragged, segment_mad

TOO_FEW = "fewer than two epochs in the bands in use"
#: Constants of each band: its colour, and its amplitude.
BAND_CONSTANTS = 2


@dataclass
class BandStatistics:
    """Light curves normalised band by band.

    Attributes
    ----------
    residual : ndarray, shape (epochs,)
        Flux (or minus magnitude) less the mean of its band, over the MAD of its band.
    scale : ndarray, shape (epochs,)
        That MAD; a band that does not vary takes the one of all bands.
    mad : ndarray, shape (objects,)
        Mean MAD of the bands, weighted by their epochs.
    constants : ndarray, shape (objects, bands, 2)
        Level of the band against the mean level of the bands [mag, brighter is larger] and
        log10 of its MAD over that mean; NaN where the band was not observed (the level too
        where a mean flux is not positive).
    """

    residual: np.ndarray
    scale: np.ndarray
    mad: np.ndarray
    constants: np.ndarray


def choose_bands(curves: Ragged, bands: list[str], where: str) -> tuple[Ragged, np.ndarray]:
    """Keep the epochs in some bands; gives them and the index of each one's band.

    Raises
    ------
    DataError
        If the light curves have no bands.
    """
    if "band" not in curves.fields:
        raise DataError(
            f"modalities.{where}: preprocessing.bands names bands, but the dataset's light curves "
            "have no field 'band'."
        )
    index = np.full(len(curves.fields["band"]), -1, np.int8)
    for number, band in enumerate(bands):
        index[curves.fields["band"] == band] = number
    return curves.filter(index >= 0), index[index >= 0]


def normalise_bands(
    flux: np.ndarray, band: np.ndarray, curves: Ragged, n_bands: int, magnitude: bool
) -> BandStatistics:
    """Normalise each band of each light curve by itself.

    Parameters
    ----------
    flux : ndarray, shape (epochs,)
        Flux, or minus magnitude.
    band : ndarray of int, shape (epochs,)
    curves : Ragged
        Whose epochs these are.
    n_bands : int
    magnitude : bool
        Whether `flux` is minus a magnitude.
    """
    n = len(curves)
    cell = curves.owner * n_bands + band
    count = np.bincount(cell, minlength=n * n_bands)
    level = np.bincount(cell, flux, n * n_bands) / np.maximum(count, 1)
    residual = flux - level[cell]
    order = np.argsort(cell, kind="stable")
    own = segment_mad(residual[order], np.concatenate([[0], np.cumsum(count)]))
    own = np.where(count > 0, own, 0.0)
    mad = (own * count).reshape(n, n_bands).sum(1) / np.maximum(curves.lengths, 1)
    own = np.where(own > 0, own, np.repeat(np.where(mad > 0, mad, 1.0), n_bands))
    observed = (count > 0).reshape(n, n_bands)
    constants = np.full((n, n_bands, BAND_CONSTANTS), np.nan)
    level = level.reshape(n, n_bands)
    ratio = own.reshape(n, n_bands) / np.where(mad > 0, mad, 1.0)[:, None]
    if not magnitude:
        level = 2.5 * np.log10(np.where(level > 0, level, np.nan))
    known = observed & np.isfinite(level)
    mean = np.where(known, level, 0).sum(1) / np.maximum(known.sum(1), 1)
    constants[..., 0] = np.where(known, level - mean[:, None], np.nan)
    constants[..., 1] = np.where(observed, np.log10(ratio), np.nan)
    return BandStatistics(residual / own[cell], own[cell], mad, constants)
