"""Files of one table, each weighed before it is first read: a dataset may be a stranger's."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pds
import pyarrow.parquet as pq

from skybind.footers import verify_footer_in
from skybind.limits import FREE, MOST, check_table
from skybind.weighing import Weigher

#: Bytes that files may take by their headers, and are read together: no more is taken before what
#: they do take is counted.
_TOGETHER = MOST // 4


class WeighedFiles:
    """Weighs the files of a table, each once for the same columns.

    Only the columns that are read are weighed, and of a file only when it is read: a worker that
    reads a stretch of a survey weighs no more than that.

    Parameters
    ----------
    dataset : pyarrow.dataset.FileSystemDataset
        Of Parquet files.

    Attributes
    ----------
    dataset
        As above.
    """

    def __init__(self, dataset: pds.FileSystemDataset) -> None:
        self.dataset = dataset
        self._last: Weigher | None = None
        self._known: dict[tuple[str, ...], dict[str, float]] = {}
        self._verified: set[str] = set()

    def footer(self, fragment: pds.ParquetFileFragment) -> pq.FileMetaData:
        """Give the footer of a file, whose seal is verified when it is first asked for."""
        if fragment.path not in self._verified:
            verify_footer_in(fragment.path, f"the footer of {Path(fragment.path).name}")
            self._verified.add(fragment.path)
        return fragment.metadata

    def check(self, fragment: pds.ParquetFileFragment, columns: Sequence[str]) -> float:
        """Refuse a file whose columns would take too much memory; see `Weigher.check`.

        Returns
        -------
        float
            Bytes that they take at most.
        """
        known = self._known.setdefault(tuple(columns), {})
        path = fragment.path
        if path not in known:
            self._last = Weigher(path, self.footer(fragment), path, self._last)
            known[path] = self._last.check(columns)
        return known[path]

    def check_rows(self, fragment: pds.ParquetFileFragment) -> None:
        """Refuse a file that says it has more rows than it can."""
        Weigher(fragment.path, self.footer(fragment), fragment.path).check_rows()

    def table(self, columns: Sequence[str]) -> pa.Table:
        """Read columns of all rows.

        Raises
        ------
        DataError
            If that would take too much memory.
        """
        whole = self.dataset
        far = 0
        tables: list[pa.Table] = []
        for fragments in self._together(columns):
            some = pds.FileSystemDataset(fragments, whole.schema, whole.format)
            tables.append(some.to_table(columns=list(columns)))
            far += tables[-1].nbytes
            if far > FREE:
                on_disk = sum(os.stat(path).st_size for path in whole.files)
                check_table(far, on_disk, str(Path(whole.files[0]).parent))
        return pa.concat_tables(tables)

    def _together(self, columns: Sequence[str]) -> Iterator[list[pds.ParquetFileFragment]]:
        """Give files, as many at a time as may be read before what they take is counted."""
        waiting: list[pds.ParquetFileFragment] = []
        size = 0.0
        for fragment in self.dataset.get_fragments():
            own = self.check(fragment, columns)
            if waiting and size + own > _TOGETHER:
                yield waiting
                waiting, size = [], 0.0
            waiting.append(fragment)
            size += own
        yield waiting
