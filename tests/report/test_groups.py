import numpy as np
import pytest

from skybind.evaluation.records import CaseResult, PairRetrieval, RetrievalRival
from skybind.evaluation.retrieval import CONTROLS, LIKELIHOOD
from skybind.measures.classification import classification_metrics
from skybind.report.groups import accuracy_groups, headline, retrieval_groups, rival_groups
from skybind.report.retrieval import rival_table, rival_words
from skybind.report.tables import accuracy_table


def entry(accuracy, seed, **more):
    known = classification_metrics(np.array([0, 0, 1]), np.array([0, 1, 1]), ["a", "b"]).plain()
    return CaseResult.model_validate(
        {
            **known,
            "modalities": ["spectrum"],
            "subset": "full",
            "pretrained": True,
            "frozen": False,
            "seed": seed,
            "accuracy": accuracy,
            "accuracy_error": 0.01,
            "confusion": [[3, 1], [0, 4]],
            **more,
        }
    )


def test_seeds_are_averaged_and_their_scatter_joins_the_error():
    (group,) = accuracy_groups([entry(0.8, 1), entry(0.9, 2), entry(0.85, 3)])
    assert group.accuracy == pytest.approx(0.85)
    assert group.error == pytest.approx(np.hypot(0.05 / np.sqrt(3), 0.01))
    assert group.n_seeds == 3
    np.testing.assert_array_equal(group.confusion, [[9, 3], [0, 12]])


def test_one_seed_keeps_its_own_error():
    (group,) = accuracy_groups([entry(0.8, 1)])
    assert (group.accuracy, group.error) == (0.8, 0.01)


@pytest.mark.parametrize(("n", "kinds"), [(2, ["", ""]), (40, ["", "strong"])])
def test_few_test_objects_make_no_start_the_best(n, kinds):
    of = {"confusion": [[n, 0], [0, 0]], "accuracy_error": 0.1}
    table = accuracy_table(
        accuracy_groups([entry(0.1, 1, pretrained=False, **of), entry(0.9, 1, **of)])
    )
    assert [row[2].kind for row in table.rows] == kinds


def rival(method, beaten, n):
    return RetrievalRival(
        method=method, query="a", target="b", n=n, recall={1: beaten}, recall_error={1: 0.1},
        median_rank=1, chance_recall={1: 1 / n}, chance_median_rank=(n + 1) / 2, matched=None,
        matched_by=None, beaten=beaten, beaten_error=0.01,
    )  # fmt: skip


@pytest.mark.parametrize(("n", "kind"), [(3, ""), (30, "strong")])
def test_few_queries_make_no_method_the_best(n, kind):
    table = rival_table(rival_groups([rival("ours", 0.9, n), rival("brightness alone", 0.5, n)]))
    assert table.rows[0][-2].kind == kind


def test_methods_that_are_not_there_are_not_explained():
    alone = rival_words(rival_groups([rival("ours", 0.9, 4)]))
    assert "Canonical correlation is left out: it needs 20 training objects" in alone
    assert "likelihood" not in alone
    assert "brightness" not in alone
    assert "Exchanged" not in alone
    methods = ["ours", LIKELIHOOD, *CONTROLS]
    every = rival_words(rival_groups([rival(method, 0.9, 40) for method in methods]))
    assert "by the likelihood ratio" in every
    assert "Exchanged pairs are controls" in every
    assert "left out: it needs" not in every


def test_what_differs_is_kept_apart_and_in_order():
    groups = accuracy_groups(
        [
            entry(0.5, 1, subset="10"),
            entry(0.6, 1, pretrained=False),
            entry(0.7, 1, frozen=True),
            entry(0.95, 1, modalities=["spectrum", "metadata"]),
            entry(0.9, 1),
        ]
    )
    assert [(len(g.modalities), g.subset, g.start) for g in groups] == [
        (1, "full", "From scratch"),
        (1, "full", "Pre-trained, frozen"),
        (1, "full", "Pre-trained"),
        (1, "10", "Pre-trained"),
        (2, "full", "Pre-trained"),
    ]
    best = headline(groups)
    assert best.modalities == ("spectrum", "metadata")
    assert headline([]) is None


def test_retrievals_are_averaged():
    one = {
        "query": "a",
        "target": "b",
        "n": 100,
        "recall": {"1": 0.2},
        "recall_error": {"1": 0.04},
        "chance_recall": {"1": 0.01},
        "median_rank": 4.0,
        "chance_median_rank": 50.5,
    }
    first = PairRetrieval.model_validate(one)
    (single,) = retrieval_groups([first])
    assert single.recall_error == {1: 0.04}
    other = PairRetrieval.model_validate({**one, "recall": {"1": 0.3}, "median_rank": 3.0})
    (group,) = retrieval_groups([first, other])
    assert group.recall[1] == pytest.approx(0.25)
    assert group.recall_error[1] == pytest.approx(np.hypot(0.05, 0.04))
    assert group.median_rank == 3.5
