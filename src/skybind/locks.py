"""Locks between programs that would write to one place."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from skybind.errors import DataError

# What a file system without locks answers (some of clusters).
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


@contextmanager
def alone(path: Path, *, otherwise: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that one program at a time can hold; it is free again when that one ends.

    On a file system without locks the block runs all the same: better two programs at once than
    none.

    Parameters
    ----------
    path : Path
        The lock's file; its folder has to exist.
    otherwise : callable
        Called when another program holds the lock; then it is waited for, unless this raises.

    Raises
    ------
    DataError
        If the file cannot be used, such as one of another user.
    """
    lock = FileLock(path)
    if not _taken(lock, path, wait=False):
        otherwise()
        _taken(lock, path, wait=True)
    try:
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
        yield mine
    finally:
        lock.release()


def free(path: Path) -> bool:
    """Return whether no program holds a lock; it is left as it is."""
    if not path.exists():
        return True
    with tried(path) as mine:
        return mine


def _taken(lock: FileLock, path: Path, wait: bool) -> bool:
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        return False
    except NotImplementedError:
        return True
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise DataError(f"{path} cannot be locked: {error.strerror or error}.") from error
    return True
