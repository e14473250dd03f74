from itertools import combinations

import numpy as np
import pytest

from skybind.discovery.measures.contributions import contributions, summary
from skybind.errors import DataError

NAMES = ("light", "colour", "shape")


def additive(evidence, present, prior):
    """Logits of a naive Bayes classifier: the logarithms of likelihoods add up."""
    logits = {}
    for size in (1, 2, 3):
        for names in combinations(NAMES, size):
            total = np.log(prior) + sum(
                np.where(present[n][:, None], evidence[n], 0.0) for n in names
            )
            some = np.logical_or.reduce([present[n] for n in names])
            logits[names] = np.where(some[:, None], total, np.nan)
    return logits


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    evidence = {n: rng.normal(scale=3, size=(50, 4)) for n in NAMES}
    present = {n: rng.random(50) < 0.7 for n in NAMES}
    present["light"][0] = present["colour"][0] = present["shape"][0] = False
    prior = np.array([0.4, 0.3, 0.2, 0.1])
    return additive(evidence, present, prior), present, prior


def test_shares_sum_to_what_was_learned(made):
    logits, present, prior = made
    found = contributions(logits, present, prior)
    known = found.predicted >= 0
    gained = np.log(found.probability[known]) - np.log(prior[found.predicted[known]])
    np.testing.assert_allclose(found.share[known].sum(axis=1), gained, atol=1e-9)


def test_absent_modalities_carry_nothing(made):
    logits, present, prior = made
    found = contributions(logits, present, prior)
    assert found.predicted[0] == -1
    assert found.carrier[0] == -1
    assert np.isnan(found.share[0]).all()
    for column, name in enumerate(NAMES):
        absent = ~present[name] & (found.predicted >= 0)
        assert absent.any()
        np.testing.assert_allclose(found.share[absent, column], 0, atol=1e-9)
        assert np.isnan(found.without[~present[name], column]).all()


def test_the_only_informative_modality_carries_the_decision():
    n = 20
    sure = np.zeros((n, 3))
    sure[:, 1] = 6
    evidence = {"light": sure, "colour": np.zeros((n, 3)), "shape": np.zeros((n, 3))}
    present = {name: np.ones(n, bool) for name in NAMES}
    prior = np.full(3, 1 / 3)
    found = contributions(additive(evidence, present, prior), present, prior)
    assert (found.predicted == 1).all()
    assert (found.carrier == 0).all()
    np.testing.assert_allclose(found.share[:, 1:], 0, atol=1e-9)
    np.testing.assert_allclose(found.without[:, 0], found.share[:, 0])
    record = summary(found, ["a", "b", "c"], np.arange(n))
    assert [carried.name for carried in record] == ["b"]
    assert record[0].carried["light"] == 1


def test_missing_combination_is_named(made):
    logits, present, prior = made
    del logits["light", "shape"]
    with pytest.raises(DataError, match="light \\+ shape"):
        contributions(logits, present, prior)
