import numpy as np
import pyarrow.parquet as pq
import pytest

from skybind.embeddings.located import (
    ABSENT,
    DECODED,
    LocatedVectors,
    read_groups,
    row_groups,
)
from skybind.embeddings.store import Embeddings
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.parquet import write_parquet

NAMES = ["a b", "c"]


def survey(n=3000, dimension=12):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((2, n, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    vectors[0, 1] = vectors[0, 0]  # equal vectors are no matter
    present = rng.random((2, n)) < 0.7
    present[:, :2] = True
    ids = np.array([f"o{i}" for i in range(n)])
    both = (dict(zip(NAMES, values, strict=True)) for values in (vectors, present))
    return Embeddings(ids, np.full(n, ""), *both, {"weights": "w"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("located") / "embeddings"
    survey().write(folder, shard_rows=1300)
    return folder


def located(folder):
    stream = EmbeddingStream.open(folder)
    groups = row_groups(stream.parts, NAMES)
    found = list(read_groups(groups, NAMES, places=True))
    places = {n: np.concatenate([one.places[n] for one in found]) for n in NAMES}
    return stream, groups, found, places


def test_row_groups_hold_what_the_table_holds(folder):
    own = survey()
    _, groups, found, _ = located(folder)
    for name in NAMES:
        assert sum(group.present[name] for group in groups) == own.present[name].sum()
    rows, mean = (np.concatenate(parts) for parts in zip(*(f.mean(NAMES) for f in found)))  # noqa: B905
    np.testing.assert_array_equal(rows, np.flatnonzero(own.any_present()))
    np.testing.assert_allclose(mean, own.mean()[rows], atol=1e-6)


@pytest.mark.parametrize("dimension", [1, 12, 100, 300])
def test_a_vector_read_in_place_is_the_stored_one(tmp_path, dimension):
    own = survey(2500, dimension)
    own.write(tmp_path / "embeddings", shard_rows=2000)
    stream, _, _, places = located(tmp_path / "embeddings")
    assert set(places["c"]["at"][places["c"]["at"] < 0]) == {ABSENT}
    reader = LocatedVectors(stream, places)
    rows = np.array([7, 3, 2499, 2001, 3])
    for names in (["a b"], ["c"], NAMES):
        found, vectors = reader.take(rows, names)
        np.testing.assert_array_equal(found, rows[own.any_present(names)[rows]])
        np.testing.assert_allclose(vectors, own.mean(names)[found], atol=1e-7)


def test_compressed_files_of_an_older_skybind_are_decoded(tmp_path):
    own = survey()
    (tmp_path / "embeddings").mkdir()
    write_parquet(own.to_arrow(), tmp_path / "embeddings/part-00000.parquet", row_group_size=1000)
    stream, _, _, places = located(tmp_path / "embeddings")
    assert set(np.unique(places["c"]["at"])) == {ABSENT, DECODED}
    rows = np.array([2900, 5, 1200])
    found, vectors = LocatedVectors(stream, places).take(rows, ["c"])
    np.testing.assert_array_equal(vectors, own.vectors["c"][found])


def test_any_changed_bit_of_a_vector_is_told(folder, tmp_path):
    own = survey()
    own.write(tmp_path / "embeddings")
    stream, _, _, places = located(tmp_path / "embeddings")
    reader = LocatedVectors(stream, places)
    row = int(np.flatnonzero(own.present["c"])[50])
    path = stream.parts[0].path
    content = bytearray(path.read_bytes())
    content[int(places["c"]["at"][row]) + 47] ^= 0x80  # the sign of a number
    path.write_bytes(content)
    with pytest.raises(DataError, match="vector's checksum differs"):
        reader.take(np.array([row]), ["c"])
    assert len(reader.take(np.array([row + 1, row + 2, row + 3]), NAMES)[0])


def test_vectors_stand_uncompressed_and_whole_in_pages(folder):
    meta = pq.read_metadata(next(iter(sorted(folder.glob("*.parquet"))))).row_group(0)
    codecs = {meta.column(i).path_in_schema: meta.column(i).compression for i in range(4)}
    assert codecs["c.list.element"] == codecs["a b.list.element"] == "UNCOMPRESSED"
    assert codecs["object_id"] == "ZSTD"
