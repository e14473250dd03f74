"""JSON of one record a line, in pieces."""

import io
import json
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.json as pj


class NotLines(Exception):
    """A file is not of one record on each line, or its records do not all have the same fields."""


def json_pieces(blocks: Iterable[bytes]) -> Iterator[pa.Table]:
    """Read blocks of whole lines.

    Raises
    ------
    NotLines
        If they have to be read as one.
    """
    names: list[str] = []
    for block in blocks:
        if not names and not _are_lines(block):
            raise NotLines
        options = pj.ReadOptions(use_threads=False, block_size=len(block) + 1024)
        table = pj.read_json(io.BytesIO(block), options)
        names = names or table.column_names
        if set(table.column_names) != set(names):
            raise NotLines
        yield table.select(names)


def _are_lines(block: bytes) -> bool:
    """Whether the first two lines are a record each."""
    lines = [line for line in block[: 1 << 20].splitlines() if line.strip()][:2]
    try:
        return len(lines) == 2 and all(isinstance(json.loads(line), dict) for line in lines)
    except ValueError:
        return False
