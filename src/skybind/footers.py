"""The seal of a Parquet footer: a hash of all that it says, in the footer itself.

Checksums of pages and the hash of the content say nothing of the footer: names, types and units,
where the columns are, and the extremes by which a filter leaves out row groups. So each file of
skybind's own has in its footer a hash of the rest of it. The length of the footer stands with it:
another program that writes the table anew copies the key, but makes a footer
of another length, of which the seal says nothing.
"""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

#: Key of the seal among the metadata of a file.
SEAL = b"skybind_footer"
_MARK = b"sha256 of this footer: "
#: Value of the seal before it is made.
UNSEALED = _MARK + b"0" * 16 + b" of " + b"0" * 10 + b" bytes"
#: As Thrift writes it: two texts, each behind its length.
_HEAD = re.escape(b"\x18%c%b\x18%c%b" % (len(SEAL), SEAL, len(UNSEALED), _MARK))
_SEALED = re.compile(_HEAD + rb"([0-9a-f]{16}) of ([0-9]{10}) bytes\x00")
_END = 8


class DamagedTable(pa.ArrowInvalid):
    """A table is not what was written."""


def footer_of(read: Callable[[int, int], bytes], size: int) -> bytes:
    """Read a footer; what is none where the file is no Parquet.

    Parameters
    ----------
    read : callable
        Gives so many bytes (second) from a place on (first).
    size : int
        Of the file [bytes].
    """
    length = int.from_bytes(read(max(size - _END, 0), 4), "little")
    return read(max(size - _END - length, 0), length) if length <= size else b""


def footer_in(source: str | Path | bytes) -> bytes:
    """Read the footer of a file, or of its bytes."""
    if isinstance(source, bytes):
        return footer_of(lambda at, n: source[at : at + n], len(source))
    with open(source, "rb", buffering=0) as file:
        handle = file.fileno()
        return footer_of(lambda at, n: os.pread(handle, n, at), os.fstat(handle).st_size)


def seal_footer(path: str | Path) -> None:
    """Put the seal into a file that was written with `UNSEALED` for it.

    A file that could not be written to its end has no footer; the error of that is told.
    """
    footer = footer_in(path)
    places = list(_SEALED.finditer(footer))
    if not places:
        return
    place = places[-1]
    digest, length = _hash(footer, place), b"%010d" % len(footer)
    start = os.path.getsize(path) - _END - len(footer)
    with open(path, "r+b") as file:
        for group, text in ((1, digest), (2, length)):
            file.seek(start + place.start(group))
            file.write(text)


def verify_footer(footer: bytes, which: str = "its footer") -> bool:
    """Refuse a footer that is not what was written.

    Parameters
    ----------
    footer : bytes
    which : str
        For the message.

    Returns
    -------
    bool
        Whether it has a seal of its own.

    Raises
    ------
    DamagedTable
    """
    places = list(_SEALED.finditer(footer)) if SEAL in footer else []
    if not places:
        if SEAL in footer or _MARK in footer:  # the seal itself is what is damaged
            raise DamagedTable(f"{which} is not what was written")
        return False
    same = _hash(footer, places[-1]) == places[-1][1]
    own = int(places[-1][2]) == len(footer)
    if same != own:
        raise DamagedTable(f"{which} is not what was written")
    return own


def verify_footer_in(source: str | Path | bytes, which: str = "its footer") -> bool:
    """Refuse a file whose footer is not what was written; see `verify_footer`."""
    return verify_footer(footer_in(source), which)


def _hash(footer: bytes, place: re.Match[bytes]) -> bytes:
    digest = hashlib.sha256(memoryview(footer)[: place.start(1)])
    digest.update(memoryview(footer)[place.end(2) :])
    return digest.hexdigest()[:16].encode()
