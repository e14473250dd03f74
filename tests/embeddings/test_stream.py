import numpy as np
import pyarrow.parquet as pq
import pytest

from skybind.embeddings.store import Embeddings
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError


@pytest.fixture
def embeddings():
    rng = np.random.default_rng(0)
    n = 230
    vectors, present = {}, {}
    for name, share in (("photometry", 1.0), ("spectrum", 0.7)):
        v = rng.standard_normal((n, 12)).astype(np.float32)
        present[name] = rng.random(n) < share
        v[~present[name]] = 0
        vectors[name] = v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-9)
    ids = np.array([f"star-{i:04d}" for i in range(n)])
    return Embeddings(ids, np.full(n, "train"), vectors, present, {"weights": "abc"})


@pytest.fixture
def folder(embeddings, tmp_path):
    embeddings.write(tmp_path / "embeddings", shard_rows=70)
    return tmp_path / "embeddings"


@pytest.mark.parametrize("memory", [1e-6, 1e-5, 1.0])
@pytest.mark.parametrize("names", [["photometry"], ["spectrum"], ["spectrum", "photometry"]])
def test_chunks_give_what_the_whole_table_holds(folder, embeddings, memory, names):
    stream = EmbeddingStream.open(folder, memory)
    parts = list(stream.chunks(names))
    rows = np.concatenate([r for r, _ in parts])
    np.testing.assert_array_equal(rows, np.flatnonzero(embeddings.any_present(names)))
    np.testing.assert_allclose(
        np.concatenate([v for _, v in parts]), embeddings.mean(names)[rows], atol=1e-6
    )
    if memory < 1e-5:
        assert max(len(r) for r, _ in parts) < 10


def test_only_what_is_kept_is_read(folder, embeddings, monkeypatch):
    monkeypatch.setattr("skybind.embeddings.store.GROUP_ROWS", 16)
    embeddings.write(folder, shard_rows=70)
    stream = EmbeddingStream.open(folder)
    keep = np.zeros(len(embeddings), bool)
    keep[[3, 150, 151]] = True
    parts = list(stream.chunks(["photometry"], keep))
    assert np.concatenate([r for r, _ in parts]).tolist() == [3, 150, 151]
    np.testing.assert_array_equal(
        np.concatenate([v for _, v in parts]), embeddings.vectors["photometry"][keep]
    )


def test_what_is_told_of_some_objects_is_read_of_their_row_groups(folder, embeddings, monkeypatch):
    monkeypatch.setattr("skybind.embeddings.store.GROUP_ROWS", 16)
    embeddings.split = np.where(np.arange(len(embeddings)) % 3 == 0, "test", "train")
    embeddings.write(folder, shard_rows=70)
    stream, read = EmbeddingStream.open(folder), []
    batches = pq.ParquetFile.iter_batches

    def counted(self, *given, **options):
        for batch in batches(self, *given, **options):
            read.append(len(batch))
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    keep = np.zeros(len(embeddings), bool)
    keep[[3, 4, 150, 151]] = True
    present = stream.present(["spectrum"], keep)
    np.testing.assert_array_equal(present, embeddings.present["spectrum"] & keep)
    test = stream.in_split("test", keep)
    assert np.flatnonzero(test).tolist() == [3, 150]
    assert sum(read) == 2 * 2 * 16
    np.testing.assert_array_equal(stream.in_split("test"), embeddings.split == "test")
    np.testing.assert_array_equal(stream.present(["spectrum"]), embeddings.present["spectrum"])


def test_few_objects_in_any_order(folder, embeddings):
    rows = np.array([200, 3, 3, 77])
    vectors, present = EmbeddingStream.open(folder).take(rows, "spectrum")
    np.testing.assert_array_equal(vectors, embeddings.vectors["spectrum"][rows])
    np.testing.assert_array_equal(present, embeddings.present["spectrum"][rows])


def test_names_rows_and_who_is_there(folder, embeddings):
    stream = EmbeddingStream.open(folder)
    assert len(stream) == 230
    assert stream.model == {"weights": "abc"}
    assert stream.row("star-0101") == 101
    np.testing.assert_array_equal(stream.present(["spectrum"]), embeddings.present["spectrum"])
    with pytest.raises(DataError, match="did you mean 'star-0100'"):
        stream.row("star-0100-")
    with pytest.raises(DataError, match=r"no modality 'spectra'.*spectrum"):
        list(stream.chunks(["spectra"]))


def test_the_fingerprint_is_of_content(folder, embeddings, tmp_path):
    first = EmbeddingStream.open(folder).fingerprint
    embeddings.write(tmp_path / "again", shard_rows=70)
    assert EmbeddingStream.open(tmp_path / "again").fingerprint == first
    # extremes, sizes and names stay
    embeddings.vectors["photometry"][[5, 6]] = embeddings.vectors["photometry"][[6, 5]]
    embeddings.write(tmp_path / "changed", shard_rows=70)
    assert EmbeddingStream.open(tmp_path / "changed").fingerprint != first


def test_what_is_no_embeddings_is_refused(folder, tmp_path):
    with pytest.raises(DataError, match="skybind embed"):
        EmbeddingStream.open(tmp_path / "nothing")
    with pytest.raises(DataError, match="more than 0"):
        EmbeddingStream.open(folder, 0)
    part = folder / "part-00001.parquet"
    table = pq.read_table(part)
    pq.write_table(table.replace_schema_metadata({b"skybind": b"{}"}), part)
    with pytest.raises(DataError, match="not embeddings made by skybind"):
        EmbeddingStream.open(folder)
    part.write_bytes(b"PAR1 nonsense")
    with pytest.raises(DataError, match="cannot be read"):
        EmbeddingStream.open(folder)


def test_names_and_parts_are_read_where_they_are_needed(folder, embeddings):
    stream = EmbeddingStream.open(folder)
    rows = np.array([229, 0, 70, 69, 70])
    names, parts = stream.names(rows)
    assert names.tolist() == embeddings.object_id[rows].tolist()
    assert set(parts) == {"train"}
    assert stream.split_parts() == ["train"]
    assert stream.in_split("train").all()
    assert not stream.in_split("test").any()
