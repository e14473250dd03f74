"""A table is read in blocks of row groups, so that nothing runs ahead of who takes its rows."""

import time
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pds
import pyarrow.parquet as pq
import pytest

from skybind.data import row_blocks
from skybind.data.sources import ParquetSource
from skybind.data.weighed import WeighedFiles
from skybind.memory import memory_limit

GROUPS = (100, 70, 100, 30, 100, 100)


@pytest.fixture
def files(tmp_path):
    """Three files of two row groups each, 400 kB a row group of 100."""
    rng = np.random.default_rng(0)
    paths, start = [], 0
    for number in range(3):
        path = tmp_path / f"{number}.parquet"
        schema = pa.schema({"row": pa.int64(), "a.b": pa.float64(), "list": pa.list_(pa.float64())})
        with pq.ParquetWriter(path, schema) as writer:
            for n in GROUPS[2 * number : 2 * number + 2]:
                lists = pa.ListArray.from_arrays(np.arange(n + 1) * 500, rng.normal(size=n * 500))
                row = np.arange(start, start + n)
                writer.write_table(pa.table([row, row / 2, lists], schema=schema))
                start += n
        paths.append(path)
    return paths


@pytest.mark.parametrize("most", [0, 600_000, 10**9])
@pytest.mark.parametrize(
    ("start", "stop"), [(0, None), (0, 500), (99, 101), (170, 270), (250, 499)]
)
def test_blocks_hold_a_stretch_and_are_of_few_bytes(files, monkeypatch, most, start, stop):
    monkeypatch.setattr(row_blocks, "BLOCK", most)
    dataset = pds.dataset([str(path) for path in files])
    found = list(row_blocks.row_blocks(WeighedFiles(dataset), ["row", "list"], start, stop))
    end = 500 if stop is None else stop
    ends = np.cumsum([0, *GROUPS])
    tables = [block.to_table() for block, _ in found]
    rows = np.concatenate([table["row"] for table in tables])
    low, high = ends[ends <= start].max(), ends[ends >= end].min()
    assert rows.tolist() == list(range(low, high))
    assert [first for _, first in found] == [table["row"][0].as_py() for table in tables]
    if most == 10**9:
        assert len(found) == 1
    if most == 0:
        assert len(found) == sum(low <= e < high for e in ends)
    assert all(len(t) in GROUPS or t.nbytes < 1.1 * most for t in tables)


def test_blocks_follow_the_limit_on_memory(files):
    dataset = pds.dataset([str(path) for path in files])
    with memory_limit("10MB"):  # of which a block may take 1.25
        found = [
            block.to_table()
            for block, _ in row_blocks.row_blocks(WeighedFiles(dataset), ["row", "list"])
        ]
    assert len(found) > 1
    assert max(table.nbytes for table in found) < 1.3e6
    assert pa.concat_tables(found)["row"].to_pylist() == list(range(500))


def test_only_the_columns_that_are_read_count(files, monkeypatch):
    monkeypatch.setattr(row_blocks, "BLOCK", 10_000)
    dataset = pds.dataset([str(path) for path in files])
    assert len(list(row_blocks.row_blocks(WeighedFiles(dataset), ["row", "a.b"]))) == 1
    assert len(list(row_blocks.row_blocks(WeighedFiles(dataset), ["list"]))) == len(GROUPS)


def test_chunks_are_the_same_however_large_blocks_are(files, monkeypatch):
    source, found = ParquetSource(files), []
    for most in (0, 600_000, 10**9):
        monkeypatch.setattr(row_blocks, "BLOCK", most)
        found.append([t["row"].to_pylist() for t in source.batches(["list", "row"], 64)])
        found.append([t["row"].to_pylist() for t in source.batches(["list", "row"], 64, 0, 500)])
    assert all(one == found[0] for one in found)
    assert list(chain.from_iterable(found[0])) == list(range(500))


def test_nothing_runs_ahead_of_a_slow_reader(files, monkeypatch):
    """Arrow alone would have read all of it by then."""
    monkeypatch.setattr(row_blocks, "BLOCK", 500_000)
    before, most = pa.total_allocated_bytes(), 0
    for table in ParquetSource(files).batches(["list"], 10):
        time.sleep(0.005)
        most = max(most, pa.total_allocated_bytes() - before)
        assert len(table) <= 10
    assert 40_000 < most < 1_200_000  # of 2 MB
