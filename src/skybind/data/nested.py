"""Visits as catalogues hold them: a struct of lists where a dataset has a list of structs.

nested-pandas, and with it LSDB, reads a struct of lists as a nested column, whatever the lists are
of; of lists of structs with lists inside it makes nothing.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def to_nested(column: pa.Array | pa.ChunkedArray) -> pa.StructArray:
    """Turn lists of structs to structs of lists, null where they are null."""
    array = _whole(column)
    offsets = _offsets(array)
    values = array.flatten()
    inside = [values.type.field(i) for i in range(values.type.num_fields)]
    lists = [
        pa.ListArray.from_arrays(offsets, pc.struct_field(values, i)) for i in range(len(inside))
    ]
    fields = [(field.name, own.type) for field, own in zip(inside, lists, strict=True)]
    return pa.StructArray.from_arrays(lists, fields=_fields(fields), mask=array.is_null())


def from_nested(column: pa.Array | pa.ChunkedArray) -> pa.ListArray:
    """Turn structs of lists to lists of structs, null where they are null."""
    array = _whole(column)
    names = [array.type.field(i).name for i in range(array.type.num_fields)]
    lists = [pc.struct_field(array, i) for i in range(len(names))]
    flat = [own.flatten() for own in lists]
    fields = [(name, values.type) for name, values in zip(names, flat, strict=True)]
    values = pa.StructArray.from_arrays(flat, fields=_fields(fields))
    return pa.ListArray.from_arrays(_offsets(lists[0]), values, mask=array.is_null())


def nested_type(kind: pa.DataType) -> pa.DataType:
    """Give the type that `to_nested` makes of one."""
    return to_nested(pa.array([], kind)).type


def listed_type(kind: pa.DataType) -> pa.DataType:
    """Give the type that `from_nested` makes of one."""
    return from_nested(pa.array([], kind)).type


def _fields(fields: list[tuple[str, pa.DataType]]) -> list[pa.Field]:
    return [pa.field(name, kind) for name, kind in fields]


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def _offsets(lists: pa.Array) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
