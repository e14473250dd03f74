"""Checkpoints of a training run: written whole or not at all, read without unpickling code."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from skybind.config.training import TrainingOptions
from skybind.errors import ModelError
from skybind.files import array_hash, atomic_path, json_hash, raise_of_machine

_VERSION = 1


# Options that say how long, where or in what portions is trained, not what.
_FREE = {
    "epochs",
    "max_minutes",
    "loader_threads",
    "devices",
    "nodes",
    "accelerator",
    "compile",
    "cached_chunk",
    "accumulate",
    # used up in choosing the others
    "min_batches",
    "min_steps",
    "min_patience",
}


def fingerprint(
    kind: str,
    module: nn.Module,
    options: TrainingOptions,
    rows: dict[str, np.ndarray],
    seed: int,
    extra: Any = None,
) -> str:
    """Hash what a run must share with the run that it resumes.

    These are the options that decide its numbers, the names and shapes of the weights and
    which of them are trained, the objects of each split, the seed, and `extra`.
    """
    weights = {key: list(value.shape) for key, value in module.state_dict().items()}
    trained = [name for name, p in module.named_parameters() if p.requires_grad]
    # a checkpoint from before an option came is one without it
    later = {
        "average": None,
        "decay": "plateau",
        "loss_mean": "objects",
        "keep_by": "loss",
        "plateau_by": "validation",
        "validation_views": "clean",
    }
    new = {name for name, before in later.items() if getattr(options, name) == before}
    # along a cosine the rate of every epoch depends on their number
    free = _FREE - ({"epochs"} if options.decay == "cosine" else set())
    content = {
        "kind": kind,
        "options": options.model_dump(mode="json", exclude=free | new),
        "weights": weights,
        "trained": trained,
        "rows": {name: array_hash(part) for name, part in rows.items()},
        "seed": seed,
        "extra": extra,
    }
    return json_hash(content)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, lists, dictionaries) to `path`."""
    with atomic_path(path) as temporary:
        torch.save({"version": _VERSION} | state, temporary)


def load_checkpoint(path: Path, expected: str) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, onto the CPU.

    Parameters
    ----------
    path : Path
        The checkpoint.
    expected : str
        `fingerprint` of the run that wants to go on from it.

    Raises
    ------
    ModelError
        If the file cannot be read, or belongs to another run.
    """
    verify_checkpoint(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise_of_machine(error)
        raise ModelError(
            f"The checkpoint {path} cannot be read ({type(error).__name__}); "
            "delete it to start the training anew."
        ) from error
    if not isinstance(state, dict) or state.get("version") != _VERSION:
        raise ModelError(
            f"The checkpoint {path} was written by another version of skybind; "
            "delete it to start the training anew."
        )
    if state["fingerprint"] != expected:
        raise ModelError(
            f"The checkpoint {path} belongs to a run with another configuration, data, start or "
            "seed; resume with what it was started with, or train into another folder."
        )
    return state


def verify_checkpoint(path: Path) -> None:
    """Refuse a checkpoint of which a byte was changed, by the checksums that its parts have.

    Raises
    ------
    ModelError
    """
    try:
        with zipfile.ZipFile(path) as parts:
            damaged = parts.testzip()
    except Exception as error:
        raise_of_machine(error)
        raise ModelError(
            f"The checkpoint {path} cannot be read ({type(error).__name__}); "
            "delete it to start the training anew."
        ) from error
    if damaged is not None:
        raise ModelError(f"The checkpoint {path} is damaged; delete it to start the training anew.")


def save_weights(module: nn.Module, path: Path) -> None:
    """Write the state dictionary of `module` as safetensors, with a hash of it."""
    from safetensors.torch import save_file

    weights = {key: value.detach().cpu().clone() for key, value in module.state_dict().items()}
    weights = {key: value.contiguous() for key, value in weights.items()}
    with atomic_path(path) as temporary:
        save_file(weights, temporary, metadata={_HASH: _hash(weights)})


def load_weights(module: nn.Module, path: Path) -> None:
    """Put the weights that `save_weights` wrote into `module`.

    Raises
    ------
    ModelError
        If the file is damaged.
    """
    weights = verify_weights(path)
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(f"{path} holds the weights of another network: {_ANEW}.") from error


def verify_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights of the best epoch, and refuse them if they are damaged.

    Raises
    ------
    ModelError
    """
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            stated = (file.metadata() or {}).get(_HASH)
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except Exception as error:
        raise_of_machine(error)
        raise ModelError(f"{path} cannot be read: {_ANEW}.") from error
    if stated is not None and stated != _hash(weights):
        raise ModelError(f"{path} is damaged, its hash differs: {_ANEW}.")
    return weights


_HASH = "content"
_ANEW = "delete its folder to train anew"


def _hash(weights: Mapping[str, torch.Tensor]) -> str:
    return json_hash({key: array_hash(_numpy(value)) for key, value in weights.items()})


def _numpy(values: torch.Tensor) -> np.ndarray:
    return np.asarray(values.contiguous().view(torch.uint8) if values.ndim else values)
