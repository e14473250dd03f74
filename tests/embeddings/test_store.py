import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.embeddings.store import STATE, Embeddings, merge
from skybind.errors import DataError


def unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def make(n=7, width=4, seed=0, model=None):
    rng = np.random.default_rng(seed)
    present = {name: rng.random(n) < 0.6 for name in ("photometry", "spectrum")}
    vectors = {
        name: np.where(there[:, None], unit(rng.normal(size=(n, width))), 0).astype(np.float32)
        for name, there in present.items()
    }
    split = rng.choice(["train", "validation", "test"], n)
    ids = np.array([f"star-{i}" for i in range(n)], dtype=str)
    return Embeddings(ids, split, vectors, present, model or {"config": "abc", "versions": {}})


def assert_same(a, b):
    np.testing.assert_array_equal(a.object_id, b.object_id)
    np.testing.assert_array_equal(a.split, b.split)
    assert a.modalities == b.modalities
    for name in a.modalities:
        np.testing.assert_array_equal(a.present[name], b.present[name])
        np.testing.assert_array_equal(a.vectors[name], b.vectors[name])
    assert a.model == b.model


@settings(max_examples=25, deadline=None)
@given(n=st.integers(0, 20), width=st.integers(1, 5), shard=st.integers(1, 9), seed=st.integers(0))
def test_round_trip_is_exact_for_any_sharding(tmp_path_factory, n, width, shard, seed):
    folder = tmp_path_factory.mktemp("run") / "embeddings"
    written = make(n, width, seed % 2**32)
    written.write(folder, shard_rows=shard)
    assert len(list(folder.glob("*.parquet"))) == max(1, -(-n // shard))
    assert_same(Embeddings.read(folder), written)


def test_absent_vectors_are_null_on_disk(tmp_path):
    written = make()
    written.write(tmp_path / "e")
    stored = pq.read_table(tmp_path / "e" / "part-00000.parquet")["spectrum"]
    assert stored.type == pa.list_(pa.float32(), 4)
    np.testing.assert_array_equal(np.asarray(stored.is_null()), ~written.present["spectrum"])


def test_writing_replaces_older_shards(tmp_path):
    make(9).write(tmp_path / "e", shard_rows=2)
    make(3).write(tmp_path / "e", shard_rows=2)
    assert len(Embeddings.read(tmp_path / "e")) == 3


def test_shards_of_several_workers_make_one_table(tmp_path):
    whole = make(10)
    for number, rows in enumerate(np.array_split(np.arange(10), 3)):
        whole.take(rows).write_shard(tmp_path, number)
    assert_same(Embeddings.read(tmp_path), whole)


def test_shards_of_different_models_are_refused(tmp_path):
    make(3).write_shard(tmp_path, 0)
    make(3, model={"config": "other"}).write_shard(tmp_path, 1)
    with pytest.raises(DataError, match="different models"):
        Embeddings.read(tmp_path)


def test_of_which_state_of_a_dataset_they_are_is_kept(tmp_path):
    """Embeddings written before note none; several states do not become one."""
    for number, state in enumerate(["one", "one", "other", ""]):
        replace(make(3), state=state).write(tmp_path / str(number))
        assert Embeddings.read(tmp_path / str(number)).state == state
        assert make(3).take(np.arange(2)).state == ""
    assert Embeddings.read(tmp_path / "0").take(np.arange(2)).state == "one"
    assert not (tmp_path / "3" / STATE).exists()
    merge([tmp_path / "0", tmp_path / "1"], tmp_path / "same")
    assert Embeddings.read(tmp_path / "same").state == "one"
    for second in "23":
        with pytest.raises(DataError, match="different states of a dataset"):
            merge([tmp_path / "0", tmp_path / second], tmp_path / "mixed")
    merge([tmp_path / "3"], tmp_path / "same")
    assert Embeddings.read(tmp_path / "same").state == ""


def test_combined_is_the_unit_mean_of_those_present():
    a, b = np.array([[1.0, 0]]).repeat(4, 0), np.array([[0.0, 1]]).repeat(4, 0)
    embeddings = Embeddings(
        np.array(list("wxyz")),
        np.array(["train"] * 4),
        {"photometry": a, "spectrum": b},
        {
            "photometry": np.array([True, True, False, False]),
            "spectrum": np.array([True, False, True, False]),
        },
    )
    half = np.sqrt(0.5)
    np.testing.assert_allclose(embeddings.mean(), [[half, half], [1, 0], [0, 1], [0, 0]], atol=1e-7)
    np.testing.assert_allclose(
        embeddings.mean(["photometry"]), [[1, 0], [1, 0], [0, 0], [0, 0]], atol=1e-7
    )
    np.testing.assert_array_equal(embeddings.any_present(), [True, True, True, False])
    np.testing.assert_array_equal(embeddings.any_present(["spectrum"]), [1, 0, 1, 0])


def test_rows_of_a_split():
    embeddings = make(50)
    rows = np.sort(np.concatenate([embeddings.rows(s) for s in ("train", "validation", "test")]))
    np.testing.assert_array_equal(rows, np.arange(50))
    assert (embeddings.split[embeddings.rows("test")] == "test").all()
    assert len(embeddings.rows("nonesuch")) == 0


def test_what_does_not_belong_together_is_refused():
    ids, split = np.array(["a", "b"]), np.array(["train", "test"])
    there = {"x": np.ones(2, bool)}
    with pytest.raises(DataError, match="shape"):
        Embeddings(ids, split, {"x": np.ones((3, 2))}, there)
    with pytest.raises(DataError, match="split"):
        Embeddings(ids, split[:1], {"x": np.ones((2, 2))}, there)
    with pytest.raises(DataError, match="different modalities"):
        Embeddings(ids, split, {"y": np.ones((2, 2))}, there)
    with pytest.raises(DataError, match="cannot be called"):
        Embeddings(ids, split, {"split": np.ones((2, 2))}, {"split": np.ones(2, bool)})
    with pytest.raises(DataError, match="no modality 'z'"):
        Embeddings(ids, split, {"x": np.ones((2, 2))}, there).mean(["z"])


@pytest.mark.parametrize("content", [b"", b"not parquet at all"])
def test_a_damaged_shard_is_one_sentence(tmp_path, content):
    (tmp_path / "part-00000.parquet").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        Embeddings.read(tmp_path)


def test_other_parquet_and_newer_formats_are_refused(tmp_path):
    with pytest.raises(DataError, match="holds no embeddings"):
        Embeddings.read(tmp_path)
    path = tmp_path / "part-00000.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(DataError, match="not embeddings"):
        Embeddings.read(tmp_path)
    table = make().to_arrow()
    newer = {"skybind": json.dumps({"kind": "embeddings", "format_version": 99})}
    pq.write_table(table.replace_schema_metadata(newer), path)
    with pytest.raises(DataError, match="install a newer"):
        Embeddings.read(tmp_path)


def test_people_read_embeddings_as_arrays_and_tables():
    embeddings = make(6)
    there = embeddings.present["spectrum"]
    assert 0 < there.sum() < 6
    assert list(embeddings) == ["photometry", "spectrum"]
    assert "spectrum" in embeddings
    assert embeddings["spectrum"] is embeddings.vectors["spectrum"]
    with pytest.raises(DataError, match="did you mean 'spectrum'"):
        embeddings["spectra"]
    table = embeddings.to_table()
    assert table.colnames == ["object_id", "split", "photometry", "spectrum"]
    np.testing.assert_array_equal(table["spectrum"][there], embeddings["spectrum"][there])
    assert np.isnan(table["spectrum"][~there]).all()
    assert table.meta["model"] == embeddings.model
    assert repr(embeddings) == (
        f"<Embeddings of 6 objects: photometry {embeddings.present['photometry'].sum()}, "
        f"spectrum {there.sum()}; 4 numbers each>"
    )
    assert f"{there.sum()} objects, 4 numbers each" in embeddings._repr_html_()


def test_a_data_frame_holds_one_vector_a_cell():
    pytest.importorskip("pandas")
    embeddings = make(6)
    frame = embeddings.to_pandas()
    assert frame["object_id"].tolist() == embeddings.object_id.tolist()
    for row, there in enumerate(embeddings.present["spectrum"]):
        cell = frame["spectrum"][row]
        assert (cell is not None) == there
        if there:
            np.testing.assert_array_equal(cell, embeddings["spectrum"][row])


def test_without_pandas_it_is_said_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(DataError, match=r"pip install 'skybind\[notebook\]'"):
        make(3).to_pandas()
