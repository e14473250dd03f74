"""Brightness of a light curve, normalised: band by band, with level and amplitude of each."""

from dataclasses import dataclass

import numpy as np

from skybind.errors import DataError
from skybind.modalities.cleaning import MAGNITUDE_PER_E_FOLD, error_values, magnitude_to_flux
from skybind.ragged import Ragged, segment_mad

TOO_FEW = "fewer than two epochs in the bands in use"
#: Constants of each band: its colour, and its amplitude.
BAND_CONSTANTS = 2


@dataclass
class Normalised:
    """Normalised brightness of light curves.

    Attributes
    ----------
    residual : ndarray, shape (epochs,)
        Normalised flux (or minus magnitude).
    scale : ndarray, shape (epochs,)
        What the uncertainty is divided by.
    size : ndarray, shape (objects,)
        What was taken out: log10 of the MAD, or the maximum [mag, brighter is larger]; NaN where
        there is none, and the light curve cannot be used.
    constants : ndarray, shape (objects, constants)
        Of one band after the other; NaN where the band was not observed.
    """

    residual: np.ndarray
    scale: np.ndarray
    size: np.ndarray
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


def brightness_of(curves: Ragged, magnitude: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return flux and its uncertainty or, as asked, minus magnitude and its uncertainty."""
    error = error_values(curves).astype(np.float64)
    if "flux" in curves.fields:
        flux = curves.fields["flux"].astype(np.float64)
        if not magnitude:
            return flux, error
        # a magnitude needs a positive flux: faint epochs are held at one sigma
        floor = np.maximum(flux, np.maximum(error, 1e-12))
        return 2.5 * np.log10(floor), MAGNITUDE_PER_E_FOLD * error / floor
    own = curves.fields["magnitude"].astype(np.float64)
    if magnitude:
        return -own, error
    flux, flux_err = magnitude_to_flux(own, error)
    return flux, flux_err


def normalise_curves(flux: np.ndarray, curves: Ragged) -> Normalised:
    """Normalise light curves of one band: flux (or minus magnitude) less its mean, over its MAD."""
    n, owner = len(curves), curves.owner
    mean = np.bincount(owner, flux, n) / np.maximum(curves.lengths, 1)
    mad = segment_mad(flux, curves.offsets)
    scale = np.where(curves.present & (mad > 0), mad, 1.0)[owner]
    return Normalised((flux - mean[owner]) / scale, scale, _log10(mad), np.zeros((n, 0)))


def normalise_bands(
    flux: np.ndarray, band: np.ndarray, curves: Ragged, n_bands: int, magnitude: bool
) -> Normalised:
    """Normalise each band of each light curve by itself.

    Flux less the mean of its band, over the MAD of its band; a band that does not vary takes the
    MAD of all bands, which is the mean weighted by their epochs. The constants of a band are its
    level against the mean level of the bands [mag, brighter is larger; NaN where a mean flux is
    not positive] and log10 of its MAD over that mean.

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
    scale = own[cell]
    return Normalised(residual / scale, scale, _log10(mad), constants.reshape(n, -1))


def _log10(mad: np.ndarray) -> np.ndarray:
    """Logarithm of MADs, NaN where nothing varies."""
    with np.errstate(invalid="ignore"):
        return np.log10(np.where(mad > 0, mad, np.nan))
