"""ECSV files and VOTables in pieces: files of some rows each, with the header of the whole."""

import re
from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from skybind.ingest.readers.blocks import blocks_of_lines

#: Bytes within which the header of a VOTable ends.
_HEAD = 1 << 24
_DATA = re.compile(rb"<((?:[\w.-]+:)?)TABLEDATA\s*>")
_TABLE = re.compile(rb"<(?:[\w.-]+:)?TABLE(?:\s[^>]*)?>")
#: What makes a tag in a text mean something else.
_ASIDE = (b"<!--", b"<![CDATA[")


class NotCut(Exception):
    """The rows of a file cannot be cut apart."""


def ecsv_pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Give files of some rows each, behind the header.

    Parameters
    ----------
    file : file
        Not gzipped.
    size : int
        Bytes that are read at a time.
    """
    head = b""
    while line := file.readline():  # the last line of the header has the names of the columns
        head += line
        if line.strip() and not line.startswith(b"#"):
            break
    any_ = False
    for rows in blocks_of_lines(file, size, 1):
        any_ = True
        yield head + rows
    if not any_:
        yield head


class VOTablePieces:
    """VOTables of the rows of the first table of a file, whose data are `TABLEDATA`.

    Parameters
    ----------
    file : file
        Not gzipped.
    size : int
        Bytes that are read at a time.

    Attributes
    ----------
    tables : bytes
        The tags that begin a table, of those seen so far.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self.tables = b""

    def __iter__(self) -> Iterator[bytes]:
        """Give the files.

        Raises
        ------
        NotCut
            If the data are written otherwise, or do not end.
        """
        head, rest = self._begin()
        found = _DATA.search(head)
        assert found is not None
        prefix = found[1]
        close, row = _closing(head), b"</" + prefix + b"TR>"
        end = re.compile(rb"</" + re.escape(prefix) + rb"TABLEDATA\s*>")
        any_ = False
        while True:
            stop = end.search(rest)
            body = rest[: stop.start()] if stop else rest[: rest.rfind(row) + len(row)]
            if any(mark in body for mark in _ASIDE):
                raise NotCut
            if stop is not None:
                if body.strip() or not any_:
                    yield head + body + close
                break
            if row in rest and len(rest) >= self._size:
                any_ = True
                yield head + body + close
                rest = rest[len(body) :]
            data = self._file.read(self._size)
            if not data:
                raise NotCut
            rest += data
        self._rest(rest[stop.end() :])

    def _begin(self) -> tuple[bytes, bytes]:
        """Read up to the first row; second, what was read behind it."""
        data = b""
        while len(data) < _HEAD and (more := self._file.read(self._size)):
            data += more
            found = _DATA.search(data)
            if found is not None:
                head = data[: found.end()]
                self.tables = b"".join(_TABLE.findall(head))
                return head, data[found.end() :]
        raise NotCut

    def _rest(self, data: bytes) -> None:
        """Go through what stands behind the first table, in search of others."""
        while True:
            whole = data.rfind(b">") + 1
            self.tables += b"".join(_TABLE.findall(data[:whole]))
            more = self._file.read(self._size)
            if not more:
                return
            data = data[whole:] + more


def _closing(head: bytes) -> bytes:
    """Give the tags that close what a header of XML leaves open."""
    open_: list[str] = []
    begun: list[str] = []

    def begin(name: str, _: dict[str, str]) -> None:
        open_.append(name)
        begun.append(name.rpartition(":")[2])

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda _: open_.pop()
    try:
        parser.Parse(head, False)
    except expat.ExpatError:
        raise NotCut from None
    if not begun or begun[-1] != "TABLEDATA" or begun.count("TABLE") != 1:
        raise NotCut  # the tag stands in a comment, or another table before it
    return "".join(f"</{name}>" for name in reversed(open_)).encode()
