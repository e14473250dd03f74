"""Bands of all light curves of a dataset: their names, and how often each is there."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

#: Epochs whose bands are read for their names: all of most surveys, within a second.
NAMED = 5_000_000


def count_bands(lists: Iterable[pa.ChunkedArray]) -> dict[str, tuple[int, int]]:
    """Return the epochs in each band, and the objects that have some, by name, sorted.

    Parameters
    ----------
    lists : iterable of ChunkedArray
        Bands of the epochs, a list an object; null counts as "".
    """
    epochs: Counter[str] = Counter()
    objects: Counter[str] = Counter()
    for chunks in lists:
        each = chunks.combine_chunks()
        owner = pc.list_parent_indices(each).to_numpy()
        coded = pc.list_flatten(each).dictionary_encode()
        names = [str(name or "") for name in coded.dictionary.to_pylist()] + [""]
        code = pc.fill_null(coded.indices, len(names) - 1).to_numpy()
        pairs = np.unique(owner * len(names) + code)
        for counts, which in ((epochs, code), (objects, pairs % len(names))):
            numbers = np.bincount(which, minlength=len(names)).tolist()
            counts.update({n: k for n, k in zip(names, numbers, strict=True) if k})
    return {name: (epochs[name], objects[name]) for name in sorted(epochs)}


def name_bands(lists: Iterable[pa.ChunkedArray]) -> list[str]:
    """Return the names of the bands of the first `NAMED` epochs, sorted.

    `lists` as of `count_bands`, which takes longer.
    """
    found: set[str] = set()
    epochs = 0
    for chunks in lists:
        if epochs >= NAMED:
            break
        for piece in chunks.chunks:
            names = pc.list_flatten(piece)
            found |= {str(name or "") for name in pc.unique(names).to_pylist()}
            epochs += len(names)
    return sorted(found)
