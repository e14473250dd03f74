"""Inverted lists on disk: which objects belong to a centre, and their codes.

    starts.npy    (L + 1,)   where each list begins
    rows.npy      (n,)       rows of the embeddings, list by list, ascending in each
    codes.npy     (n, M)     their codes

Arrays that the system maps into memory: a search touches the lists that it looks at. Lists of
several stretches of the embeddings are joined one list at a time, so that neither needs memory for
all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

STARTS, ROWS, CODES = "starts.npy", "rows.npy", "codes.npy"
#: Codes whose scores are added up at once: they stay in the cache.
_BLOCK = 8192


@dataclass(frozen=True)
class Lists:
    """Inverted lists, open.

    Attributes
    ----------
    starts : ndarray of int64, shape (L + 1,)
    rows : ndarray of uint32, shape (n,)
    codes : ndarray of uint8, shape (n, M)
    """

    starts: np.ndarray
    rows: np.ndarray
    codes: np.ndarray

    @classmethod
    def open(cls, folder: Path) -> "Lists":
        """Open the lists in a folder."""
        rows, codes = (np.load(folder / name, mmap_mode="r") for name in (ROWS, CODES))
        return cls(np.load(folder / STARTS), rows, codes)

    def __len__(self) -> int:
        return len(self.rows)

    def rows_of(self, number: int) -> np.ndarray:
        """Rows in one list."""
        return self.rows[self.starts[number] : self.starts[number + 1]]

    def scores(
        self, numbers: np.ndarray, cosines: np.ndarray, table: np.ndarray, keep: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Estimate the cosines of all objects in some lists with a query.

        Parameters
        ----------
        numbers : ndarray of int, shape (p,)
            The lists.
        cosines : ndarray of float32, shape (p,)
            Of the query with their centres.
        table : ndarray of float32, shape (M, 256)
            Products of the query with the entries of the codebooks.
        keep : ndarray of bool, optional
            Leave out all other objects, before anything is computed of them.

        Returns
        -------
        rows : ndarray of int64, shape (s,)
        scores : ndarray of float32, shape (s,)
        """
        order = np.argsort(numbers)  # as they lie on the disk
        spans = [slice(self.starts[i], self.starts[i + 1]) for i in numbers[order].tolist()]
        rows = np.concatenate([self.rows[:0], *(self.rows[span] for span in spans)])
        codes = np.concatenate([self.codes[:0], *(self.codes[span] for span in spans)])
        base = np.repeat(cosines[order], np.diff(self.starts)[numbers[order]])
        if keep is not None:
            kept = keep[rows]
            rows, codes, base = rows[kept], codes[kept], base[kept]
        return rows.astype(np.int64), base + _added(codes, table)


def write_lists(
    folder: Path, count: int, lists: np.ndarray, rows: np.ndarray, codes: np.ndarray
) -> None:
    """Write the lists of some objects.

    Parameters
    ----------
    folder : Path
    count : int
        Number of lists.
    lists : ndarray of int, shape (n,)
        List of each object.
    rows : ndarray of int, shape (n,)
        Ascending.
    codes : ndarray of uint8, shape (n, M)
    """
    order = np.argsort(lists, kind="stable")
    starts = np.searchsorted(lists[order], np.arange(count + 1))
    np.save(folder / STARTS, starts.astype(np.int64))
    np.save(folder / ROWS, rows[order].astype(np.uint32))
    np.save(folder / CODES, codes[order])


def join_lists(folders: Sequence[Path], out: Path) -> None:
    """Join the lists of several stretches of rows, in their order, into another folder."""
    parts = [Lists.open(folder) for folder in folders]
    lengths = np.sum([np.diff(part.starts) for part in parts], axis=0)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    np.save(out / STARTS, starts)
    for name in (ROWS, CODES):
        own = [part.rows if name == ROWS else part.codes for part in parts]
        shape = (int(starts[-1]), *own[0].shape[1:])
        joined = np.lib.format.open_memmap(out / name, "w+", own[0].dtype, shape)
        place = 0
        for number in range(len(lengths)):
            for part, values in zip(parts, own, strict=True):
                some = values[part.starts[number] : part.starts[number + 1]]
                joined[place : place + len(some)] = some
                place += len(some)
        joined.flush()


def join_arrays(paths: Sequence[Path], out: Path) -> None:
    """Join arrays of one row an object, one after another, into another file."""
    parts = [np.load(path, mmap_mode="r") for path in paths]
    shape = (sum(map(len, parts)), *parts[0].shape[1:])
    joined = np.lib.format.open_memmap(out, "w+", parts[0].dtype, shape)
    place = 0
    for part in parts:
        joined[place : place + len(part)] = part
        place += len(part)
    joined.flush()


def _added(codes: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Add up the entries that codes stand for, shape (n,)."""
    total = np.zeros(len(codes), np.float32)
    for start in range(0, len(codes), _BLOCK):
        own = np.ascontiguousarray(codes[start : start + _BLOCK].T)
        some = total[start : start + _BLOCK]
        for entries, code in zip(table, own, strict=True):
            some += entries.take(code)
    return total
