"""Files of weights that others made: found in a folder, and read without running anything."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from skybind.errors import ModelError
from skybind.files import file_hash
from skybind.models.weights import read_tensors
from skybind.words import join

#: Endings of files of weights; the first that a folder has is taken.
ENDINGS = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")
#: Names that the hub's libraries and skybind give to files of weights.
USUAL = ("model.safetensors", "pytorch_model.bin", "weights.safetensors")
CONFIG = "config.json"
#: More is no model that skybind has the form of [bytes].
LARGEST = 8 << 30


@dataclass(frozen=True)
class WeightSource:
    """Weights as they were read.

    Attributes
    ----------
    path : Path
        File of the weights.
    config : Path or None
        The `config.json` that belongs to them, if there is one.
    tensors : dict of str to Tensor
        By name; names of nested mappings are joined by dots.
    hash : str
        Of the file's content.
    """

    path: Path
    config: Path | None
    tensors: dict[str, Tensor]
    hash: str


def read_source(path: str | Path, config: str | Path | None = None) -> WeightSource:
    """Read weights: a folder as the hub has it, or a file, `config.json` beside it.

    Parameters
    ----------
    path : str or Path
    config : str or Path, optional
        The `config.json`, where it stands elsewhere.

    Raises
    ------
    ModelError
        If there is no file of weights, or several, or it cannot be read, or holds anything but
        finite numbers.
    """
    file = find_weights(Path(path))
    beside = file.parent / CONFIG if config is None else Path(config)
    if config is not None and not beside.is_file():
        raise ModelError(f"There is no file {beside}: give the config.json of the weights.")
    if file.stat().st_size > LARGEST:
        raise ModelError(
            f"{file} has {file.stat().st_size / 2**30:.0f} GiB: no model that skybind knows has "
            f"more than {LARGEST >> 30}: name the file of the weights alone."
        )
    tensors = read_tensors(file)
    if not tensors:
        raise ModelError(f"{file} holds no tensor: name the file of the weights.")
    for name, values in tensors.items():
        if values.is_floating_point() and not _finite(values):
            raise ModelError(
                f"{file}: '{name}' holds numbers that are not finite: take the file anew from "
                "where it came."
            )
    return WeightSource(file, beside if beside.is_file() else None, tensors, file_hash(file))


def _finite(values: Tensor) -> bool:
    small = values.element_size() == 1  # which torch cannot compute with
    return bool(torch.isfinite(values.float() if small else values).all())


def find_weights(path: Path) -> Path:
    """Find the file of weights in a folder; a file is itself.

    Raises
    ------
    ModelError
        If there is none, or several of which none has the hub's name.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise ModelError(
            f"There is no folder or file of weights at {path}: name one that was downloaded."
        )
    for name in USUAL:
        if (path / name).is_file():
            return path / name
    found = sorted(file for file in path.iterdir() if file.suffix in ENDINGS and file.is_file())
    if not found:
        raise ModelError(
            f"{path} holds no file of weights ({join(ENDINGS, 'or')}): name the file itself, or "
            "the folder it is in."
        )
    if len(found) > 1:
        names = [file.name for file in found]
        raise ModelError(f"{path} holds several files of weights, {join(names[:5])}: name one.")
    return found[0]
