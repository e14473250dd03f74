"""Parquet files of others: nothing is unpacked before it is known what memory it takes.

What may be large is text that is written out (see `skybind.weighing`). Unlike tables of skybind's
own, which have none such, files of others are read all the same: such columns as dictionaries, or a
few rows at a time.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skybind.footers import verify_footer_in
from skybind.limits import FREE, check_declared, check_size
from skybind.pages import LENGTHS, PREFIXES, WORDS
from skybind.weighing import Weigher, inside

#: Bytes of the rows that are read at a time.
_STEP = 1 << 26


class WeighedParquet(pq.ParquetFile):
    """A Parquet file of which no more is unpacked than may be.

    Parameters
    ----------
    source : Path or bytes
    name : str
        For messages.
    **options
        Of `pyarrow.parquet.ParquetFile`.
    """

    def __init__(self, source: Path | bytes, name: str, **options: Any) -> None:
        self._source, self._said = source, name
        self._options = {"page_checksum_verification": True, **options}
        self.on_disk = len(source) if isinstance(source, bytes) else source.stat().st_size
        self._weighed: dict[tuple[Any, bool], float] = {}
        verify_footer_in(source)  # it may be a table of skybind's own
        super().__init__(self._place(), **self._options)
        self._weigher = Weigher(source, self.metadata, name)

    def unpacked(self, columns: Sequence[str] | None = None, at_once: bool = True) -> float:
        """Return the bytes that columns take at least, by what the file says.

        Parameters
        ----------
        columns : sequence of str, optional
            All by default.
        at_once : bool
            See `check_size`.

        Raises
        ------
        DataError
            If that is too much.
        """
        key = (None if columns is None else tuple(columns), at_once)
        if key not in self._weighed:
            self._weighed[key] = unpacked_by(self._weigher, columns, at_once)
        return self._weighed[key]

    def iter_batches(
        self,
        batch_size: int = 65536,
        row_groups: Sequence[int] | None = None,
        columns: Sequence[str] | None = None,
        **options: Any,
    ) -> Iterator[pa.RecordBatch]:
        """Read rows, fewer at a time where they are wide; see `pyarrow.parquet.ParquetFile`."""
        self.unpacked(columns, at_once=False)
        groups = range(self.metadata.num_row_groups) if row_groups is None else row_groups
        texts, rows = self._care(groups, columns, batch_size)
        far = 0.0
        with pq.ParquetFile(
            self._place(), metadata=self.metadata, read_dictionary=sorted(texts), **self._options
        ) as file:
            for batch in file.iter_batches(rows, groups, columns, **options):
                size = sum(map(_bytes_of, batch.columns))
                far += size
                check_declared(size, self.on_disk, self._said)
                check_size(far, self.on_disk, self._said, at_once=False)
                yield self._as_stated(batch)

    def read(self, columns: Sequence[str] | None = None, **options: Any) -> pa.Table:
        """Read all rows; see `pyarrow.parquet.ParquetFile`."""
        return self.read_row_groups(range(self.metadata.num_row_groups), columns, **options)

    def read_row_group(
        self, i: int, columns: Sequence[str] | None = None, **options: Any
    ) -> pa.Table:
        """Read a row group; see `pyarrow.parquet.ParquetFile`."""
        return self.read_row_groups([i], columns, **options)

    def read_row_groups(
        self, row_groups: Sequence[int], columns: Sequence[str] | None = None, **options: Any
    ) -> pa.Table:
        """Read row groups; see `pyarrow.parquet.ParquetFile`."""
        whole = len(row_groups) == self.metadata.num_row_groups
        self.unpacked(columns, at_once=whole)
        sizes = [leaf.taken for leaf in self._weigher.leaves(columns, row_groups)]
        check_size(sum(sizes), self.on_disk, self._said)
        texts, rows = self._care(row_groups, columns, 1 << 16)
        if not texts and rows == 1 << 16:
            return super().read_row_groups(list(row_groups), columns, **options)
        options.pop("use_pandas_metadata", None)
        batches, far = [], 0.0
        for batch in self.iter_batches(rows, row_groups, columns, **options):
            batches.append(batch)
            far += batch.nbytes
            check_size(far, self.on_disk, self._said)
        if batches:
            return pa.Table.from_batches(batches)
        return super().read_row_groups(list(row_groups), columns, **options)

    def _place(self) -> Any:
        return pa.BufferReader(self._source) if isinstance(self._source, bytes) else self._source

    def _care(
        self, groups: Sequence[int], columns: Sequence[str] | None, most: int
    ) -> tuple[set[str], int]:
        """Find which text is read as dictionaries, and how many rows at a time."""
        texts: set[str] = set()
        few: set[str] = set()
        written: set[str] = set()  # in a way that Arrow cannot read as a dictionary
        rows = most
        for group in groups:
            leaves = self._weigher.leaves(columns, [group])
            n = max(self.metadata.row_group(group).num_rows, 1)
            rows = min(rows, max(1, int(_STEP // max(sum(leaf.taken for leaf in leaves) / n, 1))))
            for leaf in leaves:
                if LENGTHS in leaf.pages.encodings:
                    written.add(leaf.path)
                if not leaf.text or leaf.most <= FREE:
                    continue
                if PREFIXES in leaf.pages.encodings:
                    few.add(leaf.path)
                    continue
                if WORDS not in leaf.pages.encodings:
                    continue  # the text stands there as it is
                most_of_it = self._weigher.by_words(leaf)
                if most_of_it > FREE:
                    flat = self._as_dictionary(leaf.path, columns)
                    if not flat:  # Arrow cannot read lists so
                        check_size(most_of_it, self.on_disk, self._said)
                    (texts if flat else few).add(leaf.path)
        few |= texts & written
        for group in groups if few else ():
            for leaf in self._weigher.leaves(columns, [group]):
                if leaf.path in few:
                    rows = min(rows, max(1, FREE // max(leaf.size, 1)))
        return texts - few, rows

    def _as_dictionary(self, path: str, columns: Sequence[str] | None) -> bool:
        """Whether the text of a leaf can be read so; not what lies in lists and records."""
        field = self._field(path)
        return (columns is None or field.name in columns) and _plain(field.type)

    def _field(self, path: str) -> pa.Field:
        fields = [field for field in self.schema_arrow if inside(path, field.name)]
        return max(fields, key=lambda field: len(field.name))

    def _as_stated(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give columns that were read as dictionaries as the text that they stand for."""
        arrays, stated = [], []
        for field, array in zip(batch.schema, batch.columns, strict=True):
            own = self.schema_arrow.field(field.name)
            same = _plain(field.type) or not _plain(own.type)
            arrays.append(array if same else array.cast(own.type))
            stated.append(field if same else own)
        return pa.record_batch(arrays, schema=pa.schema(stated, batch.schema.metadata))


def unpacked_by(
    weigher: Weigher, columns: Sequence[str] | None = None, at_once: bool = True
) -> float:
    """Return the bytes that columns of a file take at least, without reading any.

    Parameters
    ----------
    weigher : Weigher
        Of the file.
    columns, at_once
        As of `WeighedParquet.unpacked`.

    Raises
    ------
    DataError
        If that is too much.
    """
    said, on_disk, name = weigher.metadata, weigher.on_disk, weigher.name
    number = len(said.schema.to_arrow_schema().names if columns is None else columns)
    whole, largest = 0, 0
    for group in range(said.num_row_groups):
        try:
            leaves = weigher.leaves(columns, [group])
        except pa.ArrowInvalid:  # damaged, which costs nothing but this group: who reads it is told
            continue
        whole += sum(leaf.taken for leaf in leaves)
        largest = max(largest, sum(leaf.size for leaf in leaves if leaf.ragged))
    size = max(float(whole), 8.0 * said.num_rows * number)
    check_size(size, on_disk, name, at_once)
    # one row may hold nearly all of the text and lists of its group
    check_declared(largest, on_disk, f"A row group of {name}")
    return size


def _plain(kind: pa.DataType) -> bool:
    """Whether a type is flat, and neither a dictionary nor what none can be made into."""
    views = pa.types.is_string_view(kind) or pa.types.is_binary_view(kind)
    return not pa.types.is_nested(kind) and not pa.types.is_dictionary(kind) and not views


def _bytes_of(array: pa.Array) -> float:
    """Bytes of an array, of dictionaries once they are put in place."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _bytes_of(array.storage)
    if pa.types.is_dictionary(kind):
        words = array.dictionary
        text = pa.types.is_binary(words.type) or pa.types.is_string(words.type)
        if not text and not pa.types.is_large_string(words.type):
            return float(array.nbytes)
        lengths = pc.binary_length(words).cast(pa.int64())
        return float(pc.sum(lengths.take(array.indices)).as_py() or 0) + array.indices.nbytes
    if pa.types.is_struct(kind):
        return sum(map(_bytes_of, array.flatten()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _bytes_of(array.flatten()) + 8.0 * len(array)
    return float(array.nbytes)
