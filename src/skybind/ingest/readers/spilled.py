"""Columns of large tables that stand on disk, and are in memory one at a time."""

from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.ingest.readers.values import flat_values

#: Values of a column that are written at a time.
_VALUES = 1 << 20


class DiskColumn:
    """Numbers in a file, read like an array: only the rows that are asked for.

    Parameters
    ----------
    path : Path
        The file to make.
    values : ndarray, shape (n,)
        Numbers.
    folder : TemporaryDirectory, optional
        That the file is in: it stays as long as the column does.
    """

    def __init__(
        self, path: Path, values: np.ndarray, folder: "TemporaryDirectory[str] | None" = None
    ) -> None:
        self._path, self.dtype, self._length = path, values.dtype, len(values)
        self._folder = folder
        with path.open("wb") as file:
            for start in range(0, len(values), _VALUES):
                file.write(np.ascontiguousarray(values[start : start + _VALUES]).tobytes())

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, int | np.integer):
            return self._read(int(rows), 1)[0]
        if isinstance(rows, slice) or rows.dtype == bool:
            rows = np.arange(self._length)[rows]
        if not len(rows):
            return np.zeros(0, self.dtype)
        first, last = int(rows.min()), int(rows.max())
        return self._read(first, last + 1 - first)[rows - first]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self._read(0, self._length)
        return values if dtype is None else values.astype(dtype)

    def _read(self, start: int, count: int) -> np.ndarray:
        size = self.dtype.itemsize
        return np.fromfile(self._path, self.dtype, count, offset=start * size)


class Spilled(MutableMapping[str, np.ndarray]):
    """Columns of a table by name; each is read from disk when it is asked for.

    Columns that are added stay in memory unless they are numbers.

    Parameters
    ----------
    folder : TemporaryDirectory
        Removed when nothing uses the columns any more.
    """

    def __init__(self, folder: "TemporaryDirectory[str]") -> None:
        self.folder = folder
        self.rows = 0
        self._pieces: list[Path] = []
        self._schema = pa.schema([])
        self._truths: set[str] = set()
        self._there: dict[str, np.ndarray | DiskColumn | None] = {}
        self._last: tuple[str, np.ndarray] | None = None
        self._written = 0

    def write(self, piece: pa.Table) -> None:
        """Write some rows, of any types."""
        path = Path(self.folder.name) / f"{len(self._pieces):05d}.arrow"
        with pa.ipc.new_file(str(path), piece.schema) as file:
            file.write_table(piece)
        self._pieces.append(path)
        self.rows += len(piece)

    def settle(self, schema: pa.Schema, truths: set[str]) -> None:
        """Say what types the columns have, and which hold what is true or false."""
        self._schema, self._truths = schema, truths
        self._there = dict.fromkeys(schema.names)

    def parts(self, name: str) -> Iterator[np.ndarray]:
        """Give a column, some rows at a time."""
        own = self._there[name]
        if own is not None:
            yield np.asarray(own)
            return
        for path in self._pieces:
            yield self._plain(name, self._read(path, name))

    def number_column(self, values: np.ndarray) -> DiskColumn:
        """Write numbers beside the columns."""
        path = Path(self.folder.name) / f"{self._written}.column"
        self._written += 1
        return DiskColumn(path, values, self.folder)

    def __getitem__(self, name: str) -> np.ndarray:
        own = self._there[name]
        if own is not None:
            return np.asarray(own)
        if self._last is None or self._last[0] != name:
            self._last = None
            chunks = [chunk for path in self._pieces for chunk in self._read(path, name).chunks]
            column = pa.chunked_array(chunks, self._schema.field(name).type)
            self._last = (name, self._plain(name, column))
        return self._last[1]

    def __setitem__(self, name: str, values: np.ndarray) -> None:
        kept = self.number_column(values) if values.dtype.kind in "fiu" else values
        self._there[name] = kept

    def __delitem__(self, name: str) -> None:
        del self._there[name]
        self._last = None

    def __contains__(self, name: object) -> bool:
        return name in self._there

    def __iter__(self) -> Iterator[str]:
        return iter(self._there)

    def __len__(self) -> int:
        return len(self._there)

    def forget(self) -> None:
        """Let go of the column that was read last."""
        self._last = None

    def _read(self, path: Path, name: str) -> pa.ChunkedArray:
        with pa.OSFile(str(path)) as file:
            at = pa.ipc.open_file(file).schema.get_field_index(name)
            wanted = pa.ipc.IpcReadOptions(included_fields=[at])
            column = pa.ipc.open_file(file, options=wanted).read_all()[name]
        return column.cast(self._schema.field(name).type, safe=False)

    def _plain(self, name: str, column: pa.ChunkedArray) -> np.ndarray:
        values = flat_values(column)
        return values.astype(bool) if name in self._truths else values


def spilled(pieces: Callable[[], Iterator[pa.Table]]) -> Spilled:
    """Write the pieces of a table to a folder of their own."""
    made = Spilled(TemporaryDirectory(prefix="skybind-"))
    for piece in pieces():
        made.write(piece)
    return made
