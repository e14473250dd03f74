"""ECSV files and VOTables in pieces: files of some rows each, with the header of the whole."""

import base64
import binascii
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, NamedTuple
from xml.parsers import expat

from skybind.ingest.readers.blocks import blocks_of_lines
from skybind.ingest.readers.contents import without_comments

#: Bytes within which the header of a VOTable ends.
_HEAD = 1 << 24
_DATA = re.compile(rb"<((?:[\w.-]+:)?)(TABLEDATA|STREAM)(?:\s[^>]*)?>")
_TABLE = re.compile(rb"<(?:[\w.-]+:)?TABLE(?:\s[^>]*)?>")
#: Bytes of a value of each type (VOTable 1.5, section 2.1); bits are packed.
_BYTES = {
    "boolean": 1, "unsignedByte": 1, "short": 2, "int": 4, "long": 8, "char": 1, "unicodeChar": 2,
    "float": 4, "double": 8, "floatComplex": 8, "doubleComplex": 16,
}  # fmt: skip
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
    """VOTables of some rows each of the first table of a file.

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
        header, prefix = _header_of(head), found[1]
        end = re.compile(rb"</" + re.escape(prefix + found[2]) + rb"\s*>")
        if header.rows is None:
            yield from self._of_tags(head, rest, header, b"</" + prefix + b"TR>", end)
        else:
            yield from self._of_bytes(head, rest, header, end)

    def _of_tags(
        self, head: bytes, rest: bytes, header: "_Header", row: bytes, end: re.Pattern[bytes]
    ) -> Iterator[bytes]:
        """Cut rows that are written as `TR`."""
        any_ = False
        while True:
            stop = end.search(rest)
            body = rest[: stop.start()] if stop else rest[: rest.rfind(row) + len(row)]
            if any(mark in body for mark in _ASIDE):
                raise NotCut
            if stop is not None:
                if body.strip() or not any_:
                    yield head + body + header.close
                break
            if row in rest and len(rest) >= self._size:
                any_ = True
                yield head + body + header.close
                rest = rest[len(body) :]
            rest += self._more()
        self._rest(rest[stop.end() :])

    def _of_bytes(
        self, head: bytes, rest: bytes, header: "_Header", end: re.Pattern[bytes]
    ) -> Iterator[bytes]:
        """Cut rows of bytes, which are written in base64."""
        assert header.rows is not None
        held, any_ = b"", False
        while True:
            stop = end.search(rest)
            text = rest[: stop.start()] if stop else rest.partition(b"<")[0]
            letters = text.translate(None, b" \t\r\n")
            whole = len(letters) // 4 * 4
            try:
                held += base64.b64decode(letters[:whole], validate=True)
            except binascii.Error:
                raise NotCut from None
            if stop is not None or len(held) >= self._size:
                cut = header.rows.end(held)
                if stop is not None and (cut < len(held) or whole < len(letters)):
                    raise NotCut
                if cut or not any_:
                    yield head + base64.b64encode(held[:cut]) + header.close
                any_, held = True, held[cut:]
            if stop is not None:
                break
            rest = letters[whole:] + rest[len(text) :] + self._more()
        self._rest(rest[stop.end() :])

    def _more(self) -> bytes:
        data = self._file.read(self._size)
        if not data:
            raise NotCut
        return data

    def _begin(self) -> tuple[bytes, bytes]:
        """Read up to the first row; second, what was read behind it."""
        data = b""
        while len(data) < _HEAD and (more := self._file.read(self._size)):
            data += more
            found = _DATA.search(without_comments(data))
            if found is not None:
                head = data[: found.end()]
                self.tables = b"".join(_TABLE.findall(without_comments(head)))
                return head, data[found.end() :]
        raise NotCut

    def _rest(self, data: bytes) -> None:
        """Go through what stands behind the first table, in search of others."""
        while True:
            whole = data.rfind(b">") + 1
            opened = data.rfind(b"<!")  # a comment, which is looked at when all of it is there
            if opened >= 0 and b"-->" not in data[opened:] and b"]]>" not in data[opened:]:
                whole = min(whole, opened)
            self.tables += b"".join(_TABLE.findall(without_comments(data[:whole])))
            more = self._file.read(self._size)
            if not more:
                return
            data = data[whole:] + more


class _RowBytes:
    """How many bytes a row takes: runs of known length, each with what stands for a list behind it.

    Parameters
    ----------
    fields : sequence of mapping
        Attributes of the columns.
    masked : bool
        Whether each row begins with a bit a column (`BINARY2`).
    """

    def __init__(self, fields: Sequence[Mapping[str, str]], masked: bool) -> None:
        #: Bytes of each run, and of an item of the list that follows; 0 where none does.
        self._runs: list[tuple[int, int]] = []
        run = -(-len(fields) // 8) if masked else 0
        for field in fields:
            kind, size = field.get("datatype", ""), field.get("arraysize", "1").strip()
            listed = size.endswith("*")
            if (kind not in _BYTES and kind != "bit") or (
                listed and ("x" in size or kind == "bit")
            ):
                raise NotCut
            if listed:
                self._runs.append((run, _BYTES[kind]))
                run = 0
                continue
            try:
                n = math.prod(int(axis) for axis in size.split("x"))
            except ValueError:
                raise NotCut from None
            run += -(-n // 8) if kind == "bit" else n * _BYTES[kind]
        self._runs.append((run, 0))

    def end(self, data: bytes) -> int:
        """Find where the last whole row ends."""
        if len(self._runs) == 1:
            width = self._runs[0][0]
            return len(data) // width * width if width else 0
        last = at = 0
        while True:
            for run, item in self._runs:
                at += run
                if item:
                    at += 4 + item * int.from_bytes(data[at : at + 4], "big")
            if at > len(data):
                return last
            last = at


class _Header(NamedTuple):
    """What the header of a VOTable says of the rows behind it."""

    #: The tags that close what it leaves open.
    close: bytes
    #: Of rows of bytes.
    rows: _RowBytes | None


def _header_of(head: bytes) -> _Header:
    """Read a header up to the first row."""
    open_: list[str] = []
    begun: list[str] = []
    fields: list[dict[str, str]] = []
    last: dict[str, str] = {}

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal last
        open_.append(name)
        begun.append(name.rpartition(":")[2])
        last = attributes
        if begun[-1] == "FIELD":
            fields.append(attributes)

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda _: open_.pop()
    try:
        parser.Parse(head, False)
    except expat.ExpatError:
        raise NotCut from None
    close = "".join(f"</{name}>" for name in reversed(open_)).encode()
    if not begun or begun.count("TABLE") != 1:
        raise NotCut
    if begun[-1] == "TABLEDATA":
        return _Header(close, None)
    if begun[-1] == "STREAM" and last.get("encoding") == "base64" and "href" not in last:
        kind = open_[-2].rpartition(":")[2]
        if kind in ("BINARY", "BINARY2"):
            return _Header(close, _RowBytes(fields, kind == "BINARY2"))
    raise NotCut  # the tag stands in a comment, or the data are a FITS file or elsewhere
