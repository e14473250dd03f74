"""A model that skybind exported: a folder of the hub that holds everything."""

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skybind.errors import ConfigError, ModelError
from skybind.files import atomic_path
from skybind.models.exchange.formats import Beside, Format, register_format
from skybind.models.exchange.reading import WeightSource
from skybind.models.model import Model
from skybind.models.noted import WEIGHTS
from skybind.models.stored import MODEL_FILES

_ROOTS = ("encoders.", "binder.encoders.")


@dataclass(frozen=True)
class ExportedModel:
    """A model in a folder of the hub."""

    folder: Path
    weights: Path
    notes: tuple[str, ...] = ()

    def save(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """Copy it; its own identity stays."""
        with atomic_path(folder) as temporary:
            temporary.mkdir(parents=True)
            shutil.copyfile(self.weights, temporary / WEIGHTS)
            for name in MODEL_FILES:
                if (self.folder / name).exists():
                    shutil.copyfile(self.folder / name, temporary / name)


def recognises(names: Collection[str]) -> bool:
    """Whether tensors of these names are of a model of skybind."""
    return any(name.startswith(_ROOTS) for name in names)


def take(source: WeightSource, beside: Beside) -> ExportedModel:
    """Take a model of skybind, which knows everything of itself.

    Raises
    ------
    ConfigError
        If something is given beside it.
    ModelError
        If it is not whole, or its weights were replaced.
    """
    given = {
        "--data": beside.dataset is not None,
        "--statistics": beside.statistics is not None,
        "--standardised": beside.standardised,
        "--config": beside.config is not None,
        "--features": bool(beside.features),
        "--classes": beside.classes is not None,
    }
    extra = [option for option, there in given.items() if there]
    if extra:
        raise ConfigError(f"A model of skybind knows all that it needs: leave out {extra[0]}.")
    folder = source.path.parent
    if Model.open(folder).identity["weights"] != source.hash:
        raise ModelError(
            f"{source.path} holds other weights than those of {folder / 'model.json'}: take the "
            "folder anew from where it came."
        )
    return ExportedModel(folder, source.path)


register_format(Format("skybind", "model of skybind", recognises, take))
