import numpy as np
import pytest

from skybind.discovery.measures.label_doubt import label_doubt, labels_right
from skybind.errors import DataError


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@pytest.fixture
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Three tight classes of 60 on a sphere of 16 dimensions."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 60)
    vectors = unit(np.eye(16)[labels] + 0.08 * rng.normal(size=(180, 16)))
    return vectors, labels


def test_doubt_of_wrong_labels_and_nobody_votes_for_itself(
    blobs: tuple[np.ndarray, np.ndarray],
) -> None:
    vectors, labels = blobs
    wrong = np.array([3, 70, 130])
    given = labels.copy()
    given[wrong] = (given[wrong] + 1) % 3
    given[10] = -1
    present = np.ones(180, bool)
    present[20] = False
    result = label_doubt(vectors, present, given, np.arange(180), 3, neighbours=7)
    assert set(np.argsort(-np.nan_to_num(result.doubt, nan=-2))[:3]) == set(wrong)
    np.testing.assert_array_equal(result.suggested[wrong], labels[wrong])
    assert (result.own[wrong] == 0).all()  # a vote of its own would make it larger
    assert result.suggested[10] == 0
    assert np.isnan(result.doubt[[10, 20]]).all()
    assert result.suggested[20] == -1
    with pytest.raises(DataError, match="none can vote"):
        label_doubt(vectors, present, np.full(180, -1), np.arange(180), 3)


def test_of_the_doubted_labels_most_are_right_where_classes_overlap() -> None:
    """Of 2,000 labels 40 are wrong; the neighbours doubt many more, where two classes overlap."""
    rng = np.random.default_rng(4)
    true = rng.integers(0, 3, 2000)
    centres = np.eye(8)[[0, 1, 1]] + 0.25 * np.eye(8)[[2, 3, 4]]  # the last two overlap
    vectors = unit(centres[true] + 0.1 * rng.normal(size=(2000, 8)))
    labels = true.copy()
    wrong = rng.choice(2000, 40, replace=False)
    labels[wrong] = (labels[wrong] + rng.integers(1, 3, 40)) % 3
    doubt = label_doubt(vectors, np.ones(2000, bool), labels, np.arange(2000), 3)
    doubted = doubt.doubt > 0
    right = int((doubted & (labels == true)).sum())
    told = labels_right(doubt)
    assert right > 40
    assert told is not None
    assert 0.5 * right < told <= right + 15
    few = label_doubt(vectors[:60], np.ones(60, bool), labels[:60], np.arange(60), 3)
    assert labels_right(few) is None
