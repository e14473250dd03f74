"""Row groups of Parquet files in blocks of bounded size, for readers that must not run ahead."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

import pyarrow.dataset as pds
import pyarrow.parquet as pq

from skybind.data.weighed import WeighedFiles
from skybind.memory import block_bytes

#: Bytes of a block, before compression, unless one row group has more or memory allows less.
BLOCK = 32 * 2**20
_Groups = list[tuple[pds.ParquetFileFragment, int]]


def row_blocks(
    weighed: WeighedFiles,
    columns: Sequence[str],
    start: int = 0,
    stop: int | None = None,
) -> Iterator[tuple[pds.FileSystemDataset, int]]:
    """Give the row groups that hold a stretch of a table, some at a time.

    Arrow's scanner reads ahead of whoever takes its batches, up to a gigabyte. So it is given no
    more than a block at a time.

    Parameters
    ----------
    weighed : WeighedFiles
        The table, of which each file is weighed before it is read.
    columns : sequence of str
        Those that will be read, whose bytes count.
    start, stop : int
        The first row, and the one after the last.

    Yields
    ------
    FileSystemDataset
        Some row groups.
    int
        Their first row.
    """
    dataset = weighed.dataset
    block: _Groups = []
    first = row = size = 0
    most = min(BLOCK, block_bytes())
    for fragment in dataset.get_fragments():
        if stop is not None and row >= stop:
            break
        said = weighed.footer(fragment)
        places = _places(said, columns)
        for index in range(said.num_row_groups):
            group = said.row_group(index)
            n = group.num_rows
            if row + n > start and (stop is None or row < stop):
                n_bytes = sum(group.column(j).total_uncompressed_size for j in places)
                if block and size + n_bytes > most:
                    yield _dataset(dataset, block), first
                    block = []
                if not block:
                    first, size = row, 0
                weighed.check(fragment, columns)
                block.append((fragment, index))
                size += n_bytes
            row += n
    if block:
        yield _dataset(dataset, block), first


def _places(said: pq.FileMetaData, columns: Sequence[str]) -> list[int]:
    """Give the places of the leaves of some columns in a file."""
    paths = [said.schema.column(place).path for place in range(said.num_columns)]
    return [
        place
        for place, path in enumerate(paths)
        if any(path == column or path.startswith(f"{column}.") for column in columns)
    ]


def _dataset(whole: pds.FileSystemDataset, block: _Groups) -> pds.FileSystemDataset:
    parts = [
        fragment.subset(row_group_ids=[index for _, index in own], schema=whole.schema)
        for fragment, own in groupby(block, key=itemgetter(0))
    ]
    return pds.FileSystemDataset(parts, whole.schema, whole.format)
