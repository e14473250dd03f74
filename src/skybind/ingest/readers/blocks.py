"""Large text files cut into blocks of whole lines."""

from collections.abc import Iterator
from typing import BinaryIO


def blocks_of_lines(file: BinaryIO, size: int, least: int, quotes: bool = True) -> Iterator[bytes]:
    """Cut a file where lines end.

    Parameters
    ----------
    file : file
    size : int
        Bytes that are read at a time.
    least : int
        Lines of the first block, at least.
    quotes : bool
        Whether quotes hold lines together.
    """
    rest, first = b"", True
    while data := file.read(size):
        rest += data
        end = _end_of_line(rest) if quotes else rest.rfind(b"\n") + 1
        if end and not (first and rest.count(b"\n") < least):
            yield rest[:end]
            rest, first = rest[end:], False
    if rest:
        yield rest


def _end_of_line(data: bytes) -> int:
    """Find where the last line that is whole ends; 0 if none is."""
    end = data.rfind(b"\n") + 1
    quotes = data.count(b'"', 0, end)
    while end and quotes % 2:
        before = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', before, end)
        end = before
    return end
