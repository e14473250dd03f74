import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.evaluation.truth import planted_faults, planted_kinds, truth_traits

N = 8
IDS = np.array([f"o{i}" for i in range(N)])


@pytest.fixture
def dataset(tmp_path):
    from skybind.data.dataset import Dataset

    columns = {
        "object_id": Column(role="id"),
        "ra": Column(role="position", unit="deg"),
        "dec": Column(role="position", unit="deg"),
        "brightness": Column(role="feature", modality="metadata"),
    }
    with DatasetWriter(tmp_path / "d", columns, provenance="made up", simulated=True) as writer:
        zeros = np.zeros(N)
        writer.append({"object_id": IDS, "ra": zeros, "dec": zeros, "brightness": zeros})
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
    pq.write_table(pa.table(table), tmp_path / "d" / "truth.parquet")
    return Dataset.open(tmp_path / "d")


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
