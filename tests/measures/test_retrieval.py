import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import top_k_accuracy_score

from skybind.errors import DataError
from skybind.measures.retrieval import (
    matched_retrieval,
    partner_ranks,
    retrieval,
    retrieval_table,
    top_matches,
)
from skybind.measures.shares import share_error
from skybind.memory import memory_limit


def unit(rng, n, width):
    values = rng.normal(size=(n, width))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def test_identical_views_are_all_found():
    x = unit(np.random.default_rng(0), 200, 16)
    result = retrieval(x, x)
    assert result.recall == {1: 1.0, 5: 1.0, 10: 1.0}
    assert result.median_rank == 1
    assert result.recall_error[1] == pytest.approx(1 / 402)  # of Wilson's interval


def test_opposite_views_are_all_last():
    x = unit(np.random.default_rng(0), 50, 16)
    result = retrieval(x, -x)
    assert result.recall[10] == 0
    assert result.median_rank == 50


def test_unrelated_views_are_found_by_chance():
    rng = np.random.default_rng(1)
    n = 4000
    result = retrieval(unit(rng, n, 32), unit(rng, n, 32), ks=(1, 10, 400))
    assert result.chance_recall == {1: 1 / n, 10: 10 / n, 400: 0.1}
    assert result.chance_median_rank == (n + 1) / 2
    assert result.recall[400] == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / n))
    assert result.recall[1] < 0.003
    # The median of n uniform ranks has a standard deviation of n / (2 sqrt(n)).
    assert result.median_rank == pytest.approx(n / 2, abs=4 * np.sqrt(n) / 2)


@pytest.mark.parametrize("n", [1, 7, 300])
def test_a_collapsed_embedding_scores_exactly_chance(n):
    rng = np.random.default_rng(2)
    x = unit(rng, 1, 512).repeat(n, axis=0)
    result = retrieval(x, x)
    for k in (1, 5, 10):
        assert result.recall[k] == pytest.approx(result.chance_recall[k])
    assert result.median_rank == result.chance_median_rank


def test_agrees_with_scikit_learn():
    rng = np.random.default_rng(3)
    a = unit(rng, 300, 8)
    b = unit(rng, 300, 8) + 2 * a
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    whole = retrieval(a, b)
    for k in (1, 5, 10):
        expected = top_k_accuracy_score(np.arange(300), a @ b.T, k=k)
        assert whole.recall[k] == pytest.approx(expected)
    ranks = (a @ b.T > np.diag(a @ b.T)[:, None]).sum(axis=1) + 1
    assert whole.median_rank == np.median(ranks)


def test_little_memory_gives_the_same_ranks():
    rng = np.random.default_rng(8)
    a = unit(rng, 2500, 8).astype(np.float32)
    b = unit(rng, 2500, 8) + 2 * a
    b = (b / np.linalg.norm(b, axis=1, keepdims=True)).astype(np.float32)
    b[:40] = b[0]  # ties
    brightness = rng.normal(15, 1, 2500)
    brightness[:300:7] = np.nan
    whole, matched = retrieval(a, b), matched_retrieval(a, b, brightness, 0.3)
    with memory_limit("10MB"):
        assert retrieval(a, b) == whole
        assert matched_retrieval(a, b, brightness, 0.3) == matched


@pytest.mark.parametrize("width", [0.0, 0.2, 50.0])
def test_candidates_of_like_brightness_are_exactly_those_within_the_width(width):
    rng = np.random.default_rng(9)
    a, b = unit(rng, 400, 4), unit(rng, 400, 4)
    brightness = np.round(rng.normal(15, 1, 400), 1)  # many differences lie at the width itself
    score = a @ b.T
    near = np.abs(brightness[:, None] - brightness) <= width
    own = np.diag(score)[:, None]
    rank = ((score > own + 1e-6) & near).sum(axis=1) + 1
    offered = near.sum(axis=1)
    found = matched_retrieval(a, b, brightness, width)
    several = offered > 1
    assert found.n == several.sum()
    assert found.median_rank == np.median(rank[several])
    assert found.chance_recall[1] == pytest.approx((1 / offered[several]).mean())


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 40), levels=st.integers(1, 6), seed=st.integers(0, 2**31))
def test_ties_equal_the_mean_over_random_orders(n, levels, seed):
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * rng.integers(0, levels, n) / levels
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    nearer, tied = partner_ranks(x, x)
    result = retrieval(x, x, ks=(1, 3))
    trials = nearer + 1 + rng.integers(0, tied + 1, (4000, n))
    for k in (1, 3):
        assert result.recall[k] == pytest.approx((trials <= k).mean(), abs=0.05)
    assert (nearer + tied < n).all()


def test_table_has_every_ordered_pair_on_the_common_objects():
    rng = np.random.default_rng(4)
    x = unit(rng, 90, 8)
    present = {
        "photometry": np.arange(90) < 60,
        "spectrum": np.arange(90) >= 30,
        "metadata": np.arange(90) < 10,
    }
    vectors = {name: np.where(p[:, None], x, 0) for name, p in present.items()}
    table = retrieval_table(vectors, present)
    assert set(table) == {
        ("photometry", "spectrum"),
        ("spectrum", "photometry"),
        ("photometry", "metadata"),
        ("metadata", "photometry"),
    }
    assert table["photometry", "spectrum"].n == 30
    assert table["metadata", "photometry"].n == 10
    assert all(result.recall[1] == 1 for result in table.values())


def test_plain_json():
    x = unit(np.random.default_rng(0), 20, 4)
    stored = json.loads(json.dumps(retrieval(x, x).plain()))
    assert stored["recall"]["10"] == 1
    assert stored["chance_recall"]["5"] == 0.25


def test_bad_input_is_one_sentence():
    x = unit(np.random.default_rng(0), 5, 4)
    with pytest.raises(DataError, match="no object"):
        retrieval(x[:0], x[:0])
    with pytest.raises(DataError, match="no pairs"):
        retrieval(x, x[:3])
    with pytest.raises(DataError, match="not finite"):
        retrieval(x, np.full_like(x, np.nan))


def test_the_nearest_targets_without_the_query_itself():
    rng = np.random.default_rng(12)
    x = unit(rng, 50, 8)
    own = np.array([3, 17])
    index, cosine = top_matches(x[own], x, 4, leave_out=own)
    order = np.argsort(-(x[own] @ x.T), axis=1)
    np.testing.assert_array_equal(index, order[:, 1:5])
    np.testing.assert_allclose(cosine, np.take_along_axis(x[own] @ x.T, index, axis=1))
    everything, _ = top_matches(x[own], x, 4)
    np.testing.assert_array_equal(everything[:, 0], own)


def test_duplicates_of_a_query_are_found_but_never_the_query():
    x = np.repeat(unit(np.random.default_rng(1), 1, 8), 10, axis=0)
    index, _ = top_matches(x[:1], x, 5, leave_out=np.array([0]))
    assert index.shape == (1, 5)
    assert 0 not in index


def test_the_median_rank_by_chance_is_that_of_all_queries_together():
    # 200 objects with one rival each, 200 in a crowd of 200
    brightness = np.concatenate([np.repeat(np.arange(100) * 10.0, 2), np.full(200, 5000.0)])
    x = unit(np.random.default_rng(6), 400, 8)
    found = matched_retrieval(x, x, brightness, 0.3)
    offered = np.repeat([2, 200], 200)
    ranks = np.random.default_rng(7).integers(1, offered + 1, (2000, 400))
    assert found.chance_median_rank == np.median(ranks) == 2
    for n in (2, 5, 6):
        alike = matched_retrieval(x[:n], x[:n], np.zeros(n), 0.3)
        assert alike.chance_median_rank == retrieval(x[:n], x[:n]).chance_median_rank


def test_brightness_still_tells_much_among_candidates_of_like_brightness():
    rng = np.random.default_rng(8)
    bright = rng.uniform(14, 18, 1000)
    u, v = ((bright + rng.normal(0, 0.02, 1000) - 16) / 16 for _ in range(2))
    x, y = (np.column_stack([np.cos(w), np.sin(w)]) for w in (u, v))
    assert matched_retrieval(x, y, bright, 0.3).beaten > 0.85


def test_no_share_beaten_is_known_exactly():
    same = np.eye(4)
    assert retrieval(same, same).beaten == 1
    assert retrieval(same, same).beaten_error == pytest.approx(share_error(1.0, 4))


def test_among_one_candidate_nothing_is_measured():
    vectors = {name: np.eye(3) for name in "abc"}
    present = {"a": [True, True, False], "b": [True, True, True], "c": [True, False, False]}
    table = retrieval_table(vectors, present)
    assert set(table) == {("a", "b"), ("b", "a")}
