import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from skybind.errors import DataError
from skybind.measures.neighbours import TIED, exact_nearest, knn_predict, nearest
from skybind.memory import memory_limit


def unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def random_unit(rng, n, dimension):
    return unit(rng.standard_normal((n, dimension)).astype(np.float32))


@pytest.fixture
def clusters():
    rng = np.random.default_rng(5)
    centres = unit(rng.normal(size=(5, 12)))
    y = rng.integers(0, 5, 600)
    x = unit(centres[y] + 0.45 * rng.normal(size=(600, 12)))
    return x[:400], y[:400], x[400:], y[400:]


def test_finds_the_nearest_as_scikit_learn_does(clusters):
    train_x, _, test_x, _ = clusters
    index, cosine = nearest(train_x, test_x, 6)
    oracle = NearestNeighbors(n_neighbors=6, metric="cosine").fit(train_x)
    distance, expected = oracle.kneighbors(test_x)
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_allclose(cosine, 1 - distance, atol=1e-12)


def test_votes_as_scikit_learn_does_where_there_is_a_majority(clusters):
    train_x, train_y, test_x, test_y = clusters
    predicted = knn_predict(train_x, train_y, test_x, k=16)
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


@pytest.mark.parametrize("distinct", [4000, 40])
def test_little_memory_gives_the_same_neighbours_to_the_bit(distinct):
    rng = np.random.default_rng(6)
    library = random_unit(rng, distinct, 12)[rng.integers(0, distinct, 4000)]
    query = np.concatenate([library[:50], random_unit(rng, 250, 12)])
    index, cosine = nearest(library, query, 9)
    with memory_limit("10MB"):
        again = nearest(library, query, 9)
    np.testing.assert_array_equal(again[0], index)
    np.testing.assert_array_equal(again[1], cosine)
    assert cosine.dtype == np.float32


def test_a_collapsed_embedding_gives_the_first_vectors():
    library = random_unit(np.random.default_rng(7), 1, 32).repeat(5000, axis=0)
    k = 3
    index, cosine = nearest(library, library[:20], k)
    assert (index == np.arange(k)).all()
    np.testing.assert_allclose(cosine, 1, atol=1e-6)
    library[4500] = -library[0]  # and what differs is found among more equal ones than are kept
    assert TIED * k < 4096
    assert (nearest(library, -library[:1], 1)[0] == 4500).all()


@pytest.mark.parametrize("spread", [1e-3, 1e-5])
def test_among_vectors_that_are_nearly_equal_the_nearest_are_found(spread):
    """Thousands equal to the last digits of single precision, in blocks of any size."""
    rng = np.random.default_rng(8)
    centre, noise = unit(rng.standard_normal((1, 64))), rng.standard_normal((9000, 64))
    library = unit(centre + spread * noise / 8).astype(np.float32)
    query, k = library[:30], 3
    index, cosine = nearest(library, query, k)
    expected, exact = brute(library, query, k)
    np.testing.assert_allclose(
        np.einsum("mkd,md->mk", library[index].astype(float), query.astype(float)),
        exact,
        atol=3e-12,
    )
    assert (index == expected).mean() > 0.99
    with memory_limit("10MB"):
        again = nearest(library, query, k)
    assert (again[0] == index).mean() > 0.99
    np.testing.assert_array_equal(again[1], cosine)


def test_no_library_and_no_query_give_nothing():
    x = np.eye(3, dtype=np.float32)
    assert nearest(x[:0], x, 4)[0].shape == (3, 0)
    assert nearest(x, x[:0], 2)[1].shape == (0, 2)


def brute(vectors, query, k):
    """Sort everything: by cosine in double precision, then by row."""
    cosine = query.astype(float) @ vectors.astype(float).T
    row = np.tile(np.arange(len(vectors)), (len(query), 1))
    order = np.lexsort((row, -cosine))[:, :k]
    return order, np.take_along_axis(cosine, order, axis=1)


def chunked(vectors, sizes):
    start = 0
    for size in sizes:
        yield np.arange(start, min(start + size, len(vectors))), vectors[start : start + size]
        start += size
    if start < len(vectors):
        yield np.arange(start, len(vectors)), vectors[start:]


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 300),
    k=st.integers(1, 400),
    sizes=st.lists(st.integers(1, 120), max_size=6),
    seed=st.integers(0, 10_000),
)
def test_exact_search_is_what_sorting_everything_gives(n, k, sizes, seed):
    rng = np.random.default_rng(seed)
    vectors, query = random_unit(rng, n, 8), random_unit(rng, 3, 8)
    found = exact_nearest(chunked(vectors, sizes), query, k)
    row, cosine = brute(vectors, query, k)
    there = min(n, k)
    assert found.row.shape == (3, k)
    np.testing.assert_array_equal(found.row[:, :there], row)
    np.testing.assert_allclose(found.cosine[:, :there], cosine, atol=1e-12)
    assert (found.row[:, there:] == -1).all()
    assert np.isnan(found.cosine[:, there:]).all()


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_ties_go_by_row_however_the_vectors_are_cut(size):
    rng = np.random.default_rng(1)
    few = random_unit(rng, 5, 16)
    vectors = few[rng.integers(0, 5, 1000)]
    found = exact_nearest(chunked(vectors, [size] * (1000 // size)), few[:2], 300)
    for i in range(2):
        same = np.flatnonzero((vectors == few[i]).all(axis=1))
        n = min(len(same), 300)
        np.testing.assert_array_equal(found.row[i, :n], same[:n])


def test_vectors_that_become_ever_better_are_all_seen():
    angle = np.linspace(np.pi / 2, 0, 20_000)
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    found = exact_nearest(chunked(vectors, [9000]), np.array([[1.0, 0.0]]), 5)
    exact = brute(vectors, np.array([[1.0, 0.0]], np.float32), 5)[0]
    np.testing.assert_array_equal(found.row, exact)


def test_one_broken_vector_hides_no_other():
    rng = np.random.default_rng(2)
    vectors = random_unit(rng, 500, 4)
    query = vectors[:1].copy()
    vectors[3] = np.nan
    found = exact_nearest(chunked(vectors, [100] * 5), query, 20)
    others = np.delete(np.arange(500), 3)
    np.testing.assert_array_equal(found.row[0], others[brute(vectors[others], query, 20)[0][0]])


def test_only_the_rows_given_are_found():
    rng = np.random.default_rng(3)
    vectors = random_unit(rng, 100, 6)
    rows = np.arange(10, 100, 3)
    found = exact_nearest([(rows, vectors[rows])], vectors[:4], 5)
    assert np.isin(found.row, rows).all()


def test_other_lengths_and_no_matches_are_refused():
    rng = np.random.default_rng(4)
    with pytest.raises(DataError, match="different models"):
        exact_nearest([(np.arange(3), random_unit(rng, 3, 5))], random_unit(rng, 1, 4), 2)
    with pytest.raises(DataError, match="at least 1"):
        exact_nearest([], random_unit(rng, 1, 4), 0)
