"""Rows of a large table sorted into parts, with more of them than memory holds.

A piece of the table is sorted by parts and appended to a file of Arrow, a batch a part; then each
part is read from its batches in all pieces. The file is mapped. Several processes may each spread
rows of the same parts.
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa

from skybind.memory import block_bytes

#: Bytes of rows that wait in memory, unless it allows less.
WAITING = 64 * 2**20


class Spread:
    """Rows on their way to their parts; a context manager, at whose end the file is whole.

    Parameters
    ----------
    path : Path
        Of the file, which the caller removes.
    n : int
        Parts.
    schema : Schema
        Of the rows.

    Attributes
    ----------
    path, n, schema
        As above.
    """

    def __init__(self, path: Path, n: int, schema: pa.Schema) -> None:
        self.path, self.n, self.schema = path, n, schema
        self._tables: list[pa.Table] = []
        self._parts: list[np.ndarray] = []
        self._bytes = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pa.ipc.new_file(str(path), schema)

    def __enter__(self) -> "Spread":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, table: pa.Table, part: np.ndarray) -> None:
        """Add rows, each with the number of its part."""
        self._tables.append(table)
        self._parts.append(part)
        self._bytes += table.nbytes
        if self._bytes > min(WAITING, block_bytes()):
            self._flush()

    def parts(self) -> Iterator[pa.Table]:
        """Give each part, its rows in the order in which they were added."""
        return parts_of([self.path], self.n, self.schema)

    def _flush(self) -> None:
        if not self._tables:
            return
        # of a table in many pieces every `take` of lists would join all of them again
        table, part = pa.concat_tables(self._tables).combine_chunks(), np.concatenate(self._parts)
        self._tables, self._parts, self._bytes = [], [], 0
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(self.n + 1))
        for low, high in itertools.pairwise(ends):
            own = table.take(pa.array(order[low:high])).combine_chunks()
            self._writer.write_batch(_one_batch(own, self.schema))


def parts_of(paths: Sequence[Path], n: int, schema: pa.Schema) -> Iterator[pa.Table]:
    """Give each part of the rows in several files of `Spread`, file after file.

    Parameters
    ----------
    paths : sequence of Path
    n : int
        Parts.
    schema : Schema
        Of the rows.
    """
    readers = [pa.ipc.open_file(pa.memory_map(str(path))) for path in paths]
    for number in range(n):
        batches = [
            reader.get_batch(place)
            for reader in readers
            for place in range(number, reader.num_record_batches, n)
        ]
        yield pa.Table.from_batches(batches, schema)


def _one_batch(table: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
    batches = table.to_batches()
    if not batches:
        return pa.RecordBatch.from_pylist([], schema=schema)
    (batch,) = batches
    return batch.cast(schema) if batch.schema != schema else batch
