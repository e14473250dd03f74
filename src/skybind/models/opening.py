"""A saved model's preprocessing and networks, built before its weights are put in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skybind.config import Config
from skybind.modalities.base import Modality
from skybind.models.binder import Binder
from skybind.models.build import build_binder, build_classifier, build_modalities
from skybind.models.classifier import Classifier
from skybind.models.saved_schema import SavedSchema
from skybind.models.stored import load_statistics


def fitted_modalities(
    config: Config,
    names: Sequence[str],
    known: SavedSchema,
    statistics: dict[str, np.ndarray],
    folder: Path,
) -> dict[str, Modality]:
    """Build some modalities with the statistics of the training objects."""
    some = {name: config.modalities[name] for name in names}
    every = build_modalities(config.model_copy(update={"modalities": some}), known)
    for name, modality in every.items():
        prefix = f"{name}/"
        own = {k.removeprefix(prefix): v for k, v in statistics.items() if k.startswith(prefix)}
        load_statistics(modality, own, f"The model in {folder}")
    return every


def empty_networks(
    config: Config, modalities: dict[str, Modality], note: dict[str, Any]
) -> tuple[Classifier | None, Binder]:
    """Build the networks that the weights will be put into."""
    shapes = {name: modality.shape for name, modality in modalities.items()}
    names = list(modalities)
    if note["kind"] != "classifier":
        return None, build_binder(config, shapes, names, load=False)
    classifier = build_classifier(config, shapes, names, len(note["classes"]), load=False)
    return classifier, classifier.binder
