"""JSON as tables: one object a file, or one a line, with paths such as `photometry[*].time`."""

import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.json as pj

from skybind.errors import DataError
from skybind.ingest.readers.contents import first_line

_STEP = re.compile(r"([^.\[\]]+)|\[(\*|\d+)\]")
#: Paths that are listed for messages.
MANY = 200


def parsed_json(data: bytes, name: str) -> Any:
    """Return what the bytes of a JSON file hold.

    Raises
    ------
    DataError
        If they are no JSON.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} cannot be read as JSON: {first_line(error)}") from error


def entry_fault(entry: Any, numbers: Iterable[str], words: Iterable[str] = ()) -> str:
    """Return why an entry of a list cannot be read as the row of a table; "" if it can.

    Parameters
    ----------
    entry : anything
        As JSON has it.
    numbers : iterable of str
        Fields that have to hold a number, also as text; null and nothing at all are fine.
    words : iterable of str
        Fields that may hold true or false, too.
    """
    if not isinstance(entry, dict):
        return "that are no records"
    for key in numbers:
        if isinstance(entry.get(key), bool | list | dict):
            return f"whose '{key}' is no number"
    for key in words:
        if isinstance(entry.get(key), list | dict):
            return f"whose '{key}' is no single value"
    return ""


def json_records(data: bytes, name: str) -> pa.Table | dict[str, Any]:
    """Read JSON: rows where it is a list of records, or has one on each line; else one record.

    Raises
    ------
    DataError
        If it is neither.
    """
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except ValueError as error:
        lines = [line for line in data.splitlines() if line.strip()]
        if len(lines) > 1 and all(line.lstrip().startswith(b"{") for line in lines[:2]):
            options = pj.ReadOptions(block_size=min(len(data) + 1024, 2**31 - 1))
            return pj.read_json(io.BytesIO(data), options)
        raise DataError(f"{name} cannot be read as json: {error}.") from error
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
        return pa.Table.from_pylist(found)
    if not isinstance(found, dict):
        raise DataError(
            f"{name} holds no record: JSON of one object is {{...}}, of several a list."
        )
    return found


def at_path(record: Any, path: str) -> Any:
    """Give what stands at a path; None if nothing does.

    Parameters
    ----------
    record : dict
    path : str
        Names of fields parted by points; `[*]` is every entry of a list, `[0]` the first, and `*`
        the only field, whatever it is called: `*.photometry[*].time`, `spectra[0].data[*][1]`.

    Returns
    -------
    anything
        A list where the path has a `[*]`; of entries that lack the field, None.
    """
    values, many = [record], False
    for key, index in _STEP.findall(path):
        if index == "*":
            values = [entry for value in values if isinstance(value, list) for entry in value]
            many = True
        elif index:
            place = int(index)
            values = [v[place] if isinstance(v, list) and len(v) > place else None for v in values]
        elif key == "*":
            values = [next(iter(v.values())) if _is_single(v) else None for v in values]
        else:
            values = [value.get(key) if isinstance(value, dict) else None for value in values]
    if many:
        return values if any(value is not None for value in values) else None
    return values[0]


def paths(record: Any, at: str = "") -> Iterator[str]:
    """Give the paths of all values of a record, and of the lists in it."""
    if isinstance(record, dict):
        single = not at and _is_single(record) and isinstance(next(iter(record.values())), dict)
        for key, value in record.items():
            yield from paths(value, "*" if single else f"{at}.{key}".removeprefix("."))
    elif isinstance(record, list) and any(isinstance(entry, dict) for entry in record):
        merged = {key: value for entry in record if isinstance(entry, dict)
                  for key, value in entry.items()}  # fmt: skip
        yield from paths(merged, f"{at}[*]")
    elif isinstance(record, list) and record and isinstance(record[0], list):
        yield from (f"{at}[*][{place}]" for place in range(min(len(record[0]), 9)))
    else:
        yield at


def _is_single(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1
