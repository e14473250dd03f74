"""Writing files so that nothing is ever left half-written."""

import ctypes
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import uuid
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from skybind.errors import ConfigError
from skybind.printable import printable
from skybind.refusals import of_machine

#: Set to 0, files are not forced to the disk: quicker, and safe against a killed process, but not
#: against a machine that loses its power. The tests run so.
SYNC = "SKYBIND_FSYNC"


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well.

    Works for a file or a folder. If the block raises, the temporary path is removed
    and whatever stood at `path` before is untouched. A folder replaces a folder: there is no
    moment without the old or the new one. All is on the disk before the name appears. What a
    killed process left of an earlier try is removed. Where `path` is a symbolic link, what it leads
    to is replaced and the link stays.

    Parameters
    ----------
    path : str or Path
        Where the finished file or folder shall stand.

    Yields
    ------
    Path
        The temporary path to write to (it does not exist yet).
    """
    path = linked_place(Path(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    temporary = path.parent / f".{path.name}.{_mark()}-{uuid.uuid4().hex[:8]}.tmp"
    try:
        yield temporary
        put_in_place(temporary, path)
    except OSError as error:
        if error.errno is not None:  # otherwise the name would take the place of the words
            place = str(error.filename or temporary)  # a user knows the last one
            error.filename, error.filename2 = place.replace(str(temporary), str(path)), None
        raise
    finally:
        _remove(temporary)


def linked_place(path: Path) -> Path:
    """Return where a path leads if it is a symbolic link, else the path as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def put_in_place(made: Path, path: Path) -> None:
    """Rename a finished file or folder to its place, where the old one may stand.

    It is on the disk before. Killed at any moment, the old or the new one stands in the place. A
    symbolic link there stays, and what it leads to is replaced.
    """
    path = linked_place(path)
    sync_tree(made)
    if made.is_dir() and path.is_dir():
        if not _exchange(made, path):
            old = path.parent / f".{path.name}.{_mark()}-{uuid.uuid4().hex[:8]}.old"
            os.replace(path, old)
            os.replace(made, path)
            made = old
        _remove(made)
    else:
        os.replace(made, path)
    _sync(path.parent)


def file_states(path: Path) -> dict[str, list[int]]:
    """Give size and time of change of a file, or of all files in a folder, by their paths."""
    inside = [Path(at, name) for at, _, names in os.walk(path) for name in names]
    states: dict[str, list[int]] = {}
    for file in inside or [path]:
        with suppress(OSError):  # whoever reads it says what is wrong with it
            found = file.stat()
            states[str(file)] = [found.st_size, found.st_mtime_ns]
    return states


def link_or_copy(path: Path, place: Path) -> None:
    """Give a file a second name, or copy it where that cannot be."""
    try:
        place.hardlink_to(path)
    except OSError:  # another file system, or one without links
        shutil.copyfile(path, place)


def remove_leftovers(path: Path) -> None:
    """Remove what a killed process left of writing to `path`; bring back what it had moved aside.

    What a process that still runs, or one of another machine, is writing stays.
    """
    host = _mark().partition("-")[0]
    pattern = re.compile(rf"\.{re.escape(path.name)}\.{host}-(\d+)-[0-9a-f]{{8}}\.(tmp|old)")
    for name in _names(path.parent):
        found = pattern.fullmatch(name)
        if found is None or _lives(int(found[1])):
            continue
        left = path.parent / name
        if found[2] == "old" and not path.exists():
            os.replace(left, path)
        else:
            _remove(left)


def remove_whole(path: Path) -> None:
    """Remove a file or a folder: killed meanwhile, all of it or nothing stands in its place.

    `remove_leftovers` then takes the rest.
    """
    gone = path.parent / f".{path.name}.{_mark()}-{uuid.uuid4().hex[:8]}.tmp"
    with suppress(FileNotFoundError):
        os.replace(path, gone)
        _remove(gone)


def sync_tree(path: Path) -> None:
    """Force a file, or all that a folder holds, to the disk."""
    if os.environ.get(SYNC) == "0":
        return
    if path.is_dir():
        for entry in list(path.iterdir()):
            if not entry.is_symlink():
                sync_tree(entry)
    _sync(path)


def _sync(path: Path) -> None:
    if os.environ.get(SYNC) == "0" or not path.exists():
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # a folder cannot be opened on every system
        return
    try:
        os.fsync(handle)
    except OSError:
        if path.is_file():
            raise
    finally:
        os.close(handle)


def _exchange(one: Path, two: Path) -> bool:
    """Exchange two folders in one step; False where the system cannot."""
    rename = _renameat2()
    if rename is None:
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(rename(here, os.fsencode(one), here, os.fsencode(two), swap) == 0)


@cache
def _renameat2() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "renameat2", None)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _lives(process: int) -> bool:
    """Whether a process of this machine runs."""
    if sys.platform == "win32":  # asking there would interrupt it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _mark() -> str:
    """Name this process among all that may write to a shared folder."""
    return f"{_machine()}-{os.getpid()}"


@cache
def _machine() -> str:
    try:  # containers count their processes for themselves
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:6]


def is_writable(folder: Path) -> bool:
    """Return whether this process may write to a folder."""
    return os.access(folder, os.W_OK)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all (NaN becomes null)."""
    write_text(path, json.dumps(plain_json(value), indent=1, allow_nan=False) + "\n")


def json_hash(value: Any, length: int = 16) -> str:
    """Hash a JSON-able value: the same content gives the same `length` hex digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def plain_json(value: Any) -> Any:
    """Turn numpy scalars and arrays into Python's own, and non-finite numbers into None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def write_array(path: Path, values: np.ndarray) -> None:
    """Write an array as `.npz`, which has a checksum, whole or not at all."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, values=values)


def read_array(path: Path) -> np.ndarray | None:
    """Read what `write_array` wrote; None if there is nothing, or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return np.asarray(stored["values"])
    except (OSError, ValueError, EOFError, KeyError, BadZipFile, zlib.error, RuntimeError):
        return None  # a RuntimeError is of an unknown packing, or of a password


def array_hash(values: np.ndarray) -> str:
    """Hash the type, shape and content of an array."""
    array = np.ascontiguousarray(values)
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(head + array.tobytes()).hexdigest()[:16]


def file_hash(path: Path) -> str:
    """Hash a file's content: 16 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


_NAME = re.compile(r"[A-Za-z0-9_+-](?:[A-Za-z0-9_.+-]*[A-Za-z0-9_+-])?")
_SEPARATORS = re.compile(r"[/\\:]")
#: What Windows takes for a device, with any ending.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def check_name(name: str, what: str, most: int = 100) -> None:
    """Refuse a name that is not safe as that of a file or a folder.

    Parameters
    ----------
    name : str
    what : str
        What is named, for the message: "The split's name".
    most : int
        Letters it may have.

    Raises
    ------
    ConfigError
        If it has anything but letters, digits and `_ - . +`, begins or ends with a dot, is the
        name of a device (`nul`, `COM1`), or is empty or too long.
    """
    if len(name) > most or not _NAME.fullmatch(name):
        raise ConfigError(
            f"{what} '{printable(name[:most])}' becomes the name of a file: use letters, digits "
            f"and _ - . + only, at most {most} of them, with no dot in front or at the end."
        )
    if _DEVICES.fullmatch(name):
        raise ConfigError(
            f"{what} '{name}' becomes the name of a file, but is that of a device on Windows: "
            "choose another."
        )


def check_known_name(name: str, what: str, most: int = 100) -> None:
    """Refuse a name of what is there already only where it would lead to another place.

    What is made is held to `check_name`; names that an older skybind allowed are opened.

    Raises
    ------
    ConfigError
        If it is empty or too long, begins with a dot, or has a separator or a control character.
    """
    long = len(name) > most or len(name.encode("utf-8", "replace")) > 2 * most
    if not name or long or name[0] == "." or _SEPARATORS.search(name) or not name.isprintable():
        raise ConfigError(
            f"{what} '{printable(name[:most])}' becomes the name of a file: it may have no / \\ : "
            f"or control character, no dot in front, and at most {most} letters."
        )


def raise_of_machine(error: BaseException) -> None:
    """Raise an error again if it is the machine's: the file may be sound.

    Raises
    ------
    OSError, MemoryError, RuntimeError
    """
    if of_machine(error):
        raise error
