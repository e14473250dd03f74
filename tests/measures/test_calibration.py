import numpy as np
import pytest

from skybind.measures.calibration import calibration_error, pool_weights, pooled, softmax


def drawn(logits, rng):
    """Classes drawn with the probabilities that the logits give."""
    return (rng.random((len(logits), 1)) > softmax(logits).cumsum(axis=1)).sum(axis=1)


def test_the_temperature_that_spoiled_logits_is_found():
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(4000, 3))
    labels = drawn(logits, rng)
    assert pool_weights([logits * 3], labels) == pytest.approx([1 / 3], rel=0.1)
    assert pool_weights([logits / 2], labels) == pytest.approx([2], rel=0.1)


def test_what_knows_nothing_is_not_believed():
    rng = np.random.default_rng(1)
    logits, noise = rng.normal(scale=2, size=(2, 4000, 3))
    weights = pool_weights([logits, noise], drawn(logits, rng))
    assert weights == pytest.approx([1, 0], abs=0.1)
    contrary = pool_weights([logits, -logits], drawn(logits, rng))
    assert contrary == pytest.approx([1, 0], abs=0.1)


def test_two_that_know_different_things_are_joined():
    rng = np.random.default_rng(2)
    one, two = rng.normal(scale=2, size=(2, 4000, 3))
    labels = drawn(one + two, rng)
    weights = pool_weights([one, two], labels)
    assert weights == pytest.approx([1, 1], rel=0.1)
    rows = np.arange(len(labels))

    def loss(probability):
        return -np.log(probability[rows, labels]).mean()

    joined = loss(pooled([one, two], weights))
    assert joined < min(loss(softmax(one)), loss(softmax(two)))
    assert joined < loss((softmax(one) + softmax(two)) / 2)


def test_few_labels_do_not_make_sure():
    labels = np.zeros(20, int)
    right = np.log(np.tile([0.6, 0.2, 0.2], (20, 1)))  # no likelihood would ever be enough
    weight = pool_weights([right], labels)
    assert 1 < weight[0] < 2
    assert pooled([np.log([[0.4, 0.3, 0.3]])], weight)[0, 0] < 0.5
    assert pool_weights([right[:0], right[:0]], labels[:0]).tolist() == [0.5, 0.5]


def test_softmax_is_that_of_scipy_and_keeps_nan():
    from scipy.special import softmax as oracle

    logits = np.array([[1.0, 800.0, -3.0], [0.1, 0.2, 0.3], [np.nan] * 3])
    np.testing.assert_allclose(softmax(logits)[:2], oracle(logits[:2], axis=1))
    assert np.isnan(softmax(logits)[2]).all()


def test_the_calibration_error_is_that_of_the_shares():
    rng = np.random.default_rng(4)
    told = rng.uniform(0.5, 1, 20000)
    probability = np.stack([told, 1 - told], axis=1)
    honest = (rng.uniform(size=20000) > told).astype(int)  # class 0 with its probability
    assert calibration_error(probability, honest) < 0.01
    # always right though it says 75 % on average; never right
    assert calibration_error(probability, np.zeros(20000, int)) == pytest.approx(0.25, abs=0.01)
    assert calibration_error(probability, np.ones(20000, int)) == pytest.approx(0.75, abs=0.01)


def test_the_calibration_error_leaves_out_objects_without_a_class():
    probability = np.array([[0.9, 0.1], [np.nan, np.nan]])
    assert calibration_error(probability, np.array([0, 1])) == pytest.approx(0.1)
    assert calibration_error(probability[1:], np.array([1])) is None
