"""Objects in files of which each is read as a whole: the partitions of a HATS catalogue."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skybind.data.sources import ParquetSource
from skybind.parquet import open_parquet


class PartitionedSource(ParquetSource):
    """Parquet files as one table; a chunk never crosses from one file to the next.

    So the batches, and with them the bytes of what is computed, are those of work on each file by
    itself.

    Parameters
    ----------
    parts : sequence of Path
    of : str
        Fingerprint of the dataset that was exported.
    """

    def __init__(self, parts: Sequence[Path], of: str = "") -> None:
        super().__init__(parts)
        self._of = of
        rows = [said.num_rows for _, said in self.footers()]
        self._paths, self._ends = list(parts), np.concatenate([[0], np.cumsum(rows)])

    def footers(self) -> Iterator[tuple[Path, pq.FileMetaData]]:
        """Give the files with their footers, which are read when they are asked for first."""
        for fragment in self._dataset.get_fragments():
            yield Path(fragment.path), fragment.metadata

    def batches(
        self, columns: Sequence[str], rows: int, start: int = 0, stop: int | None = None
    ) -> Iterator[pa.Table]:
        end = len(self) if stop is None else stop
        for path, (first, last) in zip(self._paths, pairwise(self._ends.tolist()), strict=True):
            low, high = max(start, first), min(end, last)
            if low >= high:
                continue
            table = open_parquet(path).read(list(columns)).slice(low - first, high - low)
            for begin in range(0, len(table), rows):
                yield table.slice(begin, rows).combine_chunks()

    def state(self) -> str:
        return self._of

    def starts(self) -> np.ndarray:
        return np.unique(self._ends[:-1]).astype(np.int64)
