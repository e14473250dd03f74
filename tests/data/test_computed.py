"""Computed columns beside the objects: read with them, in any order and in pieces of any size."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.data.check import check_dataset
from skybind.data.computed import ComputedTable, write_computed
from skybind.data.dataset import Dataset
from skybind.data.info import dataset_info
from skybind.data.schema import Column
from skybind.data.sources import ParquetSource
from skybind.data.where import fulfilled
from skybind.data.write import DatasetWriter
from skybind.errors import DataError

N = 500
SAID = {"definition": "test", "version": 3, "observation": "photometry", "brightness": "flux"}
COLUMNS = {
    "photometry_period": Column("feature", "d", modality="photometry", attributes=SAID),
    "photometry_fap": Column("info"),
}


def computed(start, stop):
    rows = np.arange(start, stop)
    period = pa.array(rows + 0.5, pa.float64(), mask=rows % 7 == 0)
    fap = pa.array(-rows.astype(float))
    ids = pa.array([f"s{i}" for i in rows])
    return pa.table({"object_id": ids, "photometry_period": period, "photometry_fap": fap})


def write(folder, names=("label",)):
    with DatasetWriter(folder, {name: Column("info") for name in names}) as writer:
        for start in range(0, N, 130):
            rows = np.arange(start, min(start + 130, N))
            ids = np.asarray([f"s{i}" for i in rows])
            writer.append({"object_id": ids, **dict.fromkeys(names, rows * 2.0)})
    return folder


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("survey") / "data")
    state = Dataset.open(folder).fingerprint
    chunks = (computed(start, min(start + 64, N)) for start in range(0, N, 64))
    write_computed(folder / "features" / "photometry.parquet", "photometry", state, COLUMNS, chunks)
    return folder


@settings(max_examples=25, deadline=None)
@given(st.integers(0, N), st.integers(0, N), st.integers(1, 300))
def test_a_stretch_has_the_computed_columns_of_its_own_objects(survey, one, other, rows):
    start, stop = sorted((one, other))
    stretch = Dataset.open(survey).stretch(start, stop)
    tables = list(stretch.iter_tables(["object_id", "photometry_fap", "label"], rows))
    found = [cell for table in tables for cell in table.to_pylist()]
    assert found == [
        {"object_id": f"s{i}", "photometry_fap": -float(i), "label": 2.0 * i}
        for i in range(start, stop)
    ]
    assert stretch.numbers("photometry_fap").tolist() == [-float(i) for i in range(start, stop)]


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 700),
    columns=st.permutations(["photometry_fap", "label", "photometry_period", "object_id"]),
    number=st.integers(1, 4),
)
def test_chunks_of_any_size_have_their_rows_side_by_side(survey, rows, columns, number):
    dataset, columns = Dataset.open(survey), columns[:number]
    tables = list(dataset.iter_tables(columns, rows))
    assert all(table.column_names == columns for table in tables)
    assert max(table.num_rows for table in tables) <= rows
    together = pa.concat_tables(tables)
    assert together.num_rows == N
    assert dataset.table(columns).equals(together)
    if "label" in columns and "photometry_fap" in columns:
        np.testing.assert_array_equal(together["label"], -2 * together["photometry_fap"].to_numpy())


def test_rows_are_taken_in_the_order_asked_for(survey):
    rows = np.array([401, 3, 3, 129])
    taken = Dataset.open(survey).table(["photometry_fap", "object_id", "photometry_period"], rows)
    assert taken["object_id"].to_pylist() == ["s401", "s3", "s3", "s129"]
    assert taken["photometry_fap"].to_pylist() == [-401, -3, -3, -129]
    assert Dataset.open(survey).column("photometry_period", np.array([7]))[0] != 7.5  # missing


def test_the_schema_says_what_was_computed_and_conditions_know_it(survey):
    dataset = Dataset.open(survey)
    assert dataset.schema.features("photometry") == ["photometry_period"]
    assert dataset.schema.attributes("photometry_period") == SAID
    assert dataset.arrow_schema.names[-2:] == ["photometry_period", "photometry_fap"]
    found = fulfilled(dataset, "photometry_period < 10 and label > 4")
    np.testing.assert_array_equal(np.flatnonzero(found), [3, 4, 5, 6, 8, 9])
    assert dataset_info(survey).definitions == {
        "computed (test of flux, version 3)": ["photometry_period"]
    }


def test_the_fingerprint_is_that_of_the_objects(survey):
    without = Dataset.open(survey, computed=())
    assert without.fingerprint == Dataset.open(survey).fingerprint
    assert "photometry_period" not in without.schema.columns
    assert without.n_bytes < Dataset.open(survey).n_bytes
    with pytest.raises(DataError, match="no column 'photometry_period'"):
        without.column("photometry_period")


def test_a_name_that_the_objects_have_is_refused(survey, tmp_path):
    folder = write(tmp_path / "data", ["photometry_fap"])
    state = Dataset.open(folder).fingerprint
    target = folder / "features" / "photometry.parquet"
    write_computed(target, "photometry", state, COLUMNS, [computed(0, N)])
    with pytest.raises(DataError, match=r"'photometry_fap' .* is in the dataset"):
        Dataset.open(folder)


def test_a_table_appears_whole_or_not_at_all(survey, tmp_path):
    def broken():
        yield computed(0, 100)
        raise OSError("disk full")

    target = tmp_path / "features" / "photometry.parquet"
    with pytest.raises(OSError, match="disk full"):
        write_computed(target, "photometry", "0", COLUMNS, broken())
    assert list(target.parent.iterdir()) == []


def test_check_reads_computed_columns_some_objects_at_a_time(tmp_path, monkeypatch):
    folder = write(tmp_path / "data")
    state = Dataset.open(folder).fingerprint
    period, fap = np.ones(N), np.ones(N)
    period[-2:] = np.inf  # the second column is wrong first
    fap[3] = -np.inf
    table = pa.table(
        {
            "object_id": computed(0, N)["object_id"],
            "photometry_period": period,
            "photometry_fap": fap,
        }
    )
    write_computed(
        folder / "features" / "photometry.parquet", "photometry", state, COLUMNS, [table]
    )
    read, batches = [], ParquetSource.batches

    def counted(self, *given):
        for some in batches(self, *given):
            read.append(len(some))
            yield some

    monkeypatch.setattr("skybind.data.check.ROWS", 64)
    monkeypatch.setattr(ParquetSource, "batches", counted)
    monkeypatch.setattr(ParquetSource, "table", None)
    assert [str(fault) for fault in check_dataset(folder)] == [
        "photometry_period: is infinite (2 times), first at 's498'.",
        "photometry_fap: is infinite, first at 's3'.",
    ]
    assert (sum(read), max(read)) == (N, 64)


def test_check_names_a_table_of_other_objects(survey, tmp_path):
    folder = write(tmp_path / "data")
    assert check_dataset(folder) == []
    state = Dataset.open(folder).fingerprint
    target = folder / "features" / "photometry.parquet"
    write_computed(target, "photometry", state, COLUMNS, [computed(0, N)])
    assert check_dataset(folder) == []
    swapped = computed(0, N).take(pa.array([1, 0, *range(2, N)]))
    write_computed(target, "photometry", state, COLUMNS, [swapped])
    assert "other objects" in str(check_dataset(folder)[0])
    infinite = computed(0, N).set_column(2, "photometry_fap", pa.array(np.full(N, np.inf)))
    write_computed(target, "photometry", state, COLUMNS, [infinite])
    assert "photometry_fap: is infinite (500 times)" in str(check_dataset(folder)[0])
    longer = pa.concat_tables([computed(0, N), computed(N, N + 3)])
    for other in (computed(0, N - 3), longer):
        write_computed(target, "photometry", state, COLUMNS, [other])
        assert "other objects" in str(check_dataset(folder)[0])
    target.write_text("no Parquet")
    assert "features/photometry.parquet: cannot be used" in str(check_dataset(folder)[0])
    with pytest.raises(DataError, match="cannot be read"):
        ComputedTable.open(target)
