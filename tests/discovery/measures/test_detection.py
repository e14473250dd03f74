import numpy as np
import pytest

from skybind.discovery.measures.detection import detection, rival_scores


def test_detection_against_known_answers():
    score = np.array([0.9, 0.8, 0.1, np.nan])
    planted = np.array([True, False, False, True])
    found = detection(score, planted)
    assert found.n_planted == 2
    assert found.precision == found.recall == 0.5
    assert found.average_precision == pytest.approx(0.5 * 1 + 0.5 * 0.5)
    flagged = detection(score, planted, np.array([True, False, False, False]))
    assert (flagged.precision, flagged.recall) == (1.0, 0.5)
    assert detection(score, np.zeros(4, bool)).plain()["average_precision"] is None


def test_rivals_find_a_stray_too():
    rng = np.random.default_rng(0)
    vectors = np.eye(16)[np.repeat([0, 1, 2], 60)] + 0.08 * rng.normal(size=(180, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    lonely = np.vstack([vectors, -np.ones((1, 16)) / 4])
    for score in rival_scores(lonely, np.arange(180)).values():
        assert score.argmax() == 180
