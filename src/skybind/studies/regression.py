"""Regression of a run: targets predicted from its embeddings, beside plain methods."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skybind.config.load import nearest
from skybind.data.dataset import Dataset
from skybind.embeddings.make import embed_dataset
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError, DataError
from skybind.files import atomic_path
from skybind.models.saved import load_model
from skybind.studies.run import Run
from skybind.studies.search_result import check_ending, write_table
from skybind.studies.statistics import modality_sets, modality_statistics
from skybind.studies.steps import run_embedding
from skybind.studies.supervised import supervised_predictions
from skybind.studies.truth import truth_table
from skybind.tasks.baselines import forest_regression, ridge_regression
from skybind.tasks.regression import knn_regression, mlp_regression, regression_metrics

PREDICTIONS = "regression.parquet"
#: Fewer objects with a target than this on either side are not worth a number.
LEAST = 20
REDSHIFT_NAME = re.compile(r"(red_?shift|z)(_(spec|phot|hp|best|cmb|helio|true|catalogue))?", re.I)
Group = tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """A number to predict.

    Attributes
    ----------
    name : str
        The dataset's column.
    unit : str or None
        Its unit.
    redshift : bool
        Whether it is judged as redshifts are.
    values : ndarray of float64, shape (n,)
        Of all objects as the catalogue gives them, NaN where not known.
    truth : ndarray of float64, shape (n,), optional
        Of simulated objects: without the errors that were planted in the catalogue. For
        evaluation only.
    """

    name: str
    unit: str | None
    redshift: bool
    values: np.ndarray
    truth: np.ndarray | None = None


@dataclass(frozen=True)
class Predictions:
    """Numbers predicted by neighbours for the test objects, to draw and to keep."""

    target: str
    fit: Group
    predict: Group
    object_id: np.ndarray
    true: np.ndarray
    predicted: np.ndarray


def targets_of(dataset: Dataset, names: Sequence[str] | None = None) -> list[Target]:
    """Give the targets of a dataset: the named columns, or all of the role `target`.

    A column is a redshift if its attribute `quantity` says so, or if its name does (`redshift`,
    `z`, `z_spec`, ...) and it has no unit: a `z` in mag is the brightness in that band.

    Raises
    ------
    ConfigError
        If a named column does not exist.
    DataError
        If a column holds text.
    """
    columns = dataset.schema.columns
    for name in names or []:
        if name not in columns:
            raise ConfigError(
                f"The target '{name}' is no column of the dataset at {dataset.path}: "
                f"{nearest(name, list(columns))}"
            )
    chosen = dataset.schema.with_role("target") if names is None else list(names)
    truth = truth_table(dataset, np.arange(len(dataset))) if chosen else None
    return [
        Target(
            name,
            columns[name].unit,
            columns[name].attributes.get("quantity") == "redshift"
            or (columns[name].unit in (None, "") and bool(REDSHIFT_NAME.fullmatch(name))),
            dataset.numbers(name),
            _true_numbers(truth, name),
        )
        for name in chosen
    ]


def regress_run(run: Run, embeddings: Embeddings) -> list[dict[str, Any]]:
    """Predict every target in every way; writes `regression.parquet` into the run's folder.

    Parameters
    ----------
    run : Run
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.

    Returns
    -------
    list of dict
        `regression` of docs/metrics.md; empty if there is no target.
    """
    targets = targets_of(run.dataset, run.config.evaluation.targets)
    if not targets:
        return []
    records, predictions = zero_shot(run, embeddings, targets)
    records += few_shot(run, embeddings, targets)
    if run.config.evaluation.baseline:
        records += plain_methods(run, targets)
        records += supervised(run, targets)
    write_predictions(run.folder / PREDICTIONS, predictions)
    return records


def zero_shot(
    run: Run, embeddings: Embeddings, targets: Sequence[Target]
) -> tuple[list[dict[str, Any]], list[Predictions]]:
    """Predict by the nearest neighbours in the embedding, which has seen no target.

    Fitted on the training objects (protocol `train`): within each modality, within the
    combined embedding, and across every ordered pair of modalities. And, as in the AstroCLIP
    reports (protocol `held-out`): fitted on one half of the validation and test objects,
    tested on the other.
    """
    k = run.config.evaluation.neighbours
    train, test = run.rows("train"), run.rows("test")
    held_out = np.concatenate([run.rows("validation"), test])
    held_out = np.random.default_rng(run.config.seed).permutation(held_out)
    half = len(held_out) // 2
    names = embeddings.modalities
    pairs: list[tuple[Group, Group]] = [(group, group) for group in modality_sets(names)]
    pairs += [((a,), (b,)) for a, b in itertools.permutations(names, 2)]
    vectors = {group: embeddings.combined(group) for group in modality_sets(names)}
    protocols = {"train": (train, test), "held-out": (held_out[:half], held_out[half:])}
    records, predictions = [], []
    for (target, (fit, predict)), (protocol, rows) in itertools.product(
        itertools.product(targets, pairs), protocols.items()
    ):
        known = _known(target, embeddings.any_present(fit), rows[0])
        asked = _known(target, embeddings.any_present(predict), rows[1])
        if min(len(known), len(asked)) < LEAST:
            continue
        predicted = knn_regression(
            vectors[fit][known], target.values[known], vectors[predict][asked], k
        )
        records.append(
            _record(
                run, target, fit, predict, known, asked, predicted, "k-NN", "embeddings",
                protocol=protocol, k=k,
            )
        )  # fmt: skip
        if protocol == "train":
            ids = embeddings.object_id[asked]
            predictions.append(
                Predictions(target.name, fit, predict, ids, target.values[asked], predicted)
            )
    return records, predictions


def few_shot(run: Run, embeddings: Embeddings, targets: Sequence[Target]) -> list[dict[str, Any]]:
    """Predict by a perceptron on the embeddings, trained with some or all of the targets."""
    records = []
    for group in modality_sets(embeddings.modalities):
        vectors, seen = embeddings.combined(group), embeddings.any_present(group)
        for target, share, known, asked in _cases(run, targets, seen):
            predicted = mlp_regression(
                vectors[known], target.values[known], vectors[asked], run.config.seed
            )
            records.append(
                _record(
                    run, target, group, group, known, asked, predicted, "MLP", "embeddings",
                    share=share,
                )
            )  # fmt: skip
    return records


def plain_methods(run: Run, targets: Sequence[Target]) -> list[dict[str, Any]]:
    """Predict by a random forest and by ridge regression on simple statistics."""
    names = list(run.source.modalities)
    statistics = {name: modality_statistics(run.source, name) for name in names}
    seed = run.config.seed
    methods = {
        "random forest": lambda x, y, new: forest_regression(x, y, new, seed, threads=2),
        "ridge": ridge_regression,
    }
    records = []
    for group in modality_sets(names):
        values = np.concatenate([statistics[name] for name in group], axis=1)
        seen = np.logical_or.reduce([run.source.present(name) for name in group])
        for target, share, known, asked in _cases(run, targets, seen):
            for name, method in methods.items():
                predicted = method(values[known], target.values[known], values[asked])
                records.append(
                    _record(
                        run, target, group, group, known, asked, predicted, name, "statistics",
                        share=share,
                    )
                )  # fmt: skip
    return records


def supervised(run: Run, targets: Sequence[Target]) -> list[dict[str, Any]]:
    """Predict by the modality's encoder trained on the targets alone, without binding."""
    if not run.config.evaluation.supervised_epochs:
        return []
    records = []
    values = np.stack([target.values for target in targets], axis=1)
    for name in run.source.modalities:
        seen = run.source.present(name)
        for share in run.config.evaluation.label_shares:
            labelled = np.isfinite(values).any(axis=1) & seen
            known = _share(run, labelled, share)
            if len(known) < LEAST:
                continue
            test = run.rows("test")
            test = test[seen[test]]
            predicted = supervised_predictions(run, name, values, known, test)
            for number, target in enumerate(targets):
                asked = np.isfinite(target.values[test])
                trained = known[np.isfinite(target.values[known])]
                if asked.sum() < LEAST or len(trained) < LEAST:
                    continue
                records.append(
                    _record(
                        run, target, (name,), (name,), trained, test[asked],
                        predicted[asked, number], "supervised", "observations", share=share,
                    )
                )  # fmt: skip
    return records


def write_predictions(path: Path, predictions: Sequence[Predictions]) -> None:
    """Write predictions as one long table, a row an object and prediction."""
    table = pa.table(
        {
            "target": _repeated(predictions, lambda p: p.target),
            "fit": _repeated(predictions, lambda p: "+".join(p.fit)),
            "predict": _repeated(predictions, lambda p: "+".join(p.predict)),
            "object_id": pa.array(
                [str(name) for p in predictions for name in p.object_id], pa.string()
            ),
            "true": np.concatenate([np.zeros(0), *(p.true for p in predictions)]),
            "predicted": np.concatenate([np.zeros(0), *(p.predicted for p in predictions)]),
        }
    )
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_predictions(path: Path) -> list[Predictions]:
    """Read what `write_predictions` wrote; nothing if there is no such file."""
    if not path.exists():
        return []
    table = pq.read_table(path)
    keys = [table[name].to_pylist() for name in ("target", "fit", "predict")]
    ids = np.asarray(table["object_id"].to_pylist(), dtype=str)
    true, predicted = table["true"].to_numpy(), table["predicted"].to_numpy()
    found = []
    start = 0
    for (target, fit, predict), members in itertools.groupby(zip(*keys, strict=True)):
        rows = slice(start, start + sum(1 for _ in members))
        found.append(
            Predictions(
                target,
                tuple(fit.split("+")),
                tuple(predict.split("+")),
                ids[rows],
                true[rows],
                predicted[rows],
            )
        )
        start = rows.stop
    return found


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
    known = _known(wanted, embeddings.any_present(fit), run.rows("train"))
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
    others = embeddings
    if data is not None:
        dataset = Dataset.open(data)
        # only what is predicted from has to be observed there
        model = run.folder / "pretrain" / "model"
        others = embed_dataset(load_model(model, dataset.schema, modalities=asked), dataset)
    values = predict_targets(run, embeddings, others, target, names, asked)
    known = np.isfinite(values)
    taught = np.isin(others.object_id, run.dataset.object_ids[run.rows("train")]) & ~known
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


def _true_numbers(truth: pa.Table | None, name: str) -> np.ndarray | None:
    """The column of a truth table that a target is named after, NaN where null."""
    if truth is None or name not in truth.column_names:
        return None
    kind = truth.schema.field(name).type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        return None
    return np.asarray(truth[name].cast(pa.float64()).fill_null(np.nan).to_numpy())


def _repeated(predictions: Sequence[Predictions], value: Any) -> pa.Array:
    """A text for each prediction, repeated for all its objects."""
    texts = [value(p) for p in predictions]
    index = np.repeat(np.arange(len(texts)), [len(p.true) for p in predictions])
    return pa.DictionaryArray.from_arrays(index.astype(np.int32), pa.array(texts, pa.string()))


def _known(target: Target, seen: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Those of some objects that were observed and whose target is known."""
    return rows[seen[rows] & np.isfinite(target.values[rows])]


def _share(run: Run, usable: np.ndarray, share: float) -> np.ndarray:
    """A share of the training objects, the same objects for all methods, those usable."""
    rows = np.random.default_rng(run.config.seed).permutation(run.rows("train"))
    rows = np.sort(rows[: max(1, round(len(rows) * share / 100))])
    return rows[usable[rows]]


def _cases(
    run: Run, targets: Sequence[Target], seen: np.ndarray
) -> Iterator[tuple[Target, float, np.ndarray, np.ndarray]]:
    """Every target and share of the labels, with its training and test objects."""
    for target, share in itertools.product(targets, run.config.evaluation.label_shares):
        known = _share(run, seen & np.isfinite(target.values), share)
        asked = _known(target, seen, run.rows("test"))
        if min(len(known), len(asked)) >= LEAST:
            yield target, share, known, asked


def _record(
    run: Run,
    target: Target,
    fit: Group,
    predict: Group,
    known: np.ndarray,
    asked: np.ndarray,
    predicted: np.ndarray,
    method: str,
    inputs: str,
    *,
    share: float = 100.0,
    protocol: str = "train",
    k: int | None = None,
) -> dict[str, Any]:
    """One entry of the metrics."""
    result = regression_metrics(
        target.values[asked], predicted, target.redshift, seed=run.config.seed
    )
    return {
        "target": target.name,
        "unit": target.unit,
        "method": method,
        "inputs": inputs,
        "fit": list(fit),
        "predict": list(predict),
        "protocol": protocol,
        "share": share,
        **({} if k is None else {"k": k}),
        "seed": run.config.seed,
        "n_train": len(known),
        **result.to_dict(),
        "truth": _against_truth(run, target, asked, predicted),
    }


def _against_truth(
    run: Run, target: Target, asked: np.ndarray, predicted: np.ndarray
) -> dict[str, Any] | None:
    """The same comparison with the numbers that were planted, where there are any."""
    if target.truth is None:
        return None
    true = target.truth[asked]
    known = np.isfinite(true)
    if known.sum() < LEAST:
        return None
    return regression_metrics(
        true[known], predicted[known], target.redshift, seed=run.config.seed
    ).to_dict()
