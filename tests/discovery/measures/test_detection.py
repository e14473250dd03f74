import numpy as np
import pytest

from skybind.discovery.measures.detection import better_than, detection, rival_scores


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


@pytest.mark.filterwarnings("error")
def test_few_objects_are_scored_without_a_warning():
    vectors = np.random.default_rng(0).normal(size=(8, 4))
    assert rival_scores(vectors, np.arange(1)) == {}
    found = rival_scores(vectors, np.arange(5))
    assert all(np.isfinite(score).all() for score in found.values())


def test_better_is_only_what_chance_does_not_make():
    rng = np.random.default_rng(2)
    planted = rng.random(2000) < 0.05
    good = planted + rng.normal(scale=0.4, size=2000)
    poor = planted + rng.normal(scale=1.5, size=2000)
    assert better_than(good, [poor, rng.random(2000)], planted)
    assert not better_than(poor, [good], planted)
    like = planted + rng.normal(scale=0.4, size=2000)
    assert not (better_than(good, [like], planted) and better_than(like, [good], planted))
    few = np.zeros(2000, bool)
    few[:2] = True  # of two objects nothing is known
    assert not better_than(good * 0 + rng.random(2000), [rng.random(2000)], few)
    assert not better_than(good, [good], planted)
    for n, enough in ((9, False), (10, True)):  # found without fail, but of so few
        few = np.arange(2000) < n
        assert better_than(few + 0.1 * rng.random(2000), [rng.random(2000)], few) == enough


def test_the_bootstrap_counts_as_scikit_learn_does():
    from sklearn.metrics import average_precision_score

    from skybind.discovery.measures.detection import _Ranked

    rng = np.random.default_rng(5)
    planted = rng.random(300) < 0.2
    score = np.round(planted + rng.normal(size=300), 1)  # with ties
    counts = rng.multinomial(300, np.full(300, 1 / 300), 4).astype(float)
    mine = _Ranked.of(score, planted).average_precision(counts)
    theirs = [average_precision_score(planted, score, sample_weight=c) for c in counts]
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_rivals_find_a_stray_too():
    rng = np.random.default_rng(0)
    vectors = np.eye(16)[np.repeat([0, 1, 2], 60)] + 0.08 * rng.normal(size=(180, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    lonely = np.vstack([vectors, -np.ones((1, 16)) / 4])
    for score in rival_scores(lonely, np.arange(180)).values():
        assert score.argmax() == 180
