"""Locks between programs that would write to one place."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def alone(path: Path, *, otherwise: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that one program at a time can hold; it is free again when that one ends.

    On a file system without locks (some of clusters) the block runs all the same: better two
    programs at once than none.

    Parameters
    ----------
    path : Path
        The lock's file; its folder has to exist.
    otherwise : callable
        Called when another program holds the lock; then it is waited for, unless this raises.
    """
    lock = FileLock(path)
    try:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            otherwise()
            lock.acquire()
    except (OSError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        lock.release()
