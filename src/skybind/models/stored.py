"""The parts of a saved model that are read without building it."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from skybind.errors import ConfigError, DataError, ModelError
from skybind.files import file_hash
from skybind.modalities.base import Modality
from skybind.models.noted import (
    FILES,
    WEIGHTS,
    seal_note,
    stated_hashes,
    verify_files,
    verify_note,
)
from skybind.models.saving import MODEL_VERSION
from skybind.models.seen import SEEN, TRAINED_ON
from skybind.record import read_record

#: Name of the file of weights as the hub's libraries want it.
HUB_WEIGHTS = "model.safetensors"
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
#: Files of every model, whatever version of skybind saved it.
_FILES = (WEIGHTS, "preprocessing.safetensors", TRAINED_ON)


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
    chosen = names or [n for n in stated_hashes(note) if n not in (CALIBRATION, REFERENCE)]
    verify_files(folder, note, chosen, {WEIGHTS: weights_file(folder)})


def note_files(folder: Path, names: Collection[str]) -> None:
    """Note the hashes of files that came to a model, and keep those that it has.

    Parameters
    ----------
    folder : Path
    names : collection of str
        The files that came, or were written anew.

    Raises
    ------
    ModelError
        If it is a model of an older skybind, and its weights are damaged.
    """
    note = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    known = note.get(FILES)
    if known is None:
        verify_model(folder, note)
        places = {WEIGHTS: weights_file(folder)}
        own = {name: places.get(name, folder / name) for name in _FILES}
        known = {name: file_hash(path) for name, path in own.items() if path.exists()}
    came = {name: file_hash(folder / name) for name in names}
    seal_note(folder / "model.json", note, {**known, **came})


def refuse_to_replace(folder: Path) -> None:
    """Refuse to write a model where anything stands.

    Raises
    ------
    ConfigError
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConfigError(f"{folder} exists already: choose a new folder, or remove it.")
