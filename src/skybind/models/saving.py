"""Writing a model to a folder with everything that decides an embedding."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from skybind.config import Config
from skybind.data.seen import Seen
from skybind.files import atomic_path, file_hash
from skybind.modalities.base import Modality
from skybind.models.backbones import versions
from skybind.models.binder import Binder
from skybind.models.classifier import Classifier
from skybind.models.leaks import BACKBONES
from skybind.models.noted import write_note
from skybind.models.saved_schema import schema_note
from skybind.models.seen import write_seen
from skybind.plugins import plugin_notes

MODEL_VERSION = 1


def save_model(
    folder: str | Path,
    module: Binder | Classifier,
    *,
    config: Config,
    modalities: Mapping[str, Modality],
    schema: Any,
    trained_on: np.ndarray | Seen,
    trained_before: Seen | None = None,
    classes: Sequence[str] = (),
    identity: Mapping[str, Any] | None = None,
    ranges: Mapping[str, list[float]] | None = None,
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
    trained_on : ndarray of str, or Seen
        Ids of the training objects, or hashes of all objects that it has seen.
    trained_before : Seen, optional
        What the model that it started from has seen; of its frozen backbones that is known.
    classes : sequence of str
        Order of a classifier's logits.
    identity : mapping, optional
        Split hash, dataset fingerprint and the like.
    ranges : mapping, optional
        Of the features of the training objects (`skybind.models.saved_schema.training_ranges`).
    """
    binder = module.binder if isinstance(module, Classifier) else module
    state = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    used = {name: modalities[name] for name in binder.modalities}
    own = trained_on if isinstance(trained_on, Seen) else Seen.of(trained_on)
    before = [encoder.seen for encoder in binder.backboned.values()]
    before += [] if trained_before is None else [trained_before]
    with atomic_path(folder) as temporary:
        temporary.mkdir(parents=True)
        save_file(state, temporary / "weights.safetensors")
        save_arrays(_statistics(used), temporary / "preprocessing.safetensors")
        write_seen(temporary, own.joined(before))
        note = {
            "model_version": MODEL_VERSION,
            "kind": "classifier" if isinstance(module, Classifier) else "binder",
            "modalities": binder.modalities,
            "classes": list(classes),
            "config": config.model_dump(mode="json"),
            "plugins": plugin_notes(config.plugins),
            "schema": schema_note(schema, used, ranges),
            "identity": dict(identity or {})
            | _origins(binder)
            | {"weights": file_hash(temporary / "weights.safetensors"), "versions": versions()},
        }
        write_note(temporary / "model.json", note)


def _origins(binder: Binder) -> dict[str, Any]:
    """Return of which form the published weights of frozen backbones are, if there are any."""
    origins = {name: e.origin for name, e in binder.backboned.items() if e.origin}
    return {BACKBONES: origins} if origins else {}


def _statistics(modalities: Mapping[str, Modality]) -> dict[str, np.ndarray]:
    """Return what the modalities learned of the training objects."""
    return {
        f"{name}/{key}": np.ascontiguousarray(value)
        for name, modality in modalities.items()
        for key, value in modality.state().items()
    }
