import json

import numpy as np
import pytest
from sklearn import metrics

from skybind.errors import DataError
from skybind.measures.classification import classification_metrics, confusion_matrix, encode_labels

CLASSES = ["EA", "EW", "M", "SR"]


@pytest.fixture
def codes():
    rng = np.random.default_rng(3)
    y_true = rng.choice(4, 400, p=[0.5, 0.3, 0.15, 0.05])
    y_pred = np.where(rng.random(400) < 0.7, y_true, rng.integers(0, 4, 400))
    return y_true, y_pred


def test_agrees_with_scikit_learn(codes):
    result = classification_metrics(*codes, CLASSES)
    assert result.n_test == 400
    assert result.accuracy == pytest.approx(metrics.accuracy_score(*codes))
    assert result.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(*codes))
    np.testing.assert_array_equal(result.confusion, metrics.confusion_matrix(*codes))
    np.testing.assert_allclose(result.per_class, metrics.recall_score(*codes, average=None))


def test_errors_are_those_of_the_bootstrap(codes):
    y_true, y_pred = codes
    result = classification_metrics(y_true, y_pred, CLASSES)
    rng = np.random.default_rng(0)
    right = (y_true == y_pred)[rng.integers(0, 400, (4000, 400))].mean(axis=1)
    assert result.accuracy_error == pytest.approx(right.std(), rel=0.05)
    per_class = [
        rng.choice((y_true == y_pred)[y_true == c], (4000, (y_true == c).sum())).mean(axis=1)
        for c in range(4)
    ]
    balanced = np.mean(per_class, axis=0)
    assert result.balanced_accuracy_error == pytest.approx(balanced.std(), rel=0.05)


def test_a_class_that_does_not_occur_has_no_accuracy():
    result = classification_metrics(np.array([0, 0, 1]), np.array([0, 2, 1]), CLASSES)
    np.testing.assert_array_equal(np.isnan(result.per_class), [False, False, True, True])
    assert result.balanced_accuracy == pytest.approx(0.75)
    stored = json.loads(json.dumps(result.plain(), allow_nan=False))
    assert stored["per_class"] == [0.5, 1.0, None, None]
    assert stored["confusion"][0] == [1, 0, 1, 0]
    assert stored["n_test"] == 3


def test_perfect_and_hopeless():
    y = np.array([0, 1, 2, 3])
    perfect = classification_metrics(y, y, CLASSES)
    assert (perfect.accuracy, perfect.balanced_accuracy) == (1, 1)
    # none of four being wrong does not say that none ever is: 1 - 2 x 0.1 is Wilson's 4 / 5
    assert perfect.accuracy_error == pytest.approx(0.1)
    assert perfect.balanced_accuracy_error > 0
    assert classification_metrics(y, (y + 1) % 4, CLASSES).accuracy == 0


@pytest.mark.parametrize(
    ("y_true", "y_pred", "words"),
    [
        ([], [], "no object"),
        ([0, -1], [0, 0], "true class codes run from -1"),
        ([0, 1], [0, 4], "predicted class codes"),
        ([0, 1], [0], "predicted ones"),
    ],
)
def test_bad_codes_are_one_sentence(y_true, y_pred, words):
    with pytest.raises(DataError, match=words):
        classification_metrics(np.array(y_true, int), np.array(y_pred, int), CLASSES)


def test_encode_labels():
    np.testing.assert_array_equal(
        encode_labels(np.array(["SR", "EA", "VAR", ""]), CLASSES), [3, 0, -1, -1]
    )
    assert confusion_matrix(np.array([1]), np.array([0]), 2).tolist() == [[0, 0], [1, 0]]
