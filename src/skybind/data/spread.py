"""Rows of a large table sorted into parts, with more of them than memory holds.

A piece of the table is sorted by parts and written as one file of Arrow, a batch a part; then each
part is read from all of these files, which are mapped.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

#: Bytes of rows that wait in memory.
WAITING = 128 * 2**20


class Spread:
    """Rows on their way to their parts.

    Parameters
    ----------
    folder : Path
        For the files, which the caller removes.
    n : int
        Parts.
    schema : Schema
        Of the rows.

    Attributes
    ----------
    schema : Schema
    """

    def __init__(self, folder: Path, n: int, schema: pa.Schema) -> None:
        self._folder, self._n, self.schema = folder, n, schema
        self._tables: list[pa.Table] = []
        self._parts: list[np.ndarray] = []
        self._bytes = 0
        self._files: list[Path] = []
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, table: pa.Table, part: np.ndarray) -> None:
        """Add rows, each with the number of its part."""
        self._tables.append(table)
        self._parts.append(part)
        self._bytes += table.nbytes
        if self._bytes > WAITING:
            self._flush()

    def parts(self) -> Iterator[pa.Table]:
        """Give each part, its rows in the order in which they were added."""
        self._flush()
        readers = [pa.ipc.open_file(pa.memory_map(str(path))) for path in self._files]
        for number in range(self._n):
            batches = [reader.get_batch(number) for reader in readers]
            yield pa.Table.from_batches(batches, self.schema)

    def _flush(self) -> None:
        if not self._tables:
            return
        table, part = pa.concat_tables(self._tables), np.concatenate(self._parts)
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(self._n + 1))
        path = self._folder / f"{len(self._files):05d}.arrow"
        with pa.ipc.new_file(str(path), self.schema) as writer:
            for low, high in itertools.pairwise(ends):
                own = table.take(pa.array(order[low:high])).combine_chunks()
                writer.write_batch(_one_batch(own, self.schema))
        self._files.append(path)
        self._tables, self._parts, self._bytes = [], [], 0


def _one_batch(table: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
    batches = table.to_batches()
    if not batches:
        return pa.RecordBatch.from_pylist([], schema=schema)
    (batch,) = batches
    return batch.cast(schema) if batch.schema != schema else batch
