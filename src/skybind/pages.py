"""Pages of Parquet files, by their own headers: a footer may say other sizes than they have.

Arrow takes memory for a page by the page's header, and never compares it with the footer. So a
file whose footer promises kilobytes may unpack to gigabytes. The headers (Thrift's compact
protocol) are small, and are gone through without unpacking anything.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from skybind.thrift import read_struct

_DAMAGED = "the header of a page is damaged"
#: Most bytes of a header, as Arrow has it, and how many are read at first.
_MOST, _FIRST = 1 << 24, 256
_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3
#: Encodings of text that takes more memory than its page.
WORDS, PREFIXES, LENGTHS = "words of a dictionary", "beginnings of the one before", "lengths first"
_ENCODINGS = {2: WORDS, 8: WORDS, 7: PREFIXES, 6: LENGTHS}
#: Bytes of a dictionary that is looked through; Arrow writes none of more than one MB.
_LOOK = 1 << 24

Read = Callable[[int, int], bytes]


class Words(NamedTuple):
    """Where the dictionary of a column stands, what it unpacks to, and how many words it has."""

    start: int
    packed: int
    unpacked: int
    number: int


class Pages(NamedTuple):
    """What the pages of one column in one row group hold together.

    Attributes
    ----------
    size : int
        Bytes that they unpack to.
    values : int
        Of all, null ones too.
    written_out : float
        The most bytes that text takes, with every word as long as the whole dictionary.
    encodings : frozenset of str
        `WORDS`, `PREFIXES` and `LENGTHS`, as far as they occur.
    words : Words or None
    """

    size: int
    values: int
    written_out: float
    encodings: frozenset[str]
    words: Words | None


#: Of a column whose pages were not gone through.
NONE = Pages(0, 0, 0.0, frozenset(), None)


def pages_of(read: Read, start: int, end: int, values: int) -> Pages:
    """Go through the headers of the pages of a column in a row group, as Arrow finds these.

    Parameters
    ----------
    read : callable
        Gives the bytes of the file from a place on, so many; fewer at its end.
    start, end : int
        Where the pages begin and end in the file.
    values : int
        How many the footer says there are: Arrow reads no page after these.

    Raises
    ------
    pyarrow.ArrowInvalid
        If they cannot be followed.
    """
    size = seen = 0
    written_out = 0.0
    encodings: set[str] = set()
    words: Words | None = None
    while start < end and seen < values:
        header, length = _header(read, start, end)
        start += length
        n = 0
        kind, unpacked, packed = (_number(header, field) for field in (1, 2, 3))
        if kind == _DICTIONARY:
            if words is not None:
                raise pa.ArrowInvalid("a column has two dictionaries")
            words = Words(start, packed, unpacked, max(_number(header, 7, 1), 0))
        elif kind in (_DATA, _DATA_2):
            said, encoding = (5, 2) if kind == _DATA else (8, 4)
            n, how = _number(header, said, 1), _ENCODINGS.get(_number(header, said, encoding))
            longest = unpacked if how == PREFIXES else 0
            if how == WORDS and words is not None:
                longest = words.unpacked
            encodings |= {how} if how else set()
            written_out += unpacked + float(n) * longest
        if min(unpacked, packed, n) < 0:
            raise pa.ArrowInvalid(_DAMAGED)
        size += unpacked + length
        seen += n
        start += packed
    return Pages(size, seen, written_out, frozenset(encodings), words)


def _number(header: dict[int, Any], *fields: int) -> int:
    """Return a whole number of a header, or of a struct in it: nothing else may stand there."""
    found: Any = header
    for field in fields:
        found = found.get(field) if isinstance(found, dict) else None
    if not isinstance(found, int):
        raise pa.ArrowInvalid(_DAMAGED)
    return found


def longest_word(read: Read, words: Words, compression: str) -> int:
    """Return the bytes of the longest word of a dictionary, or more if it cannot be looked at."""
    if not words.number or words.unpacked > _LOOK:
        return words.unpacked
    data = read(words.start, words.packed)
    if compression == "LZ4":  # so pyarrow calls two formats, of which Codec knows the newer
        if int.from_bytes(data[4:8], "big") + 8 <= len(data):
            return words.unpacked
        compression = "LZ4_RAW"
    if compression != "UNCOMPRESSED":
        try:
            codec = pa.Codec(compression.lower())
            data = codec.decompress(data, words.unpacked, asbytes=True)
        except (pa.ArrowException, OSError, ValueError):
            return words.unpacked
    each, rest = divmod(len(data), words.number)
    if not rest and each >= 4:  # names of one length are told at once
        lengths = np.frombuffer(data, np.uint8).reshape(-1, each)[:, :4]
        if (np.ascontiguousarray(lengths).view("<u4") == each - 4).all():
            return each - 4
    longest = at = 0
    while at + 4 <= len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        longest = max(longest, length)
        at += 4 + length
    return min(longest, words.unpacked)


def _header(read: Read, start: int, end: int) -> tuple[dict[int, Any], int]:
    """Read one header; also its length."""
    wanted = _FIRST
    while True:
        data = read(start, min(wanted, end - start))
        try:
            found, length = read_struct(data)
            if length <= len(data):
                return found, length
        except IndexError:
            pass
        if wanted >= _MOST or len(data) < wanted:
            raise pa.ArrowInvalid(_DAMAGED)
        wanted *= 16
