"""Objects in files of which each is read as a whole: the partitions of a HATS catalogue."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
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
    more : sequence of Path
        Further files, as large as may be: of each a row group is read as a whole.
    """

    def __init__(self, parts: Sequence[Path], of: str = "", more: Sequence[Path] = ()) -> None:
        super().__init__([*parts, *more])
        self._of = of
        # files, and row groups of those that are not read whole
        self._pieces: list[tuple[Path, int | None]] = []
        rows = [0]
        for number, (path, said) in enumerate(self.footers()):
            whole = number < len(parts)
            groups = [None] if whole else range(said.num_row_groups)
            self._pieces += [(path, group) for group in groups]
            rows += [said.num_rows if g is None else said.row_group(g).num_rows for g in groups]
        self._ends = np.cumsum(rows)

    def footers(self) -> Iterator[tuple[Path, pq.FileMetaData]]:
        """Give the files with their footers, which are read when they are asked for first."""
        for fragment in self._dataset.get_fragments():
            yield Path(fragment.path), self._weighed.footer(fragment)

    def batches(
        self, columns: Sequence[str], rows: int, start: int = 0, stop: int | None = None
    ) -> Iterator[pa.Table]:
        end, names = len(self) if stop is None else stop, list(columns)
        wanted = [
            (path, group, max(start - first, 0), min(end, last) - first)
            for (path, group), (first, last) in zip(
                self._pieces, pairwise(self._ends.tolist()), strict=True
            )
            if max(start, first) < min(end, last)
        ]
        for path, pieces in groupby(wanted, key=itemgetter(0)):
            with open_parquet(path) as file:
                for _, group, low, high in pieces:
                    table = file.read(names) if group is None else file.read_row_group(group, names)
                    for begin in range(low, high, rows):
                        yield table.slice(begin, min(rows, high - begin)).combine_chunks()

    def state(self) -> str:
        return self._of

    def starts(self) -> np.ndarray:
        return np.unique(self._ends[:-1]).astype(np.int64)
