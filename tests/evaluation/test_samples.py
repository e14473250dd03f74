from types import SimpleNamespace

import numpy as np
import pytest

from skybind.config.evaluation import EvaluationConfig
from skybind.evaluation import samples
from skybind.evaluation.samples import drawn, evaluation_samples, told


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


def test_an_evaluation_tells_the_samples_of_what_it_measured_alone():
    options = EvaluationConfig(asked_objects=50, taught_objects=600, map_objects=100)
    rows = {"train": np.arange(800), "test": np.arange(99)}
    run = SimpleNamespace(
        config=SimpleNamespace(evaluation=options), rows=rows.get, modalities=["a", "b"]
    )
    every = evaluation_samples(run, mapped=3000, clusters=True)
    assert [(one.n, one.of) for one in every] == [
        (50, 99), (600, 800), (50, 99), (100, 800), (2000, 3000),
    ]  # fmt: skip
    few = evaluation_samples(run, mapped=0, clusters=True, asked=False, taught=False)
    assert [one.what.split(" among")[0] for one in few] == ["test objects"]
