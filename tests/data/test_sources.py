"""Columns are the same from files, from memory, and through changes made as they are read."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from skybind.data.computed import JoinedSource
from skybind.data.dataset import Dataset
from skybind.data.schema import Column, DatasetSchema
from skybind.data.sources import Change, ChangedSource, MemorySource, ParquetSource
from skybind.data.stretched import StretchedSource
from skybind.errors import DataError

CURVE = pa.struct([("time", pa.list_(pa.float64())), ("flux", pa.list_(pa.float32()))])
TABLE = pa.table(
    {
        "object_id": [f"s{i}" for i in range(7)],
        "x": pa.array([0.0, 1.0, None, 3.0, 4.0, 5.0, 6.0]),
        "photometry": pa.array(
            [
                None if i == 2 else {"time": list(range(i)), "flux": [float(i)] * i}
                for i in range(7)
            ],
            CURVE,
        ),
    }
)


@pytest.fixture(params=["files", "memory"])
def source(request, tmp_path):
    if request.param == "memory":
        return MemorySource(TABLE)
    paths = []
    for n, start in enumerate((0, 3)):
        paths.append(tmp_path / f"part-{n}.parquet")
        pq.write_table(TABLE.slice(start, (3, 4)[n]), paths[-1], row_group_size=2)
    return ParquetSource(paths)


def lengths(source, column, field):
    lists = source.lists(column, field)
    return [n for some in lists for n in pc.list_value_length(some).to_pylist()]


def test_files_and_memory_give_the_same(source):
    assert len(source) == 7
    columns = ["x", "photometry"]
    assert source.table(columns).to_pylist() == TABLE.select(columns).to_pylist()
    rows = np.array([6, 0, 0, 3])
    assert source.table(columns, rows).to_pylist() == TABLE.select(columns).take(rows).to_pylist()
    assert source.table(["x"], rows[:0]).num_rows == 0
    chunks = list(source.batches(["object_id"], 3))
    assert max(len(chunk) for chunk in chunks) <= 3
    assert pa.concat_tables(chunks)["object_id"].to_pylist() == TABLE["object_id"].to_pylist()
    assert lengths(source, "photometry", "flux") == [0, 1, None, 3, 4, 5, 6]


def test_stretches_hold_their_rows_and_no_others(source):
    joined = JoinedSource(source, [])
    whole = list(source.batches(["object_id"], 2))
    for start, stop in [(a, b) for a in range(8) for b in range(a, 8)]:
        for one in (source, joined):
            chunks = list(one.batches(["object_id", "x"], 2, start, stop))
            found = [name for chunk in chunks for name in chunk["object_id"].to_pylist()]
            assert found == [f"s{i}" for i in range(start, stop)]
        some = StretchedSource(source, start, stop)
        assert len(some) == stop - start
        assert (
            some.table(["x"]).to_pylist()
            == TABLE.select(["x"]).slice(start, stop - start).to_pylist()
        )
        if stop > start:
            assert some.table(["x"], np.array([0]))["x"].to_pylist() == [TABLE["x"][start].as_py()]
            nested = lengths(some, "photometry", "flux")
            assert nested == [0, 1, None, 3, 4, 5, 6][start:stop]
    starts = source.starts().tolist()
    assert starts == ([0, 2, 3, 5] if isinstance(source, ParquetSource) else [0])
    for start in starts:  # the chunks of the whole
        rest = list(source.batches(["object_id"], 2, start))
        assert rest == whole[len(whole) - len(rest) :]
    if len(starts) > 1:
        assert StretchedSource(source, 2, 6).starts().tolist() == [0, 1, 3]
    assert (
        StretchedSource(source, 1, 4).fingerprint() != StretchedSource(source, 0, 4).fingerprint()
    )


def test_changes_are_made_as_the_source_is_read(source):
    changed = ChangedSource(
        source,
        {
            "name": Change("object_id", pa.string()),
            "y": Change("x", pa.float64(), lambda values: pc.multiply(values, 10)),
            "photometry": Change("photometry", CURVE),
            "spectrum": Change(None, CURVE),
        },
    )
    assert changed.schema.names == ["name", "y", "photometry", "spectrum"]
    assert changed.table(["y"])["y"].to_pylist() == [0, 10, None, 30, 40, 50, 60]
    assert changed.table(["y", "name"], np.array([5])).to_pylist() == [{"y": 50, "name": "s5"}]
    parts = pa.concat_tables(changed.batches(["spectrum", "y"], 2))
    assert parts["spectrum"].null_count == 7
    assert parts["y"].to_pylist() == [0, 10, None, 30, 40, 50, 60]
    # the number of rows is known without any column of the source below
    assert sum(t.num_rows for t in changed.batches(["spectrum"], 2)) == 7
    assert lengths(changed, "photometry", "time") == [0, 1, None, 3, 4, 5, 6]
    assert lengths(changed, "spectrum", "time") == [None] * 7
    assert changed.fingerprint() != source.fingerprint()


def test_the_fingerprint_of_memory_is_of_the_content():
    whole = MemorySource(TABLE).fingerprint()
    assert (
        MemorySource(pa.concat_tables([TABLE.slice(0, 2), TABLE.slice(2)])).fingerprint() == whole
    )
    other = TABLE.set_column(1, "x", pa.array([9.0] * 7))
    assert MemorySource(other).fingerprint() != whole
    named = TABLE.rename_columns(["object_id", "z", "photometry"])
    assert MemorySource(named).fingerprint() != whole


def test_a_dataset_in_memory_reads_as_one_on_disk():
    schema = DatasetSchema(
        {
            "object_id": Column("id"),
            "x": Column("feature", "mag", "Colour", "metadata"),
            "photometry": Column(
                "observation", modality="photometry", fields={"time": "d", "flux": "mJy"}
            ),
        }
    )
    dataset = Dataset.from_table(TABLE, schema, "given table")
    assert len(dataset) == 7
    assert dataset.object_ids.tolist() == [f"s{i}" for i in range(7)]
    assert dataset.present("photometry").sum() == 6
    assert dataset.present("metadata").sum() == 6
    assert dataset.ragged("photometry", np.array([3])).fields["flux"].tolist() == [3.0] * 3
    assert dataset.path == Path("given table")
    assert len(dataset.fingerprint) == 16
    assert dataset.n_bytes > 0
    with pytest.raises(DataError, match="given table has no column 'y'"):
        dataset.table(["y"])
    with pytest.raises(DataError, match="given table has no column 'object_id'"):
        Dataset.from_table(TABLE.drop_columns(["object_id"]), schema, "given table")


@pytest.mark.parametrize("n", [3, 40])
def test_a_few_rows_are_those_of_the_whole(tmp_path, n):
    """Few rows of a group are read otherwise than many, also where a file lacks a column."""
    kind = pa.struct({"time": pa.list_(pa.float64())})
    parts = []
    for number in range(2):
        start = 100 * number
        curves = [None if i % 7 == 0 else {"time": [float(i), 2.0 * i]} for i in range(100)]
        columns = {
            "object_id": [f"s{start + i}" for i in range(100)],
            "photometry": pa.array(curves, kind),
        }
        if number == 0:
            columns["period"] = np.arange(100.0)
        parts.append(tmp_path / f"part-{number}.parquet")
        pq.write_table(pa.table(columns), parts[-1], row_group_size=64)
    source = ParquetSource(parts)
    rows = np.random.default_rng(n).choice(200, n, replace=False)
    names = ["photometry", "object_id", "period"]
    whole = source.table(names)
    assert source.table(names, rows).equals(whole.take(rows))


@pytest.mark.parametrize("first", [0, 1])
def test_files_that_differ_in_what_may_be_null_are_read_together(tmp_path, first):
    parts = []
    for number in (first, 1 - first):
        kind = pa.schema([pa.field("object_id", pa.string(), nullable=number == 0)])
        parts.append(tmp_path / f"part-{len(parts)}.parquet")
        names = [f"{number}-{i}" for i in range(100)]
        pq.write_table(pa.table({"object_id": names}, kind), parts[-1], row_group_size=50)
    source = ParquetSource(parts)
    rows = np.r_[0:45, 60:63, 110:113, 150:199]  # of each file many of one group, few of another
    whole = source.table(["object_id"]).take(rows)
    assert source.table(["object_id"], rows).to_pylist() == whole.to_pylist()


def test_a_file_that_is_replaced_is_not_read_on(tmp_path):
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"x": np.arange(100)}), path)
    source = ParquetSource([path])
    assert len(source.table(["x"])) == 100
    pq.write_table(pa.table({"x": np.arange(100) + 1000}), tmp_path / "other.parquet")
    (tmp_path / "other.parquet").replace(path)
    for read in (lambda: source.table(["x"]), lambda: list(source.batches(["x"], 10))):
        with pytest.raises(DataError, match="has changed since it was opened"):
            read()
