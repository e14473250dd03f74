import numpy as np
import pytest

from skybind.errors import DataError
from skybind.labelling import strategies as labelling
from skybind.labelling.beliefs import Beliefs, form_beliefs
from skybind.labelling.strategies import STRATEGIES, propose, thinned, typical
from tests.labelling.crowds import beliefs_of, blobs, unit


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_chooses_different_objects_and_again_the_same(strategy):
    x, y = blobs([60, 30, 10], noise=0.4)
    labels = np.where(np.arange(100) % 10 == 0, y, -1)
    pool = np.flatnonzero(labels < 0)
    beliefs = form_beliefs(x, {"a": x}, {"a": np.ones(100, bool)}, labels, pool, 3)
    kwargs = {"labelled": x[labels >= 0], "strategy": strategy}
    one = propose(x[pool], beliefs, 17, seed=3, **kwargs)
    assert one.strategy == strategy
    assert len(set(one.rows.tolist())) == 17
    assert one.rows.max() < len(pool)
    assert one.rows.tolist() == propose(x[pool], beliefs, 17, seed=3, **kwargs).rows.tolist()
    everyone = propose(x[pool], beliefs, 1000, seed=3, **kwargs)
    assert sorted(everyone.rows.tolist()) == list(range(len(pool)))


@pytest.mark.parametrize("strategy", ["random", "badge", "combined", "diverse"])
def test_the_seed_decides_what_is_drawn(strategy):
    x, _ = blobs([60, 60], noise=0.5)
    beliefs = beliefs_of(np.random.default_rng(0).dirichlet([1, 1], 120))
    drawn = {tuple(propose(x, beliefs, 5, strategy=strategy, seed=s).rows) for s in range(4)}
    assert len(drawn) > 1


def test_margin_and_entropy_take_the_most_doubtful_in_their_sense():
    x = unit(np.random.default_rng(0).normal(size=(3, 4)))
    beliefs = beliefs_of([[0.5, 0.5, 0, 0], [0.4, 0.2, 0.2, 0.2], [0.9, 0.1, 0, 0]])
    assert propose(x, beliefs, 2, strategy="margin").rows.tolist() == [0, 1]
    assert propose(x, beliefs, 2, strategy="entropy").rows.tolist() == [1, 0]


def test_disagreement_finds_the_object_whose_modalities_differ():
    a = np.tile([0.9, 0.1], (10, 1))
    b = a.copy()
    b[4] = [0.1, 0.9]
    x = unit(np.random.default_rng(0).normal(size=(10, 4)))
    beliefs = beliefs_of(a, a=a, b=b)
    assert propose(x, beliefs, 1, strategy="disagreement").rows.tolist() == [4]


def test_a_cold_start_takes_one_typical_object_of_each_crowd():
    x, y = blobs([200, 100, 50, 30], noise=0.15)
    beliefs = Beliefs(np.full((380, 4), 0.25), {}, known=False)
    proposal = propose(x, beliefs, 4, strategy="combined", seed=1)
    assert proposal.strategy == "typical"
    assert sorted(y[proposal.rows].tolist()) == [0, 1, 2, 3]
    # each is nearer to the middle of its crowd than most are
    for row in proposal.rows:
        cosine = x[y == y[row]] @ np.eye(8)[y[row]]
        assert x[row, y[row]] > np.median(cosine)


def test_typical_objects_come_from_crowds_without_labels_first():
    x, y = blobs([100, 100, 100])
    chosen = typical(x, x[y == 0][:20], 2, seed=0)
    assert set(y[chosen].tolist()) == {1, 2}


def test_a_diverse_choice_reaches_the_small_crowd_and_not_what_is_labelled():
    x, y = blobs([500, 500, 5], noise=0.02)
    beliefs = Beliefs(np.full((1005, 3), 1 / 3), {}, known=False)
    for seed in range(5):
        chosen = propose(x, beliefs, 2, strategy="diverse", labelled=x[y == 0], seed=seed).rows
        assert set(y[chosen].tolist()) == {1, 2}


def test_badge_and_combined_do_not_repeat_what_is_alike():
    """Three crowds of doubtful objects: one of each is chosen, by chance seldom so."""
    x, y = blobs([50, 50, 50], noise=0.01)
    beliefs = beliefs_of(np.tile([0.51, 0.49, 0.0], (150, 1)))
    for strategy in ("badge", "combined"):
        found = [
            len(set(y[propose(x, beliefs, 3, strategy=strategy, seed=s).rows])) for s in range(9)
        ]
        assert np.mean(found) > (2.9 if strategy == "badge" else 2.6), strategy


def test_combined_leaves_out_what_is_sure():
    x, y = blobs([50, 50], noise=0.3)
    probability = np.where((y == 0)[:, None], [0.55, 0.45], [0.999, 0.001])
    chosen = propose(x, beliefs_of(probability), 10, strategy="combined").rows
    assert (y[chosen] == 0).all()


def test_combined_does_not_repeat_what_is_labelled():
    x, y = blobs([60, 60], noise=0.02)
    beliefs = beliefs_of(np.full((120, 2), 0.5))
    known = x[y == 0][:10]
    for seed in range(8):
        chosen = propose(x, beliefs, 40, labelled=known, strategy="combined", seed=seed)
        assert y[chosen.rows[0]] == 1


def test_combined_prefers_what_is_worth_more_among_its_shortlist():
    """All are on the shortlist and far apart: they are drawn by the square of their worth."""
    x = np.eye(90)
    doubtful = np.arange(90) % 3 == 0
    probability = np.where(doubtful[:, None], [0.5, 0.5], [0.85, 0.15])  # worth 1 and 0.3
    drawn = [
        doubtful[propose(x, beliefs_of(probability), 30, strategy="combined", seed=s).rows[:10]]
        for s in range(40)
    ]
    # by the square 1 / (1 + 2 * 0.09) of the first, less as they are used up; 0.6 by worth itself
    assert 0.75 < np.mean(drawn) < 0.88


def test_a_large_pool_is_thinned_at_random(monkeypatch):
    monkeypatch.setattr(labelling, "POOL", 40)
    rows = thinned(200, 30, seed=1)
    assert len(rows) == len(set(rows.tolist())) == 40
    assert rows.max() > 100
    assert (np.diff(rows) > 0).all()
    assert rows.tolist() == thinned(200, 30, seed=1).tolist() != thinned(200, 30, seed=2).tolist()
    assert len(thinned(200, 90, seed=1)) == 90
    assert thinned(40, 3, seed=1).tolist() == list(range(40))


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_what_is_chosen_does_not_depend_on_memory(strategy, monkeypatch):
    x, y = blobs([300, 200, 100])
    labels = np.where(np.arange(600) % 3 == 0, y, -1)
    pool, known = (np.flatnonzero(one) for one in (labels < 0, labels >= 0))
    beliefs = form_beliefs(x, {}, {}, labels, pool, 3)
    options = {"labelled": x[known].astype(np.float32), "strategy": strategy, "seed": 2}
    at_once = propose(x[pool], beliefs, 20, **options).rows.tolist()
    monkeypatch.setattr(labelling, "tile", lambda *_: (64, 50))
    monkeypatch.setattr(labelling, "at_once", lambda *_: 7)
    assert propose(x[pool], beliefs, 20, **options).rows.tolist() == at_once


def test_with_few_labels_combined_beats_chance_on_a_made_up_survey():
    """Four crowds of very different size: chance misses the small ones."""
    x, y = blobs([900, 60, 30, 10], noise=0.25, seed=5)
    scores = {}
    for strategy in ("combined", "random"):
        recall = []
        for seed in range(3):
            labels = np.full(len(y), -1)
            for n in (8, 8, 8):
                pool = np.flatnonzero(labels < 0)
                beliefs = form_beliefs(x, {}, {}, labels, pool, 4)
                chosen = propose(
                    x[pool], beliefs, n, labelled=x[labels >= 0], strategy=strategy, seed=seed
                )
                labels[pool[chosen.rows]] = y[pool[chosen.rows]]
            guess = form_beliefs(x, {}, {}, labels, np.arange(len(y)), 4).guess
            recall.append(np.mean([(guess[y == c] == c).mean() for c in range(4)]))
        scores[strategy] = np.mean(recall)
    assert scores["combined"] > scores["random"] + 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategy": "clever"}, "no strategy 'clever'"),
        ({"n": 0}, "at least 1"),
        ({"pool": np.zeros((0, 8))}, "no candidate"),
    ],
)
def test_errors_are_one_sentence(change, message):
    arguments = {"pool": np.eye(8), "n": 2, **change}
    beliefs = beliefs_of(np.full((8, 2), 0.5))
    with pytest.raises(DataError, match=message):
        propose(arguments.pop("pool"), beliefs, arguments.pop("n"), **arguments)
