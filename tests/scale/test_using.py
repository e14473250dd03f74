"""Embeddings and classes of a catalogue are those of the local path on the same files, to the byte.

Both end their batches where the partitions end.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from skybind import scale
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError, DataError, ModelError
from skybind.runs.classify import classify_anything
from skybind.runs.embedding import embed_anything
from skybind.scale.adapter import table_of
from skybind.shards import Shard


@pytest.fixture(scope="module")
def classified(place):
    return table_of(scale.classify(place / "hats", place / "stars-run").compute(progress_bar=False))


def written(table, name):
    """A column as a file for people has it: missing text is empty there."""
    column = table[name].combine_chunks()
    return pc.fill_null(column, "") if pa.types.is_string(column.type) else column


def test_classes_are_the_local_ones(place, classified):
    classify_anything(place / "stars-run", place / "hats", place / "local.parquet")
    local = pq.read_table(place / "local.parquet")
    assert local["class"].null_count < len(local) == 60
    for name in local.column_names:
        expected = local[name].combine_chunks()
        assert written(classified, name).cast(expected.type).equals(expected), name


def test_shards_of_a_catalogue_are_partitions(place):
    out = place / "shards.parquet"
    for shard in (Shard(2, 2), Shard(1, 2), None):
        classify_anything(place / "stars-run", place / "hats", out, shard=shard)
    classify_anything(place / "stars-run", place / "hats", place / "whole.parquet")
    assert pq.read_table(out).equals(pq.read_table(place / "whole.parquet"))


def test_they_are_those_of_the_dataset_to_rounding(place, classified):
    """There the same objects stand in other batches."""
    classify_anything(place / "stars-run", place / "stars", place / "dataset.parquet")
    local = pq.read_table(place / "dataset.parquet").sort_by("object_id")
    made = classified.sort_by("object_id")
    for name in ("object_id", "class", "modalities", "reason"):
        assert written(made, name).to_pylist() == local[name].to_pylist()
    for name in local.column_names:
        if name.startswith("p"):
            np.testing.assert_allclose(made[name].to_numpy(), local[name].to_numpy(), rtol=3e-6)


def test_embeddings_are_the_local_ones(place):
    embed_anything(place / "stars-run", place / "hats", place / "embeddings")
    local = Embeddings.read(place / "embeddings")
    made = table_of(
        scale.embed(place / "hats", place / "stars-run", keep=["label"]).compute(progress_bar=False)
    )
    assert made["object_id"].to_pylist() == local.object_id.tolist()
    assert set(local.vectors) == {"photometry", "spectrum", "metadata"}
    for name, vectors in local.vectors.items():
        own = made[name].combine_chunks()
        assert own.is_valid().to_pylist() == local.present[name].tolist()
        there = np.stack(own.drop_null().to_numpy(zero_copy_only=False)).astype(np.float32)
        assert there.tobytes() == vectors[local.present[name]].tobytes()
    assert "EW" in made["label"].to_pylist()


def test_nothing_is_computed_before_it_is_asked_for(place, monkeypatch):
    called = []
    monkeypatch.setattr("skybind.scale.using._embedded", lambda *_: called.append(1) or ())
    found = scale.embed(place / "hats", place / "stars-run", modalities=["photometry"])
    assert not called
    assert list(found.columns) == ["ra", "dec", "object_id", "photometry", "reason"]


def test_foreign_light_curves_and_unreadable_ones(lsdb, place):
    """Nested columns that are no dataset's: what cannot be read is there, with its reason."""
    import pandas as pd
    from nested_pandas import NestedFrame

    rng = np.random.default_rng(1)
    curves = [np.sort(rng.uniform(0, 900, n)) for n in (60, 1, 80, 0)]
    data = NestedFrame(
        pd.DataFrame({"id": ["a", "b", "c", "d"], "ra": [1.0, 1, 170, 10], "dec": [0.0, 0, 9, 2]})
    )
    cells = {
        "time": pd.Series(curves, dtype=pd.ArrowDtype(pa.list_(pa.float64()))),
        "flux": pd.Series(
            [rng.normal(9, 1, len(t)) for t in curves], dtype=pd.ArrowDtype(pa.list_(pa.float64()))
        ),
    }
    data = data.assign(**cells).nest_lists(["time", "flux"], "lightcurve")
    catalog = lsdb.from_dataframe(data, catalog_name="foreign", margin_threshold=None)
    units = {"lightcurve.flux": "mJy"}
    found = scale.embed(
        catalog, place / "stars-run", modalities=["photometry"], units=units
    ).compute(progress_bar=False)
    rows = {row["object_id"]: row for row in table_of(found).to_pylist()}
    assert set(rows) == {"a", "b", "c", "d"}
    assert rows["a"]["photometry"] is not None
    assert rows["c"]["reason"] is None
    assert rows["b"]["photometry"] is None
    assert rows["b"]["reason"].startswith("photometry: ")
    assert rows["d"]["reason"].startswith("photometry: ")
    with pytest.raises(DataError, match="kg"):
        scale.embed(catalog, place / "stars-run", units={"lightcurve.flux": "kg"})


def test_what_does_not_fit_is_refused_at_once(lsdb, place):
    import pandas as pd

    run, hats = place / "stars-run", place / "hats"
    with pytest.raises(ConfigError, match="no modality 'image'"):
        scale.embed(hats, run, modalities=["image"])
    with pytest.raises(ConfigError, match=r"no column 'labl'.*'label'"):
        scale.embed(hats, run, keep=["labl"])
    with pytest.raises(ConfigError, match="'spectrum' of its own"):
        scale.embed(hats, run, keep=["spectrum"])
    with pytest.raises(ModelError, match="no classifier"):
        scale.classify(hats, run / "pretrain" / "model")
    plain = pd.DataFrame({"id": [1, 2], "ra": [3.0, 4], "dec": [5.0, 6]})
    with pytest.raises(DataError, match="has none of photometry"):
        scale.classify(lsdb.from_dataframe(plain, catalog_name="plain", margin_threshold=None), run)
