"""Sizes before memory: what files declare, or unpack to, is weighed before any is taken for it.

A file of some kilobytes can say that it holds 10^11 numbers, or unpack to gigabytes. By default
nothing that is read at once may take more than `MOST`, and beyond `FREE` it may not be more than
`RATIO` times what lies on disk; a limit that was set by a user (`max_file` in a mapping,
`--max-file`, `SKYBIND_MAX_FILE`) is the only one. Tables of skybind's own: see `check_table`.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

from skybind.errors import DataError
from skybind.memory import in_environment, read_size

#: Bytes that one file, member of an archive, array or image may take in memory.
MOST = 8 * 10**9
#: Bytes that are allowed in any case, and how many times as much as on disk beyond.
FREE, RATIO = 2 * 10**8, 200
#: How many times as much as on disk a table of skybind's own may take where that is beyond `MOST`.
TABLE = 10
#: In the environment, so that processes that share the work have the same limit.
VARIABLE = "SKYBIND_MAX_FILE"


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
    own = _set_limit()
    most = MOST if own is None else own
    swells = own is None and size > FREE and size > RATIO * on_disk
    if (at_once and size > most) or swells:
        ways = ", which --max-file of a command and max_file in a mapping set, too"
        raise DataError(_refusal(size, on_disk, what, most, swells, ways))


def check_table(size: float, on_disk: int, what: str, at_once: bool = True) -> None:
    """Refuse a table in skybind's own format that would take too much memory.

    As `check_size`, but for two things. A limit that was set allows more, never less: what is said
    of survey files must not keep a run from reading what it wrote. And beyond `MOST` a table may be
    read at once where it swells less than `TABLE` times, as embeddings do: whoever has a file of
    that size knows it.

    Columns that are the same everywhere swell far more than `RATIO` times, but never alone. A
    table is compared with its whole file, which names its rows: a name takes two bytes or more,
    and for each column a row group of 1,024 rows takes a hundred bytes of headers, so that even a
    file of constants alone swells less than a hundredfold.

    Raises
    ------
    DataError
    """
    swells = size > RATIO * on_disk
    large = at_once and size > max(MOST, TABLE * on_disk)
    if size > max(FREE, _set_limit() or 0) and (swells or large):
        raise DataError(_refusal(size, on_disk, what, MOST, swells))


def check_filled(size: float, rows: int, on_disk: int, what: str, at_once: bool = True) -> None:
    """Refuse lists of one length in a table of skybind's own that would take too much memory.

    Where an object has none (no vector of a modality), Arrow writes zeros, so that such a column
    may swell without limit. But its object has a name, which takes a byte or more.

    Raises
    ------
    DataError
    """
    large = at_once and size > max(MOST, TABLE * on_disk)
    if size > max(FREE, _set_limit() or 0) and (rows > on_disk or large):
        raise DataError(_refusal(size, on_disk, what, MOST, False))


def check_declared(size: float, on_disk: int, what: str) -> None:
    """Refuse a part of what is read in pieces that would take too much memory by itself.

    Unlike `check_size`, this lets pass what is small in any case, however low a limit was set.
    """
    if size > FREE:
        check_size(size, on_disk, what)


def _set_limit() -> int | None:
    own = os.environ.get(VARIABLE)
    return None if own is None else read_size(own)


def _refusal(
    size: float, on_disk: int, what: str, most: float, swells: bool, ways: str = ""
) -> str:
    return (
        f"{what} would take {_bytes(size)} or more from {_bytes(on_disk)} on disk, which is "
        f"more than is read{'' if swells else ' at once'} ({_bytes(most)}"
        f"{f', and {RATIO} times what is on disk' if swells else ''}): if that is right, "
        f"allow it by {VARIABLE}=20GB in the environment{ways}."
    )


def _bytes(size: float) -> str:
    if not math.isfinite(size) or size >= 1e15:
        return "more than a million GB"
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:,.3g} {name}"
    return f"{size:.0f} bytes"
