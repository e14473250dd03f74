"""Flat columns of Arrow as numpy has them, without losing a digit; and as figures take them."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.texts import is_text, to_texts


def flat_array(values: pa.ChunkedArray) -> np.ndarray:
    """Return a flat column as numpy: NaN where null, "" in text, else as `with_missing` has it."""
    if is_text(values.type):
        return to_texts(values)
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    if pa.types.is_integer(values.type):
        return integers_of(values)
    if pa.types.is_boolean(values.type) and values.null_count:
        values = pc.cast(values, pa.float64())
    return np.asarray(values.to_numpy())


def plotted_array(values: pa.ChunkedArray) -> np.ndarray:
    """Return a flat column as figures take it: all numbers as such, though large ones lose digits.

    For colours and ranks, not to be read by anyone.
    """
    array = flat_array(values)
    number = pa.types.is_integer(values.type) or pa.types.is_decimal(values.type)
    return array.astype(np.float64) if number and array.dtype.kind == "O" else array


def integers_of(values: pa.ChunkedArray) -> np.ndarray:
    """Return integers of Arrow; those of which some are null as `with_missing` has them."""
    if not values.null_count:
        return np.asarray(values.to_numpy())
    return with_missing(pc.fill_null(values, 0).to_numpy(), values.is_null().to_numpy())


def with_missing(integers: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Integers of which some are missing: as floats, or as objects where these lose digits."""
    known = integers[~missing]
    if not len(known) or max(abs(int(known.min())), abs(int(known.max()))) < 2**53:
        return np.where(missing, np.nan, integers.astype(np.float64))
    values = integers.astype(object)
    values[missing] = None
    return values


def lengths_of(lists: Iterable[pa.ChunkedArray]) -> np.ndarray:
    """Return how many values each list holds, one column of lists after another; -1 where null."""
    found = [np.zeros(0, np.int64)]
    for column in lists:
        lengths = pc.cast(pc.list_value_length(column), pa.int64())
        found.append(pc.fill_null(lengths, -1).to_numpy())
    return np.concatenate(found)
