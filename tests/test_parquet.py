import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import skybind
from skybind.errors import DataError
from skybind.ingest.readers.weighed import WeighedParquet
from skybind.parquet import (
    ContentHash,
    TableWriter,
    read_parquet,
    stated_content,
    verify_file,
    write_parquet,
)


def table(n=40):
    rng = np.random.default_rng(3)
    lists = [None if i % 7 == 3 else rng.normal(size=i % 5).tolist() for i in range(n)]
    structs = [None if i % 5 == 1 else {"t": lists[i], "b": ["g"] * (i % 3)} for i in range(n)]
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rng.normal(size=2 * n)), 2)
    return pa.table(
        {
            "id": pa.array([None if i == 4 else f"s{i}" for i in range(n)]),
            "x": pa.array(rng.normal(size=n), mask=np.arange(n) % 3 == 0),
            "flag": pa.array(np.arange(n) % 2 == 0),
            "curve": pa.array(structs),
            "vector": vectors,
            "kind": pa.array([f"k{i % 3}" for i in range(n)]).dictionary_encode(),
        }
    ).replace_schema_metadata({"skybind": "{}"})


def hashed(*tables):
    found = ContentHash()
    for one in tables:
        found.add(one)
    return found.hexdigest()


@given(st.lists(st.integers(0, 40), max_size=4))
def test_the_hash_of_the_content_depends_on_no_chunks(cuts):
    whole = table()
    edges = [0, *sorted(cuts), len(whole)]
    pieces = [whole.slice(a, b - a) for a, b in pairwise(edges)]
    assert hashed(*pieces) == hashed(whole)


def test_every_value_null_and_name_counts():
    whole = table()
    seen = {hashed(whole)}
    for name in whole.column_names:
        place = whole.schema.get_field_index(name)
        reversed_column = whole[name].take(pa.array(np.arange(len(whole))[::-1]))
        seen.add(hashed(whole.set_column(place, name, reversed_column)))
        seen.add(hashed(whole.set_column(place, name, pa.nulls(len(whole), whole[name].type))))
        seen.add(hashed(whole.set_column(place, f"{name}_", whole[name])))
    assert len(seen) == 1 + 3 * whole.num_columns


TIMES = ["timestamp[s]", "timestamp[us]", "time32[s]", "time32[ms]", "time64[ns]", "duration[s]"]
OTHERS = {
    **{name: [1, None, 3] for name in TIMES},
    "date32": [1, None, 3],
    "map": [[("a", 1)], None, [("b", 2), ("c", None)]],
    "list of times": [[1], None, [2, 3]],
    "list view": [[1], None, [2, 3]],
    "large_binary": [b"\xff\x00", None, b""],
    "fixed": [b"\xff\x00", None, b"ab"],
}
TYPES = {
    "map": pa.map_(pa.string(), pa.int32()),
    "list of times": pa.list_(pa.timestamp("s", "UTC")),
    "list view": pa.list_view(pa.int32()),
    "fixed": pa.binary(2),
}


@pytest.mark.parametrize("name", OTHERS)
def test_columns_of_any_type_are_read_again_and_each_value_counts(name, tmp_path):
    values, kind = OTHERS[name], TYPES.get(name) or pa.type_for_alias(name)
    array = pa.array(values, kind)
    write_parquet(pa.table({"x": array}), tmp_path / "a.parquet")
    verify_file(tmp_path / "a.parquet")
    found = read_parquet(tmp_path / "a.parquet")["x"].combine_chunks()
    assert found.cast(array.type).equals(array)
    others = [values[::-1], [None, *values[1:]], [values[0], None, None]]
    hashes = [hashed(pa.table({"x": pa.array(some, kind)})) for some in (values, *others)]
    assert len(set(hashes)) == 4
    inner = pa.array([{"x": one} for one in values], pa.struct([("x", kind)]))
    write_parquet(pa.table({"in": inner}), tmp_path / "b.parquet")
    verify_file(tmp_path / "b.parquet")


def test_what_is_read_is_what_was_written(tmp_path):
    write_parquet(table(), tmp_path / "a.parquet", row_group_size=7)
    found = read_parquet(tmp_path / "a.parquet")
    assert found.equals(table())
    assert found.schema.metadata == table().schema.metadata
    assert stated_content(tmp_path / "a.parquet") == hashed(table())
    verify_file(tmp_path / "a.parquet")


def test_no_flipped_bit_gives_another_value(tmp_path):
    path, other = tmp_path / "a.parquet", tmp_path / "b.parquet"
    write_parquet(table(), path)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.choice(len(data), 300, replace=False).tolist():
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        other.write_bytes(changed)
        try:
            found = read_parquet(other)
        except (pa.ArrowException, OSError):
            refused += 1
        else:
            assert found.equals(table())
    assert refused > 100


def test_tables_of_others_are_read_as_they_are(tmp_path):
    pq.write_table(table(), tmp_path / "a.parquet")
    assert read_parquet(tmp_path / "a.parquet").equals(table())
    assert stated_content(tmp_path / "a.parquet") is None
    verify_file(tmp_path / "a.parquet")


def test_damage_is_a_sentence_that_says_what_makes_it_anew(tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(table(), path)
    with pytest.raises(
        DataError, match=r"a\.parquet cannot be read \(it has no column 'y'\): do it\."
    ):
        read_parquet(path, again="do it", needs=["x", "y"])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"a\.parquet cannot be read \(.*\): do it\."):
        read_parquet(path, again="do it")


def test_a_table_in_pieces_has_the_hash_of_the_whole(tmp_path):
    with TableWriter(tmp_path / "a.parquet", table().schema) as writer:
        for start in range(0, 40, 9):
            writer.write_table(table().slice(start, 9))
    assert stated_content(tmp_path / "a.parquet") == hashed(table())


def test_every_parquet_file_is_opened_with_its_checksums():
    source = Path(skybind.__file__).parent
    own = re.compile(r"\bpq\.(ParquetFile|read_table|ParquetDataset)\(")
    found = [path for path in source.rglob("*.py") if own.search(path.read_text("utf-8"))]
    assert sorted(path.name for path in found) == ["parquet.py", "weighed.py", "weighing.py"]


def test_parquet_of_others_is_read_with_its_checksums_too(tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(pa.table({"x": np.arange(1000.0)}), path, compression="none")
    content = bytearray(path.read_bytes())
    content[content.find(np.float64(500).tobytes())] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises((OSError, pa.ArrowException), match=r"(?i)crc|checksum"):
        WeighedParquet(path, "a").read()
    with pytest.raises((OSError, pa.ArrowException), match=r"(?i)crc|checksum"):
        list(WeighedParquet(path, "a").iter_batches(100))
