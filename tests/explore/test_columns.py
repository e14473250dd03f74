"""Values of a catalogue whose columns are named as ours, and have more digits than a page's."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import Column, DatasetSchema
from skybind.data.write import DatasetWriter
from skybind.drawing.style import class_colour
from skybind.explore.columns import described, painted, row_of
from skybind.explore.selection import selection_table, summary
from skybind.report.run_map import class_order

#: What the catalogue has: two objects, each value one that is easily spoilt.
CATALOGUE = {
    "source_id": np.array([4295806720384100001, -7], np.int64),
    "hjd": np.array([2457000.5678, np.nan]),
    "ra_j2000": np.array([83.8220833333333, 1e-7]),
    "mag": np.array([0.1, 12.345678], np.float32),
    "flag": np.array([True, False]),
    "lbol": np.array([1e43, 1e300]),
    "night": np.array([2459000.50, 2459000.52]),
    "class": np.array(["spiral", "ring"]),
    "probability": np.array([17.0, 18.0]),
    "split": np.array(["north", "south"]),
}


@pytest.fixture
def survey(tmp_path):
    """A run without classes or anything else but a split, of such a catalogue."""
    columns = {"object_id": Column("id"), **{name: Column("info") for name in CATALOGUE}}
    with DatasetWriter(tmp_path / "d", columns) as writer:
        writer.append({"object_id": np.array(["a", "b"]), **CATALOGUE})
    run = SimpleNamespace(
        dataset=Dataset.open(tmp_path / "d"),
        classes=[],
        class_names=np.array(["", ""]),
        split=SimpleNamespace(part=np.array(["train", "test"])),
    )
    unsaid = SimpleNamespace(standing=dict, answers=dict)
    nothing = {"classes": None, "answered": None, "suspects": None, "judgements": unsaid}
    nothing["class_order"] = []
    return SimpleNamespace(run=run, suspect_rows=np.array([-1, -1]), **nothing)


def told_classes():
    """A classifier's table of the two objects."""
    table = {"class": ["EW", "RRAB"], "probability": [0.9, 0.8], "novelty": [0.1, 0.2]}
    return SimpleNamespace(table=pa.table(table))


def test_no_digit_of_a_value_is_lost(survey):
    told = [{entry["name"]: entry["value"] for entry in row_of(survey, row)} for row in (0, 1)]
    assert told[0]["source_id"] == "4295806720384100001"
    assert told[1]["source_id"] == -7
    assert told[0]["hjd"] == 2457000.5678
    assert told[0]["ra_j2000"] == 83.8220833333333
    assert [repr(one["mag"]) for one in told] == ["0.1", "12.345678"]
    assert told[0]["flag"] is True


def test_integers_beyond_2_53_of_which_some_are_missing_colour_the_map(survey):
    table = pa.table({"object_id": ["a", "b"], "source_id": pa.array([4295806720384100001, None])})
    schema = DatasetSchema({"object_id": Column("id"), "source_id": Column("info")})
    survey.run.dataset = Dataset.from_table(table, schema)
    values, said = painted(survey, "source_id", np.array([0, 1]))
    assert said["kind"] == "number"
    np.testing.assert_allclose(values, [4295806720384100001, np.nan], rtol=1e-6)
    assert row_of(survey, 0)[0]["value"] == "4295806720384100001"


@pytest.mark.parametrize("name", ["hjd", "lbol", "night", "mag", "flag", "source_id"])
def test_numbers_are_coloured_as_they_are(survey, name):
    """Those beyond single precision, and dates that are one in it."""
    values, said = painted(survey, name, np.array([0, 1]))
    assert said["kind"] == "number"
    np.testing.assert_array_equal(values, CATALOGUE[name].astype(float))


def test_a_condition_s_name_of_a_column_is_the_catalogue_s(survey):
    told = {entry["name"]: entry["column"] for entry in described(survey)}
    assert told["hjd"] == "hjd"
    assert told["split (catalogue)"] == "split"
    assert told["split"] is None
    assert {name for name in told.values() if name} >= set(CATALOGUE)


def test_a_catalogue_s_class_is_coloured_in_a_run_without_classes(survey):
    codes, said = painted(survey, "class", np.array([0, 1]))
    assert [said["names"][code] for code in codes] == ["spiral", "ring"]


def colours_of(survey, name, rows):
    codes, said = painted(survey, name, np.asarray(rows))
    shown = {code: (said["names"][code], said["colours"][code]) for code in set(codes.tolist())}
    return dict(shown.values())


def test_a_class_has_one_colour_in_all_columns(tmp_path):
    labels = ["EW", "RRAB", "RRAB", "SR", "new", ""]
    columns = {"object_id": Column("id"), "label": Column("label"), "other": Column("info")}
    told = np.array(["RRAB", "EW", "EW", "EW", "odd", ""])
    with DatasetWriter(tmp_path / "d", columns) as writer:
        ids = np.array(list("abcdef"))
        writer.append({"object_id": ids, "label": np.array(labels), "other": told})
    run = SimpleNamespace(
        dataset=Dataset.open(tmp_path / "d"),
        config=SimpleNamespace(labels=SimpleNamespace(column="label")),
        classes=["EW", "RRAB"],
        class_names=np.array(["EW", "RRAB", "RRAB", "", "", ""]),
        split=SimpleNamespace(part=np.full(6, "train")),
    )
    table = pa.table({"class": ["RRAB", "RRAB", "EW", "RRAB", "RRAB", "RRAB"]})
    survey = SimpleNamespace(
        run=run,
        classes=SimpleNamespace(table=table),
        answered=pa.table({"class": ["new", "RRAB", "EW", "EW", "EW", "EW"]}),
        suspects=None,
        suspect_rows=np.full(6, -1),
        class_order=class_order(run),
    )
    assert survey.class_order == ["EW", "RRAB", "SR", "new"]
    own = {name: class_colour(code) for code, name in enumerate(survey.class_order)}
    every = np.arange(6)
    for name in ("class", "predicted class", "predicted class with answers", "label"):
        found = colours_of(survey, name, every)
        assert found == {one: own[one] for one in found}, name
        assert len(found) >= 2
    assert colours_of(survey, "other", every) == {
        "EW": own["EW"],
        "RRAB": own["RRAB"],
        "odd": class_colour(4),
    }
    # of any objects: on a map, the sky or a scatter
    assert colours_of(survey, "label", [1, 2]) == {"RRAB": own["RRAB"]}


def test_both_classes_are_coloured(survey):
    survey.run.classes, survey.run.class_names = ["EW", "RRAB"], np.array(["RRAB", "EW"])
    for name, names in {"class": ["RRAB", "EW"], "class (catalogue)": ["spiral", "ring"]}.items():
        codes, said = painted(survey, name, np.array([0, 1]))
        assert [said["names"][code] for code in codes] == names


@pytest.mark.parametrize("classified", [True, False])
def test_the_run_s_columns_stand_beside_the_catalogue_s(survey, classified):
    survey.classes = told_classes() if classified else None
    table = selection_table(survey, np.array([1, 0]))
    assert table["probability"].to_pylist() == [18.0, 17.0]
    assert table["split"].to_pylist() == ["south", "north"]
    assert table["skybind_split"].to_pylist() == ["test", "train"]
    assert ("skybind_probability" in table.column_names) == classified
    listed = summary(survey, np.array([1]))["listed"][0]
    assert listed["split"] == "test"
    if classified:
        assert table["skybind_probability"].to_pylist() == [0.8, 0.9]
        assert listed["probability"] == 0.8
    else:
        assert "probability" not in listed
