"""Small Parquet files that stand for gigabytes, in the place of files of skybind's own."""

import base64
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

#: A word of a dictionary that is named a million times: 1 TB.
WORD, TIMES = "a" * 10**6, 10**6
#: Numbers of a column of nothing but zeros: 240 MB.
ZEROS = 3 * 10**7
#: Rows that a footer may say, each without any page: 8 TB.
ROWS = 10**12


def words(n: int = TIMES) -> pa.Array:
    """One long word, again and again."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([WORD]))


def write_bomb(path: Path, kind: str, schema: pa.Schema) -> None:
    """Write a table of some schema of which every flat column of its kind is a bomb.

    Parameters
    ----------
    path : Path
    kind : str
        `words`, `lies` (the same, and the footer says little of it), `zeros` or `rows`.
    schema : Schema
        Nested columns are null; lists of one length are, too, and Arrow is told that they are such.
    """
    text = kind in ("words", "lies")
    n = {"zeros": ZEROS, "rows": 1234}.get(kind, TIMES)
    fixed = any(map(pa.types.is_fixed_size_list, schema.types))
    columns: dict[str, Any] = {}
    made: dict[pa.DataType, pa.Array] = {}  # columns of one kind share their memory
    for field in schema:
        plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if plain not in made:
            if text and pa.types.is_string(plain):
                made[plain] = words(n)
            elif pa.types.is_fixed_size_list(plain):
                made[plain] = pa.nulls(n, pa.list_(plain.value_type))
            elif pa.types.is_nested(plain) or pa.types.is_string(plain):
                made[plain] = pa.nulls(n, plain)
            else:
                made[plain] = pa.array(np.zeros(n, np.int8)).cast(plain)
        columns[field.name] = made[plain]
    table = pa.table(columns)
    with pq.ParquetWriter(
        path, table.schema, compression="zstd", write_statistics=False, store_schema=False,
        use_dictionary=text,
    ) as writer:  # fmt: skip
        writer.write_table(table, row_group_size=n)
        writer.add_key_value_metadata(schema.metadata or {})
        if fixed:
            writer.add_key_value_metadata(stored(schema))
    if kind == "rows":
        restate(path, {n: ROWS})
    if kind == "lies":
        group = pq.read_metadata(path).row_group(0)
        chunks = [group.column(i) for i in range(group.num_columns)]
        restate(path, {c.total_uncompressed_size: 20 for c in chunks})


def stored(schema: pa.Schema) -> dict[str, str]:
    """Tell Arrow of which types the columns of a file were."""
    plain = schema.remove_metadata().serialize().to_pybytes()
    return {"ARROW:schema": base64.b64encode(plain).decode()}


def write_missing_lists(path: Path, ids: Any, length: int) -> None:
    """Write a missing list of so many numbers beside each name, which takes nothing on disk."""
    table = pa.table({"id": ids, "word": pa.nulls(len(ids), pa.list_(pa.float32()))})
    told = pa.schema([table.schema.field("id"), ("word", pa.list_(pa.float32(), length))])
    with pq.ParquetWriter(path, table.schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(stored(told))


def restate(path: Path, numbers: Mapping[int, int]) -> None:
    """Let a footer say other numbers than it does."""
    data = path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - length : -8]
    for old, new in numbers.items():
        footer = footer.replace(_varint(2 * old), _varint(2 * new))
    path.write_bytes(data[: -8 - length] + footer + len(footer).to_bytes(4, "little") + data[-4:])


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


@contextmanager
def little_memory(beyond: float = 2e9) -> Iterator[None]:
    """Let this process take no more than so many bytes beyond what it has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + int(beyond)
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
