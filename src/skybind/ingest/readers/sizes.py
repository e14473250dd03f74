"""Sizes before memory, of packed files, arrays and tables (see `skybind.limits`)."""

import gzip
import io
import math
import os
import stat
import zlib
from pathlib import Path
from typing import IO, Any

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.limits import check_size

#: Columns of a table.
MOST_COLUMNS = 50_000
_STEP = 1 << 20


def check_columns(number: int, name: str) -> None:
    """Refuse a table of more columns than any survey has."""
    if number > MOST_COLUMNS:
        raise DataError(
            f"{name} has {number:,} columns, more than are read ({MOST_COLUMNS:,}): are rows and "
            "columns exchanged?"
        )


def array_bytes(shape: tuple[int, ...], itemsize: int) -> float:
    """Return the bytes of an array, however large its shape says it is."""
    if any(axis < 0 for axis in shape):
        return math.inf
    return float(math.prod(map(float, shape))) * itemsize


def regular_file(path: Path) -> None:
    """Refuse what is there, but no file: a pipe, a device or a socket would be waited for.

    Raises
    ------
    DataError
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return  # whoever opens it says what is wrong
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise DataError(f"{path} is a pipe, a device or a socket where a file is needed.")


class Watched(io.RawIOBase):
    """What a packed file holds, read as it is unpacked, until it swells beyond what is allowed.

    Parameters
    ----------
    unpacked : file
        Gives what is in it.
    on_disk : int
        Bytes of the packed file.
    name : str
    """

    def __init__(self, unpacked: IO[bytes] | gzip.GzipFile, on_disk: int, name: str) -> None:
        super().__init__()
        self._unpacked, self._on_disk, self._name = unpacked, on_disk, name
        self._far = 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; see `io.RawIOBase`."""
        try:
            data = self._unpacked.read(min(len(buffer), _STEP))
        except (OSError, EOFError, zlib.error) as error:
            raise_of_machine(error)
            raise DataError(f"{self._name} is a damaged gzip file: {error}.") from error
        buffer[: len(data)] = data
        self._far += len(data)
        check_size(self._far, self._on_disk, self._name, at_once=False)
        return len(data)

    def close(self) -> None:
        """Close both."""
        self._unpacked.close()
        super().close()


def read_watched(unpacked: IO[bytes] | gzip.GzipFile, on_disk: int, name: str) -> bytes:
    """Read all that a packed file holds, if that is allowed."""
    pieces = []
    far = 0
    while data := unpacked.read(_STEP):
        far += len(data)
        check_size(far, on_disk, name)
        pieces.append(data)
    return b"".join(pieces)
