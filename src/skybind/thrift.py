"""Thrift's compact protocol, in which Parquet writes its footers and headers of pages."""

from typing import Any

import pyarrow as pa

#: Structs and lists in each other: a footer needs seven.
_DEEPEST = 12
#: Bytes of true, false, a byte and a double, which nobody asks for.
_FIXED = {1: 0, 2: 0, 3: 1, 7: 8}
_TEXT, _LISTS, _STRUCT = 8, (9, 10), 12


def read_struct(data: bytes, at: int = 0, depth: int = 0) -> tuple[dict[int, Any], int]:
    """Read the whole numbers, structs and lists of a struct by their field ids.

    Returns
    -------
    dict
        Without text and other numbers.
    int
        Where it ends, which is beyond the end where the data do.

    Raises
    ------
    IndexError
        If the data end before.
    pyarrow.ArrowInvalid
        If that is no struct.
    """
    if depth > _DEEPEST:
        raise pa.ArrowInvalid("structs stand in each other without end")
    found: dict[int, Any] = {}
    field = 0
    while head := data[at]:
        at += 1
        kind = head & 15
        if head > 15:
            field += head >> 4
        else:
            field, at = _number(data, at)
        if 4 <= kind <= 6:
            found[field], at = _number(data, at)
        elif kind == _STRUCT:
            found[field], at = read_struct(data, at, depth + 1)
        elif kind in _FIXED:
            at += _FIXED[kind]
        elif kind == _TEXT:
            length, at = _unsigned(data, at)
            at += length
        elif kind in _LISTS:
            found[field], at = _list(data, at, depth + 1)
        else:
            raise pa.ArrowInvalid("a struct holds what Parquet has none of")
    return found, at + 1


def _list(data: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    head = data[at]
    count, kind = head >> 4, head & 15
    at += 1
    if count == 15:
        count, at = _unsigned(data, at)
    found = []
    for _ in range(count):
        value: Any = None
        if kind == _STRUCT:
            value, at = read_struct(data, at, depth)
        elif 4 <= kind <= 6:
            value, at = _number(data, at)
        elif kind == _TEXT:
            length, at = _unsigned(data, at)
            at += length
        elif kind in _FIXED:
            at += max(_FIXED[kind], 1)
        else:
            raise pa.ArrowInvalid("a list holds what Parquet has none of")
        if at > len(data):
            raise IndexError
        found.append(value)
    return found, at


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = data[at]
    if value > 127:
        value, at = _unsigned(data, at)
    else:
        at += 1
    return (value >> 1) ^ -(value & 1), at


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while (byte := data[at]) > 127:
        if shift > 63:
            raise pa.ArrowInvalid("a number has no end")
        value |= (byte & 127) << shift
        shift += 7
        at += 1
    return value | byte << shift, at + 1
