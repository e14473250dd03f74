import sys

import numpy as np
import pytest

from skybind.embeddings.store import Embeddings
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.measures.neighbours import exact_nearest
from skybind.search.index import build_index, index_folder, open_index, recall_of


def survey(seed=0, n=4000, dimension=16):
    """Objects of 40 groups, two views each; the second is missing for a third."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((40, dimension))
    owner = rng.integers(0, 40, n)
    vectors, present = {}, {}
    for name in ("a", "b"):
        v = centres[owner] + 0.4 * rng.standard_normal((n, dimension))
        vectors[name] = (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32)
        present[name] = np.ones(n, bool) if name == "a" else rng.random(n) < 0.67
    ids = np.array([f"o{i}" for i in range(n)])
    return Embeddings(ids, np.full(n, ""), vectors, present, {"weights": "w1"})


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    pytest.importorskip("faiss")
    folder = tmp_path_factory.mktemp("index") / "embeddings"
    survey().write(folder, shard_rows=1500)
    stream = EmbeddingStream.open(folder)
    return stream, build_index(stream, ["b"], recall=0.95)


def test_the_recall_reported_is_what_new_queries_get(built):
    stream, index = built
    queries = survey(seed=0).vectors["b"][:600]
    noise = np.random.default_rng(9).standard_normal(queries.shape) * 0.05
    queries = queries + noise
    queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    exact = exact_nearest(stream.chunks(["b"]), queries, 10)
    recall = recall_of(index.search(queries, 10).row, exact.row).mean()
    assert set(index.note.recall) == {"a", "b"}
    assert min(index.note.recall.values()) > 0.93
    assert recall == pytest.approx(index.note.recall["b"], abs=0.04)
    assert recall > 0.93
    # it is the lists left out that make the difference
    assert index.note.probes < index.note.lists
    fewer = recall_of(index.search(queries, 10, probes=1).row, exact.row).mean()
    assert fewer < recall


def test_it_holds_only_who_was_observed_and_obeys_conditions(built):
    stream, index = built
    keep = np.zeros(len(stream), bool)
    keep[::7] = True
    found = index.search(stream.take(np.arange(20), "a")[0], 5, keep, probes=index.note.lists)
    assert (found.row >= 0).all()
    assert keep[found.row].all()
    assert stream.present(["b"])[found.row].all()


def test_cosines_are_right_to_the_rounding(built):
    stream, index = built
    query = stream.take(np.arange(50), "a")[0]
    found = index.search(query, 3)
    vectors = survey().vectors["b"][found.row]
    np.testing.assert_allclose(found.cosine, np.einsum("mkd,md->mk", vectors, query), atol=0.01)


def test_another_process_opens_what_was_built(built):
    stream, index = built
    opened = open_index(EmbeddingStream.open(stream.folder), ["b"])
    assert opened.note == index.note
    query = stream.take(np.arange(5), "a")[0]
    np.testing.assert_array_equal(opened.search(query, 4).row, index.search(query, 4).row)


def test_an_index_of_other_embeddings_is_refused(tmp_path):
    pytest.importorskip("faiss")
    folder = tmp_path / "embeddings"
    survey(n=500).write(folder)
    stream = EmbeddingStream.open(folder)
    with pytest.raises(DataError, match="no index of a"):
        open_index(stream, ["a"])
    build_index(stream, ["a"])
    open_index(stream, ["a"])
    survey(n=500, seed=1).write(folder)
    with pytest.raises(DataError, match="other embeddings"):
        open_index(EmbeddingStream.open(folder), ["a"])
    (index_folder(folder, ["a"]) / "index.json").write_text("{}")
    with pytest.raises(DataError, match="damaged"):
        open_index(stream, ["a"])


def test_without_faiss_one_sentence_says_what_to_do(tmp_path, monkeypatch):
    survey(n=50).write(tmp_path / "embeddings")
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(DataError, match=r"pip install 'skybind\[ann\]'"):
        build_index(EmbeddingStream.open(tmp_path / "embeddings"), ["a"])


def test_recall_counts_what_was_found():
    exact = np.array([[1, 2, 3], [4, -1, -1], [-1, -1, -1]])
    found = np.array([[3, 9, 1], [4, 7, 8], [1, 2, 3]])
    np.testing.assert_allclose(recall_of(found, exact), [2 / 3, 1, 1])
