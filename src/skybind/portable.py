"""Columns of Arrow as every format of tables holds them: no value changed, none refused."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.texts import is_text

#: Signed integers that hold what FITS or VOTable cannot say: bytes with a sign (FITS takes int8 for
#: logical values), numbers without one, and anything beside a missing value.
_WIDER = {
    pa.int8(): pa.int16(),
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.int64(),
    pa.float16(): pa.float32(),
}
#: Decimals of so many digits are the nearest float64 and back.
_DIGITS = 15


def portable(
    table: pa.Table,
    has: Callable[[pa.DataType], bool] = lambda kind: False,
    lists: bool = True,
) -> pa.Table:
    """Return a table of columns that FITS, VOTable and ECSV hold, and their readers give back.

    Small and unsigned integers have more bits and a sign, booleans of which some are missing are
    1 and 0, times are ISO 8601 text in UTC, durations days, long decimals text, lists of anything
    but numbers JSON. The description says so where the numbers do not.

    Parameters
    ----------
    table : pyarrow.Table
    has : callable
        Tells of which types a format holds columns as they are.
    lists : bool
        The format holds lists of numbers.
    """
    for place, field in enumerate(table.schema):
        values = table[place]
        if pa.types.is_dictionary(field.type):
            values = values.cast(field.type.value_type)
        note, unit = "", None
        if not (is_text(values.type) or has(values.type)):
            values, note, unit = _plain(values, lists)
        said = said_of(field)
        if note:
            said["description"] = f"{said.get('description') or field.name} [{note}]"
        if note and is_text(values.type):
            said.pop("unit", None)
        if unit is not None:
            said["unit"] = unit
        table = table.set_column(place, pa.field(field.name, values.type, metadata=said), values)
    return table


def said_of(field: pa.Field) -> dict[str, str]:
    """Return what a field's metadata say: its unit and description, if any."""
    return {key.decode(): text.decode() for key, text in (field.metadata or {}).items()}


def is_list(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is one of lists, of one length or several."""
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _plain(values: pa.ChunkedArray, lists: bool) -> tuple[pa.ChunkedArray, str, str | None]:
    """Return a column that every format holds, what is to be said of it, and a unit of its own."""
    kind, types = values.type, pa.types
    if types.is_boolean(kind) and values.null_count:
        return values.cast(pa.int16()), "1: true, 0: false", None
    if types.is_integer(kind) or types.is_floating(kind):
        return _noted(_wide(values), "integer")
    if types.is_timestamp(kind):
        zone = ", UTC" if kind.tz is not None else ""
        # of one with a zone, Arrow takes the time in UTC
        text = pc.cast(values.cast(pa.timestamp(kind.unit)), pa.string())
        return pc.replace_substring(text, " ", "T"), f"ISO 8601{zone}", None
    if types.is_date(kind):
        return values.cast(pa.date32()).cast(pa.string()), "ISO 8601", None
    if types.is_time(kind):
        return values.cast(pa.string()), "ISO 8601", None
    if types.is_duration(kind):
        days = np.asarray(values.to_numpy()) / np.timedelta64(1, "D")
        return pa.chunked_array([pa.array(days, from_pandas=True)]), "duration", "d"
    if types.is_decimal(kind):
        return _noted(_decimals(values), "decimal")
    if lists and is_list(kind) and _holds_numbers(values):
        return _of_lists(values), "a missing list is empty" if values.null_count else "", None
    if types.is_boolean(kind):
        return values, "", None
    return _texts(values)


def _noted(values: pa.ChunkedArray, what: str) -> tuple[pa.ChunkedArray, str, None]:
    """Say of numbers that they are text, where they are."""
    return values, f"{what} in full, as text" if is_text(values.type) else "", None


def _wide(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give numbers a type that every format has; text where 64 bits with a sign are too few."""
    if values.type == pa.uint64() and (pc.max(values).as_py() or 0) >= 2**63:
        return values.cast(pa.string())
    if values.type == pa.uint8() and not values.null_count:
        return values
    return values.cast(_WIDER.get(values.type, values.type))


def _decimals(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give decimals as float64 where that keeps all digits, else as text."""
    short = values.type.precision <= _DIGITS
    cells = [cell if cell is None else f"{cell:f}" for cell in values.to_pylist()]
    if short:
        numbers = [cell if cell is None else float(cell) for cell in cells]
        return pa.chunked_array([pa.array(numbers, pa.float64())])
    return pa.chunked_array([pa.array(cells, pa.string())])


def _holds_numbers(values: pa.ChunkedArray) -> bool:
    """Return whether lists hold plain numbers; integers among which some are missing are none."""
    inner = values.type.value_type
    if pa.types.is_floating(inner):
        return True
    missing = any(chunk.flatten().null_count for chunk in values.chunks)
    return bool(pa.types.is_integer(inner)) and inner != pa.uint64() and not missing


def _of_lists(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give lists of numbers a type that every format has; a list that is missing is empty."""
    inner = values.type.value_type
    kind = pa.list_(pa.int16() if inner == pa.int8() else _WIDER.get(inner, inner))
    return pc.if_else(values.is_null(), pa.scalar([], kind), values.cast(kind))


def _texts(values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str, str | None]:
    """Give anything else as text: bytes in hexadecimal digits, lists and structs as JSON."""
    if pa.types.is_null(values.type):
        return values.cast(pa.string()), "", None
    binary = "binary" in str(values.type)
    note = "hexadecimal" if binary else "JSON"
    cells = values.to_pylist()
    written = [cell if cell is None else cell.hex() if binary else _json(cell) for cell in cells]
    return pa.chunked_array([pa.array(written, pa.string())]), note, None


def _json(cell: Any) -> str:
    return json.dumps(cell, ensure_ascii=False, default=str)
