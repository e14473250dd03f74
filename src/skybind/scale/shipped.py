"""The model on the workers: it travels once to each, and is opened once in each process."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from skybind.errors import ModelError
from skybind.files import atomic_path, file_hash

if TYPE_CHECKING:
    from skybind.models.model import Model

#: Models that a process keeps open.
MOST = 4

_opened: "dict[str, Model]" = {}
_places: dict[str, Path] = {}
_lock = Lock()


@dataclass(frozen=True)
class Shipped:
    """A saved model as a task names it.

    Attributes
    ----------
    folder : str
        Where it was found.
    key : str
        Hash of its files: of weights, preprocessing, calibration and reference.
    """

    folder: str
    key: str


def open_shipped(model: Shipped) -> "Model":
    """Open a model in this process, unless it is open.

    Raises
    ------
    ModelError
        If it is not here, or changed since the work was planned.
    """
    from skybind.models.model import Model

    with _lock:
        if model.key not in _opened:
            folder = _places.get(model.key, Path(model.folder))
            if not folder.is_dir():
                raise ModelError(
                    f"The model in {folder} is not on this worker: make the Dask client before the "
                    "work, or keep the model where all workers see it."
                )
            if key_of(folder) != model.key:
                raise ModelError(f"The model in {folder} changed since the work was planned.")
            while len(_opened) >= MOST:
                _opened.pop(next(iter(_opened)))
            _opened[model.key] = Model.open(folder)
        return _opened[model.key]


def unpack(key: str, files: dict[str, bytes], beside: Path) -> None:
    """Write a model's files to a folder of this worker's, from which it opens them."""
    folder = beside / f"skybind-model-{key}"
    if not folder.is_dir() or key_of(folder) != key:
        with atomic_path(folder) as temporary:
            for name, content in files.items():
                path = temporary / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    _places[key] = folder


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))


def key_of(folder: Path) -> str:
    """Hash all files of a saved model."""
    digest = hashlib.sha256()
    for path in _files(folder):
        digest.update(f"{path.relative_to(folder).as_posix()} {file_hash(path)}\n".encode())
    return digest.hexdigest()[:16]


def contents_of(folder: Path) -> dict[str, bytes]:
    """Read all files of a saved model."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in _files(folder)}
