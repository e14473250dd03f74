import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.evaluation.truth import planted_faults, planted_kinds, truth_traits

N = 8
IDS = np.array([f"o{i}" for i in range(N)])


def made(folder, ids, table):
    """A dataset of these objects, with this truth."""
    columns = {
        "object_id": Column(role="id"),
        "ra": Column(role="position", unit="deg"),
        "dec": Column(role="position", unit="deg"),
        "brightness": Column(role="feature", modality="metadata"),
    }
    with DatasetWriter(folder, columns, provenance="made up", simulated=True) as writer:
        zeros = np.zeros(len(ids))
        writer.append({"object_id": ids, "ra": zeros, "dec": zeros, "brightness": zeros})
    pq.write_table(pa.table(table), folder / "truth.parquet")
    return Dataset.open(folder)


@pytest.fixture
def dataset(tmp_path):
    table = {
        "object_id": IDS[::-1].tolist(),  # in another order than the dataset
        "wrong_label": [False] * (N - 1) + [True],
        "wrong_period_factor": [1.0] * (N - 2) + [2.0, 1.0],
        "outlier_kind": [""] * (N - 3) + ["outburst", "fading", ""],
        "redshift_fault": [None] * (N - 1) + ["random"],
        "artefact": ["ghost"] + [""] * (N - 1),
        "quiescent": [True, False] * (N // 2 - 1) + [False, False],
        "subtype": ["dwarf", "giant", "giant"] + ["dwarf"] * (N - 3),
        "teff": [5000.0] * N,
    }
    return made(tmp_path / "d", IDS, table)


def who(flags):
    return IDS[np.flatnonzero(flags)].tolist()


def test_faults_are_told_from_traits_by_their_names(dataset):
    faults = planted_faults(dataset, np.arange(N))
    assert {name: who(flags) for name, flags in faults.items()} == {
        "wrong_label": ["o0"],
        "wrong_period": ["o1"],
        "outlier": ["o1", "o2"],
        "outlier: fading": ["o1"],
        "outlier: outburst": ["o2"],
        "redshift_fault": ["o0"],
        "artefact": ["o7"],
    }


def test_traits_are_text_of_few_values(dataset):
    traits = truth_traits(dataset, np.arange(N))
    assert set(traits) == {"quiescent", "subtype"}
    assert traits["quiescent"].tolist() == ["no", "no", "no", "yes", "no", "yes", "no", "yes"]


def test_kinds_are_faults_and_traits_of_few_objects(dataset):
    kinds = planted_kinds(dataset, np.arange(N))
    assert who(kinds["subtype: giant"]) == ["o5", "o6"]
    assert who(kinds["quiescent"]) == ["o3", "o5", "o7"]
    assert "subtype" not in kinds
    assert "subtype: dwarf" not in kinds
    assert "outlier: fading" in kinds


def test_some_rows_in_any_order(dataset):
    faults = planted_faults(dataset, np.array([7, 0]))
    assert faults["wrong_label"].tolist() == [False, True]
    assert faults["artefact"].tolist() == [True, False]


def test_text_of_many_values_is_a_name_and_no_kind(tmp_path):
    ids = np.array([f"o{i}" for i in range(63)])
    many = [f"v{i % 21}" for i in range(63)]
    few = [f"v{i % 20}" for i in range(63)]
    table = {"object_id": ids, "field": many, "subtype": few, "outlier_kind": many}
    data = made(tmp_path / "d", ids, table)
    assert set(truth_traits(data, np.arange(63))) == {"subtype"}
    kinds = planted_kinds(data, np.arange(63))
    assert "subtype: v19" in kinds
    assert set(planted_faults(data, np.arange(63))) == {"outlier"}


def test_nothing_is_wrong_with_an_object_that_the_truth_does_not_know_or_calls_none(tmp_path):
    table = {
        "object_id": ["o1", "o2", "o3"],
        "wrong_label": [True, False, False],
        "wrong_period_factor": [1.0, 2.0, 1.0],
        "large_spiral": ["", "none", "fills the crop"],
        "subtype": ["none", "dwarf", "giant"],
    }
    data = made(tmp_path / "d", IDS, table)
    faults = planted_faults(data, np.arange(N))
    assert {name: who(flags) for name, flags in faults.items()} == {
        "wrong_label": ["o1"],
        "wrong_period": ["o2"],
        "large_spiral": ["o3"],
    }
    assert truth_traits(data, np.arange(N))["subtype"].tolist() == ["", "", "dwarf", "giant"] + [
        ""
    ] * (N - 4)
