"""Names of all objects of a survey in little memory: as Arrow keeps text, not as Python does."""

from collections.abc import Iterable, Iterator
from typing import Any, overload

import numpy as np
import pyarrow as pa

from skybind.data.name_hash import first_of_each, rows_of_names
from skybind.files import array_hash

#: Names that are texts of Python at a time.
ROWS = 1 << 17


class Names:
    """A column of names, read like an array of str; "" where there is none.

    Parameters
    ----------
    cells : pyarrow.Array of large_string
        Without nulls.
    """

    def __init__(self, cells: pa.Array) -> None:
        self.cells = cells

    @classmethod
    def of(cls, parts: Iterable[np.ndarray]) -> "Names":
        """Make a column of parts, arrays of str."""
        chunks = [pa.array(part, pa.large_string()) for part in parts]
        return cls(pa.concat_arrays(chunks) if chunks else pa.array([], pa.large_string()))

    def __len__(self) -> int:
        return len(self.cells)

    @overload
    def __getitem__(self, rows: int | np.integer) -> str: ...
    @overload
    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray: ...
    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, int | np.integer):
            return self.cells[int(rows)].as_py()
        return _texts(self.take(rows).cells)

    def take(self, rows: np.ndarray | slice) -> "Names":
        """Give the names of some rows."""
        if isinstance(rows, slice):
            return Names(self.cells[rows])
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Names(self.cells.take(pa.array(rows)))

    def parts(self) -> Iterator[np.ndarray]:
        """Give all names, some at a time."""
        for start in range(0, len(self), ROWS):
            yield _texts(self.cells.slice(start, ROWS))

    def tolist(self) -> list[str]:
        """Give all names as texts of Python."""
        return list(self.cells.to_pylist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        made = _texts(self.cells)
        return made if dtype is None else made.astype(dtype)

    @property
    def dtype(self) -> np.dtype:
        """As of an array of str."""
        return np.dtype(object)

    def known(self) -> np.ndarray:
        """Which rows have a name, shape (n,)."""
        found = np.zeros(len(self), bool)
        start = 0
        for part in self.parts():
            found[start : start + len(part)] = part != ""
            start += len(part)
        return found

    def first(self) -> np.ndarray:
        """Which rows have a name that no earlier one has, shape (n,)."""
        return first_of_each(self.cells)

    def places_in(self, others: "Names") -> np.ndarray:
        """First row of each name in another column, -1 where it has none, shape (n,)."""
        return rows_of_names(self.cells, others.cells)

    def hash(self) -> str:
        """Hash of all names, in their order."""
        _, ends, text = self.cells.buffers()
        begin, size = self.cells.offset, len(self)
        offsets = np.frombuffer(ends, np.int64)[begin : begin + size + 1]
        letters = np.frombuffer(text, np.uint8) if text is not None else np.zeros(0, np.uint8)
        said = [np.diff(offsets), letters[offsets[0] : offsets[-1]]]
        return "".join(map(array_hash, said))


def _texts(cells: pa.Array) -> np.ndarray:
    made = np.empty(len(cells), object)
    made[:] = cells.to_pylist()
    return made
