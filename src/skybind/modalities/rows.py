"""Some objects of what was prepared, and the objects of two put together."""

import numpy as np

from skybind.modalities.base import Prepared
from skybind.ragged import flat_index, offsets_of


def taken(prepared: Prepared, rows: np.ndarray) -> Prepared:
    """Select objects by row number, in the order given."""
    rows = np.asarray(rows, np.int64)
    places, offsets = rows, None
    if prepared.offsets is not None:
        lengths = np.diff(prepared.offsets)[rows]
        places, offsets = flat_index(prepared.offsets[rows], lengths), offsets_of(lengths)
    arrays = {
        name: np.asarray(values[places if name in prepared.flat else rows])
        for name, values in prepared.arrays.items()
    }
    return Prepared(arrays, prepared.present[rows], prepared.reason[rows], offsets, prepared.flat)


def stacked(one: Prepared, other: Prepared) -> Prepared:
    """Put the objects of two, prepared alike, one after the other."""
    offsets = None
    if one.offsets is not None and other.offsets is not None:
        offsets = np.concatenate([one.offsets, one.offsets[-1] + other.offsets[1:]])
    return Prepared(
        {name: np.concatenate([a, other.arrays[name]]) for name, a in one.arrays.items()},
        np.concatenate([one.present, other.present]),
        np.concatenate([one.reason, other.reason]),
        offsets,
        one.flat,
    )
