"""Checkpoints of a training run: written whole or not at all, read without unpickling code."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from skybind.config.training import TrainingOptions
from skybind.errors import ModelError
from skybind.files import array_hash, atomic_path, json_hash

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
        "loss_mean": "objects",
        "keep_by": "loss",
        "plateau_by": "validation",
        "validation_views": "clean",
    }
    new = {name for name, before in later.items() if getattr(options, name) == before}
    content = {
        "kind": kind,
        "options": options.model_dump(mode="json", exclude=_FREE | new),
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
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, pickle.UnpicklingError) as error:
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


def save_weights(module: nn.Module, path: Path) -> None:
    """Write the state dictionary of `module` as safetensors."""
    from safetensors.torch import save_file

    weights = {key: value.detach().cpu().clone() for key, value in module.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file({key: value.contiguous() for key, value in weights.items()}, temporary)


def load_weights(module: nn.Module, path: Path) -> None:
    """Put the weights that `save_weights` wrote into `module`."""
    from safetensors.torch import load_file

    module.load_state_dict(load_file(path))
