"""A run's targets predicted for any objects, by the training objects nearest to them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError, DataError
from skybind.evaluation.targets import known_rows, targets_of
from skybind.measures.regression import knn_regression
from skybind.models.model import Model
from skybind.runs.run import Run
from skybind.runs.steps import run_embedding
from skybind.tables import check_ending, write_table
from skybind.words import nearest


def predict_targets(
    run: Run,
    embeddings: Embeddings,
    others: Embeddings,
    target: str,
    fit: Sequence[str],
    predict: Sequence[str],
) -> np.ndarray:
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
        NaN for objects that were observed in none of `predict`, and for training objects whose
        number is known.

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
    result = np.full(len(others), np.nan)
    result[asked] = knn_regression(
        embeddings.combined(fit)[known],
        wanted.values[known],
        others.combined(predict)[asked],
        run.config.evaluation.neighbours,
    )
    return result


def predict_anything(
    run: Run,
    target: str,
    out: str | Path,
    *,
    data: str | Path | None = None,
    fit: Sequence[str] | None = None,
    predict: Sequence[str] | None = None,
) -> tuple[int, int, int]:
    """Predict a target for the run's objects or those of another dataset, and write a table.

    An object that has the name of a training object gets none, in another dataset too: it may be
    the same, and would be told its own number.

    Parameters
    ----------
    run : Run
        With a pre-trained model.
    target : str
        The column of the run's dataset.
    out : str or Path
        Table (.parquet, .csv, .vot, .ecsv, .fits) of `object_id`, `split` (of the run's own
        objects), the target, and `reason`: why there is none.
    data : str or Path, optional
        Another dataset; the run's by default.
    fit, predict : sequence of str, optional
        As of `predict_targets`; all modalities of both by default.

    Returns
    -------
    int, int, int
        Objects, those with a predicted number, and those named like training objects.
    """
    check_ending(out)
    embeddings = run_embedding(run)
    names = list(fit or embeddings.modalities)
    asked = list(predict or names)
    for name in (*names, *asked):
        if name not in embeddings.modalities:
            raise ConfigError(
                f"There is no modality '{name}': {nearest(name, embeddings.modalities)}"
            )
    others = embeddings if data is None else _embed_others(run, data, asked)
    values = predict_targets(run, embeddings, others, target, names, asked)
    known = np.isfinite(values)
    taught = np.isin(others.object_id, run.dataset.object_ids[run.rows("train")])
    taught &= ~known & others.any_present(asked)
    absent = f"not observed in {' or '.join(asked)}"
    table = pa.table(
        {
            "object_id": pa.array(others.object_id.tolist(), pa.string()),
            "split": pa.array(others.split.tolist(), pa.string()),
            target: pa.array(values, from_pandas=True),
            "reason": np.where(known, "", np.where(taught, "training object", absent)).tolist(),
        }
    )
    write_table(table, out)
    return len(values), int(known.sum()), int(taught.sum())


def _embed_others(run: Run, data: str | Path, modalities: Sequence[str]) -> Embeddings:
    """Embed the objects of another dataset by the run's pre-trained model."""
    dataset = Dataset.open(data)
    # only what is predicted from has to be observed there
    model = run.folder / "pretrain" / "model"
    return Model.open(model, dataset.schema, modalities=modalities).embed_dataset(dataset)
