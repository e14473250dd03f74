"""Row groups of Parquet files: where they begin, and some rows out of them."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pds

from skybind.data.weighed import WeighedFiles
from skybind.parquet import open_weighed

#: Objects that are decoded at a time where so few or fewer of a row group are wanted.
BATCH = 32


class RowGroups:
    """The row groups of files that are one table, counted once: going through footers takes long.

    Parameters
    ----------
    weighed : WeighedFiles
        The table, of which each file is weighed before it is read.
    """

    def __init__(self, weighed: WeighedFiles) -> None:
        self._dataset, self._weighed = weighed.dataset, weighed

    @cached_property
    def bounds(self) -> np.ndarray:
        """Row where each row group begins, and where the last one ends."""
        return np.concatenate([[0], np.cumsum(np.concatenate(self._sizes))]).astype(np.int64)

    @cached_property
    def _sizes(self) -> list[np.ndarray]:
        """Rows of each row group of each file."""
        found = []
        for fragment in self._dataset.get_fragments():
            self._weighed.check_rows(fragment)
            found.append(np.array([group.num_rows for group in fragment.row_groups], int))
        return found

    @cached_property
    def _firsts(self) -> np.ndarray:
        """Number of the first row group of each file, and of all."""
        return np.concatenate([[0], np.cumsum([len(sizes) for sizes in self._sizes])])

    def pieces(self, columns: Sequence[str], rows: np.ndarray) -> Iterator[pa.Table]:
        """Read some rows, one row group at a time, and only the groups that hold any.

        Parameters
        ----------
        columns : sequence of str
        rows : ndarray of int
            In order, each once.
        """
        schema = self._dataset.schema
        fragments = list(self._dataset.get_fragments())
        # where several groups begin at one row, all but the last are empty
        groups = np.searchsorted(self.bounds, rows, "right") - 1
        for group in np.unique(groups).tolist():
            file = int(np.searchsorted(self._firsts, group, "right")) - 1
            fragment, index = fragments[file], group - int(self._firsts[file])
            self._weighed.check(fragment, columns)
            own = rows[groups == group] - self.bounds[group]
            if len(own) <= BATCH and _plain(fragment, columns, schema):
                table = _begun(fragment, index, columns, int(own[-1]) + 1)
            else:
                part = fragment.subset(row_group_ids=[index], schema=schema)
                table = part.to_table(columns=list(columns), schema=schema)
            yield table.take(pa.array(own))


def _plain(fragment: pds.ParquetFileFragment, columns: Sequence[str], schema: pa.Schema) -> bool:
    """Whether a file has these columns as the dataset has them: nothing to cast or to fill in."""
    own = fragment.physical_schema
    return all(n in own.names and own.field(n).equals(schema.field(n)) for n in columns)


def _begun(
    fragment: pds.ParquetFileFragment, index: int, columns: Sequence[str], rows: int
) -> pa.Table:
    """Read the first rows of a row group: decoding ends with them, which a scanner's does not."""
    file = open_weighed(fragment.path, fragment.metadata)
    batches, done = [], 0
    for batch in file.iter_batches(BATCH, [index], list(columns), use_threads=False):
        batches.append(batch)
        done += batch.num_rows
        if done >= rows:
            break
    return pa.Table.from_batches(batches).select(list(columns))
