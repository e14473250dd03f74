"""Ragged arrays: observations of different lengths as flat values and offsets."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

Rows = np.ndarray


@dataclass
class Ragged:
    """Several fields of ragged observations that share one set of offsets.

    Object `i` owns `values[offsets[i]:offsets[i + 1]]` of every field.

    Attributes
    ----------
    fields : dict of str to ndarray
        Flat arrays, all of length `offsets[-1]`.
    offsets : ndarray of int64, shape (n + 1,)
        Where each object's values begin; the last entry is the total.
    present : ndarray of bool, shape (n,)
        False where the modality was not observed (such a row has length zero).
    """

    fields: dict[str, np.ndarray]
    offsets: np.ndarray
    present: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Number of values of each object, shape (n,)."""
        return np.diff(self.offsets)

    @property
    def owner(self) -> np.ndarray:
        """Index of the object that each flat value belongs to, shape (offsets[-1],)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def take(self, rows: Rows) -> "Ragged":
        """Select objects by index, in the order given."""
        rows = np.asarray(rows)
        lengths = self.lengths[rows]
        offsets = offsets_of(lengths)
        index = flat_index(self.offsets[rows], lengths)
        return Ragged(
            {name: values[index] for name, values in self.fields.items()},
            offsets,
            self.present[rows],
        )

    def filter(self, keep: np.ndarray) -> "Ragged":
        """Keep the flat values where `keep` is true; objects stay, perhaps shorter."""
        counts = np.add.reduceat(np.append(keep, False).astype(np.int64), self.offsets[:-1])
        counts = np.where(self.lengths > 0, counts, 0)
        offsets = offsets_of(counts)
        fields = {name: values[keep] for name, values in self.fields.items()}
        return Ragged(fields, offsets, self.present)

    def to_arrow(self) -> pa.StructArray:
        """Give the Arrow column: a struct of lists, null where not present."""
        if len(self) == 0 or self.offsets[-1] < 2**31:
            offsets, kind = pa.array(self.offsets, pa.int32()), pa.ListArray
        else:
            offsets, kind = pa.array(self.offsets, pa.int64()), pa.LargeListArray
        lists = [kind.from_arrays(offsets, _arrow(v)) for v in self.fields.values()]
        null = pa.array(~self.present)
        return pa.StructArray.from_arrays(lists, names=list(self.fields), mask=null)

    @classmethod
    def from_arrow(cls, column: pa.ChunkedArray | pa.StructArray) -> "Ragged":
        """Read an Arrow struct-of-lists column; a null struct is an absent object.

        Raises
        ------
        ValueError
            If the lists of one object have different lengths.
        """
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
        present = array.is_valid().to_numpy(zero_copy_only=False)
        fields: dict[str, np.ndarray] = {}
        offsets: np.ndarray | None = None
        for index in range(array.type.num_fields):
            name = array.type.field(index).name
            lists = array.field(index)
            lists = lists.filter(pa.array(present)) if not present.all() else lists
            lists = lists.fill_null([]) if lists.null_count else lists
            lengths = np.zeros(len(array), np.int64)
            lengths[present] = np.asarray(lists.value_lengths().to_numpy(zero_copy_only=False))
            own = offsets_of(lengths)
            values = lists.flatten()
            if offsets is None:
                offsets = own
            elif not np.array_equal(offsets, own) and len(values):
                raise ValueError(f"list '{name}' has another length than its neighbours")
            elif not np.array_equal(offsets, own):
                continue  # an optional list that is null for every object
            fields[name] = arrow_values(values)
        if offsets is None:
            offsets = np.zeros(len(array) + 1, np.int64)
        return cls(fields, offsets, present)


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """Where slices of these lengths begin, one after the other; the last entry is their sum."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def flat_index(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Index of the flat values of several slices, one after the other.

    Parameters
    ----------
    starts, lengths : ndarray of int, shape (n,)
        Slice `i` is `starts[i] : starts[i] + lengths[i]`.

    Returns
    -------
    ndarray of int64, shape (lengths.sum(),)
    """
    lengths = np.asarray(lengths, np.int64)
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(np.asarray(starts) - (ends - lengths), lengths)


def padded_blocks(
    lengths: np.ndarray, size: int = 2_000_000
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Group objects of similar length, so that each group pads to a small rectangle.

    Parameters
    ----------
    lengths : ndarray of int, shape (n,)
    size : int
        Most cells of a rectangle (a single longer object still gets its own).

    Yields
    ------
    rows : ndarray of int, shape (m,)
        Objects of the group; those of length zero are in none.
    filled : ndarray of bool, shape (m, longest)
        Which cells of the rectangle hold values.
    """
    order = np.argsort(lengths, kind="stable")
    ordered = np.asarray(lengths)[order]
    start = int(np.searchsorted(ordered, 1))
    while start < len(order):
        stop = int(np.searchsorted(ordered, 1.5 * ordered[start] + 16, side="right"))
        stop = max(start + 1, min(stop, start + size // int(ordered[stop - 1])))
        rows = order[start:stop]
        yield rows, np.arange(ordered[stop - 1]) < ordered[start:stop, None]
        start = stop


def segment_median(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Median of each object's values, NaN where it has none, shape (n,) float64.

    Values must not be NaN.
    """
    lengths = np.diff(offsets)
    result = np.full(len(lengths), np.nan)
    for rows, filled in padded_blocks(lengths):
        block = np.full(filled.shape, np.inf, np.asarray(values).dtype)
        block[filled] = values[flat_index(offsets[rows], lengths[rows])]
        block.sort(axis=1)
        line = np.arange(len(rows))
        low, high = (lengths[rows] - 1) // 2, lengths[rows] // 2
        result[rows] = (block[line, low].astype(float) + block[line, high]) / 2
    return result


def segment_mad(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Median absolute deviation about the median of each object, without any factor, (n,)."""
    median = np.repeat(segment_median(values, offsets), np.diff(offsets))
    return segment_median(np.abs(values - median), offsets)


def _arrow(values: np.ndarray) -> pa.Array:
    # an empty list of objects would become Arrow's null type, which no other part has
    return pa.array(values, pa.string()) if values.dtype.kind in "OU" else pa.array(values)


def arrow_values(values: pa.Array) -> np.ndarray:
    """Turn flat Arrow values to numpy: text to objects, null numbers to NaN."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return np.asarray(values.to_pylist(), dtype=object)
    return values.to_numpy(zero_copy_only=False)
