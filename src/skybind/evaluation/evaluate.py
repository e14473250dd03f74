"""What a run reached: every number of its report, from models and embeddings to metrics."""

from collections.abc import Sequence
from typing import Any

from skybind.evaluation.classes import baselines, evaluate_case, importance, neighbour_accuracy
from skybind.evaluation.clusters import cluster_run, map_run, wants_clusters, write_layouts
from skybind.evaluation.describe import describe_run
from skybind.evaluation.records import METRICS_VERSION
from skybind.evaluation.regression import regress_run
from skybind.files import write_json
from skybind.measures.retrieval import retrieval_table
from skybind.progress import step
from skybind.runs.cases import Case, widest_case
from skybind.runs.run import Run
from skybind.runs.steps import run_embedding


@step("evaluating the run")
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
    run.prepare()
    embeddings = run_embedding(run)
    test = embeddings.take(run.rows("test"))
    options = run.config.evaluation
    subsets = [*run.config.finetuning.subsets, *(case.subset for case in cases)]
    metrics: dict[str, Any] = {
        "metrics_version": METRICS_VERSION,
        **describe_run(run),
        "classification": [evaluate_case(run, case) for case in cases],
        "importance": None,
        "retrieval": [],
        "knn": neighbour_accuracy(run, embeddings) if run.classes else [],
        "baseline": baselines(run, subsets) if run.classes and options.baseline else [],
        "regression": regress_run(run, embeddings),
        "clusters": [],
    }
    if options.retrieval and len(embeddings.modalities) > 1 and len(test):
        with step("retrieval"):
            found = retrieval_table(test.vectors, test.present)
        metrics["retrieval"] = [
            {"query": a, "target": b, "split": "test", "seed": run.config.seed, **result.to_dict()}
            for (a, b), result in found.items()
        ]
    widest = widest_case(cases)
    if options.importance and widest is not None:
        metrics["importance"] = importance(run, widest)
    clusters = wants_clusters(run)
    layouts = map_run(run, embeddings, every=clusters)
    if clusters:
        metrics["clusters"] = cluster_run(run, embeddings, layouts, options)
    write_layouts(run.paths.maps, layouts, run.dataset.object_ids)
    write_json(run.paths.metrics, metrics)
    return metrics
