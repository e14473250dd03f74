import numpy as np
import pytest
from scipy.stats import binomtest

from skybind.measures.shares import share_error, wilson_interval


@pytest.mark.parametrize(("right", "n"), [(0, 7), (3, 7), (20, 20), (90, 100), (1, 1)])
def test_the_interval_is_that_of_scipy(right, n):
    theirs = binomtest(right, n).proportion_ci(0.95, "wilson")
    np.testing.assert_allclose(wilson_interval(right / n, n, 1.959963985), theirs, atol=1e-9)


def test_no_share_is_known_exactly_and_many_objects_give_the_usual_error():
    assert share_error(1.0, 20) == pytest.approx(1 / 42)
    assert share_error(0.0, 20) == pytest.approx(1 / 42)
    assert share_error(0.3, 100_000) == pytest.approx(np.sqrt(0.3 * 0.7 / 100_000), rel=1e-4)


def test_the_truth_lies_inside_as_often_as_it_is_said():
    rng = np.random.default_rng(0)
    inside = []
    for counted in rng.binomial(60, 0.9, 4000) / 60:
        low, high = wilson_interval(counted, 60)
        inside.append(low <= 0.9 <= high)
    assert np.mean(inside) == pytest.approx(0.683, abs=0.06)
