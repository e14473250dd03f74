"""Sizes before memory: what files declare, or unpack to, is weighed before any is taken for it.

A file of some kilobytes can say that it holds 10^11 numbers, or unpack to gigabytes. By default
nothing that is read at once may take more than `MOST`, and beyond `FREE` it may not be more than
`RATIO` times what lies on disk; a limit that was set by a user (`max_file` in a mapping,
`--max-file`, `SKYBIND_MAX_FILE`) is the only one.
"""

import gzip
import io
import math
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.memory import in_environment, read_size

#: Bytes that one file, member of an archive, array or image may take in memory.
MOST = 8 * 10**9
#: Bytes that are allowed in any case, and how many times as much as on disk beyond.
FREE, RATIO = 2 * 10**8, 200
#: Columns of a table.
MOST_COLUMNS = 50_000
#: In the environment, so that processes that share the work have the same limit.
VARIABLE = "SKYBIND_MAX_FILE"
_STEP = 1 << 20


@contextmanager
def at_most(size: str | int | None, over: bool = True) -> Iterator[None]:
    """Set the limit for what is read inside.

    Parameters
    ----------
    size : str or int, optional
        As `read_size` takes it; None leaves the limit as it is.
    over : bool
        Whether it counts although another was set, by the command line or in the environment.
    """
    if size is None or (not over and VARIABLE in os.environ):
        yield
        return
    with in_environment(VARIABLE, read_size(size)):
        yield


def check_size(size: float, on_disk: int, what: str, at_once: bool = True) -> None:
    """Refuse what would take too much memory.

    Parameters
    ----------
    size : float
        Bytes that it declares, or has unpacked to so far.
    on_disk : int
        Bytes that it takes in its file.
    what : str
        For the message: "stars.fits", "'flux' of spectra.h5".
    at_once : bool
        Whether all of it lies in memory; what is gone through a piece at a time may be large, but
        not swell.

    Raises
    ------
    DataError
    """
    own = os.environ.get(VARIABLE)
    most = read_size(own) if own is not None else MOST
    swells = own is None and size > FREE and size > RATIO * on_disk
    if (at_once and size > most) or swells:
        raise DataError(
            f"{what} would take {_bytes(size)} or more from {_bytes(on_disk)} on disk, which is "
            f"more than is read{'' if swells else ' at once'} ({_bytes(most)}"
            f"{f', and {RATIO} times what is on disk' if swells else ''}): if that is right, "
            "allow it by max_file in the mapping, --max-file or SKYBIND_MAX_FILE, such as 20GB."
        )


def check_columns(number: int, name: str) -> None:
    """Refuse a table of more columns than any survey has."""
    if number > MOST_COLUMNS:
        raise DataError(
            f"{name} has {number:,} columns, more than are read ({MOST_COLUMNS:,}): are rows and "
            "columns exchanged?"
        )


def check_declared(size: float, on_disk: int, what: str) -> None:
    """Refuse a part of what is read in pieces that would take too much memory by itself.

    Unlike `check_size`, this lets pass what is small in any case, however low a limit was set.
    """
    if size > FREE:
        check_size(size, on_disk, what)


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


def _bytes(size: float) -> str:
    if not math.isfinite(size) or size >= 1e15:
        return "more than a million GB"
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:,.3g} {name}"
    return f"{size:.0f} bytes"
