import numpy as np
import pytest

from skybind.embeddings.means import unit
from skybind.search.index import read_quantiser
from skybind.search.quantiser import MOST_BYTES, train_quantiser

pytest.importorskip("faiss")


def groups(n=2000, dimension=16, seed=0):
    rng = np.random.default_rng(seed)
    centres = unit(rng.standard_normal((8, dimension)))
    owner = rng.integers(0, 8, n)
    noise = 0.2 * rng.standard_normal((n, dimension)) / np.sqrt(dimension)
    return unit(centres[owner] + noise).astype(np.float32), owner


def decoded(quantiser, lists, codes, dimension):
    m, _, d = quantiser.books.shape
    left = quantiser.books[np.arange(m), codes].reshape(len(codes), m * d)
    return quantiser.centres[lists] + left[:, :dimension]


def test_groups_that_stand_apart_are_found():
    vectors, owner = groups()
    lists, cosine = train_quantiser(vectors, 32, seed=1).lists_of(vectors)
    pairs = np.unique(np.stack([owner, lists]), axis=1)
    assert pairs.shape[1] == 32  # no list mixes two of them
    assert set(pairs[0]) == set(range(8))
    assert cosine.min() > 0.9


@pytest.mark.parametrize("dimension", [1, 3, 16, 30])
def test_codes_come_near_the_vectors_and_tables_are_their_products(dimension):
    vectors, _ = groups(dimension=dimension)
    quantiser = train_quantiser(vectors, 4, seed=0)
    lists, cosine = quantiser.lists_of(vectors)
    nearest = (vectors @ quantiser.centres.T).max(axis=1)
    np.testing.assert_allclose(cosine, nearest, atol=1e-6)
    codes = quantiser.codes_of(vectors, lists)
    near = decoded(quantiser, lists, codes, dimension)
    error = np.linalg.norm(near - vectors, axis=1).mean()
    assert error < 0.7 * np.linalg.norm(quantiser.centres[lists] - vectors, axis=1).mean() + 1e-6
    query = vectors[5]
    table = quantiser.table_of(query)
    entries = table[np.arange(len(table)), codes].sum(axis=1)
    scores = quantiser.centres[lists] @ query + entries
    np.testing.assert_allclose(scores, near @ query, atol=1e-5)


def test_the_same_seed_gives_the_same_and_a_file_keeps_it(tmp_path):
    vectors, _ = groups()
    one, other = (train_quantiser(vectors, 8, seed=3) for _ in range(2))
    one.write(tmp_path / "quantiser.npz")
    kept = read_quantiser(tmp_path)
    for name in ("centres", "books"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        np.testing.assert_array_equal(getattr(one, name), getattr(kept, name))


def test_long_vectors_take_no_more_bytes_than_is_said():
    vectors, _ = groups(300, 300)
    books = train_quantiser(vectors, 4, seed=0).books
    assert len(books) <= MOST_BYTES
    assert books.shape[0] * books.shape[2] >= 300
