"""A run's targets predicted for any objects, by the training objects nearest to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.placed import placed
from skybind.data.seen import Observed
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError, DataError
from skybind.evaluation.targets import Target, known_rows, targets_of
from skybind.measures.regression import knn_mean_and_spread
from skybind.models.leaks import twins_among
from skybind.progress import step
from skybind.runs.embedding import run_embedding
from skybind.runs.measured import observed_in, observed_of, seen_by
from skybind.runs.run import Run
from skybind.runs.steps import run_model
from skybind.tables import check_ending, write_table
from skybind.words import nearest

#: An error is the share of normal deviates within one standard deviation.
ONE_SIGMA = 0.6827
#: With fewer validation objects whose number is known, errors are the neighbours' spread as it is.
LEAST = 20


@dataclass
class Predicted:
    """A predicted number of each object.

    Attributes
    ----------
    table : Table
        `object_id`, `split`, the target, its error `TARGET_err` and `reason`: why there is none.
    n, known, taught : int
        Objects, those with a number, and those named like training objects.
    notes : list of str
        What the reader must know, in sentences.
    """

    table: pa.Table
    n: int
    known: int
    taught: int
    notes: list[str]


def predict_targets(
    run: Run,
    embeddings: Embeddings,
    others: Embeddings,
    target: str,
    fit: Sequence[str],
    predict: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Predict a target for the objects of any embeddings by the run's training objects.

    Parameters
    ----------
    run : Run
    embeddings : Embeddings
        Of the run's own objects.
    others : Embeddings
        Of the objects to predict for, made by the same model.
    target : str
        The column.
    fit, predict : sequence of str
        Modalities whose (mean) embedding the neighbours and the new objects are given by.

    Returns
    -------
    ndarray of float64, shape (len(others),)
        The number; NaN for objects that were observed in none of `predict`, and for training
        objects whose number is known.
    ndarray of float64, shape (len(others),)
        Its standard error: how much the neighbours differ, times the factor that makes it right
        for 68 % of the validation objects.

    Raises
    ------
    ConfigError, DataError
        If a column is unknown, nothing is known of it, or the embeddings are of another model.
    """
    if others.model.get("weights") != embeddings.model.get("weights"):
        raise DataError("The embeddings to predict for were made by another model than the run's.")
    (wanted,) = targets_of(run.dataset, [target])
    known = known_rows(wanted, embeddings.any_present(fit), run.rows("train"))
    # an object that the neighbours are taken from would be told its own number
    own = np.isin(others.object_id, embeddings.object_id[known])
    asked = others.any_present(predict) & ~own
    k = run.config.evaluation.neighbours
    near, numbers = embeddings.mean(fit)[known], wanted.values[known]
    vectors = others.mean(predict)[asked]
    value, error = np.full((2, len(others)), np.nan)
    value[asked], spread = knn_mean_and_spread(near, numbers, vectors, k)
    factor, floor = _scale_of_errors(run, embeddings, wanted, near, numbers, predict)
    error[asked] = factor * np.maximum(spread, floor)
    return value, error


def _scale_of_errors(
    run: Run,
    embeddings: Embeddings,
    target: Target,
    near: np.ndarray,
    numbers: np.ndarray,
    predict: Sequence[str],
) -> tuple[float, float]:
    """Find what the neighbours' spread has to be multiplied by, and its least value."""
    held = run.rows("validation")
    held = held[embeddings.any_present(predict)[held] & np.isfinite(target.values[held])]
    if len(held) < LEAST:
        return 1.0, 0.0
    vectors, k = embeddings.mean(predict)[held], run.config.evaluation.neighbours
    mean, spread = knn_mean_and_spread(near, numbers, vectors, k)
    floor = float(np.quantile(spread, 0.05)) or float(np.finfo(np.float32).tiny)
    away = np.abs(mean - target.values[held])
    return float(np.quantile(away / np.maximum(spread, floor), ONE_SIGMA)), floor


@step("predicting")
def predict_table(
    run: Run,
    target: str,
    data: Any = None,
    *,
    fit: Sequence[str] | None = None,
    predict: Sequence[str] | None = None,
    allow_twins: bool = False,
    **observations: Any,
) -> Predicted:
    """Predict a target for the run's objects, or for whatever holds observations.

    An object that has the name of a training object gets none, in another dataset too, and neither
    does one with its data under another name (`allow_twins`): it would be told its own number.

    Parameters
    ----------
    run : Run
        With a pre-trained model.
    target : str
        The column of the run's dataset.
    data : optional
        Anything that `skybind.ingest.given.take_given` takes; the run's objects by default.
    fit, predict : sequence of str, optional
        As of `predict_targets`; all modalities of both by default.
    allow_twins : bool
        Give a number to objects that are training objects under another name; they are told.
    **observations
        One object as arrays, as of `skybind.ingest.given.take_given`.
    """
    embeddings = run_embedding(run)
    names = list(fit or embeddings.modalities)
    asked = list(predict or names)
    _check_modalities((*names, *asked), embeddings)
    notes: list[str] = []
    others, why = embeddings, np.full(len(embeddings), "", dtype=object)
    observed = observed_of(run, np.arange(len(embeddings)))
    if data is not None or observations:
        model = run_model(run)
        given = model.take(data, **observations)
        others, notes = model.embed_dataset(given.dataset, modalities=asked), given.notes
        observed = observed_in(given.dataset, model)
        why = np.full(len(others), "", dtype=object)
        for name in asked:
            why = np.where(given.reasons[name] == "", why, given.reasons[name])
    value, error = predict_targets(run, embeddings, others, target, names, asked)
    twins = _taught_otherwise(run, others.object_id, observed) & np.isfinite(value)
    if twins.any():
        notes = [*notes, _tell_twins(others.object_id[twins], allow_twins)]
        if not allow_twins:
            value[twins], error[twins] = np.nan, np.nan
            why[twins] = "training object under another name, or with the same data"
    known = np.isfinite(value)
    taught = np.isin(others.object_id, run.dataset.object_ids[run.rows("train")])
    taught &= ~known & others.any_present(asked)
    absent = np.where(why == "", f"not observed in {' or '.join(asked)}", why)
    reason = np.where(known, "", np.where(taught, "training object", absent))
    table = _as_table(others, target, run.dataset.schema.columns[target].unit, value, error, reason)
    return Predicted(table, len(value), int(known.sum()), int(taught.sum()), notes)


def _taught_otherwise(run: Run, object_id: np.ndarray, observed: Observed) -> np.ndarray:
    """Which objects are training objects of a run under another name."""
    # neighbours are all training objects, whether the model could read them or not
    rows = {"train": run.rows("train"), "validation": np.zeros(0, np.int64)}
    return twins_among(object_id, seen_by(run, rows), "validation", observed)


def _tell_twins(object_id: np.ndarray, allowed: bool) -> str:
    """Say which objects are training objects under another name."""
    end = "they are told their own numbers" if allowed else "they get none (--allow-twins)"
    return (
        f"{len(object_id):,} objects (such as '{object_id[0]}') are training objects under another "
        f"name, or have the light curve, spectrum or image of one: {end}."
    )


def _check_modalities(names: Sequence[str], embeddings: Embeddings) -> None:
    for name in names:
        if name not in embeddings.modalities:
            raise ConfigError(
                f"There is no modality '{name}': {nearest(name, embeddings.modalities)}"
            )


def _as_table(
    objects: Embeddings,
    target: str,
    unit: str | None,
    value: np.ndarray,
    error: np.ndarray,
    reason: np.ndarray,
) -> pa.Table:
    """Put predictions in a table whose columns are described."""
    said = {"unit": unit} if unit else {}
    by = f"{target}, predicted by the nearest training objects"
    fields = [
        pa.field("object_id", pa.string()),
        pa.field("split", pa.string()),
        pa.field(target, pa.float64(), metadata={"description": by, **said}),
        pa.field(f"{target}_err", pa.float64(), metadata={"description": "Its error", **said}),
        pa.field("reason", pa.string(), metadata={"description": "Why there is none"}),
    ]
    arrays = [
        pa.array(objects.object_id.tolist(), pa.string()),
        pa.array(objects.split.tolist(), pa.string()),
        pa.array(value, from_pandas=True),
        pa.array(error, from_pandas=True),
        pa.array(reason.tolist(), pa.string()),
    ]
    return pa.table(arrays, schema=pa.schema(fields))


def predict_anything(
    run: Run,
    target: str,
    out: str | Path,
    *,
    data: Any = None,
    fit: Sequence[str] | None = None,
    predict: Sequence[str] | None = None,
    allow_twins: bool = False,
) -> Predicted:
    """Write what `predict_table` gives to a file (.parquet, .csv, .vot, .ecsv, .fits)."""
    check_ending(out)
    found = predict_table(run, target, data, fit=fit, predict=predict, allow_twins=allow_twins)
    table = found.table
    write_table(placed(table, run.dataset) if data is None else table, out)
    return found
