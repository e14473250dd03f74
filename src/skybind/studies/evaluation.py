"""What a run reached: every number of its report, from models and embeddings to metrics."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from skybind.embeddings.features import matching_source
from skybind.embeddings.make import best_device
from skybind.embeddings.store import Embeddings
from skybind.files import write_json
from skybind.modalities.source import BatchSource
from skybind.models.saved import SavedModel, load_model
from skybind.report.data import METRICS_VERSION
from skybind.studies.cases import Case, case_result
from skybind.studies.clusters import MAPS, cluster_run, map_run, wants_clusters, write_layouts
from skybind.studies.describe import describe_run
from skybind.studies.regression import regress_run
from skybind.studies.run import Run
from skybind.studies.statistics import modality_sets, modality_statistics
from skybind.studies.steps import run_embedding
from skybind.tasks.baselines import forest_accuracy
from skybind.tasks.classification import classification_metrics
from skybind.tasks.importance import all_combinations, modality_table
from skybind.tasks.neighbours import knn_predict
from skybind.tasks.retrieval import retrieval_table


@torch.inference_mode()
def predict(
    saved: SavedModel,
    source: BatchSource,
    rows: np.ndarray,
    modalities: Sequence[str] | None = None,
    batch_size: int = 512,
) -> np.ndarray:
    """Class logits of some objects by a saved classifier, shape (len(rows), classes).

    Objects that were observed in none of the modalities get NaN.
    """
    assert saved.classifier is not None
    names = saved.classifier.modalities if modalities is None else list(modalities)
    device = best_device()
    classifier = saved.classifier.to(device).eval()
    logits = np.full((len(rows), len(saved.classes)), np.nan, np.float32)
    own = matching_source(saved.binder, saved.modalities, source)
    seen = np.logical_or.reduce([own.present(name)[rows] for name in names])
    places = np.flatnonzero(seen)
    for start in range(0, len(places), batch_size):
        chunk = places[start : start + batch_size]
        batch = own.select(names).batch(rows[chunk]).to(device)
        logits[chunk] = classifier(batch, names).float().cpu().numpy()
    return logits


def evaluate_case(run: Run, case: Case) -> dict[str, Any]:
    """Test one classifier on the test objects; also on the test objects of its subset.

    Raises
    ------
    LeakError
        If the classifier was trained on objects that it would be tested on.
    """
    saved, rows = _open_case(run, case), _labelled_test_rows(run)
    saved.refuse_leak(run.dataset.object_ids[rows], "testing")
    logits = predict(saved, run.source, rows)
    known = np.isfinite(logits).all(axis=1)
    rows, predicted = rows[known], logits[known].argmax(1)
    result = classification_metrics(run.labels[rows], predicted, saved.classes)
    record: dict[str, Any] = {
        "modalities": list(case.modalities),
        "subset": case.subset,
        "pretrained": case.start == "pretrained",
        "frozen": case.frozen,
        "seed": run.config.seed,
        "n_train": case_result(run, case)["n_train"],
        "n_test": result.n,
        **result.to_dict(),
    }
    if case.subset != "full":
        inside = np.isin(rows, run.rows("test", case.subset))
        if inside.any():
            part = classification_metrics(
                run.labels[rows[inside]], predicted[inside], saved.classes
            )
            record["subset_test"] = {"n": part.n, "accuracy": part.accuracy}
    return record


def predict_case(run: Run, case: Case, rows: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Logits of some objects by one of the run's classifiers, and its classes."""
    saved = _open_case(run, case)
    return predict(saved, run.source, rows), saved.classes


def importance(run: Run, case: Case) -> dict[str, Any] | None:
    """Class-wise accuracy of one classifier given every set of its modalities."""
    saved, rows = _open_case(run, case), _labelled_test_rows(run)
    predictions = {}
    for names in all_combinations(case.modalities):
        logits = predict(saved, run.source, rows, names)
        known = np.isfinite(logits).all(axis=1)
        predictions[names] = np.where(known, np.nan_to_num(logits).argmax(1), -1)
    usable = np.logical_and.reduce([p >= 0 for p in predictions.values()])
    if not usable.any():
        return None
    return {
        "case": case.name,
        **modality_table(predictions, run.labels[rows], saved.classes).to_dict(),
    }


def neighbour_accuracy(run: Run, embeddings: Embeddings) -> list[dict[str, Any]]:
    """k-NN accuracy in the pre-trained space (no fine-tuning), for each modality and all."""
    records = []
    for names in modality_sets(embeddings.modalities):
        seen = embeddings.any_present(names) & (run.labels >= 0)
        train, test = run.rows("train"), run.rows("test")
        train, test = train[seen[train]], test[seen[test]]
        if not len(train) or not len(test):
            continue
        vectors = embeddings.combined(names)
        predicted = knn_predict(
            vectors[train], run.labels[train], vectors[test], run.config.evaluation.neighbours
        )
        result = classification_metrics(run.labels[test], predicted, run.classes)
        records.append(
            {
                "modalities": list(names),
                "k": run.config.evaluation.neighbours,
                "seed": run.config.seed,
                "n_train": len(train),
                "n_test": len(test),
                **result.to_dict(),
            }
        )
    return records


def baselines(run: Run) -> list[dict[str, Any]]:
    """A random forest on simple statistics, for each modality and all, on the same objects."""
    records = []
    names = list(run.source.modalities)
    summaries = {n: modality_statistics(run.source, n) for n in names}
    for group in modality_sets(names):
        seen = np.logical_or.reduce([run.source.present(n) for n in group]) & (run.labels >= 0)
        values = np.concatenate([summaries[n] for n in group], axis=1)
        for subset in dict.fromkeys(["full", *run.config.finetuning.subsets]):
            train, test = run.rows("train", subset), run.rows("test")
            train, test = train[seen[train]], test[seen[test]]
            if not len(train) or not len(test):
                continue
            result = forest_accuracy(
                values[train],
                run.labels[train],
                values[test],
                run.labels[test],
                run.config.seed,
                run.classes,
                threads=2,
            )
            records.append(
                {
                    "modalities": list(group),
                    "subset": subset,
                    "name": "random forest",
                    "seed": run.config.seed,
                    "n_train": len(train),
                    "n_test": len(test),
                    **result.to_dict(),
                }
            )
    return records


def evaluate_run(run: Run, cases: Sequence[Case]) -> dict[str, Any]:
    """Measure everything and write `metrics.json`.

    Parameters
    ----------
    run : Run
        Pre-trained, and fine-tuned in `cases`.
    cases : sequence of Case

    Returns
    -------
    dict
        The content of `metrics.json`; docs/metrics.md says what each key is.
    """
    embeddings = run_embedding(run)
    test = embeddings.take(run.rows("test"))
    options = run.config.evaluation
    metrics: dict[str, Any] = {
        "metrics_version": METRICS_VERSION,
        **describe_run(run),
        "classification": [evaluate_case(run, case) for case in cases],
        "importance": None,
        "retrieval": [],
        "knn": neighbour_accuracy(run, embeddings) if run.classes else [],
        "baseline": baselines(run) if run.classes and options.baseline else [],
        "regression": regress_run(run, embeddings),
        "clusters": [],
    }
    if options.retrieval and len(embeddings.modalities) > 1 and len(test):
        metrics["retrieval"] = [
            {"query": a, "target": b, "split": "test", "seed": run.config.seed, **result.to_dict()}
            for (a, b), result in retrieval_table(test.vectors, test.present).items()
        ]
    widest = widest_case(cases)
    if options.importance and widest is not None:
        metrics["importance"] = importance(run, widest)
    layouts = map_run(run, embeddings)
    if wants_clusters(run):
        metrics["clusters"] = cluster_run(run, embeddings, layouts)
    write_layouts(run.folder / MAPS, layouts, run.dataset.object_ids)
    write_json(run.folder / "metrics.json", metrics)
    run.done("evaluate")
    return metrics


def _open_case(run: Run, case: Case) -> SavedModel:
    """Open the classifier of a case, checked against the run's dataset."""
    return load_model(run.folder / "finetune" / case.name / "model", run.dataset.schema)


def _labelled_test_rows(run: Run) -> np.ndarray:
    rows = run.rows("test")
    return rows[run.labels[rows] >= 0]


def widest_case(cases: Sequence[Case]) -> Case | None:
    """The case of most modalities, most labels, pre-trained if there is one."""
    several = [case for case in cases if len(case.modalities) > 1]
    if not several:
        return None
    return max(
        several,
        key=lambda c: (
            len(c.modalities),
            100 if c.subset == "full" else float(c.subset),
            c.start == "pretrained",
        ),
    )
