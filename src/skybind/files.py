"""Writing files so that nothing is ever left half-written."""

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from skybind.errors import ConfigError
from skybind.printable import printable


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well.

    Works for a file or a folder. If the block raises, the temporary path is removed
    and whatever stood at `path` before is untouched. A folder replaces a folder.

    Parameters
    ----------
    path : str or Path
        Where the finished file or folder shall stand.

    Yields
    ------
    Path
        The temporary path to write to (it does not exist yet).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.tmp"
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            old = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.old"
            os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
    except OSError as error:
        if error.filename in (None, str(temporary)):  # the place that a user knows
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


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


def array_hash(values: np.ndarray) -> str:
    """Hash the type, shape and content of an array."""
    array = np.ascontiguousarray(values)
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(head + array.tobytes()).hexdigest()[:16]


_NAME = re.compile(r"[A-Za-z0-9_+-](?:[A-Za-z0-9_.+-]*[A-Za-z0-9_+-])?")
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
