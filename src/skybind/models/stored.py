"""The parts of a saved model that are read without building it."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from skybind.errors import ConfigError, DataError, ModelError
from skybind.modalities.base import Modality
from skybind.models.noted import FILES, verify_files, verify_note, write_note
from skybind.models.saving import MODEL_VERSION
from skybind.models.seen import SEEN, TRAINED_ON
from skybind.record import read_record

#: Names of the file of weights: in a saved model, and as the hub's libraries want it.
WEIGHTS, HUB_WEIGHTS = "weights.safetensors", "model.safetensors"
#: What is measured of a classifier when it is trained (`skybind.models.reliability`).
CALIBRATION, REFERENCE = "calibration.json", "reference.safetensors"
#: The other files of a model; those of `skybind.models.reliability` are a classifier's.
MODEL_FILES = (
    "model.json",
    "preprocessing.safetensors",
    TRAINED_ON,
    SEEN,
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
    files: dict[str, str] | None = None
    hash: str | None = None

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
    again = "take the model anew from where it came"
    note = _read(path, dict[str, Any], again)
    version = note.get("model_version")
    if version != MODEL_VERSION:
        raise ModelError(
            f"The model in {folder} has version {version}, this skybind reads {MODEL_VERSION}: "
            "open it with the skybind that made it, or train it anew."
        )
    _read(path, _Note, again)
    verify_note(path, note)
    return note


_T = TypeVar("_T")


def _read(path: Path, kind: type[_T], again: str) -> _T:
    try:
        return read_record(path, kind, again)
    except DataError as error:
        raise ModelError(str(error)) from error


def verify_model(folder: Path, note: dict[str, Any], names: Collection[str] | None = None) -> None:
    """Refuse files of a model that are damaged; by default all but those of its reliability.

    A model of an older skybind, whose note names no files, knows the hash of its weights alone.

    Raises
    ------
    ModelError
    """
    chosen = names or [
        name for name in note.get(FILES) or {} if name not in (CALIBRATION, REFERENCE)
    ]
    places = {WEIGHTS: weights_file(folder)}
    if note.get(FILES) is None:
        note, chosen = {FILES: {WEIGHTS: note["identity"]["weights"]}}, names or [WEIGHTS]
    verify_files(folder, note, chosen, places)


def note_files(folder: Path) -> None:
    """Note the hashes of a model's files anew, when one came to them.

    Raises
    ------
    ModelError
        If it is a model of an older skybind, and its weights are damaged.
    """
    note = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    if note.get(FILES) is None:
        verify_model(folder, note)
    hub = weights_file(folder).name
    write_note(folder / "model.json", note, {hub: WEIGHTS})


def refuse_to_replace(folder: Path) -> None:
    """Refuse to write a model where anything stands.

    Raises
    ------
    ConfigError
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConfigError(f"{folder} exists already: choose a new folder, or remove it.")
