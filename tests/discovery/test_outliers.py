"""Which score of planted faults may be called the best, and when a label is doubted."""

from types import SimpleNamespace

import numpy as np
import pytest

from skybind.discovery.measures.detection import detection
from skybind.discovery.measures.outliers import suspicion
from skybind.discovery.outliers import ANY, best_detections, mark_best
from skybind.discovery.records import DetectionResult
from skybind.discovery.scores import all_doubts

PLANTED = np.arange(400) < 40


def records(scores):
    return [
        DetectionResult(
            **dict(detection(score, PLANTED)), kind=ANY, method=method, score=name, share=0.1
        )
        for (method, name), score in scores.items()
    ]


@pytest.mark.parametrize(("made_for_it", "marked"), [(0.3, []), (2.0, ["suspicion"])])
def test_a_score_chosen_with_the_truth_in_hand_is_never_the_best(made_for_it, marked):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(3, 400))
    scores = {
        ("skybind", "label"): noise[0] + 3 * PLANTED,
        ("skybind", "suspicion"): noise[1] + made_for_it * PLANTED,
        ("isolation forest", "all"): noise[2] + 0.3 * PLANTED,
    }
    found = mark_best(records(scores), scores, PLANTED, seed=0)
    assert [entry.score for entry in found if entry.best] == marked
    shown = best_detections(found)
    assert {entry.score for entry in shown} == {"label", "suspicion", "all"}
    assert [entry.score for entry in shown if entry.best] == marked


def test_nothing_strange_is_no_negative_suspicion():
    assert not np.signbit(suspicion([np.ones(3)])).any()
    assert not np.signbit(suspicion([np.ones(3), np.full(3, np.nan)])).any()


def test_few_training_objects_doubt_no_label(monkeypatch):
    labels = np.arange(60) % 2
    votes = np.where(labels[:, None] == 0, [0.1, 0.9], [0.2, 0.8])
    monkeypatch.setattr("skybind.discovery.scores.all_votes", lambda *_: votes)
    present = np.ones(60, bool)
    embedded = SimpleNamespace(any_present=lambda: present)
    for n, judged in ((31, False), (32, True)):
        run = SimpleNamespace(
            rows=lambda part, n=n: np.arange(n), config=SimpleNamespace(seed=1), labels=labels
        )
        found = all_doubts(run, embedded)
        assert (found is not None) == judged
    assert (found.doubt[::2] > 0).all()
    present[0] = False
    assert all_doubts(run, embedded) is None
