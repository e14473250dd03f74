"""Parquet of others: what its pages and dictionaries stand for is weighed before it is unpacked."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skybind import limits
from skybind.errors import DataError
from skybind.ingest.readers.hats import hats_table
from skybind.ingest.readers.weighed import WeighedParquet
from skybind.limits import FREE, at_most
from tests.bombs import little_memory, write_missing_lists
from tests.broken import expect_one_sentence

#: Together they make more than what is free.
LONG, MANY = "a" * 10**6, FREE * 6 // 5 // 10**6
#: Of what takes no memory before it is unpacked: 1 TB.
VERY_MANY = 10**6
PAGES = {"use_dictionary": False}
#: Arrow's schema would say that the text is a dictionary, which is then never unpacked.
WORDS = {"use_dictionary": True, "store_schema": False}
PREFIXES = {"use_dictionary": False, "column_encoding": {"word": "DELTA_BYTE_ARRAY"}}


def written(path, word, **options):
    table = pa.table({"id": pa.array(np.zeros(len(word), np.int8)), "word": word})
    pq.write_table(table, path, compression="zstd", write_statistics=False, **options)
    assert path.stat().st_size < 60_000
    return path


def words():
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(VERY_MANY, np.int32)), pa.array([LONG]))


def lists(values):
    return pa.ListArray.from_arrays(pa.array([0, 1, len(values)], pa.int32()), values)


BOMBS = {
    "pages": lambda: (pa.array([LONG] * MANY), PAGES),
    "words": lambda: (words(), WORDS),
    "stored words": lambda: (words(), WORDS | {"store_schema": True}),
    "words in lists": lambda: (lists(words()), WORDS),
    "words in records": lambda: (pa.StructArray.from_arrays([words()], ["inner"]), WORDS),
    "prefixes": lambda: (pa.array([LONG] * MANY), PREFIXES),
    "numbers in lists": lambda: (lists(pa.array(np.zeros(FREE // 7))), WORDS),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs_of_every_kind(kind, tmp_path):
    word, options = BOMBS[kind]()
    path = written(tmp_path / "x.parquet", word, **options)
    for source in (path, path.read_bytes()):
        file = WeighedParquet(source, "x.parquet")
        for read in (file.read, file.iter_batches):
            with pytest.raises(DataError, match=r"x\.parquet would take .* allow it by") as caught:
                sum(1 for _ in read())
            expect_one_sentence(caught.value)
        assert file.read(["id"]).column_names == ["id"]


def test_missing_lists_of_one_length_take_room_in_memory(tmp_path):
    path = tmp_path / "x.parquet"
    write_missing_lists(path, np.zeros(3, np.int8), 2**30)
    for source in (path, path.read_bytes()):
        file = WeighedParquet(source, "x.parquet")
        for read in (file.read, file.iter_batches):
            with pytest.raises(DataError, match=r"x\.parquet would take 12\.9 GB .* allow it by"):
                sum(1 for _ in read())
        assert file.read(["id"]).num_rows == 3


def test_few_rows_are_read_at_a_time_where_missing_lists_are_long(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "RATIO", 10**7)
    path = tmp_path / "x.parquet"
    write_missing_lists(path, np.zeros(400, np.int8), 10**6)  # 1.6 GB
    with little_memory(1e9):
        sizes = [len(batch) for batch in WeighedParquet(path, "x.parquet").iter_batches()]
    assert sum(sizes) == 400
    assert max(sizes) < 20


def test_what_is_long_once_is_read_as_it_is(tmp_path):
    table = pa.table({
        "id": [f"star{i}" for i in range(2000)],
        "word": [LONG if i == 1500 else "RR Lyrae" for i in range(2000)],
        "list": [["a", LONG[: i % 7]] for i in range(2000)],
        "record": [{"of": "b", "number": i} for i in range(2000)],
        "stored": pa.array(["x", None] * 1000).dictionary_encode(),
        "large": pa.array(["y", None] * 1000, pa.large_string()),
        "map": pa.array([[("k", "v")]] * 2000, pa.map_(pa.string(), pa.string())),
        "a.b": ["dotted"] * 2000,
    })  # fmt: skip
    path = tmp_path / "x.parquet"
    pq.write_table(table, path, compression="none", row_group_size=1700)
    file = WeighedParquet(path, "x.parquet")
    expected = pq.read_table(path)
    for found in (file.read(), pa.Table.from_batches(file.iter_batches(300))):
        assert found.equals(expected)
        assert found.schema == expected.schema
    assert file.read_row_group(1, ["word", "a.b"]).equals(expected.select(["word", "a.b"])[1700:])
    assert file.read(["record.of"])["record"].to_pylist() == [{"of": "b"}] * 2000
    assert file.iter_batches(300, columns=["record.of"]).send(None).num_rows == 300


@pytest.mark.parametrize("encoding", ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "PLAIN"])
def test_every_encoding_of_text_is_read(encoding, tmp_path):
    table = pa.table({"word": [f"star {i:06}" for i in range(20_000)], "n": np.arange(20_000)})
    path = tmp_path / "x.parquet"
    pq.write_table(table, path, use_dictionary=False, column_encoding={"word": encoding})
    file = WeighedParquet(path, "x.parquet")
    assert file.read().equals(table)
    assert pa.Table.from_batches(file.iter_batches()).equals(table)


@pytest.mark.parametrize("stored", [True, False], ids=["with Arrow's schema", "without"])
def test_every_type_of_text_is_read(stored, tmp_path):
    """Each has enough words that a page of these is followed by pages of text."""
    words = [f"star {i:06}" for i in range(20_000)]
    table = pa.table({
        "text": words,
        "large": pa.array(words, pa.large_string()),
        "view": pa.array(words).cast(pa.string_view()),
        "bytes": pa.array([word.encode() for word in words]),
        "stored": pa.array(words).dictionary_encode(),
        "list": [[word] for word in words],
        "large list": pa.array([[], *([word] for word in words[1:])], pa.large_list(pa.string())),
        "pair": pa.array([[word] for word in words], pa.list_(pa.string(), 1)),
        "map": pa.array([[(word, word)] for word in words], pa.map_(pa.string(), pa.string())),
        "record": [{"a": word, "b": [word], "c": i} for i, word in enumerate(words)],
        "records": [[{"a": word}] for word in words],
    })  # fmt: skip
    path = tmp_path / "x.parquet"
    pq.write_table(table, path, store_schema=stored, row_group_size=15_000)
    file, expected = WeighedParquet(path, "x.parquet"), pq.read_table(path)
    for found in (file.read(), pa.Table.from_batches(file.iter_batches(7000))):
        assert found.schema.equals(expected.schema)
        assert found.to_pylist() == expected.to_pylist()


def test_a_limit_counts_for_what_lies_in_memory_at_once(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"id": np.arange(10**6)}), path, row_group_size=90_000)
    file = WeighedParquet(path, "x.parquet")
    with at_most("1MB"):
        assert sum(batch.num_rows for batch in file.iter_batches()) == 10**6
        assert file.read_row_group(1).num_rows == 90_000
        with pytest.raises(DataError, match="10 MB or more"):
            file.read()
    with at_most("1GB"):  # a bomb that was allowed
        word = written(tmp_path / "w.parquet", pa.array([LONG] * MANY), **PAGES)
        assert len(WeighedParquet(word, "w.parquet").read()["word"][MANY - 1].as_py()) == 10**6


def test_partitions_of_a_hats_catalogue(tmp_path):
    folder = tmp_path / "dataset" / "Norder=0" / "Dir=0"
    folder.mkdir(parents=True)
    (tmp_path / "hats.properties").write_text("obs_collection=x\ndataproduct_type=object\n")
    written(folder / "Npix=4.parquet", words(), **WORDS)
    with pytest.raises(DataError, match=r"Npix=4\.parquet would take .* allow it by"):
        hats_table(tmp_path)
