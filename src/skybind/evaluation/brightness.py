"""How bright objects are in each modality: much of what looks like binding is that."""

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.quantities import quantity_of
from skybind.modalities.base import Modality
from skybind.ragged import Ragged
from skybind.runs.run import Run

#: Objects read at once.
CHUNK = 2048


def brightness_of(run: Run, name: str) -> np.ndarray:
    """Return the brightness of every object in one modality [mag], of any zero point.

    Of light curves and spectra the median, of images the sum of the middle band, of a catalogue
    its first magnitude.

    Parameters
    ----------
    run : Run
    name : str
        The modality.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where it is not known.
    """
    dataset, modality = run.dataset, run.modalities[name]
    column = _observation(dataset, modality)
    if column is None:
        return _catalogued(dataset, modality)
    pieces = [np.zeros(0)]
    for start in range(0, len(dataset), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(dataset)))
        pieces.append(_observed(dataset.ragged(column, rows), modality.kind == "image"))
    return np.concatenate(pieces)


def _observation(dataset: Dataset, modality: Modality) -> str | None:
    """The column of what was observed, if it is no catalogue."""
    return next((c for c in modality.columns if c in dataset.schema.observations), None)


def _catalogued(dataset: Dataset, modality: Modality) -> np.ndarray:
    """The first magnitude that a modality reads, else NaN."""
    columns = dataset.schema.columns
    for name in modality.columns:
        if name in dataset.flat_columns and quantity_of(name, columns[name]) == "magnitude":
            return np.asarray(dataset.numbers(name), float)
    return np.full(len(dataset), np.nan)


def _observed(ragged: Ragged, image: bool) -> np.ndarray:
    """Median magnitude of a light curve or spectrum, or magnitude of the sum of an image."""
    if image:
        bands = list(ragged.fields)
        pixels = np.nan_to_num(np.asarray(ragged.fields[bands[len(bands) // 2]], float))
        total = np.bincount(ragged.owner, pixels, len(ragged.lengths))
        return _magnitude(np.where(ragged.present, total, np.nan))
    field = "magnitude" if "magnitude" in ragged.fields else "flux"
    values = np.asarray(ragged.fields[field], float)
    middle = _medians(np.where(np.isfinite(values), values, np.nan), ragged)
    return middle if field == "magnitude" else _magnitude(middle)


def _medians(values: np.ndarray, ragged: Ragged) -> np.ndarray:
    """Median of each object's known values."""
    n = len(ragged.lengths)
    order = np.lexsort((values, ragged.owner))  # NaN last within each object
    count = np.bincount(ragged.owner, np.isfinite(values), n).astype(int)
    some = np.flatnonzero(count)
    result = np.full(n, np.nan)
    first = ragged.offsets[:-1][some]
    low, high = first + (count[some] - 1) // 2, first + count[some] // 2
    result[some] = (values[order][low] + values[order][high]) / 2
    return result


def _magnitude(flux: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(flux > 0, -2.5 * np.log10(flux), np.nan))
