from itertools import chain, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skybind.data.partitioned import PartitionedSource
from skybind.data.sources import MemorySource


def test_no_chunk_crosses_a_file(tmp_path):
    """Row groups of a file do not cut; pieces of a table in memory do as files."""
    table = pa.table({"n": np.arange(100), "x": np.arange(100.0)})
    bounds = [0, 7, 7, 60, 100]
    files = []
    for low, high in pairwise(bounds):
        files.append(tmp_path / f"{low}-{high}.parquet")
        pq.write_table(table.slice(low, high - low), files[-1], row_group_size=5)
    starts = [0, 7, 60]
    for source in (PartitionedSource(files), MemorySource(table, bounds[:-1])):
        assert source.starts().tolist() == starts
        chunks = [chunk["n"].to_pylist() for chunk in source.batches(["n"], 30)]
        assert [len(chunk) for chunk in chunks] == [7, 30, 23, 30, 10]
        assert list(chain(*chunks)) == list(range(100))
        some = [chunk["n"].to_pylist() for chunk in source.batches(["n"], 30, 7, 95)]
        assert [len(chunk) for chunk in some] == [30, 23, 30, 5]
        assert some[0][0] == 7
        assert source.table(["x"], np.array([99, 3]))["x"].to_pylist() == [99.0, 3.0]


def test_further_files_are_cut_by_their_row_groups(tmp_path):
    table = pa.table({"n": np.arange(50)})
    for name, low, high in (("a", 0, 12), ("b", 12, 30), ("more", 30, 50)):
        pq.write_table(table.slice(low, high - low), tmp_path / name, row_group_size=8)
    source = PartitionedSource([tmp_path / "a", tmp_path / "b"], more=[tmp_path / "more"])
    assert source.starts().tolist() == [0, 12, 30, 38, 46]
    for bounds in ((0, None), (5, 41), (31, 47), (12, 30)):
        chunks = [chunk["n"].to_pylist() for chunk in source.batches(["n"], 10, *bounds)]
        assert list(chain(*chunks)) == list(range(50)[slice(*bounds)])
    assert [len(chunk) for chunk in source.batches(["n"], 10)] == [10, 2, 10, 8, 8, 8, 4]
