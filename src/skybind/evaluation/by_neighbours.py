"""Numbers of any objects by the training objects nearest to them, with errors."""

from collections.abc import Sequence

import numpy as np

from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.evaluation.targets import Target, known_rows, targets_of
from skybind.measures.regression import knn_mean_and_spread
from skybind.runs.run import Run

#: An error is the share of normal deviates within one standard deviation.
ONE_SIGMA = 0.6827
#: With fewer validation objects whose number is known, errors are the neighbours' spread as it is.
LEAST = 20


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
