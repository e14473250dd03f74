"""Spread and tests over seeds, beside scipy and numbers by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from skybind.errors import DataError
from skybind.measures.significance import (
    difference_from_published,
    paired_difference,
    sign_flips,
    spread,
)

FIVE = st.lists(st.floats(0, 1).map(lambda x: round(x, 4)), min_size=5, max_size=5)


def test_mean_and_deviation_by_hand():
    assert spread([1.0, 2.0, 3.0, 4.0]).plain() == {
        "n": 4, "mean": 2.5, "deviation": pytest.approx(math.sqrt(5 / 3)),
    }  # fmt: skip
    assert math.isnan(spread([2.0]).deviation)
    assert spread([1.0, 3.0]).error == pytest.approx(1.0)
    with pytest.raises(DataError):
        spread([])


@given(FIVE, FIVE)
def test_the_paired_test_is_scipys(first, second):
    found = paired_difference(first, second)
    d = np.subtract(first, second)
    if d.std() > 1e-9:
        oracle = stats.ttest_rel(first, second)
        assert found.t == pytest.approx(oracle.statistic)
        assert found.p == found.p_t == pytest.approx(oracle.pvalue, abs=1e-12)
    oracle = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert found.p_signs == pytest.approx(oracle.pvalue)
    assert found.p_signs >= 1 / 16


def test_five_seeds_are_judged_by_t_and_six_by_signs():
    """Of five pairs of one sign the signs alone give 1/16, of six 1/32."""
    ours = [0.91, 0.92, 0.93, 0.94, 0.95, 0.96]
    theirs = [0.90, 0.90, 0.90, 0.92, 0.92, 0.92]
    five = paired_difference(ours[:5], theirs[:5])
    assert five.p_signs == 1 / 16
    assert five.p == five.p_t < 0.05
    assert "paired t test: of 5 pairs signs alone reach p = 0.0625 at best" in five.test
    six = paired_difference(ours, theirs)
    assert six.p == six.p_signs == 1 / 32
    assert six.significant


def test_equal_differences_are_no_proof():
    """Two seeds of a small test set often gain the same: their t would be infinite."""
    found = paired_difference([0.6, 0.7], [0.5, 0.6])
    assert math.isnan(found.t)
    assert found.p == 0.5
    assert not found.significant
    assert paired_difference([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]).p == 1
    one = paired_difference([0.6], [0.5])
    assert math.isnan(one.p)
    assert not one.significant


def test_signs_by_hand():
    assert sign_flips(np.array([1.0, 1.0, 1.0])) == 0.25
    # |sum| >= 2 for +1 +1 0, +1 +1 -0 and their opposites: 4 of 8
    assert sign_flips(np.array([1.0, 1.0, 0.0])) == 0.5
    assert math.isnan(sign_flips(np.ones(17)))


@given(FIVE, st.floats(0, 1), st.floats(0.001, 0.2), st.integers(2, 10))
def test_a_published_mean_is_compared_as_scipy_does(values, mean, deviation, n):
    found = difference_from_published(values, mean, deviation, n)
    own = np.std(values, ddof=1)
    oracle = stats.ttest_ind_from_stats(
        np.mean(values), own, 5, mean, deviation, n, equal_var=False
    )
    assert found.t == pytest.approx(oracle.statistic, rel=1e-6)
    assert found.p == pytest.approx(oracle.pvalue, rel=1e-6, abs=1e-12)
    assert found.difference == pytest.approx(np.mean(values) - mean)


def test_a_published_number_without_a_spread_is_not_tested():
    assert math.isnan(difference_from_published([0.9, 0.8], 0.9, math.nan, 1).p)
    assert math.isnan(difference_from_published([0.9], 0.9, 0.1, 5).p)


def test_pairs_must_be_pairs():
    with pytest.raises(DataError, match="not 1 and 2"):
        paired_difference([1.0], [1.0, 2.0])
