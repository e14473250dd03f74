import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.errors import DataError
from skybind.measures.baselines import forest_regression, ridge_regression
from skybind.measures.regression import knn_regression, mlp_regression, regression_metrics


def unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def clouds(n=400, m=150, dim=12, seed=0):
    """Directions on a bent line through the sphere, and the place on the line."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, 0.6, n + m)
    basis = rng.normal(size=(3, dim))
    line = np.stack([np.cos(4 * place), np.sin(4 * place), place], axis=1) @ basis
    x = unit(line + 0.02 * rng.normal(size=line.shape)).astype(np.float32)
    return x[:n], place[:n], x[n:], place[n:]


@pytest.mark.parametrize("k", [1, 16, 1000])
def test_neighbours_agree_with_scikit_learn(k):
    from sklearn.neighbors import KNeighborsRegressor

    train_x, train_y, test_x, _ = clouds()
    test_x = np.concatenate([test_x, train_x[:5]])  # some at distance zero
    oracle = KNeighborsRegressor(min(k, len(train_x)), weights="distance").fit(
        train_x.astype(float), train_y
    )
    np.testing.assert_allclose(
        knn_regression(train_x, train_y, test_x, k), oracle.predict(test_x.astype(float)), atol=2e-6
    )


def test_an_object_that_was_trained_on_gets_its_own_number():
    train_x, train_y, *_ = clouds()
    np.testing.assert_array_equal(knn_regression(train_x, train_y, train_x[:9]), train_y[:9])


def test_several_numbers_at_once_are_each_predicted():
    train_x, train_y, test_x, _ = clouds()
    both = knn_regression(train_x, np.stack([train_y, -2 * train_y], axis=1), test_x)
    np.testing.assert_allclose(both[:, 0], knn_regression(train_x, train_y, test_x))
    np.testing.assert_allclose(both[:, 1], -2 * both[:, 0])


@pytest.mark.parametrize(
    "change", [{"k": 0}, {"train_y": np.full(400, np.nan)}, {"train_y": np.zeros(3)}]
)
def test_impossible_neighbours_are_refused(change):
    train_x, train_y, test_x, _ = clouds()
    with pytest.raises(DataError):
        knn_regression(**{"train_x": train_x, "train_y": train_y, "test_x": test_x} | change)


def test_a_perfect_prediction_and_the_mean():
    true = np.linspace(0, 1, 50)
    perfect = regression_metrics(true, true)
    assert (perfect.r2, perfect.r2_error, perfect.bias, perfect.scatter) == (1, 0, 0, 0)
    assert perfect.outliers == {3.0: 0.0}
    assert regression_metrics(true, np.full(50, true.mean())).r2 == pytest.approx(0, abs=1e-12)


def test_r2_is_scikit_learns():
    from sklearn.metrics import r2_score

    rng = np.random.default_rng(3)
    true = rng.normal(10, 1, 300)
    predicted = true + rng.normal(0, 0.5, 300)
    assert regression_metrics(true, predicted).r2 == pytest.approx(r2_score(true, predicted))


def test_the_bootstrap_error_is_the_spread_over_samples():
    rng = np.random.default_rng(5)
    values = []
    for _ in range(300):
        true = rng.normal(size=200)
        values.append(regression_metrics(true, true + rng.normal(0, 0.6, 200), resamples=2).r2)
    true = rng.normal(size=200)
    error = regression_metrics(true, true + rng.normal(0, 0.6, 200)).r2_error
    assert error == pytest.approx(np.std(values), rel=0.35)


def test_redshifts_are_counted_as_photometric_redshifts_are():
    true = np.array([0.0, 0.5, 1.0, 1.0, 3.0])
    shift = np.array([0.01, 0.01, 0.01, 0.16, 0.14])
    result = regression_metrics(true, true + shift * (1 + true), redshift=True)
    assert result.bias == pytest.approx(0.01)
    assert result.outliers == {0.15: 0.2, 0.05: 0.4}
    other = regression_metrics(true, true + shift * (1 + true), redshift=True, limits=[0.1])
    assert other.outliers == {0.1: 0.4}


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-1e4, 1e4))
def test_units_do_not_matter_to_r2_and_scale_the_scatter(scale, shift):
    rng = np.random.default_rng(8)
    true = rng.normal(size=60)
    predicted = true + rng.normal(0, 0.3, 60)
    one = regression_metrics(true, predicted, resamples=20)
    two = regression_metrics(scale * true + shift, scale * predicted + shift, resamples=20)
    assert two.r2 == pytest.approx(one.r2, abs=1e-6)
    assert two.scatter == pytest.approx(scale * one.scatter, rel=1e-5)


def test_scatter_is_sigma_of_a_normal_distribution_whatever_few_outliers_do():
    rng = np.random.default_rng(9)
    true = rng.uniform(8, 12, 20_000)
    predicted = true + rng.normal(0.1, 0.2, 20_000)
    predicted[:200] += 50
    result = regression_metrics(true, predicted, resamples=5)
    assert result.scatter == pytest.approx(0.2, rel=0.03)
    assert result.bias == pytest.approx(0.1, abs=0.01)
    assert 0.01 <= result.outliers[3.0] < 0.02


def test_numbers_that_are_all_the_same_have_no_r2():
    result = regression_metrics(np.full(5, 0.1), np.linspace(0, 1, 5))
    assert np.isnan(result.r2)
    assert result.plain()["r2"] is None


def test_what_cannot_be_compared_is_refused():
    for true, predicted in (([], []), ([1.0], [1.0, 2.0]), ([1.0], [np.nan])):
        with pytest.raises(DataError):
            regression_metrics(np.array(true), np.array(predicted))


def test_the_perceptron_learns_a_bent_line_and_repeats_itself():
    train_x, train_y, test_x, test_y = clouds()
    predicted = mlp_regression(train_x, train_y, test_x, seed=1)
    assert regression_metrics(test_y, predicted).r2 > 0.9
    np.testing.assert_array_equal(predicted, mlp_regression(train_x, train_y, test_x, seed=1))
    few = mlp_regression(train_x[:40], train_y[:40], test_x, seed=1)
    assert regression_metrics(test_y, few).r2 > 0.5


def test_plain_methods_learn_with_missing_values():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(600, 5))
    y = 3 * x[:, 0] - x[:, 1] + 7
    x[rng.random(x.shape) < 0.1] = np.nan
    x[:, 4] = np.nan  # never measured
    for predicted in (
        ridge_regression(x[:400], y[:400], x[400:]),
        forest_regression(x[:400], y[:400], x[400:], seed=0),
    ):
        assert regression_metrics(y[400:], predicted).r2 > 0.7
    for method in (lambda *a: forest_regression(*a, seed=0), ridge_regression):
        with pytest.raises(DataError):
            method(x[:0], y[:0], x)
