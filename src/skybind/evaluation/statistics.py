"""What plain methods are given of the observations: simple statistics, and the best features."""

from collections.abc import Sequence

import numpy as np

from skybind.data.dataset import Dataset
from skybind.lightcurves.columns import compute_columns, describe_columns, no_periods
from skybind.lightcurves.features import FEATURES
from skybind.modalities.base import Modality
from skybind.modalities.cleaning import value_field
from skybind.modalities.computed import PERIOD, computed_name, is_computed, raw_period
from skybind.modalities.source import BatchSource
from skybind.progress import progress_bar, say
from skybind.runs.run import Run

#: Light curves whose features are computed at once, and at most for the baselines alone: of more
#: `skybind data features` computes and keeps them.
CHUNK, MOST = 500, 50_000


def modality_statistics(source: BatchSource, name: str) -> np.ndarray:
    """Simple statistics of all objects in one modality, (n, F); NaN where it is absent."""
    modality, prepared = source.modalities[name], source.prepared[name]
    rows = np.flatnonzero(prepared.present)
    pieces = [
        modality.summary(prepared, chunk) for chunk in np.array_split(rows, 1 + len(rows) // 2048)
    ]
    known = np.concatenate(pieces)
    values = np.full((len(source), known.shape[1]), np.nan)
    values[rows] = known
    return values


def best_features(run: Run) -> dict[str, np.ndarray]:
    """Compute the best features there are of every modality of a run, for trees.

    The simple statistics and, of light curves, the features that the dataset has of them or else
    the 50 of `skybind data features`, folded by the period that the dataset knows. A catalogue's
    columns and the bins of a spectrum are their own features.

    Parameters
    ----------
    run : Run

    Returns
    -------
    dict of str to ndarray, shape (n, F)
        NaN where not known.
    """
    found = {}
    for name, modality in run.source.modalities.items():
        found[name] = modality_statistics(run.source, name)
        column = _light_curves(run.dataset, modality)
        if column is not None:
            made = _of_light_curves(run.dataset, column, run.source.present(name))
            found[name] = np.column_stack([found[name], *made])
    return found


def statistics_alone(run: Run) -> tuple[str, ...]:
    """Return the modalities of which trees see simple statistics alone: too many light curves."""
    columns = {name: _light_curves(run.dataset, m) for name, m in run.source.modalities.items()}
    return tuple(
        name
        for name, column in columns.items()
        if column is not None
        and run.source.present(name).sum() > MOST
        and not _has_all(_stored(run.dataset, column), column)
    )


def modality_sets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Every modality alone, then all together where there are several."""
    sets: list[tuple[str, ...]] = [(name,) for name in names]
    return [*sets, tuple(names)] if len(sets) > 1 else sets


def _light_curves(dataset: Dataset, modality: Modality) -> str | None:
    """The column of light curves that a modality reads."""
    kinds = dataset.schema.kinds
    return next((c for c in modality.columns if kinds.get(c) == "photometry"), None)


def _stored(dataset: Dataset, column: str) -> list[str]:
    """Columns that were computed of the light curves in a column."""
    said = {name: dataset.schema.attributes(name) for name in dataset.flat_columns}
    return [n for n, about in said.items() if is_computed(about) and about["observation"] == column]


def _has_all(stored: Sequence[str], column: str) -> bool:
    return {computed_name(column, quantity) for quantity in FEATURES} <= set(stored)


def _of_light_curves(dataset: Dataset, column: str, present: np.ndarray) -> list[np.ndarray]:
    """Features of light curves: those that the dataset has of them, or else computed now."""
    schema = dataset.schema
    stored = _stored(dataset, column)
    if _has_all(stored, column):
        return [dataset.numbers(name) for name in stored]
    rows = np.flatnonzero(present)
    if len(rows) > MOST:
        say(
            f"{len(rows):,} light curves are many: trees see simple statistics of them. 'skybind "
            "data features' computes more, and keeps them."
        )
        return []
    period = np.full(len(dataset), np.nan)
    for name, there in (
        (computed_name(column, PERIOD), computed_name(column, PERIOD) in stored),
        (PERIOD, raw_period(schema)),
    ):
        if there:
            told = dataset.numbers(name) * schema.factor(name, "d")
            period = np.where(period > 0, period, told)
    brightness = value_field(schema.fields(column))
    definitions = {
        name: entry.attributes for name, entry in describe_columns(column, brightness).items()
    }
    values = {name: np.full(len(dataset), np.nan) for name in definitions}
    with progress_bar("features of light curves", len(rows), "light curves") as report:
        for start in range(0, len(rows), CHUNK):
            own = rows[start : start + CHUNK]
            known = {computed_name(column, PERIOD): period[own]}
            curves = dataset.ragged(column, own)
            made = compute_columns(
                curves, definitions, known, observation=column, periods=no_periods(len(own))
            )
            for name, numbers in made.columns.items():
                values[name][own] = numbers
            report(start + len(own))
    return [numbers for numbers in values.values() if np.isfinite(numbers).any()]
