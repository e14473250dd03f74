"""The parts of a saved model that are read without building it."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from skybind.errors import ConfigError, ModelError
from skybind.modalities.base import Modality
from skybind.models.leaks import refuse_seen, tell_unknown
from skybind.models.reliability import CALIBRATION, REFERENCE
from skybind.models.saving import MODEL_VERSION

#: Names of the file of weights: in a saved model, and as the hub's libraries want it.
WEIGHTS, HUB_WEIGHTS = "weights.safetensors", "model.safetensors"
#: The other files of a model; those of `skybind.models.reliability` are a classifier's.
MODEL_FILES = (
    "model.json",
    "preprocessing.safetensors",
    "trained_on.npy",
    CALIBRATION,
    REFERENCE,
)


class _Feature(BaseModel):
    modality: str | None
    unit: str | None


class _SchemaNote(BaseModel):
    observations: dict[str, dict[str, str | None]]
    features: dict[str, _Feature]
    read: list[str]
    attributes: dict[str, dict[str, Any]] = {}
    kinds: dict[str, str] = {}


class _Identity(BaseModel):
    weights: str


class _Note(BaseModel):
    """What `model.json` must hold; it may have come from anywhere."""

    model_config = ConfigDict(strict=True, protected_namespaces=())
    kind: Literal["binder", "classifier"]
    modalities: Annotated[list[str], Field(min_length=1)]
    classes: list[str]
    config: dict[str, Any]
    plugins: list[dict[str, Any]] = []
    data_schema: _SchemaNote = Field(alias="schema")
    identity: _Identity

    @field_validator("classes")
    @classmethod
    def _each_once(cls, names: list[str]) -> list[str]:
        if len(set(names)) != len(names):
            raise ValueError("a class is named twice")
        return names


def load_statistics(modality: Modality, state: dict[str, np.ndarray], where: str) -> None:
    """Give a modality what it learned of the training objects.

    Parameters
    ----------
    modality : Modality
    state : dict of str to ndarray
        See `Modality.state`.
    where : str
        What holds them, for the message.

    Raises
    ------
    ModelError
        If some are lacking, or are not as many as the modality has features or channels.
    """
    for key, own in modality.state().items():
        found = state.get(key)
        if found is None or found.shape != own.shape or not np.isfinite(found).all():
            has = "none" if found is None else f"of shape {found.shape}"
            if found is not None and found.shape == own.shape:
                has = "not all finite"
            raise ModelError(
                f"{where} is damaged: the statistics '{key}' of {modality.name} are {has}, where "
                f"{own.shape} are needed: take it anew from where it came."
            )
    modality.load_state(state)


def weights_file(folder: Path) -> Path:
    """Return the file of a model's weights, in a saved model or in a folder of the hub."""
    own = folder / WEIGHTS
    return folder / HUB_WEIGHTS if not own.exists() and (folder / HUB_WEIGHTS).exists() else own


def read_note(folder: Path) -> dict[str, Any]:
    """Read `model.json`: everything about a model but its numbers.

    Raises
    ------
    ModelError
        If there is none, it is damaged, or of another version.
    """
    path = folder / "model.json"
    if not path.exists():
        others = (folder / HUB_WEIGHTS).exists()
        hint = " (weights that others published become one by 'skybind weights import')"
        raise ModelError(
            f"There is no model in {folder}: it has no model.json{hint if others else ''}."
        )
    try:
        note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = note.get("model_version")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise ModelError(f"The model in {folder} cannot be read: {error}") from error
    if version != MODEL_VERSION:
        raise ModelError(
            f"The model in {folder} has version {version}, this skybind reads {MODEL_VERSION}: "
            "open it with the skybind that made it, or train it anew."
        )
    try:
        _Note.model_validate(note)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ModelError(
            f"{path} is damaged ({key}: {first['msg'][0].lower()}{first['msg'][1:]}): take the "
            "model anew from where it came."
        ) from error
    return note


def refuse_to_replace(folder: Path) -> None:
    """Refuse to write a model where anything stands.

    Raises
    ------
    ConfigError
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConfigError(f"{folder} exists already: choose a new folder, or remove it.")


def read_trained_on(folder: Path) -> np.ndarray:
    """Read the hashes of the ids of a model's training objects, sorted.

    Raises
    ------
    ModelError
        If they cannot be read.
    """
    try:
        hashes: np.ndarray = np.load(folder / "trained_on.npy", allow_pickle=False)
    except Exception as error:
        raise ModelError(f"The model in {folder} cannot be read: {error}") from error
    return hashes


def refuse_seen_by(folder: Path, object_id: np.ndarray, purpose: str) -> None:
    """Refuse objects that the model in a folder was trained on.

    Raises
    ------
    LeakError
        If any of `object_id` was a training object.
    ModelError
        If the model cannot be read.
    """
    identity = read_note(folder)["identity"]
    tell_unknown(identity)
    split = identity.get("split_hash")
    refuse_seen(object_id, read_trained_on(folder), "this model", purpose, split)
