"""Parquet tables of skybind's own: written with checksums, and read so that damage is told.

Every page has a checksum, which Arrow verifies while it reads. The footer has a seal (see
`skybind.footers`), verified wherever it is read: names, types, units and extremes are those that
were written. It holds a hash of the content too, which is verified where a table is read whole, and
by `skybind check`. Tables that others wrote, or an older skybind, have neither, and checksums of
pages where who wrote them asked for these: they are verified too.

A dataset or a run may be a stranger's. So what is read of a table is weighed first, by
`skybind.weighing`, and refused where it would take far more memory than its file.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pds
import pyarrow.parquet as pq

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.footers import (
    SEAL,
    UNSEALED,
    DamagedTable,
    seal_footer,
    verify_footer_in,
)
from skybind.weighing import Weigher

#: Key of the hash of the content in a file's footer.
CONTENT = b"skybind_content"


class ContentHash:
    """Hash of the content of a table, whatever chunks it comes in."""

    def __init__(self) -> None:
        self._parts: dict[str, Any] = {}

    def add(self, table: pa.Table) -> None:
        """Add rows."""
        for name, column in zip(table.column_names, table.columns, strict=True):
            self._part(name)
            for chunk in column.chunks:
                self._add(name, chunk)

    def hexdigest(self) -> str:
        """Give 16 hex digits of what was added so far."""
        whole = hashlib.sha256()
        for name, part in sorted(self._parts.items()):
            whole.update(f"{name}\n{part.hexdigest()}\n".encode())
        return whole.hexdigest()[:16]

    def _part(self, path: str) -> Any:
        return self._parts.setdefault(path, hashlib.sha256())

    def _add(self, path: str, array: pa.Array) -> None:
        """Add an array and what is nested in it; what stands under a null does not count."""
        array = _as_stored(array)
        kind = array.type
        self._feed(f"{path}?", np.asarray(array.is_valid()))
        if pa.types.is_struct(kind):
            for index, field in enumerate(array.flatten()):
                self._add(f"{path}.{kind.field(index).name}", field)
        elif any(is_kind(kind) for is_kind in _LISTS):
            lengths = pc.fill_null(pc.list_value_length(array), 0)
            self._feed(f"{path}#", np.asarray(lengths).astype(np.int64))
            self._add(f"{path}[]", array.flatten())
        elif pa.types.is_fixed_size_list(kind):
            self._add(f"{path}[{kind.list_size}]", array.flatten())
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
            self._feed(path, np.asarray(array.fill_null(0) if array.null_count else array))
        elif not pa.types.is_null(kind):
            own = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
            text = array if own else array.cast(pa.large_string())
            self._feed(f"{path}#", np.asarray(pc.fill_null(pc.binary_length(text), 0)))
            self._part(path).update(_joined(text))

    def _feed(self, path: str, values: np.ndarray) -> None:
        self._part(path).update(np.ascontiguousarray(values).data)


def _joined(text: pa.Array) -> memoryview | bytes:
    """Return the bytes of text one after another, without what is null; nothing is copied."""
    known = text.drop_null().cast(pa.large_binary())
    _, offsets, data = known.buffers()
    if not len(known) or data is None:
        return b""
    ends = np.frombuffer(offsets, np.int64, len(known) + 1, 8 * known.offset)
    return memoryview(data)[ends[0] : ends[-1]]


_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)


def _as_stored(array: pa.Array) -> pa.Array:
    """Give an array in the type in which Parquet gives it back, maps as lists of their entries.

    Parquet has no seconds: times in these come back in milliseconds.
    """
    types, kind = pa.types, array.type
    if types.is_dictionary(kind):
        return _as_stored(array.dictionary_decode())
    if types.is_timestamp(kind) and kind.unit == "s":
        return array.cast(pa.timestamp("ms", kind.tz))
    if types.is_time32(kind) and kind.unit == "s":
        return array.cast(pa.time32("ms"))
    if types.is_map(kind):
        entry = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        return array.cast(pa.list_(entry))
    bytes_ = types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    return array.cast(pa.large_binary()) if bytes_ or types.is_binary_view(kind) else array


class TableWriter:
    """Write a table in pieces; a context manager.

    Parameters
    ----------
    path : str or Path
    schema : Schema
    **options
        Of `pyarrow.parquet.ParquetWriter`.
    """

    def __init__(self, path: str | Path, schema: pa.Schema, **options: Any) -> None:
        self._path = path
        own = {k: v for k, v in (schema.metadata or {}).items() if k not in (CONTENT, SEAL)}
        schema = schema.with_metadata(own or None)  # of a table that was read these are another's
        self._writer = pq.ParquetWriter(path, schema, write_page_checksum=True, **options)
        self._hash = ContentHash()
        self._hash.add(schema.empty_table())

    def __enter__(self) -> Self:
        return self

    def write_table(self, table: pa.Table, row_group_size: int | None = None) -> None:
        """Write some more rows."""
        self._writer.write_table(table, row_group_size=row_group_size)
        self._hash.add(table)

    def close(self) -> None:
        """Write the footer."""
        content = self._hash.hexdigest().encode()
        self._writer.add_key_value_metadata({CONTENT: content, SEAL: UNSEALED})
        self._writer.close()
        seal_footer(self._path)

    def __exit__(self, *error: Any) -> None:
        self.close()


def write_parquet(
    table: pa.Table, path: str | Path, *, row_group_size: int | None = None, **options: Any
) -> None:
    """Write a table with checksums of its pages and a hash of its content.

    Parameters
    ----------
    table : Table
    path : str or Path
        Of the file, which appears in pieces (see `skybind.files.atomic_path`).
    row_group_size : int, optional
        Rows of a group.
    **options
        Of `pyarrow.parquet.ParquetWriter`; compressed with zstd by default.
    """
    with TableWriter(path, table.schema, **{"compression": "zstd", **options}) as writer:
        writer.write_table(table, row_group_size)


def read_parquet(
    path: str | Path,
    columns: Sequence[str] | None = None,
    *,
    again: str = "",
    needs: Sequence[str] = (),
    **options: Any,
) -> pa.Table:
    """Read a table, or some of its columns.

    Parameters
    ----------
    path : str or Path
    columns : sequence of str, optional
        All by default: then the hash of the content is verified too.
    again : str
        What makes the table anew, for the message; without it Arrow's own exceptions are raised.
    needs : sequence of str
        Columns that it must have.
    **options
        Of `pyarrow.parquet.read_table`.

    Raises
    ------
    DataError
        If it is damaged or lacks a column, and `again` is given; if it would take too much memory.
    pyarrow.ArrowException, OSError
        If it is damaged, and `again` is not given.
    """
    if again:
        try:
            table = read_parquet(path, columns, **options)
            missing = [name for name in needs if name not in table.column_names]
            if missing:
                raise DamagedTable(f"it has no column '{missing[0]}'")
            return table
        except (pa.ArrowException, OSError) as error:
            raise_of_machine(error)
            raise DataError(f"{path} cannot be read ({first_line(error)}): {again}.") from error
    names = None if columns is None else list(columns)
    weighed = None if options.get("filters") else names
    weigher = Weigher(path, read_footer(path), str(path))
    weigher.check_footer()
    weigher.check_rows()
    weigher.check(weighed)
    table = pq.read_table(
        path, columns=names, partitioning=None, page_checksum_verification=True, **options
    )
    if names is None and not options.get("filters"):
        verify_content(path, table)
    return table


def first_line(error: BaseException) -> str:
    """Give the first line of what Arrow says, to stand in a sentence."""
    return (str(error).splitlines() or ["no reason is known"])[0][:200].rstrip(".")


class OpenTable(pq.ParquetFile):
    """A file of skybind's own, of which all that is read is weighed first.

    Parameters
    ----------
    source : str, Path or NativeFile
    **options
        Of `pyarrow.parquet.ParquetFile`.
    """

    def __init__(self, source: str | Path | pa.NativeFile, **options: Any) -> None:
        super().__init__(source, page_checksum_verification=True, **options)
        name = "A table" if isinstance(source, pa.NativeFile) else str(source)
        self._weigher = Weigher(source, self.metadata, name)
        try:
            self._weigher.check_footer()
            self._weigher.check_rows()
        except BaseException:
            self.close(force=True)
            raise

    def read(self, columns: Sequence[str] | None = None, **options: Any) -> pa.Table:
        """Read all rows; see `pyarrow.parquet.ParquetFile`."""
        self._weigher.check(columns)
        return super().read(columns, **options)

    def read_row_group(
        self, i: int, columns: Sequence[str] | None = None, **options: Any
    ) -> pa.Table:
        """Read one row group; see `pyarrow.parquet.ParquetFile`."""
        self._weigher.check(columns, [i])
        return super().read_row_group(i, columns, **options)

    def read_row_groups(
        self, row_groups: Sequence[int], columns: Sequence[str] | None = None, **options: Any
    ) -> pa.Table:
        """Read some row groups; see `pyarrow.parquet.ParquetFile`."""
        self._weigher.check(columns, row_groups)
        return super().read_row_groups(row_groups, columns, **options)

    def iter_batches(
        self,
        batch_size: int = 65536,
        row_groups: Sequence[int] | None = None,
        columns: Sequence[str] | None = None,
        **options: Any,
    ) -> Iterator[pa.RecordBatch]:
        """Read some rows at a time; see `pyarrow.parquet.ParquetFile`."""
        self._weigher.check(columns, row_groups, at_once=False)
        return super().iter_batches(batch_size, row_groups, columns, **options)


def open_parquet(source: str | Path | pa.NativeFile, **options: Any) -> OpenTable:
    """Open a file of skybind's own to be read in pieces; see `pyarrow.parquet`.

    Pages that have a checksum are verified, and what is read is weighed first.

    Raises
    ------
    DataError
        If it would take too much memory, here or as it is read.
    """
    return OpenTable(source, **options)


def open_weighed(source: str | Path, metadata: pq.FileMetaData) -> pq.ParquetFile:
    """Open a file whose columns have been weighed, to be read in pieces."""
    return pq.ParquetFile(source, metadata=metadata, page_checksum_verification=True)


def scanned() -> pds.ParquetFragmentScanOptions:
    """Give how a dataset of Arrow reads: page by page, each verified.

    Arrow's default fetches whole files ahead, which for images is gigabytes.
    """
    return pds.ParquetFragmentScanOptions(pre_buffer=False, page_checksum_verification=True)


def read_footer(path: str | Path) -> pq.FileMetaData:
    """Read the footer of a file, which may be another's; its seal, if it has one, is verified.

    Raises
    ------
    pyarrow.ArrowException, OSError
        If it is damaged.
    """
    verify_footer_in(path)
    return pq.read_metadata(path)


def read_schema(path: str | Path) -> pa.Schema:
    """Read names, types and metadata of the columns of a file; see `read_footer`."""
    verify_footer_in(path)
    return pq.read_schema(path)


def write_footer(
    schema: pa.Schema, path: str | Path, groups: Sequence[pq.FileMetaData] | None = None
) -> None:
    """Write a file of a footer alone, of columns or of the row groups of other files.

    Parameters
    ----------
    schema : Schema
    path : str or Path
    groups : sequence of FileMetaData, optional
        Footers of those files.
    """
    sealed = schema.with_metadata({**(schema.metadata or {}), SEAL: UNSEALED})
    pq.write_metadata(sealed, path, None if groups is None else list(groups))
    seal_footer(path)


def stated_content(path: str | Path) -> str | None:
    """Return the hash of the content that a file states; None if it states none."""
    found = (pq.read_metadata(path).metadata or {}).get(CONTENT)
    return None if found is None else found.decode("ascii", "replace")


def verify_content(path: str | Path, table: pa.Table) -> None:
    """Refuse a table that is not what the file says was written.

    Raises
    ------
    DamagedTable
    """
    stated = stated_content(path)
    if stated is None:
        return
    found = ContentHash()
    found.add(table)
    if found.hexdigest() != stated:
        raise DamagedTable(_OTHER)


def verify_file(path: str | Path) -> None:
    """Read a whole file, some rows at a time, and refuse it if anything in it was changed.

    Raises
    ------
    pyarrow.ArrowException, OSError
        If it is damaged.
    """
    found = ContentHash()
    with open_parquet(path) as file:
        found.add(file.schema_arrow.empty_table())
        for batch in file.iter_batches(1024):
            found.add(pa.Table.from_batches([batch]))
        stated = (file.metadata.metadata or {}).get(CONTENT)
    if stated is not None and found.hexdigest().encode() != stated:
        raise DamagedTable(_OTHER)


_OTHER = "its content is not what was written"
