"""Locks between programs that would write to one place."""

import datetime
import errno
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.progress import say

# What a file system without locks answers (some of clusters).
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, and since when (ISO 8601, UTC)."""

    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since[:19].replace('T', ' ')} UTC"


def myself() -> Holder:
    """Return this process as a holder."""
    return Holder(socket.gethostname(), os.getpid(), now())


def now() -> str:
    """Return the time, ISO 8601, UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def holder(path: Path) -> Holder | None:
    """Return who holds a lock; None where nobody does, or that is not known."""
    try:
        note = json.loads(_note(path).read_text("utf-8"))
        found = Holder(str(note["host"]), int(note["pid"]), str(note["since"]))
    except (OSError, ValueError, TypeError, KeyError):  # gone, or just being written
        return None
    return None if free(path) else found


def waiting_for(what: str) -> Callable[[str], None]:
    """Return what to call where another program holds a lock: say so, for it is waited for."""
    return lambda who: say(f"{who} {what}; it is waited for.")


@contextmanager
def alone(path: Path, *, otherwise: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock that one program at a time can hold; it is free again when that one ends.

    On a file system without locks the block runs all the same: better two programs at once than
    none.

    Parameters
    ----------
    path : Path
        The lock's file; its folder has to exist.
    otherwise : callable
        Called when another program holds the lock, with words for it, such as "another program
        (process 77 on node3, since ...)"; then it is waited for, unless this raises.

    Raises
    ------
    DataError
        If the file cannot be used, such as one of another user.
    """
    lock = FileLock(path)
    if not _taken(lock, path, wait=False):
        found = holder(path)
        otherwise("another program" + ("" if found is None else f" ({found})"))
        _taken(lock, path, wait=True)
    try:
        with _noted(path):
            yield
    finally:
        lock.release()


@contextmanager
def tried(path: Path) -> Iterator[bool]:
    """Hold a lock if no other program holds it; gives whether it is held.

    On a file system without locks it always is.

    Parameters
    ----------
    path : Path
        The lock's file; its folder has to exist.
    """
    lock = FileLock(path)
    mine = _taken(lock, path, wait=False)
    try:
        with _noted(path) if mine else nullcontext():
            yield mine
    finally:
        lock.release()


def free(path: Path) -> bool:
    """Return whether no program holds a lock; it is left as it is."""
    if not path.exists():
        return True
    lock = FileLock(path)
    try:
        return _taken(lock, path, wait=False)
    finally:
        lock.release()


def left(path: Path) -> bool:
    """Return whether a lock's files are there, of a program that holds it or was killed."""
    return path.exists() or _note(path).exists()


def _note(path: Path) -> Path:
    return path.with_suffix(".holder")


@contextmanager
def _noted(path: Path) -> Iterator[None]:
    """Note who holds a lock, while it is held; without the note others are told less."""
    note = _note(path)
    with suppress(OSError):
        note.write_text(json.dumps(vars(myself())), encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)


def _taken(lock: FileLock, path: Path, wait: bool) -> bool:
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        return False
    except NotImplementedError:
        return True
    except OSError as error:
        raise_of_machine(error)
        if error.errno not in _NO_LOCKS:
            raise DataError(f"{path} cannot be locked: {error.strerror or error}.") from error
    return True
