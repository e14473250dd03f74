from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest

from skybind.config.evaluation import EvaluationConfig
from skybind.evaluation import samples
from skybind.evaluation.classes import neighbour_accuracy
from skybind.evaluation.clusters import map_run
from skybind.evaluation.retrieval import retrieval_rivals
from skybind.evaluation.samples import (
    COMPARED,
    MAPPED,
    NEAR,
    asked_rows,
    drawn,
    noting,
    taught_rows,
    told,
)
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run


def test_few_rows_are_given_as_they_are():
    rows = np.array([5, 3, 9])
    assert drawn(rows, 3, seed=0) is rows


def test_a_sample_is_of_the_size_asked_for_ascends_and_comes_from_the_seed():
    rows = np.arange(100, 5000, 3)
    sample = drawn(rows, 400, seed=1)
    assert len(sample) == 400
    assert (np.diff(sample) > 0).all()
    assert np.isin(sample, rows).all()
    np.testing.assert_array_equal(drawn(rows, 400, seed=1), sample)
    assert not np.array_equal(drawn(rows, 400, seed=2), sample)
    # the mean of 400 of them, drawn evenly, lies within four standard errors
    assert sample.mean() == pytest.approx(rows.mean(), abs=4 * rows.std() / 20)


def test_no_rare_class_is_lost(monkeypatch):
    monkeypatch.setattr(samples, "OF_A_CLASS", 5)
    labels = np.zeros(10_000, int)
    labels[[17, 4000, 4500]] = 1
    labels[100:110] = 2
    labels[5000:] = -1
    sample = drawn(np.arange(10_000), 200, seed=3, labels=labels)
    counts = {code: int((labels[sample] == code).sum()) for code in (0, 1, 2)}
    assert counts[1] == 3
    assert counts[2] >= 5
    assert 200 <= len(sample) <= 208


def test_only_what_was_drawn_is_told():
    found = told(("a", 10, 10), ("b", 10, 11), ("c", 20, 5))
    assert [(one.what, one.n, one.of) for one in found] == [("b", 10, 11)]


def test_what_is_drawn_is_noted_with_what_it_could_be_drawn_from():
    options = EvaluationConfig(asked_objects=50, taught_objects=600)
    run = SimpleNamespace(config=SimpleNamespace(evaluation=options, seed=1))
    with noting() as samples:
        for n in (99, 120, 60, 50):  # the modalities of a run
            assert len(asked_rows(run, np.arange(n))) == 50
        assert len(taught_rows(run, np.arange(600))) == 600
        asked_rows(run, np.arange(70), "others")
    assert [(one.what, one.n, one.of) for one in samples.values()] == [
        (NEAR, 50, 120), ("others", 50, 70),
    ]  # fmt: skip
    asked_rows(run, np.arange(99))  # nobody asks
    assert len(samples) == 2


def test_a_modality_that_few_objects_have_is_no_sample_of_all(trained):
    """Of 39 test objects seven have nothing: a limit of 32 leaves none out."""
    run = Run.open(trained)
    test, train = run.rows("test"), run.rows("train")
    there = run_embedding(run)
    present = {
        name: has & ~np.isin(np.arange(400), test[:7]) for name, has in there.present.items()
    }
    present["spectrum"][test[7:12]] = False
    embeddings = replace(there, present=present)
    seen, labelled = embeddings.any_present(), run.labels >= 0
    known = int((seen & labelled)[test].sum())
    several = [a & b for a, b in combinations(embeddings.present.values(), 2)]
    most = max(int(pair[test].sum()) for pair in several)
    assert most <= known < len(test)

    def measured(**options):
        other = run.config.evaluation.model_copy(update=options)
        run.config = run.config.model_copy(update={"evaluation": other})
        with noting() as samples:
            neighbour_accuracy(run, embeddings)
            retrieval_rivals(run, embeddings)
            map_run(run, embeddings, every=False)
        return {one.what: (one.n, one.of) for one in samples.values()}

    assert measured(asked_objects=known, map_objects=int(seen[train].sum())) == {}
    assert measured(asked_objects=15, map_objects=30) == {
        NEAR: (15, known),
        COMPARED: (15, most),
        MAPPED["train"]: (30, int(seen[train].sum())),
        MAPPED["test"]: (30, int(seen[test].sum())),
    }
