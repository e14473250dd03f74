"""Saved backbones: encoders that were pre-trained alone, without labels and without partners.

A folder holds `backbone.json` (encoder, its options, the modality's preprocessing, identity),
`weights.safetensors`, `preprocessing.safetensors` (what the preprocessing learned) and
`trained_on.npy` and `seen.safetensors` (64-bit hashes of the training objects' ids, names and
observations, by which leaks are refused). Of a
published one `head.safetensors` may hold the linear layers that stood on it.
"""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file

from skybind.data.schema import other_attribute
from skybind.data.seen import Seen
from skybind.data.splits import Split
from skybind.data.systems import other_system
from skybind.encoders.registry import Encoder, build_encoder
from skybind.encoders.release import load_parameters
from skybind.errors import ConfigError, ModelError, quoted
from skybind.files import atomic_path, file_hash, raise_of_machine
from skybind.modalities.base import Modality
from skybind.modalities.shape import InputShape
from skybind.models.binder import Binder
from skybind.models.leaks import refuse_seen
from skybind.models.noted import verify_files, verify_note, write_note
from skybind.models.seen import read_seen, write_seen
from skybind.progress import say
from skybind.version import __version__

BACKBONE_VERSION = 1
HEAD = "head.safetensors"


@dataclass(frozen=True)
class BackboneNote:
    """What is known of a saved backbone, besides its weights.

    Attributes
    ----------
    encoder : dict
        `name` and `options`.
    shape : InputShape
        Of its inputs.
    kind : str
        Kind of its modality.
    preprocessing : dict
        The modality's options, as they were in pre-training.
    statistics : dict of str to ndarray
        What the preprocessing learned from the training objects.
    identity : dict
        Split hash, dataset fingerprint, versions, and a hash of the weights.
    seen : Seen
        Hashes of the objects it was trained on.
    observation : dict
        `fields` (name and unit) that the modality cannot do without, in order, and `attributes`
        of the column; empty if nobody noted them.
    """

    encoder: dict[str, Any]
    shape: InputShape
    kind: str
    preprocessing: dict[str, Any]
    statistics: dict[str, np.ndarray]
    identity: dict[str, Any]
    seen: Seen
    observation: dict[str, Any]

    @property
    def trained_on(self) -> np.ndarray:
        """Hashes of the ids of the objects it was trained on, sorted."""
        return self.seen.trained_on


def save_backbone(
    folder: str | Path,
    encoder_name: str,
    options: Mapping[str, Any],
    encoder: Encoder,
    *,
    modality: Modality,
    shape: InputShape,
    trained_on: np.ndarray | Seen,
    identity: Mapping[str, Any] | None = None,
    head: Sequence[tuple[torch.Tensor, torch.Tensor]] = (),
) -> None:
    """Save a backbone to a folder.

    Parameters
    ----------
    folder : str or Path
    encoder_name : str
        Its name in the registry.
    options : mapping
        What the encoder was built with.
    encoder : Encoder
        Without whatever it was trained with (a decoder, a projection head).
    modality : Modality
        Fitted; its kind, options and statistics are saved.
    shape : InputShape
        What the encoder was built for.
    trained_on : ndarray of str, or Seen
        Ids of the training objects, or hashes of all that is known of them.
    identity : mapping, optional
        Split hash, dataset fingerprint and the like.
    head : sequence of (Tensor, Tensor), optional
        Weights and biases of linear layers that stood on it, which a head may start from.
    """
    state = {key: value.detach().cpu().contiguous() for key, value in encoder.state_dict().items()}
    statistics = {k: np.ascontiguousarray(v) for k, v in modality.state().items()}
    with atomic_path(folder) as temporary:
        temporary.mkdir(parents=True)
        save_file(state, temporary / "weights.safetensors")
        save_arrays(statistics, temporary / "preprocessing.safetensors")
        if head:
            save_file(_numbered(head), temporary / HEAD)
        write_seen(temporary, trained_on if isinstance(trained_on, Seen) else Seen.of(trained_on))
        note = {
            "backbone_version": BACKBONE_VERSION,
            "encoder": {"name": encoder_name, "options": dict(options)},
            "shape": asdict(shape),
            "kind": modality.kind,
            "preprocessing": modality.options.model_dump(mode="json"),
            "observation": _observation(modality),
            "identity": {
                **(identity or {}),
                "weights": file_hash(temporary / "weights.safetensors"),
                "versions": versions(),
            },
        }
        write_note(temporary / "backbone.json", note)


def load_backbone(
    folder: str | Path, shape: InputShape | None = None
) -> tuple[Encoder, BackboneNote]:
    """Open a saved backbone.

    Parameters
    ----------
    folder : str or Path
    shape : InputShape, optional
        Of the inputs that it shall be used on; what it was trained on by default.

    Returns
    -------
    Encoder, BackboneNote
        The encoder is in evaluation mode.

    Raises
    ------
    ModelError
        If the folder holds no backbone, or one for inputs of another shape.
    """
    folder = Path(folder)
    note, state = read_backbone(folder)
    if shape is not None and shape != note.shape:
        raise ModelError(
            f"The backbone in {folder} was trained on {_sizes(note.shape)}, these inputs have "
            f"{_sizes(shape)}: use its preprocessing, {note.preprocessing}."
        )
    try:
        encoder = build_encoder(note.encoder["name"], note.shape, **note.encoder["options"])
    except (ConfigError, TypeError) as error:
        raise ModelError(f"The backbone in {folder} cannot be built: {quoted(error)}.") from error
    load_parameters(encoder, state, f"{note.encoder['name']} encoder of {folder}")
    return encoder.eval(), note


def read_backbone(folder: str | Path) -> tuple[BackboneNote, dict[str, torch.Tensor]]:
    """Read a saved backbone's note and weights without building it.

    Parameters
    ----------
    folder : str or Path
        Of the backbone, or of the pre-training that made it (which holds it as `backbone`).

    Raises
    ------
    ModelError
        If the folder holds no backbone that this version reads.
    """
    folder = _home(folder)
    if not (folder / "backbone.json").exists():
        raise ModelError(f"There is no backbone in {folder}: it has no backbone.json.")
    try:
        note = json.loads((folder / "backbone.json").read_text(encoding="utf-8"))
        verify_note(folder / "backbone.json", note)
        verify_files(folder, note)
        state = load_file(folder / "weights.safetensors")
        statistics = load_arrays(folder / "preprocessing.safetensors")
        seen = read_seen(folder, note)
        version = note["backbone_version"]
        if version != BACKBONE_VERSION:
            raise ModelError(
                f"The backbone in {folder} has version {version}, this skybind reads "
                f"{BACKBONE_VERSION}."
            )
        known = BackboneNote(
            note["encoder"],
            InputShape(**note["shape"]),
            note["kind"],
            note["preprocessing"],
            statistics,
            note["identity"],
            seen,
            note.get("observation", {}),
        )
    except ModelError:
        raise
    except Exception as error:
        raise_of_machine(error)
        raise ModelError(f"The backbone in {folder} cannot be read: {quoted(error)}.") from error
    return known, state


def read_head(folder: str | Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Read the linear layers that stood on a published backbone: weights and biases, in order."""
    path = _home(folder) / HEAD
    if not path.exists():
        return []
    state = load_file(path)
    return [(state[f"{i}.weight"], state[f"{i}.bias"]) for i in range(len(state) // 2)]


def _home(folder: str | Path) -> Path:
    """Give the folder of a backbone, or that in the folder of the pre-training that made it."""
    folder = Path(folder)
    inner = folder / "backbone"
    return inner if (inner / "backbone.json").exists() else folder


def versions() -> dict[str, str]:
    """Give the versions of what a model or a backbone is made with."""
    return {
        "skybind": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _numbered(head: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return {
        f"{number}.{name}": value.detach().cpu().contiguous().clone()
        for number, layer in enumerate(head)
        for name, value in zip(("weight", "bias"), layer, strict=True)
    }


def check_backbones(binder: Binder, modalities: Mapping[str, Modality]) -> None:
    """Check that saved backbones get inputs as they were trained on.

    Options of training views (whose description begins with "Training:") may differ.

    Raises
    ------
    ConfigError
        If another option of the preprocessing differs.
    ModelError
        If the bands of an image, their order or units, or its pixel scale differ.
    """
    for name, encoder in binder.backboned.items():
        options = modalities[name].options
        here = options.model_dump(mode="json")
        for key, made in encoder.preprocessing.items():
            field = type(options).model_fields.get(key)
            free = field is not None and (field.description or "").startswith("Training:")
            if not free and here.get(key) != made:
                raise ConfigError(
                    f"modalities.{name}.preprocessing.{key} is {here.get(key)}, the backbone was "
                    f"trained with {made}: set it so."
                )
        _check_observation(name, encoder.observation, _observation(modalities[name]))


def _observation(modality: Modality) -> dict[str, Any]:
    """Give what the numbers of a modality's observations mean, as far as its features depend on it.

    Fields that a modality only may have, and whose scale is normalised away, are left out.
    """
    column, schema = modality.column, modality.schema
    if column not in schema.observations:
        return {}
    units = schema.fields(column)
    needed = [[field, units[field]] for field in modality.needs.get(column, [])]
    return {"fields": needed, "attributes": dict(schema.attributes(column))}


def _check_observation(name: str, made: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    if not made:
        return
    if made["fields"] != here["fields"]:
        raise ModelError(
            f"The backbone of modalities.{name} was trained on {_fields(made['fields'])}, the "
            f"dataset has {_fields(here['fields'])}: set the bands so (in this order), or convert "
            "the dataset."
        )
    key = other_attribute(made["attributes"], here["attributes"])
    if key is not None:
        raise ModelError(
            f"The backbone of modalities.{name} was trained with the {key} "
            f"{made['attributes'][key]}, the dataset has {here['attributes'].get(key)}: convert it."
        )
    other = other_system(made["attributes"], here["attributes"])
    if other is not None:
        say(f"The backbone of modalities.{name} was trained in {other}.")


def _fields(fields: Sequence[Sequence[str | None]]) -> str:
    return ", ".join(f"{field} [{unit}]" if unit else str(field) for field, unit in fields)


def refuse_backbone_leaks(binder: Binder, object_id: np.ndarray, split: Split) -> None:
    """Refuse a split that validates or tests on objects that a frozen backbone was trained on.

    Raises
    ------
    LeakError
        Even if the backbone saw no labels: what it learnt of these objects is in its features.
    """
    for name, encoder in binder.backboned.items():
        for part, purpose in (("test", "testing"), ("validation", "validation")):
            ids = object_id[split.rows(part)]
            refuse_seen(ids, encoder.seen, f"the backbone of '{name}'", purpose)


def _sizes(shape: InputShape) -> str:
    return f"{shape.channels} channels of length {shape.length}"
