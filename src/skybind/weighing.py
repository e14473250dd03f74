"""What columns of a Parquet file take in memory, told before any of it is unpacked.

Footer and headers of pages say what the pages unpack to. They do not say what the text in them
takes: a page may name one long text of a dictionary a million times, or begin each text with most
of the one before. That is bounded by these headers first, then by the longest word of a
dictionary, and only where neither suffices by reading a few rows at a time.
"""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from skybind.errors import DataError
from skybind.footers import footer_of, verify_footer
from skybind.limits import FREE, check_filled, check_table
from skybind.pages import NONE, PREFIXES, Pages, Read, longest_word, pages_of
from skybind.thrift import read_struct

#: Bytes of a number by its physical type; of a text, its place.
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT96": 12}
#: How many times as much as it takes a page unpacks to at most: zstd's block of 128 kB that is one
#: byte again and again takes four. A page of so little is not looked at.
_SWELLS = {"UNCOMPRESSED": 1, "SNAPPY": 64, "LZ4": 256, "GZIP": 1100, "ZSTD": 1 << 15}


class Leaf(NamedTuple):
    """A column of numbers or text in a row group, perhaps inside lists or records.

    Attributes
    ----------
    path : str
        Its names, with dots.
    group, place : int
        Of the row group in the file, and of the column in that.
    size : int
        Bytes that it takes at least.
    most : float
        Bytes that it takes at most, by the headers of its pages.
    values : int
    text : bool
    ragged : bool
        Whether one row may hold nearly all of it: text and lists.
    flat : bool
        Whether each row holds one value of it.
    filled : int
        Bytes that it takes in lists of one length, which Arrow writes out where they are missing;
        of other columns 0.
    pages : Pages
    """

    path: str
    group: int
    place: int
    size: int
    most: float
    values: int
    text: bool
    ragged: bool
    flat: bool
    filled: int
    pages: Pages

    @property
    def taken(self) -> int:
        """Bytes that it takes at least where it is read."""
        return max(self.size, self.filled)


class Weigher:
    """Weighs columns of a Parquet file.

    Parameters
    ----------
    source : str, Path, bytes or NativeFile
    metadata : FileMetaData
        Its footer.
    name : str
        For messages.
    like : Weigher, optional
        Of a file that may have the same columns: they are found once.
    """

    def __init__(
        self,
        source: str | Path | bytes | pa.NativeFile,
        metadata: pq.FileMetaData,
        name: str,
        like: "Weigher | None" = None,
    ) -> None:
        self._source, self.metadata, self.name = source, metadata, name
        self.on_disk = _length(source)
        self._schema = metadata.schema
        self._found: dict[tuple[str, ...] | None, list[int]] = {}
        self._row = 0
        self._lengths: list[int] = []
        if like is not None and self._schema.equals(like._schema):
            self._schema, self._found, self._row = like._schema, like._found, like._row
        self._leaves: dict[tuple[int, int], Leaf] = {}

    def leaves(
        self, columns: Sequence[str] | None = None, groups: Iterable[int] | None = None
    ) -> list[Leaf]:
        """List what some row groups hold of columns, as Arrow finds these by their names.

        Parameters
        ----------
        columns : sequence of str, optional
            All by default.
        groups : iterable of int, optional
            All by default.

        Raises
        ------
        pyarrow.ArrowInvalid
            If the pages are not where the footer says, or cannot be followed.
        """
        places = self._places(columns)
        found = []
        with self._reading() as read:
            for group in self._groups(groups):
                said = None
                for place in places:
                    leaf = self._leaves.get((group, place))
                    if leaf is None:
                        said = self.metadata.row_group(group) if said is None else said
                        leaf = self._leaves[group, place] = self._leaf(read, said, group, place)
                    found.append(leaf)
        return found

    def check(
        self,
        columns: Sequence[str] | None = None,
        groups: Sequence[int] | None = None,
        at_once: bool = True,
    ) -> float:
        """Refuse columns of a table of skybind's own that would take too much memory.

        Parameters
        ----------
        columns, groups
            See `leaves`.
        at_once : bool
            Whether all of it will lie in memory; otherwise a row group of it.

        Returns
        -------
        float
            Bytes that they take at most.

        Raises
        ------
        DataError
        pyarrow.ArrowInvalid
            See `leaves`.
        """
        rows = self.metadata.num_rows
        self._check_whole(rows)
        leaves = self.leaves(columns, groups)
        filled = sum(leaf.filled for leaf in leaves)
        check_filled(filled, rows, self.on_disk, self.name, at_once)
        with suppress(DataError):
            return self._judge(leaves, [leaf.most for leaf in leaves], at_once)
        self._judge(leaves, [float(leaf.size) for leaf in leaves], at_once)
        with suppress(DataError):
            return self._judge(leaves, [self.by_words(leaf) for leaf in leaves], at_once)
        return self._judge(leaves, [self._read_through(leaf) for leaf in leaves], at_once)

    def check_footer(self) -> None:
        """Refuse a footer that is not what was written, or at which pyarrow ends the process.

        The latter is what `RowGroupMetaData.column` does if the statistics of sizes do not fit the
        column, or a column is encrypted.

        Raises
        ------
        pyarrow.ArrowInvalid
        """
        with self._reading() as read:
            footer = footer_of(read, self.on_disk)
        verify_footer(footer)
        columns = [self._schema.column(place) for place in range(len(self._schema))]
        try:
            groups = read_struct(footer)[0].get(4, [])
            sound = all(
                len(group[1]) == len(columns) and all(map(_fits, group[1], columns))
                for group in groups
            )
        except (IndexError, KeyError, TypeError, AttributeError) as error:
            raise pa.ArrowInvalid(_FOOTER) from error
        if not sound:
            raise pa.ArrowInvalid(_FOOTER)

    def check_rows(self) -> None:
        """Refuse more rows than a file of this size may have, whichever columns are read.

        Raises
        ------
        DataError
        pyarrow.ArrowInvalid
            If row groups and footer disagree.
        """
        rows = [self.metadata.row_group(group).num_rows for group in self._groups(None)]
        if min(rows, default=0) < 0 or sum(rows) != self.metadata.num_rows:
            raise pa.ArrowInvalid("its row groups do not have as many rows as it says")
        self._check_whole(sum(rows))

    def _check_whole(self, rows: int) -> None:
        """Refuse a file whose numbers swell too much together: columns are read one by one."""
        if not self._row:
            every = (self._schema.column(place) for place in range(len(self._schema)))
            self._row = max(8, sum(map(_least, every)))
        check_table(float(self._row) * rows, self.on_disk, self.name, at_once=False)

    def by_words(self, leaf: Leaf) -> float:
        """Return the most that text takes, by the longest word of its dictionary."""
        words = leaf.pages.words
        if not leaf.text or words is None or PREFIXES in leaf.pages.encodings:
            return leaf.most
        compression = self.metadata.row_group(leaf.group).column(leaf.place).compression
        with self._reading() as read:
            return leaf.size + float(leaf.values) * longest_word(read, words, compression)

    def _read_through(self, leaf: Leaf) -> float:
        """Return what text takes, by reading it a few rows at a time: each is part of a page."""
        most = self.by_words(leaf)
        if not leaf.text or not leaf.flat or most <= 2 * leaf.size:
            return most
        source = pa.BufferReader(self._source) if isinstance(self._source, bytes) else self._source
        far = 0.0
        with pq.ParquetFile(
            source, metadata=self.metadata, page_checksum_verification=True
        ) as file:
            rows = max(1, FREE // max(leaf.size, 1))
            for batch in file.iter_batches(rows, [leaf.group], [leaf.path], use_threads=False):
                far += batch.nbytes
                check_table(far, self.on_disk, self.name)
        return max(far, leaf.size)

    def _judge(self, leaves: Sequence[Leaf], sizes: Sequence[float], at_once: bool) -> float:
        total = sum(sizes)
        check_table(total, self.on_disk, self.name, at_once)
        if not at_once:  # one row may hold nearly all of the text and lists of its group
            groups: dict[int, float] = {}
            for leaf, size in zip(leaves, sizes, strict=True):
                groups[leaf.group] = groups.get(leaf.group, 0.0) + size * leaf.ragged
            largest = max(groups.values(), default=0.0)
            check_table(largest, self.on_disk, f"A row group of {self.name}")
        return total

    def _groups(self, groups: Iterable[int] | None) -> list[int]:
        return list(range(self.metadata.num_row_groups) if groups is None else groups)

    def _places(self, columns: Sequence[str] | None) -> list[int]:
        key = None if columns is None else tuple(columns)
        if key not in self._found:
            paths = [self._schema.column(place).path for place in range(len(self._schema))]
            self._found[key] = [
                place
                for place, path in enumerate(paths)
                if key is None or any(inside(path, name) for name in key)
            ]
        return self._found[key]

    def _leaf(self, read: Read, group: pq.RowGroupMetaData, number: int, place: int) -> Leaf:
        if place >= group.num_columns:
            raise pa.ArrowInvalid(_FOOTER)
        chunk, column = group.column(place), self._schema.column(place)
        kind, lists = chunk.physical_type, column.max_repetition_level > 0
        text, packed = kind == "BYTE_ARRAY", chunk.total_compressed_size
        start = chunk.data_page_offset
        if chunk.has_dictionary_page and 0 < (chunk.dictionary_page_offset or 0) < start:
            start = chunk.dictionary_page_offset
        if not 0 <= start <= start + packed <= self.on_disk:
            raise pa.ArrowInvalid("a column is not where the footer says")
        swells = _SWELLS.get(chunk.compression, math.inf) * packed > 2 * FREE
        if text or lists or swells:
            pages = pages_of(read, start, start + packed, chunk.num_values)
        else:  # numbers take what their number says
            pages = NONE
        width = _width(column)
        values = max(chunk.num_values, group.num_rows, pages.values)
        size = max(chunk.total_uncompressed_size, pages.size, values * width)
        filled = self._length_of(place) * group.num_rows * width if lists else 0
        most = max(float(size), pages.written_out + values * width) if text else float(size)
        return Leaf(
            chunk.path_in_schema, number, place, size, most, values, text, text or lists,
            "." not in chunk.path_in_schema and not lists, filled, pages,
        )  # fmt: skip

    def _length_of(self, place: int) -> int:
        """Give the length of all lists of a column, where Arrow was told that it is one; else 0."""
        if not self._lengths:  # of this very file: one of the same columns may tell otherwise
            arrow = self.metadata.schema.to_arrow_schema()
            self._lengths = [own for kind in arrow.types for own in _lengths(kind, 1)]
        return self._lengths[place]

    @contextmanager
    def _reading(self) -> Iterator[Read]:
        """Give what reads some bytes at a place of the file."""
        source = self._source
        if isinstance(source, bytes):
            yield lambda at, n: source[at : at + n]
        elif isinstance(source, pa.NativeFile):
            yield lambda at, n: source.read_at(n, at)
        else:
            handle = os.open(source, os.O_RDONLY)
            try:
                yield lambda at, n: os.pread(handle, n, at)
            finally:
                os.close(handle)


_FOOTER = "what its footer says of a column does not fit it"


def _fits(said: dict[int, Any], column: pq.ColumnSchema) -> bool:
    """Whether what a footer says of a column in a row group is plain, and fits its type."""
    sizes = said[3].get(16, {})
    lengths = [(2, column.max_repetition_level), (3, column.max_definition_level)]
    lists = all(len(sizes.get(key, [])) in (0, most + 1) for key, most in lengths)
    return lists and 8 not in said and (1 not in sizes or column.physical_type == "BYTE_ARRAY")


def _width(column: pq.ColumnSchema) -> int:
    """Bytes of a number of a column, or of the place of a text."""
    kind = column.physical_type
    return int(column.length) if kind == "FIXED_LEN_BYTE_ARRAY" else _WIDTHS.get(kind, 8)


def _least(column: pq.ColumnSchema) -> int:
    """Bytes that a row takes at least of a column: lists may be empty, text one and the same."""
    lists = column.max_repetition_level > 0
    return 0 if lists or column.physical_type == "BYTE_ARRAY" else _width(column)


def _lengths(kind: pa.DataType, length: int) -> Iterator[int]:
    """Give of each column that a type is stored as the length of its lists; see `_length_of`."""
    if isinstance(kind, pa.BaseExtensionType):
        yield from _lengths(kind.storage_type, length)
    elif pa.types.is_struct(kind):
        for field in kind:
            yield from _lengths(field.type, length)
    elif pa.types.is_fixed_size_list(kind):
        yield from _lengths(kind.value_type, length * kind.list_size)
    elif pa.types.is_map(kind):
        yield from (0 for part in (kind.key_type, kind.item_type) for _ in _lengths(part, 0))
    elif pa.types.is_nested(kind):  # lists of any length
        yield from _lengths(kind.value_type, 0)
    else:
        yield length


def inside(path: str, name: str) -> bool:
    """Whether a column of a file is one that was asked for, or within it."""
    return path == name or path.startswith(f"{name}.")


def _length(source: str | Path | bytes | pa.NativeFile) -> int:
    if isinstance(source, bytes):
        return len(source)
    return int(source.size()) if isinstance(source, pa.NativeFile) else os.stat(source).st_size
