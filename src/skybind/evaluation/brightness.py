"""How bright objects are in each modality: much of what looks like binding is that."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.quantities import quantity_of
from skybind.data.schema import Column
from skybind.modalities.base import Modality
from skybind.modalities.computed import is_computed
from skybind.progress import say
from skybind.ragged import Ragged
from skybind.runs.run import Run

#: Objects read at once.
CHUNK = 2048

#: A catalogue's column orders objects as their observed brightness does, or is not taken for it:
#: least rank correlation, and objects that are needed to ask.
AGREES, LEAST = 0.3, 20


@dataclass(frozen=True)
class Brightness:
    """How bright the objects of a run are by one modality.

    Attributes
    ----------
    values : ndarray of float64, shape (n,)
        [mag], of any zero point; NaN where it is not known.
    source : str
        What it was taken from, in words; "" where it is not known of any object.
    direct : bool
        Whether it was measured as a brightness: a spectrum may have been normalised.
    """

    values: np.ndarray
    source: str
    direct: bool


def brightness_of(run: Run) -> dict[str, Brightness]:
    """Return the brightness of every object in each modality of a run.

    Of light curves and spectra the median, of images the sum of the middle band. Of a catalogue
    the column that `evaluation.brightness` names, or else the first apparent magnitude by its
    quantity or unit and its name; where light curves or images are at hand, the first that orders
    the training objects as these do (rank correlation of at least 0.3).

    Parameters
    ----------
    run : Run

    Returns
    -------
    dict of str to Brightness
        By modality.
    """
    found: dict[str, Brightness] = {}
    catalogues = []
    for name, modality in run.modalities.items():
        column = _observation(run.dataset, modality)
        if column is None or name in run.config.evaluation.brightness:
            catalogues.append(name)
        else:
            found[name] = _of_observations(run.dataset, column, modality.kind)
    seen = [one.values for one in found.values() if one.direct and one.source]
    for name in catalogues:
        found[name] = _of_catalogue(run, name, seen[0] if seen else None)
    return {name: found[name] for name in run.modalities}


def _of_observations(dataset: Dataset, column: str, kind: str) -> Brightness:
    pieces = [np.zeros(0)]
    for start in range(0, len(dataset), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(dataset)))
        pieces.append(_observed(dataset.ragged(column, rows), kind == "image"))
    values = np.concatenate(pieces)
    words = "the sum of the middle band" if kind == "image" else "the median of its values"
    return Brightness(values, words if np.isfinite(values).any() else "", kind != "spectrum")


def _of_catalogue(run: Run, name: str, seen: np.ndarray | None) -> Brightness:
    """Brightness by a column of a catalogue that is declared, or that agrees with what is seen."""
    dataset, train = run.dataset, run.rows("train")
    declared = run.config.evaluation.brightness.get(name)
    candidates = magnitudes(dataset.schema.columns, run.modalities[name].columns)
    passed = []
    for column in [declared] if declared is not None else candidates:
        values = np.asarray(dataset.numbers(column), float)
        agreement = np.nan if seen is None else rank_agreement(values[train], seen[train])
        if agreement < AGREES:  # false where it is not known
            passed.append(column)
            if declared is None:
                continue
            say(
                f"evaluation.brightness names '{column}' of {name}, which hardly orders the "
                f"objects as their observed brightness does (rank correlation {agreement:.2f})."
            )
        words = f"the column '{column}'{', as declared' if declared else ''}"
        return Brightness(values, words, True)
    if passed:
        say(
            f"No magnitude of {name} orders the objects as their observed brightness does "
            f"('{passed[0]}' and {len(passed) - 1} others were tried): their brightness counts as "
            f"not known. evaluation.brightness={{{name}: COLUMN}} declares one."
        )
    return Brightness(np.full(len(dataset), np.nan), "", True)


def magnitudes(columns: Mapping[str, Column], names: list[str]) -> list[str]:
    """Return which columns are apparent magnitudes: those whose quantity says so come first.

    What was computed of light curves is none.
    """
    known = [
        name for name in names if name in columns and not is_computed(columns[name].attributes)
    ]
    said = [n for n in known if columns[n].attributes.get("quantity") == "magnitude"]
    by_name = [name for name in known if quantity_of(name, columns[name]) == "magnitude"]
    return list(dict.fromkeys([*said, *by_name]))


def rank_agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Return Spearman's correlation of the ranks of what is known of both; NaN of fewer than 20."""
    from scipy.stats import rankdata

    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < LEAST or not (np.ptp(one[both]) and np.ptp(other[both])):
        return np.nan
    return float(np.corrcoef(rankdata(one[both]), rankdata(other[both]))[0, 1])


def _observation(dataset: Dataset, modality: Modality) -> str | None:
    """The column of what was observed, if it is no catalogue."""
    return next((c for c in modality.columns if c in dataset.schema.observations), None)


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
