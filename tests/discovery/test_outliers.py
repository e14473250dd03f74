"""Which score of planted faults may be called the best."""

import numpy as np
import pytest

from skybind.discovery.measures.detection import detection
from skybind.discovery.outliers import ANY, best_detections, mark_best
from skybind.discovery.records import DetectionResult

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
