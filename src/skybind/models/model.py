"""Saving a model with everything that decides an embedding, and opening it again."""

import json
import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file

from skybind import __version__
from skybind.config import Config
from skybind.config.load import validate
from skybind.data.dataset import ID, Dataset
from skybind.data.splits import Split
from skybind.embeddings.store import Embeddings
from skybind.errors import ModelError
from skybind.files import atomic_path, write_json
from skybind.modalities.base import Modality
from skybind.modalities.source import BatchSource
from skybind.models.backbones import file_hash, same_attribute
from skybind.models.binder import Binder, best_device
from skybind.models.build import build_binder, build_classifier, build_modalities
from skybind.models.classifier import Classifier
from skybind.models.frozen_features import matching_source
from skybind.models.inference import Progress, embed_source
from skybind.models.leaks import hash_ids, refuse_seen

MODEL_VERSION = 1


@dataclass
class SavedModel:
    """A model with all that belongs to it.

    Attributes
    ----------
    config : Config
    binder : Binder
        The encoders and projections (of the classifier, if it is one).
    classifier : Classifier or None
    modalities : dict of str to Modality
        Fitted preprocessing of each modality.
    classes : list of str
        Order of the logits; empty if it is no classifier.
    identity : dict
        Split hash, dataset fingerprint, versions, and a hash of the weights.
    trained_on : ndarray of uint64
        Hashes of the object ids it was trained on, sorted.
    """

    config: Config
    binder: Binder
    classifier: Classifier | None
    modalities: dict[str, Modality]
    classes: list[str]
    identity: dict[str, Any]
    trained_on: np.ndarray

    def refuse_leak(self, object_id: np.ndarray, purpose: str) -> None:
        """Refuse objects that this model was trained on.

        Raises
        ------
        LeakError
            If any of `object_id` was a training object.
        """
        refuse_seen(
            object_id, self.trained_on, "this model", purpose, self.identity.get("split_hash")
        )


def save_model(
    folder: str | Path,
    module: Binder | Classifier,
    *,
    config: Config,
    modalities: Mapping[str, Modality],
    schema: Any,
    trained_on: np.ndarray,
    trained_before: np.ndarray | None = None,
    classes: Sequence[str] = (),
    identity: Mapping[str, Any] | None = None,
) -> None:
    """Save a binder or a classifier to a folder.

    Parameters
    ----------
    folder : str or Path
    module : Binder or Classifier
    config : Config
        As resolved.
    modalities : mapping of name to Modality
        Fitted.
    schema : DatasetSchema
        Of the dataset that it was made for.
    trained_on : ndarray of str
        Ids of the training objects.
    trained_before : ndarray of uint64, optional
        Hashes of the ids of objects that the model it started from was trained on. Those of its
        frozen backbones are known to it.
    classes : sequence of str
        Order of a classifier's logits.
    identity : mapping, optional
        Split hash, dataset fingerprint and the like.
    """
    binder = module.binder if isinstance(module, Classifier) else module
    state = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    statistics = {
        f"{name}/{key}": np.ascontiguousarray(value)
        for name in binder.modalities
        for key, value in modalities[name].state().items()
    }
    with atomic_path(folder) as temporary:
        temporary.mkdir(parents=True)
        save_file(state, temporary / "weights.safetensors")
        save_arrays(statistics, temporary / "preprocessing.safetensors")
        seen = [hash_ids(trained_on), *(e.trained_on for e in binder.backboned.values())]
        seen += [] if trained_before is None else [trained_before]
        np.save(temporary / "trained_on.npy", np.unique(np.concatenate(seen)))
        note = {
            "model_version": MODEL_VERSION,
            "kind": "classifier" if isinstance(module, Classifier) else "binder",
            "modalities": binder.modalities,
            "classes": list(classes),
            "config": config.model_dump(mode="json"),
            "schema": _schema_note(schema, {n: modalities[n] for n in binder.modalities}),
            "identity": {
                **(identity or {}),
                "weights": file_hash(temporary / "weights.safetensors"),
                "versions": {
                    "skybind": __version__,
                    "torch": torch.__version__,
                    "numpy": np.__version__,
                    "python": platform.python_version(),
                },
            },
        }
        write_json(temporary / "model.json", note)


def load_model(
    folder: str | Path, schema: Any = None, modalities: Sequence[str] | None = None
) -> SavedModel:
    """Open a saved model.

    Parameters
    ----------
    folder : str or Path
    schema : DatasetSchema, optional
        Of the dataset that it shall be used on; it must offer the same columns in the same
        units.
    modalities : sequence of str, optional
        Build the encoders of these only (of a binder).

    Raises
    ------
    ModelError
        If the folder holds no model, or the dataset differs from what it was made for.
    """
    folder = Path(folder)
    path = folder / "model.json"
    if not path.exists():
        raise ModelError(f"There is no model in {folder}: it has no model.json.")
    try:
        note = json.loads(path.read_text())
        state = load_file(folder / "weights.safetensors")
        statistics = load_arrays(folder / "preprocessing.safetensors")
        trained_on = np.load(folder / "trained_on.npy", allow_pickle=False)
    except Exception as error:
        raise ModelError(f"The model in {folder} cannot be read: {error}") from error
    if note.get("model_version") != MODEL_VERSION:
        raise ModelError(
            f"The model in {folder} has version {note.get('model_version')}, this skybind reads "
            f"{MODEL_VERSION}."
        )
    config = validate(Config, note["config"], f"the configuration of the model in {folder}")
    saved_schema = _SavedSchema(note["schema"])
    names = [n for n in note["modalities"] if modalities is None or n in modalities]
    every = build_modalities(_only(config, names), saved_schema)
    for name, modality in every.items():
        prefix = f"{name}/"
        modality.load_state(
            {k.removeprefix(prefix): v for k, v in statistics.items() if k.startswith(prefix)}
        )
    if schema is not None:
        read = {column for modality in every.values() for column in modality.columns}
        _check_schema(saved_schema, read, schema, folder)
        _check_fields(every, schema, folder)
    shapes = {name: modality.shape for name, modality in every.items()}
    classifier = None
    module: Binder | Classifier
    if note["kind"] == "classifier":
        module = classifier = build_classifier(
            config, shapes, names, len(note["classes"]), load=False
        )
        binder = classifier.binder
    else:
        module = binder = build_binder(config, shapes, names, load=False)
    if modalities is not None:
        wanted = module.state_dict()
        state = {key: value for key, value in state.items() if key in wanted}
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise ModelError(
            f"The weights in {folder} do not fit its configuration: {first}"
        ) from error
    module.eval()
    return SavedModel(
        config, binder, classifier, every, note["classes"], note["identity"], trained_on
    )


class _SavedSchema:
    """The part of a dataset's schema that a model needs, as it was saved."""

    def __init__(self, note: Mapping[str, Any]) -> None:
        self.note = note

    @property
    def observations(self) -> list[str]:
        return list(self.note["observations"])

    def features(self, modality: str) -> list[str]:
        return [name for name, f in self.note["features"].items() if f["modality"] == modality]

    def fields(self, observation: str) -> dict[str, str | None]:
        return dict(self.note["observations"][observation])

    def attributes(self, observation: str) -> dict[str, Any]:
        return dict(self.note.get("attributes", {}).get(observation, {}))


def _schema_note(schema: Any, modalities: Mapping[str, Modality]) -> dict[str, Any]:
    if isinstance(schema, _SavedSchema):
        return dict(schema.note)
    observed = [
        name for name in schema.observations if any(name in m.columns for m in modalities.values())
    ]
    return {
        "observations": {name: schema.fields(name) for name in observed},
        "attributes": {name: schema.attributes(name) for name in observed},
        "features": {
            name: {"modality": column.modality, "unit": column.unit}
            for name, column in schema.columns.items()
            if column.role == "feature"
        },
        "read": sorted({column for m in modalities.values() for column in m.columns}),
    }


def _check_schema(saved: _SavedSchema, read: Collection[str], schema: Any, folder: Path) -> None:
    for name in saved.note["read"]:
        if name not in read:
            continue
        if name not in schema.columns:
            raise ModelError(f"The model in {folder} reads '{name}', which the dataset has not.")
        column = schema.columns[name]
        if name in saved.note["features"]:
            unit = saved.note["features"][name]["unit"]
            if column.unit != unit:
                raise ModelError(
                    f"The model in {folder} was made for '{name}' in {unit}, the dataset has it in "
                    f"{column.unit}: convert it."
                )
        else:
            for field, unit in saved.note["observations"][name].items():
                if field in column.fields and column.fields[field] != unit:
                    raise ModelError(
                        f"The model in {folder} was made for {name}.{field} in {unit}, the dataset "
                        f"has it in {column.fields[field]}: convert it."
                    )
            for key, value in saved.attributes(name).items():
                if not same_attribute(value, column.attributes.get(key)):
                    raise ModelError(
                        f"The model in {folder} was made for '{name}' with the {key} {value}, the "
                        f"dataset has it with {column.attributes.get(key)}: convert it."
                    )


def _check_fields(modalities: Mapping[str, Modality], schema: Any, folder: Path) -> None:
    for modality in modalities.values():
        for column, fields in modality.needs.items():
            have = schema.fields(column)
            missing = [field for field in fields if field not in have]
            if missing:
                raise ModelError(
                    f"The model in {folder} reads {column}.{missing[0]}, which the dataset has not "
                    f"(it has {', '.join(have)})."
                )


def _only(config: Config, names: Sequence[str]) -> Config:
    """Give the configuration with only some of its modalities built."""
    return config.model_copy(
        update={"modalities": {name: config.modalities[name] for name in names}}
    )


@torch.inference_mode()
def predict(
    saved: SavedModel,
    source: BatchSource,
    rows: np.ndarray,
    modalities: Sequence[str] | None = None,
    batch_size: int = 512,
) -> np.ndarray:
    """Class logits of some objects by a saved classifier, shape (len(rows), classes).

    Objects that were observed in none of the modalities get NaN.
    """
    assert saved.classifier is not None
    names = saved.classifier.modalities if modalities is None else list(modalities)
    device = best_device()
    classifier = saved.classifier.to(device).eval()
    logits = np.full((len(rows), len(saved.classes)), np.nan, np.float32)
    own = matching_source(saved.binder, saved.modalities, source)
    seen = np.logical_or.reduce([own.present(name)[rows] for name in names])
    places = np.flatnonzero(seen)
    for start in range(0, len(places), batch_size):
        chunk = places[start : start + batch_size]
        batch = own.select(names).batch(rows[chunk]).to(device)
        logits[chunk] = classifier(batch, names).float().cpu().numpy()
    return logits


def embed_dataset(
    saved: SavedModel,
    dataset: Dataset,
    split: Split | None = None,
    *,
    batch_size: int = 512,
    progress: Progress | None = None,
) -> Embeddings:
    """Embed any dataset with a saved model, in one pass and without writing anything.

    Objects that cannot be used in a modality are absent there.

    Parameters
    ----------
    saved : SavedModel
        Opened for this dataset's schema.
    dataset : Dataset
    split : Split, optional
        Gives each object's part.
    batch_size : int
    progress : callable, optional
        Called with the number of objects embedded so far.
    """
    columns = list(dict.fromkeys(c for m in saved.modalities.values() for c in m.columns))
    pieces: list[Embeddings] = []
    done = 0
    rows = min(modality.chunk for modality in saved.modalities.values())
    for table in dataset.iter_tables([ID, *columns], rows):
        prepared = {name: m.prepare(table) for name, m in saved.modalities.items()}
        ids = np.asarray(table[ID].to_pylist(), dtype=str)
        part = split.align(ids).part if split is not None else np.full(len(ids), "")
        source = BatchSource(saved.modalities, prepared)
        pieces.append(embed_source(saved.binder, source, ids, part, batch_size=batch_size))
        done += len(ids)
        if progress:
            progress(done)
    return Embeddings(
        np.concatenate([piece.object_id for piece in pieces]),
        np.concatenate([piece.split for piece in pieces]),
        {n: np.concatenate([p.vectors[n] for p in pieces]) for n in pieces[0].vectors},
        {n: np.concatenate([p.present[n] for p in pieces]) for n in pieces[0].present},
        saved.identity,
    )
