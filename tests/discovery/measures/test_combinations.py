import numpy as np
import pytest

from skybind.discovery.measures.combinations import compare_means, compare_r2
from skybind.errors import DataError
from skybind.measures.shares import share_error


def scores(rng, n, a, b, both):
    return {
        ("a",): (rng.random(n) < a).astype(float),
        ("b",): (rng.random(n) < b).astype(float),
        ("a", "b"): (rng.random(n) < both).astype(float),
    }


def test_error_is_binomial_and_mean_is_over_groups():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], [400, 100])
    found = compare_means(scores(rng, 500, 0.6, 0.5, 0.9), group, ["X", "Y"], 2000)
    value, error = found.value[0, 0], found.error[0, 0]
    assert error == pytest.approx(np.sqrt(value * (1 - value) / 400), rel=0.1)
    np.testing.assert_allclose(found.value[-1], found.value[:2].mean(axis=0))
    both = np.sqrt((found.error[0] ** 2 + found.error[1] ** 2) / 4)
    np.testing.assert_allclose(found.error[-1], both, rtol=0.1)
    assert found.n.tolist() == [400, 100]


def test_better_combination_is_significant_and_singles_have_no_change():
    rng = np.random.default_rng(1)
    found = compare_means(scores(rng, 500, 0.6, 0.5, 0.9), np.zeros(500, int), ["X"], 500)
    assert found.change[0, 2] == pytest.approx(found.value[0, 2] - found.value[0, :2].max())
    assert found.significant[0].tolist() == [False, False, True]
    assert np.isnan(found.p_value[:, :2]).all()


def test_equal_combination_is_seldom_significant():
    p_values = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        made = scores(rng, 200, 0.7, 0.3, 0.7)
        p_values.append(compare_means(made, np.zeros(200, int), ["X"], 200).p_value[0, 2])
    assert np.mean(np.array(p_values) < 0.05) < 0.15


def test_identical_columns_have_p_value_one():
    one = (np.arange(100) % 3 == 0).astype(float)
    made = {("a",): one, ("b",): 0 * one, ("a", "b"): one}
    found = compare_means(made, np.zeros(100, int), ["X"], 100)
    assert found.p_value[0, 2] == 1
    assert found.change[0, 2] == 0


def test_empty_groups_and_senseless_combinations_are_nan():
    ones = np.ones(10)
    made = {("a",): ones, ("b",): np.full(10, np.nan), ("a", "b"): np.full(10, np.nan)}
    found = compare_means(made, np.zeros(10, int), ["X", "empty"], 20)
    assert np.isnan(found.value[1]).all()
    assert found.value[0, 0] == 1
    assert np.isnan(found.p_value[0, 2])
    assert found.plain()["value"][0] == [1.0, None, None]


def test_r2_is_that_of_sklearn():
    from sklearn.metrics import r2_score

    rng = np.random.default_rng(2)
    true = rng.normal(size=300)
    predictions = {("a",): true + rng.normal(size=300), ("b",): true + 0.1 * rng.normal(size=300)}
    found = compare_r2(predictions, true, np.zeros(300, int), ["z"], 300)
    for column, name in enumerate((("a",), ("b",))):
        assert found.value[0, column] == pytest.approx(r2_score(true, predictions[name]))
    resampled = [
        r2_score(true[i], predictions["a",][i]) for i in rng.integers(0, 300, size=(300, 300))
    ]
    assert found.error[0, 0] == pytest.approx(np.std(resampled), rel=0.2)


def test_nothing_to_compare_is_said():
    with pytest.raises(DataError, match="nothing to compare"):
        compare_means({}, np.zeros(3, int), ["X"])


def test_two_objects_prove_nothing_of_the_mean_over_classes():
    two = {("a",): np.ones(2), ("b",): np.array([1.0, 0]), ("a", "b"): np.array([1.0, 0])}
    assert not compare_means(two, np.arange(2), ["X", "Y"]).significant.any()


def test_one_object_of_a_class_has_a_scatter_among_larger_classes():
    group = np.repeat([0, 1, 2], [400, 400, 1])
    none = (np.arange(801) % 2).astype(float)  # of two classes nothing changes, of one object all
    none[-1] = 0
    gained = np.where(group == 2, 1.0, none)
    made = {("a",): none, ("b",): none, ("a", "b"): gained}
    found = compare_means(made, group, ["X", "Y", "rare"])
    assert found.change[-1, 2] == pytest.approx(1 / 3)
    assert not found.significant.any()
    assert found.error[-1, 0] > 0.08


def test_few_objects_for_and_none_against_are_chance():
    # the exact test of signs gives 1/8 for four to none, 1/128 for eight to none
    for n, significant in ((4, False), (8, True)):
        one = np.zeros(500)
        made = {("a",): one, ("b",): one, ("a", "b"): (np.arange(500) < n).astype(float)}
        assert compare_means(made, np.zeros(500, int), ["X"]).significant[0, 2] == significant


def test_no_error_of_a_share_is_zero():
    made = {("a",): np.zeros(20), ("b",): np.ones(20), ("a", "b"): np.ones(20)}
    found = compare_means(made, np.arange(20) % 2, ["X", "Y"])
    np.testing.assert_allclose(found.error[:2], share_error(1.0, 10))
    np.testing.assert_allclose(found.error[2], share_error(1.0, 10) / np.sqrt(2))


def test_the_mean_r2_has_no_p_value_where_a_group_is_small():
    rng = np.random.default_rng(3)
    true = rng.normal(size=105)
    noise = {("a",): 1.0, ("b",): 1.0, ("a", "b"): 0.01}
    made = {names: true + rng.normal(size=105) * scale for names, scale in noise.items()}
    found = compare_r2(made, true, np.repeat([0, 1], [100, 5]), ["z", "mass"])
    assert found.significant[:, 2].tolist() == [True, False, False]


def test_too_few_objects_have_no_p_value():
    made = {("a",): np.zeros(3), ("b",): np.zeros(3), ("a", "b"): np.ones(3)}
    found = compare_means(made, np.zeros(3, int), ["X"], 50)
    assert found.change[0, 2] == 1
    assert np.isnan(found.p_value[0, 2])


def test_small_reciprocal_ranks_are_told_apart():
    """All objects gain a little, as among a thousand candidates: far less than from 0 to 1."""
    rng = np.random.default_rng(4)
    ranks = rng.integers(20, 200, 200)
    given = {("a",): 1 / ranks, ("b",): 1 / (ranks + 5), ("a", "b"): 1 / (0.8 * ranks)}
    found = compare_means(given, np.zeros(200, int), ["X"])
    assert found.significant[0, 2]
    plain = given["a", "b"].std() / np.sqrt(200)
    assert found.error[0, 2] == pytest.approx(plain, rel=0.05)
    # and what gains and loses as much is no gain
    given["a", "b"] = 1 / (ranks + rng.choice([-5, 5], 200))
    assert not compare_means(given, np.zeros(200, int), ["X"]).significant[0, 2]
