import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from skybind.errors import DataError
from skybind.measures.neighbours import knn_predict, nearest


def unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@pytest.fixture
def clusters():
    rng = np.random.default_rng(5)
    centres = unit(rng.normal(size=(5, 12)))
    y = rng.integers(0, 5, 600)
    x = unit(centres[y] + 0.45 * rng.normal(size=(600, 12)))
    return x[:400], y[:400], x[400:], y[400:]


def test_finds_the_nearest_as_scikit_learn_does(clusters):
    train_x, _, test_x, _ = clusters
    index, cosine = nearest(train_x, test_x, 6, chunk=37)
    oracle = NearestNeighbors(n_neighbors=6, metric="cosine").fit(train_x)
    distance, expected = oracle.kneighbors(test_x)
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_allclose(cosine, 1 - distance, atol=1e-12)


def test_votes_as_scikit_learn_does_where_there_is_a_majority(clusters):
    train_x, train_y, test_x, test_y = clusters
    predicted = knn_predict(train_x, train_y, test_x, k=16, chunk=33)
    oracle = KNeighborsClassifier(16, metric="cosine").fit(train_x, train_y)
    index, _ = nearest(train_x, test_x, 16)
    votes = np.stack([(train_y[index] == c).sum(axis=1) for c in range(5)], axis=1)
    ordered = np.sort(votes, axis=1)
    clear = ordered[:, -1] > ordered[:, -2]
    assert clear.mean() > 0.8
    np.testing.assert_array_equal(predicted[clear], oracle.predict(test_x)[clear])
    assert (predicted == test_y).mean() > 0.7


def test_equal_votes_go_to_the_nearer_class():
    train = unit(np.array([[1.0, 0.1], [1.0, 0.5], [1.0, -0.2], [1.0, -0.3]]))
    labels = np.array([0, 0, 1, 1])
    assert knn_predict(train, labels, np.array([[1.0, 0.0]]), k=4)[0] == 1
    assert knn_predict(train, labels, unit(np.array([[1.0, 0.2]])), k=4)[0] == 0


def test_own_class_with_one_neighbour_and_more_neighbours_than_objects(clusters):
    train_x, train_y, test_x, _ = clusters
    np.testing.assert_array_equal(knn_predict(train_x, train_y, train_x, k=1), train_y)
    everyone = knn_predict(train_x, train_y, test_x, k=10_000)
    assert (everyone == np.bincount(train_y).argmax()).all()
    assert knn_predict(train_x, train_y, test_x[:0]).shape == (0,)


def test_bad_input_is_one_sentence():
    x = np.eye(3)
    with pytest.raises(DataError, match="need labelled"):
        knn_predict(x[:0], np.array([], int), x)
    with pytest.raises(DataError, match="at least 1"):
        knn_predict(x, np.arange(3), x, k=0)
    with pytest.raises(DataError, match="no class"):
        knn_predict(x, np.array([0, 1, -1]), x)
