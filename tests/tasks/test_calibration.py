import numpy as np
import pytest

from skybind.tasks.calibration import softmax, temperature


def test_the_temperature_that_spoiled_logits_is_found():
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(4000, 3))
    cumulated = softmax(logits).cumsum(axis=1)
    labels = (rng.random((4000, 1)) > cumulated).sum(axis=1)
    assert temperature(logits * 3, labels) == pytest.approx(3, rel=0.1)
    assert temperature(logits / 2, labels) == pytest.approx(0.5, rel=0.1)


def test_softmax_is_that_of_scipy_and_keeps_nan():
    from scipy.special import softmax as oracle

    logits = np.array([[1.0, 800.0, -3.0], [0.1, 0.2, 0.3], [np.nan] * 3])
    np.testing.assert_allclose(softmax(logits)[:2], oracle(logits[:2], axis=1))
    assert np.isnan(softmax(logits)[2]).all()
