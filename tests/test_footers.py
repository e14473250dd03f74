"""Footers of Parquet: what is changed in one is told, whoever reads it."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skybind.errors import DataError
from skybind.footers import (
    SEAL,
    UNSEALED,
    DamagedTable,
    footer_in,
    seal_footer,
    verify_footer,
    verify_footer_in,
)
from skybind.ingest.readers.weighed import WeighedParquet
from skybind.parquet import (
    TableWriter,
    open_parquet,
    read_footer,
    read_parquet,
    read_schema,
    verify_file,
    write_footer,
    write_parquet,
)

UNITS = [pa.field("flux", pa.float64(), metadata={"unit": "mJy"}), pa.field("id", pa.string())]
SCHEMA = pa.schema(UNITS, metadata={"skybind": '{"unit": "mJy"}'})
TABLE = pa.table({"flux": np.arange(6.0), "id": list("abcdef")}, schema=SCHEMA)
WAYS = {
    "whole": read_parquet,
    "a column": lambda path: read_parquet(path, ["flux"]),
    "filtered": lambda path: read_parquet(path, filters=[("flux", ">", 3.5)]),
    "opened": open_parquet,
    "footer": read_footer,
    "schema": read_schema,
    "checked": verify_file,
    "as a survey's": lambda path: WeighedParquet(path, "a"),
    "from memory": lambda path: WeighedParquet(path.read_bytes(), "a"),
}


def flipped(whole, at, bit):
    return whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :]


@pytest.fixture
def path(tmp_path):
    write_parquet(TABLE, tmp_path / "a.parquet", row_group_size=2)
    return tmp_path / "a.parquet"


def test_a_footer_that_was_written_is_verified(path):
    assert verify_footer_in(path)
    assert verify_footer_in(path.read_bytes())
    assert read_schema(path).equals(SCHEMA, check_metadata=True)
    assert read_parquet(path).equals(TABLE)


def test_every_bit_of_a_footer_counts(path):
    footer = footer_in(path)
    for at in range(len(footer)):
        with pytest.raises(DamagedTable):  # or it is none of ours, which no bit may make of it
            assert verify_footer(flipped(footer, at, at % 8))


@pytest.mark.parametrize("way", WAYS)
def test_whoever_reads_a_file_is_told(way, path):
    whole = path.read_bytes()
    WAYS[way](path)
    start = len(whole) - 8 - len(footer_in(path))
    # what it tells in text, and what a filter goes by: the extreme of a row group
    extreme = whole.index(np.float64(5).tobytes(), start)
    for at in (whole.rindex(b'"mJy"') + 1, whole.rindex(b"flux"), extreme + 6):
        path.write_bytes(flipped(whole, at, 1))
        with pytest.raises(DamagedTable, match="footer is not what was written"):
            WAYS[way](path)


def test_a_flipped_extreme_drops_no_row(path):
    """Arrow leaves out row groups by it."""
    whole = path.read_bytes()
    filters = [("flux", ">", 4.5)]
    assert len(read_parquet(path, filters=filters)) == 1
    start = len(whole) - 8 - len(footer_in(path))
    without = whole.replace(SEAL, b"x" * len(SEAL)).replace(UNSEALED[:23], b"y" * 23)
    low = without
    while (at := low.find(np.float64(5).tobytes(), start)) >= 0:
        low = low[:at] + np.float64(4).tobytes() + low[at + 8 :]
    path.write_bytes(low)
    assert len(read_parquet(path, filters=filters)) == 0  # so it would be without the seal
    path.write_bytes(low.replace(b"x" * len(SEAL), SEAL).replace(b"y" * 23, UNSEALED[:23]))
    with pytest.raises(DataError, match="footer is not what was written"):
        read_parquet(path, filters=filters, again="make it again")


def test_a_seal_is_missed_where_its_name_is_damaged(path):
    footer = footer_in(path)
    for part in (SEAL, UNSEALED[:23], b" bytes\x00"):
        at = footer.rindex(part)
        with pytest.raises(DamagedTable):
            verify_footer(flipped(footer, at, 2))


def test_files_of_others_and_of_an_older_skybind_are_read(path, tmp_path):
    pq.write_table(TABLE, tmp_path / "others.parquet")
    assert not verify_footer_in(tmp_path / "others.parquet")
    said = read_footer(path).metadata
    # one that was read and written anew by a program that keeps all keys
    again = TABLE.replace_schema_metadata({**(TABLE.schema.metadata or {}), SEAL: said[SEAL]})
    pq.write_table(again.slice(0, 3), tmp_path / "again.parquet")
    for name in ("others.parquet", "again.parquet"):
        assert not verify_footer_in(tmp_path / name)
        for read in WAYS.values():
            read(tmp_path / name)
    write_parquet(again, path)  # a table that was read with such a key gets its own
    assert verify_footer_in(path)
    assert SEAL not in (read_schema(path).metadata or {})


def test_a_file_of_footers_is_sealed(path, tmp_path):
    footer = read_footer(path)
    footer.set_file_path("a.parquet")
    write_footer(SCHEMA, tmp_path / "_metadata", [footer])
    write_footer(SCHEMA, tmp_path / "_common_metadata")
    assert read_footer(tmp_path / "_metadata").num_rows == 6
    for name in ("_metadata", "_common_metadata"):
        assert verify_footer_in(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(flipped(whole, whole.rindex(b'"mJy"') + 1, 0))
        with pytest.raises(DamagedTable):
            read_schema(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\xff" * 8, b"PAR1\xff\xff\xff\xffPAR1"])
def test_what_is_no_parquet_has_no_seal(content, tmp_path):
    (tmp_path / "a").write_bytes(content)
    assert not verify_footer_in(tmp_path / "a")
    assert not verify_footer_in(content)


def test_a_seal_changes_no_other_byte(path):
    before = path.read_bytes()
    seal_footer(path)
    assert path.read_bytes() == before


def test_a_file_that_could_not_be_written_tells_its_own_error(tmp_path, monkeypatch):
    """Of a full disk, not that there is no footer to seal."""
    writer = TableWriter(tmp_path / "a.parquet", SCHEMA)
    monkeypatch.setattr(writer._writer, "close", lambda: None)
    with pytest.raises(OSError, match="full"), writer:
        raise OSError("the disk is full")
