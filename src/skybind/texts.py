"""Columns of text as numpy arrays, made a piece at a time."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

#: Rows that are Python's texts at a time: they take some ten times the room of Arrow's.
_ROWS = 1 << 16


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column of a type holds text, plain or by numbers of a dictionary."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def to_texts(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return a column of text as numpy, "" where it is null.

    Parameters
    ----------
    column : pyarrow.Array or ChunkedArray, length n
        Of strings, or of what Arrow casts to them.

    Returns
    -------
    ndarray of str, shape (n,)

    Raises
    ------
    pyarrow.ArrowException
        If it cannot be cast.
    """
    if pa.types.is_dictionary(column.type) or not is_text(column.type):
        column = pc.cast(column, pa.string())
    width = pc.max(pc.utf8_length(column)).as_py() or 1
    found = np.empty(len(column), f"U{width}")
    for start in range(0, len(column), _ROWS):
        some = pc.fill_null(column.slice(start, _ROWS), "")
        found[start : start + len(some)] = some.to_pylist()
    return found
