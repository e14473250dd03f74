"""Names of millions of objects compared in little memory: by 64-bit hashes, then letter by letter.

Texts in a hash table of Python take a hundred bytes each, and in one of Arrow half as many; sorted
hashes take sixteen. Where two hashes agree the texts are compared, so that the answer is exact.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.memory import at_once

#: Bytes of text that are hashed at a time.
_BYTES = 1 << 23
#: Rows of texts that are compared at a time, so many where memory is short, and bytes of one.
_ROWS, _LEAST, _ROW = 1 << 20, 1 << 14, 128
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MORE = np.uint64(0xBF58476D1CE4E5B9)


def hash_names(names: pa.Array) -> np.ndarray:
    """Hash texts.

    Parameters
    ----------
    names : pyarrow.Array of large_string, length n
        Without nulls.

    Returns
    -------
    ndarray of uint64, shape (n,)
        The same of equal texts, in any run.
    """
    _, ends, text = names.buffers()
    offsets = np.frombuffer(ends, np.int64)[names.offset : names.offset + len(names) + 1]
    letters = np.frombuffer(text, np.uint8) if text is not None else np.zeros(0, np.uint8)
    found = np.zeros(len(names), np.uint64)
    start = 0
    while start < len(names):
        some = offsets[start : start + (1 << 17) + 1]
        width = int(np.diff(some).max(initial=0))
        rows = max(1, min(len(some) - 1, _BYTES // max(width, 1)))
        found[start : start + rows] = _hash(letters, some[: rows + 1])
        start += rows
    return found


def _hash(letters: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    lengths = np.diff(offsets)
    width = -(-int(lengths.max(initial=0)) // 8) * 8
    grid = np.zeros((len(lengths), width), np.uint8)
    there = np.arange(width) < lengths[:, None]
    grid[there] = letters[offsets[0] : offsets[-1]]
    mixed = lengths.astype(np.uint64) * _MORE
    for i, word in enumerate(grid.view(np.uint64).T):
        next_ = (mixed ^ word) * _PRIME
        next_ ^= next_ >> np.uint64(32)
        mixed = np.where(lengths > 8 * i, next_, mixed)  # longer neighbours change nothing
    mixed *= _MORE
    return mixed ^ (mixed >> np.uint64(29))


def first_of_each(names: pa.Array) -> np.ndarray:
    """Tell which texts stand there for the first time.

    Parameters
    ----------
    names : pyarrow.Array of large_string, length n
        Without nulls.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    hashes = hash_names(names)
    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    again = np.concatenate([[False], hashes[1:] == hashes[:-1]])
    first = np.ones(len(names), bool)
    if not again.any():
        return first
    alike = again | np.concatenate([again[1:], [False]])  # with the first of each hash
    seen: set[str] = set()
    for row in np.sort(order[alike]).tolist():
        name = names[row].as_py()
        first[row] = name not in seen
        seen.add(name)
    return first


def rows_of_names(wanted: pa.Array, names: pa.Array) -> np.ndarray:
    """Find the first row of each wanted text among others, -1 for none.

    Parameters
    ----------
    wanted : pyarrow.Array of large_string, length n
    names : pyarrow.Array of large_string, length m
        Both without nulls.

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    return NameIndex(names).rows(wanted)


class NameIndex:
    """Texts among which others are looked for, as many times as one likes.

    Parameters
    ----------
    names : pyarrow.Array of large_string, length m
        Without nulls.
    """

    def __init__(self, names: pa.Array) -> None:
        self.names = names
        hashes = hash_names(names)
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]

    def rows(self, wanted: pa.Array) -> np.ndarray:
        """Find the first row of each text, -1 for none; as `rows_of_names`."""
        found = np.full(len(wanted), -1, np.int64)
        if not len(self.names):
            return found
        hashes = self._hashes
        step = at_once(_ROW, _ROWS, min(_ROWS, _LEAST))
        for start in range(0, len(wanted), step):
            some = wanted.slice(start, step)
            own = hash_names(some)
            at, ascending = np.zeros(len(own), np.int64), np.argsort(own)
            at[ascending] = np.searchsorted(hashes, own[ascending])  # in order, which is quicker
            at = np.minimum(at, len(hashes) - 1)
            place = np.where(hashes[at] == own, self._order[at], -1)
            rows = np.flatnonzero(place >= 0)
            met = self.names.take(pa.array(place[rows]))
            same = pc.equal(some.take(pa.array(rows)), met).to_numpy(zero_copy_only=False)
            for row in rows[~same].tolist():  # two texts of one hash
                place[row] = pc.index(self.names, some[row]).as_py()
            found[start : start + len(some)] = place
        return found
