import numpy as np
import pytest

from skybind.embeddings.mapped import MappedEmbeddings
from skybind.embeddings.store import Embeddings
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(1)
    n = 150
    vectors, present = {}, {}
    for name, share in (("light/curve", 1.0), ("spectrum", 0.6)):
        v = rng.standard_normal((n, 8)).astype(np.float32)
        present[name] = rng.random(n) < share
        v[~present[name]] = 0
        vectors[name] = v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-9)
    split = np.array(["train", "test"])[np.arange(n) % 2]
    ids = np.array([f"star-{i}" for i in range(n)])
    made = Embeddings(ids, split, vectors, present, {"weights": "abc"})
    made.write(tmp_path / "embeddings", shard_rows=64)
    return tmp_path / "embeddings"


@pytest.mark.parametrize("names", [["light/curve"], ["spectrum"], ["spectrum", "light/curve"]])
@pytest.mark.parametrize("kept", [None, 0.3])
def test_mapped_vectors_are_those_of_the_stream(folder, tmp_path, names, kept, monkeypatch):
    monkeypatch.setattr("skybind.embeddings.mapped._ROWS", 40)
    stream = EmbeddingStream.open(folder)
    mapped = MappedEmbeddings.of(folder, tmp_path / "cache")
    keep = None if kept is None else np.random.default_rng(0).random(len(stream)) < kept
    joined = []
    for of in (stream, mapped):
        parts = list(of.chunks(names, keep))
        joined.append([np.concatenate(column) for column in zip(*parts, strict=True)])
    np.testing.assert_array_equal(joined[0][0], joined[1][0])
    np.testing.assert_array_equal(joined[0][1], joined[1][1])


def test_mapped_names_parts_and_few_vectors(folder, tmp_path):
    stream = EmbeddingStream.open(folder)
    mapped = MappedEmbeddings.of(folder, tmp_path / "cache")
    rows = np.array([140, 3, 3, 70])
    for a, b in zip(stream.names(rows), mapped.names(rows), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(stream.take(rows, "spectrum"), mapped.take(rows, "spectrum"), strict=True):
        np.testing.assert_array_equal(a, b)
    for keep in (None, np.arange(len(stream)) % 7 == 0):
        for one, other in (
            (stream.in_split("test", keep), mapped.in_split("test", keep)),
            (stream.present(["spectrum"], keep), mapped.present(["spectrum"], keep)),
        ):
            np.testing.assert_array_equal(one, other)
    assert mapped.row("star-77") == 77
    with pytest.raises(DataError, match="no object 'star-777'"):
        mapped.row("star-777")


def test_arrays_are_made_once_and_anew_for_other_embeddings(folder, tmp_path):
    cache = tmp_path / "cache"
    MappedEmbeddings.of(folder, cache)
    (first,) = cache.iterdir()
    before = (first / "vectors-0.npy").stat().st_mtime_ns
    MappedEmbeddings.of(folder, cache)
    assert (first / "vectors-0.npy").stat().st_mtime_ns == before
    other = Embeddings.read(folder)
    other.vectors["spectrum"] = -other.vectors["spectrum"]
    other.write(folder)
    again = MappedEmbeddings.of(folder, cache)
    (second,) = cache.iterdir()
    assert second != first
    np.testing.assert_array_equal(again.take(np.array([0]), "spectrum")[0], other["spectrum"][:1])
