"""One limit on working memory, and how many things are worked on at once because of it.

The limit is set by `--memory`, by `SKYBIND_MEMORY` or by the key `memory` of a configuration, in
this order, and is `DEFAULT` otherwise. Whoever works in blocks asks `at_once` how large they may
be, and whoever needs an array as large as a survey asks `zeros` for it. What the limit does not
cover stands in docs/scale.md.
"""

import math
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skybind.errors import ConfigError

#: In the environment, so that processes that share the work have the same limit.
VARIABLE = "SKYBIND_MEMORY"
#: Bytes of working memory unless others are set, and the fewest that make sense.
DEFAULT, LEAST = 2 * 10**9, 10**7
#: Share of the limit that one block may take: several may be in work, and copies of one.
BLOCK = 1 / 8
#: Share of the limit up to which an array of a number an object stays in memory.
HELD = 1 / 8
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_configured: list[int] = []


def read_size(text: str | int) -> int:
    """Read a number of bytes such as `500MB`, `8GB`, or `8000000000`.

    Raises
    ------
    ConfigError
        If it is none.
    """
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,3})?)\s*([kmgt]?)b?", str(text).strip().lower())
    size = round(float(found[1]) * _UNITS[found[2]]) if found else 0
    if not size:
        raise ConfigError(f"'{text}' is no size: write it as 500MB or 8GB.")
    return size


def read_limit(text: str | int) -> int:
    """Read a limit on working memory, as `read_size` does.

    Raises
    ------
    ConfigError
        If it is no size, or too little to work with.
    """
    size = read_size(text)
    if size < LEAST:
        raise ConfigError(
            f"A memory of {text} is too little to work with: give {LEAST // 10**6}MB or more, "
            "such as 2GB."
        )
    return size


@contextmanager
def in_environment(variable: str, size: int | None) -> Iterator[None]:
    """Set a number of bytes in the environment for what is done inside; None leaves it."""
    before = os.environ.get(variable)
    if size is not None:
        os.environ[variable] = str(size)
    try:
        yield
    finally:
        if size is not None:
            os.environ.pop(variable)
            if before is not None:
                os.environ[variable] = before


@contextmanager
def memory_limit(size: str | int | None) -> Iterator[None]:
    """Keep what is done inside to a limit on working memory.

    Parameters
    ----------
    size : str or int, optional
        As `2GB`; None leaves the limit as it is.

    Raises
    ------
    ConfigError
        If it is no size, or too little.

    Examples
    --------
    >>> with memory_limit("500MB"):
    ...     limit()
    500000000
    """
    with in_environment(VARIABLE, None if size is None else read_limit(size)):
        yield


def configure(size: str | int | None) -> None:
    """Take the limit of a configuration, which counts where no other is set; None takes it back."""
    _configured[:] = [] if size is None else [read_limit(size)]


def limit() -> int:
    """Return the limit on working memory [bytes].

    Raises
    ------
    ConfigError
        If `SKYBIND_MEMORY` is no size, or too little.
    """
    own = os.environ.get(VARIABLE)
    if own is not None:
        try:
            return read_limit(own)
        except ConfigError as error:
            raise ConfigError(f"{VARIABLE}: {error}") from error
    return _configured[0] if _configured else DEFAULT


def block_bytes() -> float:
    """Return what one block may take [bytes]."""
    return limit() * BLOCK


def at_once(each: float, most: int, least: int = 1) -> int:
    """Return how many of something are worked on at once.

    Parameters
    ----------
    each : float
        Bytes that one of them takes while it is worked on, copies included.
    most : int
        So many where memory allows: more are no quicker.
    least : int
        So many in any case.
    """
    return max(least, min(most, int(block_bytes() / max(each, 1.0))))


def tile(each: float, rows: int = 1024, columns: int = 8192) -> tuple[int, int]:
    """Return how many rows and columns of a large matrix are worked on at once.

    Parameters
    ----------
    each : float
        Bytes that a cell takes, copies included.
    rows, columns : int
        So many where memory allows.
    """
    wide = at_once(each * rows, columns, min(columns, 256))
    return at_once(each * wide, rows, min(rows, 64)), wide


def zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return an array of zeros: in memory, or a large one in a temporary file that is mapped.

    What is mapped the system writes out and drops when it needs room; the file has no name and is
    gone with the array. It lies in the folder of temporary files (`TMPDIR`).
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= limit() * HELD:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile() as file:
        # all of it now, where a full disk is an error; later it would kill the program
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
        mapped = np.memmap(file, dtype, "r+", shape=shape)
    return mapped.view(np.ndarray)
