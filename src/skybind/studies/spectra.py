"""Spectra of some objects, as pairs of arrays."""

import numpy as np

from skybind.data.dataset import Dataset
from skybind.modalities.cleaning import clean_spectrum


def observed_spectra(
    dataset: Dataset, name: str, rows: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read the spectra of those of some objects that have a usable one.

    Parameters
    ----------
    dataset : Dataset
    name : str
        Column of the spectra.
    rows : ndarray of int

    Returns
    -------
    list of (wavelength, flux)
        [Angstrom], increasing, and the dataset's unit; NaN where masked.
    """
    cleaned = clean_spectrum(dataset.ragged(name, rows)).ragged
    flux = np.where(cleaned.fields["mask"], np.nan, cleaned.fields["flux"].astype(float))
    cuts = [slice(*cleaned.offsets[i : i + 2]) for i in np.flatnonzero(cleaned.present)]
    return [(cleaned.fields["wavelength"][cut], flux[cut]) for cut in cuts]
