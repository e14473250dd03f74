"""Which classifiers there are, and which stands for a run."""

from itertools import permutations
from types import SimpleNamespace

import pytest

from skybind.config import load_config
from skybind.runs.cases import Case, cases_of, widest_case

BOTH, ALL = ("photometry", "spectrum"), ("photometry", "spectrum", "metadata")


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (Case(ALL, "10", "scratch"), Case(BOTH, "full", "pretrained")),
        (Case(ALL, "full", "scratch"), Case(ALL, "50", "pretrained")),
        (Case(ALL, "50", "scratch"), Case(ALL, "9.5", "pretrained")),
        (Case(ALL, "full", "pretrained"), Case(ALL, "full", "scratch")),
        (Case(BOTH, "10", "pretrained"), Case(BOTH, "10", "scratch")),
    ],
)
def test_most_modalities_then_most_labels_then_pretraining_stand_for_a_run(better, worse):
    alone = Case(("photometry",), "full", "pretrained")
    for cases in permutations([better, worse, alone]):
        assert widest_case(cases) == better
    assert widest_case([alone]) is None
    assert widest_case([]) is None


def test_frozen_encoders_are_never_random_and_without_classes_there_are_no_cases():
    changes = ["finetuning.frozen=true", "finetuning.modalities=[photometry, all]"]
    run = SimpleNamespace(config=load_config("stars-small", changes), classes=["EA", "EW"])
    cases = cases_of(run)
    assert {case.start for case in cases} == {"pretrained"}
    assert {case.modalities for case in cases} == {("photometry",), ALL}
    assert all(case.name.endswith("-frozen") for case in cases)
    run.classes = []
    assert cases_of(run) == []
