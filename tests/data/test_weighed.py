"""A dataset of a stranger: its files are weighed before they are read."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pds
import pyarrow.parquet as pq
import pytest

from skybind import limits
from skybind.data import weighed
from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.splits import Split
from skybind.data.weighed import WeighedFiles
from skybind.errors import DataError
from skybind.simulate.write import write_stars
from tests.bombs import little_memory, write_bomb
from tests.broken import expect_one_sentence


@pytest.fixture
def stars(tmp_path):
    write_stars(tmp_path / "stars", 20, seed=1)
    return tmp_path / "stars"


def bombed(stars, kind):
    part = next((stars / "objects").glob("*.parquet"))
    write_bomb(part, kind, pq.read_schema(part))
    return Dataset.open(stars, computed=())


@pytest.mark.parametrize("kind", ["words", "lies", "rows"])
def test_every_way_to_read_refuses_bombs(stars, kind):
    data = bombed(stars, kind)
    with little_memory():
        column = "label"
        reads = [
            lambda: data.table([column]),
            lambda: data.table([column], np.array([5])),
            lambda: next(iter(data.iter_tables([column], 100))),
            lambda: len(data) if kind == "rows" else data.table([column, "dec"]),
        ]
        for read in reads:
            with pytest.raises(DataError, match=r"would take .* allow it by SKYBIND_MAX") as caught:
                read()
            expect_one_sentence(caught.value)
        assert any("would take" in str(found) for found in check_dataset(stars))


def test_splits_refuse_bombs(tmp_path):
    path = tmp_path / "a.parquet"
    write_bomb(path, "words", pa.schema({"object_id": pa.string(), "part": pa.string()}))
    with little_memory(), pytest.raises(DataError, match="would take"):
        Split.read(path)


def test_files_that_are_small_alone_are_counted_together(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "FREE", 10**6)
    monkeypatch.setattr(weighed, "FREE", 10**6)
    monkeypatch.setattr(weighed, "_TOGETHER", 2 * 10**6)
    paths = [str(tmp_path / f"{i}.parquet") for i in range(9)]
    for path in paths:
        pq.write_table(pa.table({"x": np.zeros(10**5)}), path, compression="zstd")
    one = WeighedFiles(pds.dataset(paths[:1]))
    assert one.table(["x"]).num_rows == 10**5
    with pytest.raises(DataError, match=r"would take 1\.62 MB or more"):
        WeighedFiles(pds.dataset(paths)).table(["x"])


def test_what_is_read_in_turns_is_what_is_read_at_once(stars, tmp_path, monkeypatch):
    parts = sorted((stars / "objects").glob("*.parquet"))
    table = pq.read_table(parts[0])
    paths = [str(tmp_path / f"{i}.parquet") for i in range(3)]
    for i, path in enumerate(paths):
        pq.write_table(table.slice(7 * i, 7), path)
    monkeypatch.setattr(weighed, "_TOGETHER", 1)
    assert WeighedFiles(pds.dataset(paths)).table(table.column_names).equals(table)


def test_a_file_is_weighed_once_for_the_same_columns(stars, monkeypatch):
    data = Dataset.open(stars)
    checks = []
    check = weighed.Weigher.check
    monkeypatch.setattr(
        weighed.Weigher, "check", lambda *args: checks.append(args[1]) or check(*args)
    )
    for row in range(5):
        data.table(["ra"], np.array([row]))
    assert checks == [["ra"]]
