"""The forms of published weights that skybind reads, each known by the names of its tensors.

A module in `skybind.models.exchange.forms` registers a form. Its `take` gives a `Published`, which
is written as whatever skybind has for it: a model, or a backbone.
"""

import importlib
import pkgutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from skybind.config import Config
from skybind.data.dataset import Dataset
from skybind.data.schema import DatasetSchema
from skybind.errors import ConfigError, ModelError
from skybind.modalities.base import Modality
from skybind.models.binder import Binder
from skybind.models.classifier import Classifier
from skybind.models.exchange.reading import WeightSource
from skybind.models.saving import save_model
from skybind.words import join, nearest


@dataclass(frozen=True)
class Beside:
    """What a user gives beside the weights, because the file does not tell it.

    Attributes
    ----------
    config : Config or None
        The network and its preprocessing, instead of the form's usual.
    dataset : Dataset or None
        Its columns, and the statistics of its training objects, are taken.
    training : ndarray of int or None
        Rows of the training objects of `dataset`.
    statistics : dict of str to (float, float), or None
        Feature -> mean and standard deviation.
    standardised : bool
        The features that the model will be given are standardised already.
    features : mapping of modality to sequence of str
        Names of the features in the order that the network takes.
    classes : sequence of str or None
        Names of the classes in the order of the logits.
    """

    config: Config | None = None
    dataset: Dataset | None = None
    training: np.ndarray | None = None
    statistics: Mapping[str, tuple[float, float]] | None = None
    standardised: bool = False
    features: Mapping[str, Sequence[str]] = field(default_factory=dict)
    classes: Sequence[str] | None = None


class Published(Protocol):
    """What was made of published weights."""

    @property
    def notes(self) -> Sequence[str]:
        """What was assumed, in sentences."""

    def save(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """Write it to a folder, whole or not at all."""


@dataclass(frozen=True)
class PublishedModel:
    """Published weights as a model of skybind, see `skybind.models.saving.save_model`."""

    module: Binder | Classifier
    config: Config
    modalities: Mapping[str, Modality]
    schema: DatasetSchema
    classes: Sequence[str] = ()
    ranges: Mapping[str, list[float]] | None = None
    notes: Sequence[str] = ()

    def save(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """Write it to a folder; which objects it was trained on is not known."""
        save_model(
            folder,
            self.module,
            config=self.config,
            modalities=self.modalities,
            schema=self.schema,
            trained_on=np.zeros(0, dtype=str),
            classes=self.classes,
            identity=identity,
            ranges=self.ranges,
        )


@dataclass(frozen=True)
class Format:
    """A form of published weights.

    Attributes
    ----------
    name : str
        As `--format` takes it.
    title : str
        What it is, for people.
    recognises : callable
        Whether a file with tensors of these names is of this form.
    take : callable
        From the weights and what is given beside them to what is saved.
    """

    name: str
    title: str
    recognises: Callable[[Collection[str]], bool]
    take: Callable[[WeightSource, Beside], Published]


_FORMATS: dict[str, Format] = {}


def register_format(form: Format) -> None:
    """Make a form of weights known."""
    _FORMATS[form.name] = form


def find_format(source: WeightSource, name: str | None = None) -> Format:
    """Find the form of some weights: the one that is named, or the one that knows its tensors.

    Raises
    ------
    ConfigError
        If there is no form of that name.
    ModelError
        If no form knows the weights, or several do.
    """
    _load_all()
    if name is not None:
        if name not in _FORMATS:
            raise ConfigError(f"There is no format '{name}': {nearest(name, list(_FORMATS))}")
        return _FORMATS[name]
    found = [form for form in _FORMATS.values() if form.recognises(source.tensors.keys())]
    if not found:
        held = join([f"'{key}'" for key in list(source.tensors)[:3]])
        titles = join([form.title for form in _FORMATS.values()], "or")
        raise ModelError(f"{source.path} is not known: it holds {held}, as no {titles} does.")
    if len(found) > 1:
        names = join([form.name for form in found], "or")
        raise ModelError(f"{source.path} may be of several forms: give --format {names}.")
    return found[0]


@cache
def _load_all() -> None:
    package = importlib.import_module("skybind.models.exchange.forms")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
