"""Regression of a run: targets predicted from its embeddings, beside plain methods."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from skybind.embeddings.store import Embeddings
from skybind.evaluation.predictions import Group, Predictions, write_predictions
from skybind.evaluation.records import VALIDATION, TargetResult
from skybind.evaluation.samples import asked_rows, taught_rows
from skybind.evaluation.statistics import (
    best_features,
    modality_sets,
    modality_statistics,
    statistics_alone,
)
from skybind.evaluation.supervised import supervised_predictions
from skybind.evaluation.targets import Target, known_rows, targets_of
from skybind.measures.baselines import (
    boosting_regression,
    forest_regression,
    ridge_regression,
)
from skybind.measures.regression import (
    RegressionResult,
    knn_regression,
    mlp_regression,
    regression_metrics,
)
from skybind.progress import step
from skybind.runs.run import Run

#: Fewer objects with a target than this on either side are not worth a number.
LEAST = 20


@dataclass(frozen=True)
class _Task:
    """A target to predict: from what, fitted on and asked for which objects (rows)."""

    target: Target
    fit: Group
    predict: Group
    known: np.ndarray
    asked: np.ndarray

    @property
    def taught(self) -> np.ndarray:
        """The numbers that a method is fitted on."""
        return self.target.values[self.known]


@step("zero-shot and few-shot predictions")
def regress_run(
    run: Run, embeddings: Embeddings, features: Mapping[str, np.ndarray] | None = None
) -> list[TargetResult]:
    """Predict every target in every way; writes `regression.parquet` into the run's folder.

    Parameters
    ----------
    run : Run
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.
    features : mapping of str to ndarray, shape (n, F), optional
        What trees see, as `best_features` gives it; computed by default.

    Returns
    -------
    list of TargetResult
        Empty if there is no target.
    """
    targets = targets_of(run.dataset, run.config.evaluation.targets)
    if not targets:
        return []
    records, predictions = zero_shot(run, embeddings, targets)
    records += few_shot(run, embeddings, targets)
    if run.config.evaluation.baseline:
        records += plain_methods(run, targets, features)
        records += supervised(run, targets)
    write_predictions(run.paths.predictions, predictions)
    return records


def zero_shot(
    run: Run, embeddings: Embeddings, targets: Sequence[Target]
) -> tuple[list[TargetResult], list[Predictions]]:
    """Predict by the nearest neighbours in the embedding, which has seen no target.

    Fitted on the training objects (protocol `train`): within each modality, within the
    combined embedding, and across every ordered pair of modalities. And fitted on the validation
    objects (protocol `validation`), so that the neighbours are new to the training, too: the
    AstroCLIP reports fit on one half of what they held back and test on the other, but here no
    object that chose the epoch is tested on.
    """
    k = run.config.evaluation.neighbours
    train, test = run.rows("train"), run.rows("test")
    names = embeddings.modalities
    pairs: list[tuple[Group, Group]] = [(group, group) for group in modality_sets(names)]
    pairs += [((a,), (b,)) for a, b in itertools.permutations(names, 2)]
    vectors = {group: embeddings.mean(group) for group in modality_sets(names)}
    protocols = {"train": (train, test), VALIDATION: (run.rows("validation"), test)}
    records, predictions = [], []
    for (target, (fit, predict)), (protocol, rows) in itertools.product(
        itertools.product(targets, pairs), protocols.items()
    ):
        known = known_rows(target, embeddings.any_present(fit), rows[0])
        asked = asked_rows(run, known_rows(target, embeddings.any_present(predict), rows[1]))
        if min(len(known), len(asked)) < LEAST:
            continue
        predicted = knn_regression(
            vectors[fit][known], target.values[known], vectors[predict][asked], k
        )
        task = _Task(target, fit, predict, known, asked)
        records.append(_record(run, task, predicted, "k-NN", "embeddings", protocol=protocol, k=k))
        ids, true = embeddings.object_id[asked], target.values[asked]
        predictions.append(Predictions(target.name, protocol, fit, predict, ids, true, predicted))
    return records, predictions


def few_shot(run: Run, embeddings: Embeddings, targets: Sequence[Target]) -> list[TargetResult]:
    """Predict by a perceptron on the embeddings, trained with some or all of the targets."""
    records = []
    for group in modality_sets(embeddings.modalities):
        vectors, seen = embeddings.mean(group), embeddings.any_present(group)
        for task, share in _tasks(run, targets, group, seen):
            predicted = mlp_regression(
                vectors[task.known], task.taught, vectors[task.asked], run.config.seed
            )
            records.append(_record(run, task, predicted, "MLP", "embeddings", share=share))
    return records


def plain_methods(
    run: Run, targets: Sequence[Target], features: Mapping[str, np.ndarray] | None = None
) -> list[TargetResult]:
    """Predict by trees on the best features, and by ridge regression on simple statistics."""
    names = list(run.source.modalities)
    statistics = {name: modality_statistics(run.source, name) for name in names}
    best = best_features(run) if features is None else features
    seed, plain = run.config.seed, statistics_alone(run)
    methods = {
        "random forest": (best, lambda x, y, new: forest_regression(x, y, new, seed, threads=2)),
        "gradient boosting": (best, lambda x, y, new: boosting_regression(x, y, new, seed)),
        "ridge": (statistics, ridge_regression),
    }
    records = []
    for group in modality_sets(names):
        given = {
            name: np.concatenate([what[one] for one in group], axis=1)
            for name, (what, _) in methods.items()
        }
        seen = np.logical_or.reduce([run.source.present(name) for name in group])
        for task, share in _tasks(run, targets, group, seen):
            for name, (what, method) in methods.items():
                values = given[name]
                predicted = method(values[task.known], task.taught, values[task.asked])
                inputs = "statistics" if what is statistics else "features"
                record = _record(run, task, predicted, name, inputs, share=share)
                if inputs == "features" and set(plain) & set(group):
                    alone = tuple(one for one in plain if one in group)
                    record = record.model_copy(update={"statistics_of": alone})
                records.append(record)
    return records


def supervised(run: Run, targets: Sequence[Target]) -> list[TargetResult]:
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
                task = _Task(target, (name,), (name,), trained, test[asked])
                told = predicted[asked, number]
                records.append(_record(run, task, told, "supervised", "observations", share=share))
    return records


def _share(run: Run, usable: np.ndarray, share: float) -> np.ndarray:
    """A share of the training objects, the same objects for all methods, those usable."""
    rows = np.random.default_rng(run.config.seed).permutation(run.rows("train"))
    rows = np.sort(rows[: max(1, round(len(rows) * share / 100))])
    return rows[usable[rows]]


def _tasks(
    run: Run, targets: Sequence[Target], group: Group, seen: np.ndarray
) -> Iterator[tuple[_Task, float]]:
    """Every target from some modalities, by every share of the labels."""
    for target, share in itertools.product(targets, run.config.evaluation.label_shares):
        known = taught_rows(run, _share(run, seen & np.isfinite(target.values), share))
        asked = asked_rows(run, known_rows(target, seen, run.rows("test")))
        if min(len(known), len(asked)) >= LEAST:
            yield _Task(target, group, group, known, asked), share


def _record(
    run: Run,
    task: _Task,
    predicted: np.ndarray,
    method: str,
    inputs: str,
    *,
    share: float = 100.0,
    protocol: str = "train",
    k: int | None = None,
) -> TargetResult:
    """One entry of the metrics."""
    target, asked = task.target, task.asked
    result = regression_metrics(
        target.values[asked], predicted, target.redshift, seed=run.config.seed
    )
    return TargetResult(
        **dict(result),
        target=target.name,
        unit=target.unit,
        method=method,
        inputs=inputs,
        fit=task.fit,
        predict=task.predict,
        protocol=protocol,
        share=share,
        k=k,
        seed=run.config.seed,
        n_train=len(task.known),
        truth=_against_truth(run, target, asked, predicted),
    )


def _against_truth(
    run: Run, target: Target, asked: np.ndarray, predicted: np.ndarray
) -> RegressionResult | None:
    """The same comparison with the numbers that were planted, where there are any."""
    if target.truth is None:
        return None
    true = target.truth[asked]
    known = np.isfinite(true)
    if known.sum() < LEAST:
        return None
    return regression_metrics(true[known], predicted[known], target.redshift, seed=run.config.seed)
