"""Values that astropy marks as missing in a Parquet file: by a column of its own beside each."""

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.errors import DataError
from skybind.ingest.arrow_units import ASTROPY
from skybind.ingest.lists import one_array
from skybind.portable import is_list

_ENDING = ".mask"


def mask_columns(schema: pa.Schema) -> dict[str, str]:
    """Give the columns of a table of astropy that have a mask beside them, and the names of these.

    A masked column `flux` is written as `flux`, whose masked places hold whatever they hold, and
    `flux.mask`, true where it is masked (`astropy.table.Table.write`, format parquet).
    """
    if ASTROPY not in (schema.metadata or {}):
        return {}
    names = set(schema.names)
    return {
        name: name + _ENDING
        for name in schema.names
        if name + _ENDING in names and _is_mask(schema.field(name + _ENDING).type)
    }


def with_masks(names: Iterable[str] | None, masks: Mapping[str, str]) -> list[str] | None:
    """Add the masks of some columns to their names; None stands for all columns."""
    if names is None:
        return None
    named = list(names)
    return list(dict.fromkeys([*named, *(masks[name] for name in named if name in masks)]))


def apply_masks(table: pa.Table, masks: Mapping[str, str], name: str) -> pa.Table:
    """Make null what the masks of a table's columns mark.

    Parameters
    ----------
    table : Table
    masks : mapping of str to str
        See `mask_columns`; of columns that it lacks nothing is done.
    name : str
        Of the table, for messages.

    Raises
    ------
    DataError
        If a mask does not fit its column.
    """
    for column, mask in masks.items():
        if column not in table.column_names:
            continue
        values, marked = one_array(table[column]), one_array(table[mask])
        made = _masked(values, marked)
        if made is None:
            raise DataError(f"{name}: the mask '{mask}' does not fit the column '{column}'.")
        table = table.set_column(table.column_names.index(column), column, made)
    return table


def _is_mask(kind: pa.DataType) -> bool:
    while is_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_boolean(kind))


def _masked(values: pa.Array, mask: pa.Array) -> pa.Array | None:
    """Make null what is marked; None where the two have not the same lengths."""
    if not is_list(values.type):
        if is_list(mask.type):
            return None
        return pc.if_else(mask, pa.scalar(None, values.type), values)
    if not is_list(mask.type):
        return None
    lengths, marked = (
        pc.fill_null(pc.list_value_length(each), 0).to_numpy() for each in (values, mask)
    )
    if not np.array_equal(lengths, marked):
        return None
    inner = _masked(values.flatten(), mask.flatten())
    if inner is None:
        return None
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int64())
    return pa.LargeListArray.from_arrays(offsets, inner, mask=pc.is_null(values))
