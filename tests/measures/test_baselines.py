import numpy as np
import pytest

from skybind.errors import DataError
from skybind.measures.baselines import (
    boosting_accuracy,
    boosting_regression,
    forest_accuracy,
    forest_regression,
)


def data(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    x = rng.normal(size=(n, 4))
    x[:, 2] += 3 * y
    return x, y


def test_learns_what_is_there_and_only_that():
    train, test = data(300, 0), data(200, 1)
    good = forest_accuracy(*train, *test, seed=0, classes=["EA", "EW", "M"], trees=40)
    assert good.accuracy > 0.85
    assert good.confusion.shape == (3, 3)
    noise = forest_accuracy(train[0][:, :2], train[1], test[0][:, :2], test[1], seed=0, trees=40)
    assert noise.accuracy == pytest.approx(1 / 3, abs=0.12)
    assert noise.confusion.shape == (3, 3)


def test_same_seed_same_result_whatever_the_threads():
    train, test = data(200, 0), data(100, 1)
    first = forest_accuracy(*train, *test, seed=7, trees=20)
    second = forest_accuracy(*train, *test, seed=7, trees=20, threads=2)
    np.testing.assert_array_equal(first.confusion, second.confusion)


def test_missing_and_infinite_values_are_allowed():
    (x, y), (test_x, test_y) = data(300, 0), data(200, 1)
    x[::3, 0] = np.nan
    x[::5, 1] = np.inf
    x[0, 3] = 1e300
    test_x[::4, 1] = -np.inf
    test_x[::7, 3] = np.nan
    assert forest_accuracy(x, y, test_x, test_y, seed=0, trees=40).accuracy > 0.8


def test_fluxes_of_any_unit_tell_a_forest_the_same():
    """Trees take numbers within 1e-7 for one: fluxes in erg / (s cm2) are far below that."""
    (x, y), (test_x, test_y) = data(300, 0), data(200, 1)
    flux, test_flux = np.exp(x), np.exp(test_x)
    expected = forest_accuracy(flux, y, test_flux, test_y, seed=0, trees=40)
    small = forest_accuracy(flux * 2.0**-45, y, test_flux * 2.0**-45, test_y, seed=0, trees=40)
    np.testing.assert_array_equal(small.confusion, expected.confusion)
    wanted = forest_regression(flux, x[:, 2], test_flux, seed=0)
    given = forest_regression(flux * 2.0**-45, x[:, 2], test_flux * 2.0**-45, seed=0)
    np.testing.assert_allclose(given, wanted, rtol=1e-5)


def test_a_class_unseen_in_training_counts_as_wrong():
    x, y = data(90, 0)
    result = forest_accuracy(x[y < 2], y[y < 2], x, y, seed=0, trees=10)
    assert result.per_class[2] == 0


def test_no_training_objects_is_one_sentence():
    x, y = data(5, 0)
    with pytest.raises(DataError, match="need"):
        forest_accuracy(x[:0], y[:0], x, y, seed=0)


def test_boosting_learns_what_is_there_whatever_is_missing():
    (x, y), (test_x, test_y) = data(300, 0), data(200, 1)
    x[::3, 0], x[::5, 1], test_x[::7, 3] = np.nan, np.inf, np.nan
    x, test_x = (np.column_stack([v, np.full(len(v), np.nan)]) for v in (x, test_x))
    good = boosting_accuracy(x, y, test_x, test_y, seed=0, classes=["EA", "EW", "M"])
    assert good.accuracy > 0.8
    again = boosting_accuracy(x, y, test_x, test_y, seed=0, classes=["EA", "EW", "M"])
    np.testing.assert_array_equal(good.confusion, again.confusion)
    told = boosting_regression(x, x[:, 2], test_x, seed=0)
    assert np.corrcoef(told, test_x[:, 2])[0, 1] > 0.97


def test_boosting_of_one_class_or_nothing():
    x, y = data(30, 0)
    assert boosting_accuracy(x, np.zeros(30, int), x, y, seed=0).accuracy == (y == 0).mean()
    nothing = np.full((30, 2), np.nan)
    told = boosting_regression(nothing, y.astype(float), nothing, seed=0)
    np.testing.assert_allclose(told, y.mean())
    for made in (boosting_accuracy, forest_accuracy):
        with pytest.raises(DataError, match="need labelled training objects"):
            made(x[:0], y[:0], x, y, seed=0)


def test_boosting_takes_a_dozen_objects():
    x, y = data(12, 0)
    assert boosting_accuracy(x, y, x, y, seed=0).accuracy > 0.5
