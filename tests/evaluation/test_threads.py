"""Numbers beside the number of threads: what is measured, and what is recorded."""

import os
import shutil

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from skybind.evaluation import evaluate
from skybind.evaluation.classes import evaluate_case, neighbour_accuracy
from skybind.evaluation.describe import describe_run
from skybind.evaluation.retrieval import retrieve_run
from skybind.evaluation.statistics import modality_statistics
from skybind.measures.baselines import boosting_accuracy, forest_accuracy
from skybind.runs.cases import Case
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import run_finetuning

CASE = Case(("photometry",), "full", "pretrained")


@pytest.fixture
def threads():
    """Set how many threads PyTorch and OpenMP take."""
    before = torch.get_num_threads()
    limits = []

    def take(number):
        torch.set_num_threads(number)
        limits.append(threadpool_limits(number))

    yield take
    for limit in reversed(limits):
        limit.restore_original_limits()
    torch.set_num_threads(before)


def trees(run):
    """Plain methods on the catalogue's columns."""
    values = modality_statistics(run.source, "metadata")
    known = run.source.present("metadata") & (run.labels >= 0)
    train, test = (run.rows(part)[known[run.rows(part)]] for part in ("train", "test"))
    taught = (values[train], run.labels[train], values[test], run.labels[test], run.config.seed)
    return [forest_accuracy(*taught, trees=50), boosting_accuracy(*taught)]


def measured(folder):
    """Everything anew but the training."""
    run = Run.open(folder)
    run.prepare()
    embeddings = run_embedding(run)
    return {
        "classifier": [evaluate_case(run, CASE)],
        "neighbours": neighbour_accuracy(run, embeddings),
        "trees": trees(run),
        "retrieval": retrieve_run(run, embeddings),
    }, embeddings


def test_accuracy_and_retrieval_agree_within_their_errors_on_one_and_two_threads(
    trained, tmp_path, threads
):
    run = Run.open(trained)
    made = run_finetuning(run, CASE)
    assert made["machine"]["threads"] == torch.get_num_threads()
    found, vectors = [], []
    for number in (1, 2):
        threads(number)
        folder = tmp_path / str(number)
        shutil.copytree(trained, folder)
        shutil.rmtree(folder / "embeddings")
        results, embeddings = measured(folder)
        assert (folder / "embeddings").exists()
        found.append(results)
        vectors.append(np.concatenate([*embeddings.vectors.values()]))
    one, two = vectors
    assert np.nanmax(np.abs(one - two)) < 1e-5  # unit vectors in float32
    for name, records in found[0].items():
        assert len(records) == len(found[1][name]) > 0
        for a, b in zip(records, found[1][name], strict=True):
            if name == "retrieval":
                for k, value in a.recall.items():
                    assert abs(value - b.recall[k]) <= a.recall_error[k]
            else:
                assert a.n_test == b.n_test
                assert abs(a.accuracy - b.accuracy) <= a.accuracy_error


def test_what_a_run_was_computed_on_is_recorded(trained, threads):
    run = Run.open(trained)
    threads(2)
    about = describe_run(run)
    assert about.machine["threads"] == 2
    assert about.machine["cores"] == os.cpu_count()
    assert about.machine["processor"]
    assert {"skybind", "torch", "numpy", "scikit-learn"} <= set(about.versions)
    threads(1)
    again = describe_run(run)
    assert again.machine["threads"] == 1
    # the training was long before, and says its own
    assert again.pretraining.machine == about.pretraining.machine
    assert again.pretraining.machine["processor"] == about.machine["processor"]


def test_the_threads_that_are_recorded_are_those_of_the_beginning(
    trained, tmp_path, threads, monkeypatch
):
    """UMAP's library sets the threads of all that use OpenMP."""
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    run = Run.open(folder)
    run.change_evaluation(baseline=False, map="none")

    def retrieve(*_):
        threads(2)
        return []

    monkeypatch.setattr(evaluate, "retrieve_run", retrieve)
    threads(1)
    assert evaluate.evaluate_run(run, []).machine["threads"] == 1
    assert torch.get_num_threads() == 2
