"""Importance of the modalities by every measure, and which one carried each decision."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.discovery.measures.combinations import ComparisonTable, compare_means, compare_r2
from skybind.discovery.measures.contributions import Carried, Contributions, contributions, summary
from skybind.discovery.measures.outliers import class_centroids
from skybind.discovery.records import Comparison
from skybind.discovery.reference import reference_rows
from skybind.embeddings.store import Embeddings
from skybind.evaluation.samples import asked_rows
from skybind.evaluation.targets import known_rows, targets_of
from skybind.measures.importance import all_combinations
from skybind.measures.neighbours import knn_predict
from skybind.measures.regression import knn_regression
from skybind.measures.retrieval import partner_ranks
from skybind.runs.cases import Case
from skybind.runs.classes import case_classes
from skybind.runs.run import Run

Combination = tuple[str, ...]


def importance_tables(run: Run, embeddings: Embeddings, case: Case | None) -> list[Comparison]:
    """Every table of importance that a run allows, on the test objects that have all modalities.

    Parameters
    ----------
    run : Run
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.
    case : Case, optional
        The fine-tuned classifier to ask as well.

    Returns
    -------
    list of Comparison
    """
    if len(embeddings.modalities) < 2:
        return []
    columns = all_combinations(embeddings.modalities)
    everything = np.logical_and.reduce(list(embeddings.present.values()))
    test, train = run.rows("test"), reference_rows(run)
    test = asked_rows(run, test[everything[test]])
    records = []
    labelled, taught = test[run.labels[test] >= 0], train[run.labels[train] >= 0]
    if len(labelled) and len(taught):
        for method, guess in (("k-NN", _by_neighbours), ("centroid", _by_centroid)):
            codes = {c: guess(run, embeddings, c, taught, labelled) for c in columns}
            records.append(_accuracies(run, codes, labelled, method))
        if case is not None and len(case.modalities) > 1:
            found = case_classes(run, case)
            sets = all_combinations(case.modalities)
            codes = {names: found.logits(names)[labelled].argmax(axis=1) for names in sets}
            records.append(_accuracies(run, codes, labelled, f"fine-tuned ({case.name})"))
    if len(test) > 1:
        records += _retrievals(run, embeddings, columns, test)
        records += _regressions(run, embeddings, columns, train, test)
    return records


def decisions(run: Run, case: Case, rows: np.ndarray) -> tuple[pa.Table, list[Carried]]:
    """Say of each object which modality carried the decision on its class.

    Parameters
    ----------
    run : Run
    case : Case
        A fine-tuned classifier of several modalities.
    rows : ndarray of int
        Objects to decide on.

    Returns
    -------
    Table
        One row an object.
    list of Carried
        Mean shares by predicted class.
    """
    saved = case_classes(run, case)
    logits = {names: saved.logits(names)[rows] for names in all_combinations(case.modalities)}
    present = {name: run.source.present(name)[rows] for name in case.modalities}
    train = run.rows("train", case.subset)
    counts = np.bincount(run.labels[train][run.labels[train] >= 0], minlength=len(saved.classes))
    found = contributions(logits, present, counts / max(counts.sum(), 1))
    order = np.arange(len(rows))
    return _decision_table(run, found, saved.classes, rows), summary(found, saved.classes, order)


def _by_neighbours(
    run: Run, embeddings: Embeddings, names: Combination, taught: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    taught = taught[embeddings.any_present(names)[taught]]
    vectors = embeddings.mean(names)
    k = run.config.evaluation.neighbours
    return knn_predict(vectors[taught], run.labels[taught], vectors[asked], k)


def _by_centroid(
    run: Run, embeddings: Embeddings, names: Combination, taught: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    taught = taught[embeddings.any_present(names)[taught]]
    vectors = embeddings.mean(names)
    centroids = class_centroids(vectors[taught], run.labels[taught], len(run.classes))
    usable = np.isfinite(centroids).all(axis=1)
    cosine = np.where(usable, vectors[asked] @ np.nan_to_num(centroids).T, -np.inf)
    return np.asarray(cosine.argmax(axis=1))


def _accuracies(
    run: Run, codes: dict[Combination, np.ndarray], rows: np.ndarray, method: str
) -> Comparison:
    right = {names: (found == run.labels[rows]).astype(float) for names, found in codes.items()}
    table = compare_means(right, run.labels[rows], run.classes, seed=run.config.seed)
    return _record("accuracy", method, table)


def _retrievals(
    run: Run, embeddings: Embeddings, columns: Sequence[Combination], rows: np.ndarray
) -> list[Comparison]:
    """Reciprocal rank of the own other view, asked for by one or several modalities."""
    names = embeddings.modalities
    if len(names) < 3:
        return []  # a combination needs a third modality to look for
    scores = {}
    for subset in columns:
        query = embeddings.mean(subset)[rows]
        parts = [
            np.full(len(rows), np.nan)
            if target in subset
            else _reciprocal_rank(query, embeddings.vectors[target][rows])
            for target in names
        ]
        scores[subset] = np.concatenate(parts)
    scores = {c: s for c, s in scores.items() if np.isfinite(s).any()}
    group = np.repeat(np.arange(len(names)), len(rows))
    table = compare_means(scores, group, names, seed=run.config.seed)
    return [_record("retrieval", "mean reciprocal rank of the own view", table)]


def _reciprocal_rank(query: np.ndarray, library: np.ndarray) -> np.ndarray:
    """1 / rank of the library's vector of the same row; ties count as half."""
    nearer, tied = partner_ranks(query, library)
    return 1 / (nearer + 1 + tied / 2)


def _regressions(
    run: Run,
    embeddings: Embeddings,
    columns: Sequence[Combination],
    train: np.ndarray,
    test: np.ndarray,
) -> list[Comparison]:
    records = []
    for target in targets_of(run.dataset, run.config.evaluation.targets):
        rows = test[np.isfinite(target.values[test])]
        if len(rows) < 2:
            continue
        predictions = {}
        for names in columns:
            taught = known_rows(target, embeddings.any_present(names), train)
            vectors = embeddings.mean(names)
            predictions[names] = knn_regression(
                vectors[taught], target.values[taught], vectors[rows]
            )
        group = np.zeros(len(rows), int)
        true = target.values[rows]
        table = compare_r2(predictions, true, group, [target.name], seed=run.config.seed)
        records.append(_record("regression", f"{target.name} by k-NN", table))
    return records


def _record(measure: str, method: str, table: ComparisonTable) -> Comparison:
    return Comparison(**dict(table), measure=measure, method=method)


def _decision_table(
    run: Run, found: Contributions, classes: Sequence[str], rows: np.ndarray
) -> pa.Table:
    def named(codes: np.ndarray, names: Sequence[str]) -> list[str | None]:
        return [names[code] if code >= 0 else None for code in codes.tolist()]

    columns: dict[str, Any] = {
        "object_id": run.dataset.object_ids[rows].tolist(),
        "split": run.split.part[rows].tolist(),
        "label": run.class_names[rows].tolist(),
        "predicted": named(found.predicted, classes),
        "probability": found.probability,
        "carried_by": named(found.carrier, found.modalities),
    }
    for column, name in enumerate(found.modalities):
        columns[f"share_{name}"] = found.share[:, column]
        columns[f"without_{name}"] = found.without[:, column]
    return pa.table({k: pa.array(v, from_pandas=True) for k, v in columns.items()})
