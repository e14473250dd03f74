"""What a model takes for missing is told, in every way in, and counts as if it were empty."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import BASE_COLUMNS, Column, DatasetSchema
from skybind.data.write import DatasetWriter
from skybind.modalities.metadata import Metadata, MetadataOptions
from skybind.models.model import Model
from skybind.models.unused import tell_unused
from skybind.runs.classify import classify_anything
from skybind.runs.embedding import embed_anything
from skybind.runs.run import Run
from skybind.search.search import SearchOptions, search

FILES = Path(__file__).parents[1] / "data" / "v0.1"
#: Values of `ruwe` (1.03 +- 0.07 in the training data), and of the parallax of one star.
FAR, LARGE = (3e9, 3e21), 3e45
SAID = (
    "metadata: values count as missing ('ruwe' 2 of them, such as 3e+09), for they are absurdly "
    "far from the training data"
)


@pytest.fixture(scope="module")
def model():
    return Model.open(FILES / "stars-run" / "pretrain" / "model")


def changed(table, column, values):
    """The table with other values in some rows of a column."""
    cells = table[column].to_pylist()
    for row, value in values.items():
        cells[row] = value
    place = table.column_names.index(column)
    return table.set_column(place, table.schema.field(place), pa.array(cells, pa.float64()))


@pytest.fixture(scope="module")
def stars():
    return Dataset.open(FILES / "stars")


@pytest.fixture(scope="module")
def spoiled(stars):
    """The dataset with two absurd numbers and one beyond single precision."""
    table = stars.table(stars.columns).combine_chunks()
    known = np.flatnonzero(np.isfinite(stars.numbers("ruwe"))).tolist()
    table = changed(table, "ruwe", dict(zip(known, FAR, strict=False)))
    return changed(table, "pmra", {known[3]: LARGE}), known


def written(table, stars, folder):
    made = Dataset.from_table(table, stars.schema)
    with DatasetWriter(folder, dict(stars.schema.columns)) as writer:
        columns = {}
        for name in stars.columns:
            if name in stars.schema.observations:
                columns[name] = made.ragged(name)
            elif pa.types.is_string(table.schema.field(name).type):
                columns[name] = np.asarray(table[name].fill_null("").to_pylist(), object)
            else:
                columns[name] = made.numbers(name)
        writer.append(columns)
    return folder


@pytest.fixture(scope="module")
def folder(spoiled, stars, tmp_path_factory):
    return written(spoiled[0], stars, tmp_path_factory.mktemp("spoiled") / "stars")


def said(caplog):
    return " ".join(record.getMessage() for record in caplog.records)


def test_an_embedded_table_is_told_and_equals_one_with_empty_cells(model, stars, spoiled, caplog):
    caplog.set_level(logging.INFO, "skybind")
    table, known = spoiled
    found = model.embed(table)
    assert SAID in said(caplog)
    assert "metadata of 1 of 60 objects: 1 a number beyond single precision" in said(caplog)
    assert "'pmra', or 3e+45" not in said(caplog)
    empty = changed(changed(table, "ruwe", dict.fromkeys(known[:2])), "pmra", {known[3]: None})
    np.testing.assert_array_equal(found["metadata"], model.embed(empty)["metadata"])


def test_a_dataset_is_told_by_embed(folder, tmp_path, caplog):
    caplog.set_level(logging.INFO, "skybind")
    embed_anything(FILES / "stars-run" / "pretrain" / "model", folder, tmp_path / "out")
    assert SAID in said(caplog)
    assert "('pmra' 1 of them, such as 3e+45), for they are beyond single precision" in said(caplog)


def test_a_dataset_is_told_by_classify(folder, tmp_path):
    shutil.copytree(FILES / "stars-run", tmp_path / "run")
    (tmp_path / "run" / "status.json").unlink()
    case = tmp_path / "run" / "finetune" / "photometry+spectrum+metadata-full-pretrained" / "model"
    made = classify_anything(case, folder, tmp_path / "classes.parquet")
    assert any(SAID in note for note in made.notes)


def test_a_file_and_a_value_are_told_by_search(stars, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(FILES / "stars-run", run)
    note = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**note, "data": str(FILES / "stars")}))
    (tmp_path / "row.csv").write_text("parallax,ruwe,pm\n1.5,3e9,7\n")
    query = search(run, [tmp_path / "row.csv"], SearchOptions(k=1)).queries[0]
    assert any("'ruwe' 1 of them, such as 3e+09" in note for note in query.notes)
    (tmp_path / "empty.csv").write_text("parallax,ruwe,pm\n1.5,,7\n")
    empty = search(run, [tmp_path / "empty.csv"], SearchOptions(k=1)).queries[0]
    np.testing.assert_array_equal(query.vectors["metadata"], empty.vectors["metadata"])


def test_what_may_be_measured_is_used_and_not_told(model, stars):
    table = stars.table(stars.columns).combine_chunks()
    row = int(np.flatnonzero(np.isfinite(stars.numbers("ruwe")))[0])
    far = model.take(changed(table, "ruwe", {row: 50.0}))
    assert not any("count as missing" in note for note in far.notes)
    assert (model.embed_dataset(far.dataset)["metadata"] != model.embed(table)["metadata"])[
        row
    ].any()


@pytest.mark.parametrize(
    ("options", "column", "value", "why"),
    [
        ({"transforms": {"parallax": "log"}}, "parallax", -1.0, "not positive, and the model"),
        ({"transforms": {"parallax": "log"}}, "parallax", 3e45, "beyond single precision"),
        ({"absolute": ["g_mag"]}, "g_mag", None, "magnitudes of objects without a positive"),
        ({}, "parallax", 1e30, "absurdly far"),
    ],
)
def test_training_and_inference_have_one_rule(options, column, value, why):
    """What is absurd among the training objects is so in an object that comes later."""
    schema = DatasetSchema(
        {
            "parallax": Column("feature", "mas", modality="metadata"),
            "g_mag": Column("feature", "mag", modality="metadata"),
        }
    )
    rng = np.random.default_rng(5)
    good = {"parallax": rng.uniform(1, 5, 60), "g_mag": rng.normal(12, 1, 60)}
    bad = {name: values.copy() for name, values in good.items()}
    bad["parallax"][0] = -2.0 if value is None else value
    for training in (bad, good):
        modality = Metadata("metadata", MetadataOptions(**options), schema)
        modality.fit(modality.prepare(pa.table(training)), np.arange(60))
        (note,) = [
            note
            for note in tell_unused({"metadata": modality}, _dataset(bad, schema))
            if why in note
        ]
        assert f"'{column}' 1 of them" in note
        values = modality.batch(modality.prepare(pa.table(bad)), np.arange(60))["values"]
        assert values[0, modality.features.index(column)] == 0
        assert tell_unused({"metadata": modality}, _dataset(good, schema)) == []


def _dataset(columns, schema):
    n = len(columns["parallax"])
    table = pa.table(
        {"object_id": [f"s{i}" for i in range(n)], "ra": np.zeros(n), "dec": np.zeros(n), **columns}
    )
    return Dataset.from_table(table, DatasetSchema({**BASE_COLUMNS, **schema.columns}))


def test_a_run_says_once_what_it_takes_for_missing(folder, config, tmp_path, caplog):
    caplog.set_level(logging.INFO, "skybind")
    run = Run.start(config, folder, tmp_path / "run")
    run.prepare()
    assert f"modalities.{SAID}" in said(caplog)
    caplog.clear()
    Run.open(tmp_path / "run").prepare()
    assert "count as missing" not in said(caplog)
