"""What a run reached: every number of its report, from models and embeddings to metrics."""

from collections.abc import Sequence
from typing import Any

from skybind.embeddings.store import Embeddings
from skybind.evaluation.classes import baselines, evaluate_case, importance, neighbour_accuracy
from skybind.evaluation.clusters import (
    Layout,
    cluster_run,
    map_run,
    wants_clusters,
    write_layouts,
)
from skybind.evaluation.describe import describe_run
from skybind.evaluation.records import Metrics, write_metrics
from skybind.evaluation.regression import regress_run
from skybind.evaluation.retrieval import retrieval_rivals, retrieve_run
from skybind.evaluation.samples import noting
from skybind.evaluation.statistics import best_features
from skybind.processes import about_machine
from skybind.progress import step
from skybind.runs.alone import changes_run
from skybind.runs.cases import Case, widest_case
from skybind.runs.embedding import run_embedding
from skybind.runs.measured import refuse_measuring
from skybind.runs.run import Run
from skybind.runs.steps import run_model


@changes_run
@step("evaluating the run")
def evaluate_run(run: Run, cases: Sequence[Case]) -> Metrics:
    """Measure everything and write `metrics.json`.

    Parameters
    ----------
    run : Run
        Pre-trained, and fine-tuned in `cases`.
    cases : sequence of Case

    Returns
    -------
    Metrics
        The content of `metrics.json`.
    """
    machine = about_machine()  # before maps: UMAP's library may set other threads for all
    run.prepare()
    refuse_measuring(run, run_model(run), run.rows("test"))
    embeddings = run_embedding(run)
    with noting() as samples:
        results, layouts = _measured(run, cases, embeddings)
    results |= {"machine": machine, "samples": list(samples.values())}
    model = embeddings.model.get("weights")
    write_layouts(run.paths.maps, layouts, run.dataset.object_ids, model)
    metrics = describe_run(run).model_copy(update=results)
    write_metrics(metrics, run.paths.metrics)
    return metrics


def _measured(
    run: Run, cases: Sequence[Case], embeddings: Embeddings
) -> tuple[dict[str, Any], list[Layout]]:
    """Measure everything; gives the maps, too."""
    options, widest = run.config.evaluation, widest_case(cases)
    subsets = [*run.config.finetuning.subsets, *(case.subset for case in cases)]
    features = best_features(run) if options.baseline else None
    results: dict[str, Any] = {
        "classification": [evaluate_case(run, case) for case in cases],
        "importance": importance(run, widest) if options.importance and widest else None,
        "retrieval": retrieve_run(run, embeddings) if options.retrieval else [],
        "knn": neighbour_accuracy(run, embeddings) if run.classes else [],
        "baseline": baselines(run, subsets, features) if run.classes and options.baseline else [],
        "regression": regress_run(run, embeddings, features),
    }
    if options.retrieval and options.baseline:
        results["retrieval_rivals"], results["brightness"] = retrieval_rivals(run, embeddings)
    clusters = wants_clusters(run)
    layouts = map_run(run, embeddings, every=clusters)
    if clusters:
        results["clusters"] = cluster_run(run, embeddings, layouts, options)
    return results, layouts
