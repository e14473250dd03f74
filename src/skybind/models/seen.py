"""What a model has seen, in the files beside it: `trained_on.npy` and `seen.safetensors`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from skybind.data.seen import TRAINED, Seen
from skybind.errors import ModelError, quoted
from skybind.files import raise_of_machine
from skybind.models.noted import FILES

#: Hashes of the names of training objects, and of all else that is known of objects.
TRAINED_ON, SEEN = "trained_on.npy", "seen.safetensors"
_ID = (TRAINED, "id")


def write_seen(folder: Path, seen: Seen) -> None:
    """Write both files into the folder of a model that is being saved."""
    np.save(folder / TRAINED_ON, seen.trained_on)
    rest = {"/".join(key): values for key, values in seen.hashes.items() if key != _ID}
    save_file({key: np.ascontiguousarray(values) for key, values in rest.items()}, folder / SEEN)


def read_seen(folder: Path, note: Mapping[str, Any]) -> Seen:
    """Read what a model has seen; a model of an older skybind knows only names.

    Parameters
    ----------
    folder : Path
    note : mapping
        The model's note, whose files were verified.

    Raises
    ------
    ModelError
        If a file cannot be read or is gone.
    """
    try:
        trained = np.load(folder / TRAINED_ON, allow_pickle=False)
        if trained.dtype != np.uint64 or trained.ndim != 1:
            raise ValueError(f"{TRAINED_ON} holds no hashes of names")
        hashes = {_ID: trained}
        if SEEN in (note.get(FILES) or {}):
            for key, values in load_file(folder / SEEN).items():
                role, _, what = key.partition("/")
                hashes[role, what] = values
        hashes = {key: np.unique(values) for key, values in hashes.items()}
    except Exception as error:
        raise_of_machine(error)
        raise ModelError(f"The model in {folder} cannot be read: {quoted(error)}.") from error
    return Seen(hashes)
