"""Columns of lists, one list a row: from Arrow, from numpy, or from whatever stands in cells."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.units import convert
from skybind.errors import ConfigError
from skybind.ingest.fields import NEEDED
from skybind.ingest.readers.values import dates_of, is_date, numbers, plain_values
from skybind.portable import is_list
from skybind.ragged import arrow_values, flat_index

_BRACKETED = re.compile(r"\s*(?:array\()?[\[({](.*)[\])}](?:,\s*dtype=\w+)?\)?\s*", re.DOTALL)
_MISSING = dict.fromkeys(("none", "null", "--", "masked"), float("nan"))


@dataclass
class Lists:
    """A list of values for each of n rows.

    Attributes
    ----------
    values : ndarray
        The lists one after the other; numbers, or objects where there is text among them.
    lengths : ndarray of int64, shape (n,)
        -1 where there is no list.
    wrong : dict of int to str
        Rows that hold something else than a list, and what.
    shape : tuple of int
        Of the first that there is, where lists were in lists: of an image.
    """

    values: np.ndarray
    lengths: np.ndarray
    wrong: dict[int, str] = field(default_factory=dict)
    shape: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.lengths)

    def of_rows(self, rows: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Lists of some rows, flat; where a row has none, `lengths` of it unknown values."""
        own = np.maximum(self.lengths, 0)
        starts = np.cumsum(own) - own
        there = self.lengths[rows] >= 0
        if there.all():
            if own[rows].sum() == len(self.values):
                return self.values
            return self.values[flat_index(starts[rows], own[rows])]
        text = self.values.dtype.kind == "O"
        made = np.full(int(lengths.sum()), None if text else np.nan, object if text else float)
        made[np.repeat(there, lengths)] = self.values[
            flat_index(starts[rows[there]], own[rows[there]])
        ]
        return made


def lists_of_arrow(column: pa.Array) -> Lists:
    """Read an Arrow column of lists; lists in lists are strung together."""
    lengths = pc.fill_null(pc.cast(pc.list_value_length(column), pa.int64()), -1).to_numpy()
    values = column.flatten()
    if not is_list(values.type):
        return Lists(arrow_values(values), lengths)
    inner = lists_of_arrow(values)
    ends = np.concatenate([[0], np.cumsum(np.maximum(inner.lengths, 0))])
    outer = np.concatenate([[0], np.cumsum(np.maximum(lengths, 0))])
    first = tuple(lengths[lengths >= 0][:1])
    shape = first + (inner.shape or tuple(inner.lengths[inner.lengths >= 0][:1]))
    return Lists(inner.values, np.where(lengths >= 0, np.diff(ends[outer]), -1), shape=shape)


def fields_of_arrow(column: pa.Array) -> dict[str, pa.Array]:
    """Give the fields of a struct column, or of one of lists of structs, null where it is null."""
    if pa.types.is_struct(column.type):
        names = [column.type.field(i).name for i in range(column.type.num_fields)]
        return {name: pc.struct_field(column, i) for i, name in enumerate(names)}
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int64())
    null = pc.is_null(column)
    values = column.flatten()
    return {
        name: pa.LargeListArray.from_arrays(offsets, field_, mask=null)
        for name, field_ in fields_of_arrow(values).items()
    }


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Give a column in one piece."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return array


def is_nested(kind: pa.DataType) -> bool:
    """Whether an Arrow type is a struct of lists, or lists of structs."""
    return bool(pa.types.is_struct(kind) or (is_list(kind) and pa.types.is_struct(kind.value_type)))


def lists_of_array(array: np.ndarray) -> Lists:
    """Read an array (n, ...), one row an object."""
    shape = array.shape[1:]
    return Lists(array.ravel(), np.full(len(array), np.prod(shape), np.int64), shape=shape)


def lists_of_cells(cells: Sequence[Any]) -> tuple[Lists, str | None]:
    """Read what stands in cells: arrays, lists, quantities, None; also the unit that most state.

    Quantities of other units are converted to it.
    """
    parts: list[np.ndarray] = []
    lengths = np.full(len(cells), -1, np.int64)
    wrong: dict[int, str] = {}
    stated = Counter(stated_by(cell) for cell in cells if is_sequence(cell))
    unit = max(stated, key=lambda own: (stated[own], own is not None), default=None)
    shape: tuple[int, ...] = ()
    for row, cell in enumerate(cells):
        if is_missing(cell):
            continue
        own = stated_by(cell)
        values = _values(cell)
        if isinstance(values, str):
            wrong[row] = values
            continue
        if (own is None) != (unit is None) and values.size:
            others = "others have none" if unit is None else f"others are in '{unit}'"
            what = "without a unit" if own is None else f"in '{own}'"
            wrong[row] = f"a list {what} where {others}"
            continue
        if own is not None and own != unit:
            try:
                values = convert(values, own, str(unit), "the lists")
            except ConfigError:
                wrong[row] = f"a list in '{own}' where others are in '{unit}'"
                continue
        shape = shape or values.shape
        parts.append(values.ravel())
        lengths[row] = values.size
    return Lists(_joined(parts), lengths, wrong, shape), unit


def lists_of_text(
    cells: np.ndarray, bracketed: bool = False, first: str | None = None
) -> Lists | None:
    """Read a column of text such as `[1, 2, 3]`, `1 2 3` or `1;2;3`; None if it holds no lists.

    Parameters
    ----------
    cells : ndarray, shape (n,)
        Of which the first that is not blank tells what the column holds.
    bracketed : bool
        Only lists in brackets count: `06 37 15.9` may be an angle.
    first : str, optional
        The first cell that is not blank, where it stands in another piece of the table.
    """
    if cells.dtype.kind != "O":
        return None
    first = first_text(cells) if first is None else first
    if not _BRACKETED.fullmatch(first) and (bracketed or not isinstance(_list_in(first), list)):
        return None
    read = [None if is_missing(c) or not str(c).strip() else _list_in(str(c)) for c in cells]
    found, _ = lists_of_cells(read)
    return found


def first_text(cells: Iterable[Any]) -> str:
    """Give the first text that is not blank; "" if there is none."""
    return next((cell for cell in cells if isinstance(cell, str) and cell.strip()), "")


def why_unusable(lists: Mapping[str, Lists], places: Mapping[str, str], kind: str) -> np.ndarray:
    """Say why the lists of a row cannot be used, "" where they can, shape (n,).

    Parameters
    ----------
    lists : mapping of str to Lists
        By field.
    places : mapping of str to str
        Field -> column, for the reasons.
    kind : str
        Of the observation.
    """
    n = len(next(iter(lists.values())))
    reason = np.full(n, "", object)
    for name, each in lists.items():
        for row, what in each.wrong.items():
            reason[row] = reason[row] or f"{places[name]} holds {what}"
    lengths = {name: each.lengths for name, each in lists.items()}
    present = np.max(list(lengths.values()), axis=0) >= 0
    needed = [n for group in NEEDED.get(kind, [(band,) for band in lists]) for n in group]
    needed = [name for name in needed if name in lists]
    for name in needed:
        reason[present & (lengths[name] < 0) & (reason == "")] = f"no list in {places[name]}"
    first = needed[0]
    for name, own in lengths.items():
        differ = (own >= 0) & (own != lengths[first]) & (reason == "") & present
        for row in np.flatnonzero(differ).tolist():
            reason[row] = (
                f"lists of different length: {lengths[first][row]} in {places[first]}, "
                f"{own[row]} in {places[name]}"
            )
    return reason


def is_missing(cell: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, NaT, pandas' NA, or a masked value."""
    if cell is None or cell is np.ma.masked:
        return True
    if isinstance(cell, float | np.floating):
        return bool(np.isnan(cell))
    return type(cell).__name__ in ("NAType", "NaTType")


def is_record(cell: Any) -> bool:
    """Whether a cell holds named columns: a mapping, a table or a data frame."""
    frame = hasattr(cell, "iloc") and hasattr(cell, "columns")
    return isinstance(cell, Mapping) or hasattr(cell, "colnames") or frame


def is_sequence(cell: Any) -> bool:
    """Whether a cell holds a list or an array of at least one dimension."""
    if isinstance(cell, list | tuple):
        return True
    return not isinstance(cell, str | bytes) and bool(getattr(cell, "ndim", 0))


def stated_by(values: Any) -> str | None:
    """Unit that values carry: a quantity's or a column's; days for times, 1 for none of them."""
    if is_date(values):  # a unit of pandas' own says to how much it is exact
        return None
    plain = isinstance(values, list | tuple) or getattr(values, "ndim", 0) == 1
    listed = plain and len(values) and is_date(next(iter(values)))
    kind = getattr(getattr(values, "dtype", None), "kind", "_")
    if listed or kind in "Mm" or hasattr(values, "jd"):
        return "d"
    unit = getattr(values, "unit", None)
    return None if unit is None else str(unit) or "1"


def _values(cell: Any) -> np.ndarray | str:
    """Give a cell's list as an array, or say what it is instead."""
    if hasattr(cell, "jd"):
        cell = cell.jd
    if isinstance(cell, str | bytes):
        return f"text, not a list ('{str(cell)[:40]}')"
    if is_record(cell) and not hasattr(cell, "dtype"):
        return "a table, not a list"
    if isinstance(cell, pa.Array | pa.ChunkedArray):
        cell = arrow_values(cell)
    elif hasattr(cell, "iloc"):  # a series of pandas
        cell = cell.to_numpy()
    try:
        array = np.asarray(plain_values(cell) if hasattr(cell, "dtype") else cell)
    except (TypeError, ValueError):
        try:
            array = np.asarray(cell, dtype=object)
        except (TypeError, ValueError):
            return "no list of numbers"
    dates = dates_of(array.ravel()) if array.dtype.kind == "O" else None
    array = array if dates is None else dates.reshape(array.shape)
    if array.ndim == 0:
        return f"a single value, not a list ({str(cell)[:40]})"
    if array.dtype.kind in "Mm":
        return numbers(array.ravel())[0].reshape(array.shape)
    return array.astype(object) if array.dtype.kind in "SU" else array


def _list_in(text: str) -> list[Any] | str:
    """Read a list that is written as text; what is none stays the text."""
    inner = text.strip()
    if inner.startswith("["):
        try:
            found = json.loads(inner)
        except ValueError:
            pass
        else:
            return found if isinstance(found, list) else text
    bracketed = _BRACKETED.fullmatch(text)
    inner = bracketed.group(1) if bracketed else inner
    parts = [part.strip("'\" ") for part in re.split(r"\s*[,;|]\s*|\s+", inner.strip()) if part]
    if not bracketed and (len(parts) < 2 or re.fullmatch(r"[+-]?\d+,\d+", inner)):
        return text
    try:
        return [_MISSING.get(part.lower()) or float(part) for part in parts]
    except ValueError:
        return parts if bracketed and "..." not in parts else text


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    if not parts:
        return np.zeros(0)
    if any(part.dtype.kind not in "fiub" for part in parts):
        return np.concatenate([part.astype(object) for part in parts])
    return np.concatenate(parts)
