"""A stretch of a dataset's objects: what one shard of a work reads."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from skybind.data.sources import Source, lists_of


class StretchedSource:
    """The rows of another source from `start` to `stop`."""

    def __init__(self, below: Source, start: int, stop: int) -> None:
        self._below, self._start, self._stop = below, start, stop

    @property
    def schema(self) -> pa.Schema:
        return self._below.schema

    def __len__(self) -> int:
        return self._stop - self._start

    def table(self, columns: Sequence[str], rows: np.ndarray | None = None) -> pa.Table:
        wanted = np.arange(len(self)) if rows is None else np.asarray(rows, np.int64)
        return self._below.table(columns, wanted + self._start)

    def batches(
        self, columns: Sequence[str], rows: int, start: int = 0, stop: int | None = None
    ) -> Iterator[pa.Table]:
        end = self._stop if stop is None else self._start + stop
        return self._below.batches(columns, rows, self._start + start, end)

    def starts(self) -> np.ndarray:
        starts = self._below.starts() - self._start
        return np.unique(np.r_[0, starts[(starts > 0) & (starts < len(self))]])

    def lists(self, column: str, field: str) -> Iterator[pa.ChunkedArray]:
        for table in self.batches([column], 4096):
            yield lists_of(table[column], field)

    def fingerprint(self) -> str:
        text = f"{self._below.fingerprint()} {self._start} {self._stop}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def state(self) -> str:
        return self._below.state()

    def n_bytes(self) -> int:
        return self._below.n_bytes() * len(self) // max(len(self._below), 1)
