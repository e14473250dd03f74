"""Readers found by name: a new format is one file in this folder with one decorated function."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from skybind.config.load import nearest
from skybind.errors import ConfigError

Fields = dict[str, np.ndarray]
FileFunction = Callable[[bytes, str], Fields]
DatasetFunction = Callable[..., Any]


@dataclass(frozen=True)
class FileReader:
    """How one file of one object is read.

    Attributes
    ----------
    read : callable
        Takes the bytes and the name of a file and gives its fields as arrays of one length, in
        the units of the dataset (d, mJy, Angstrom). Raises `DataError` for a file it cannot read.
    units : dict of str to (str or None)
        Fields it gives, and their units.
    """

    read: FileFunction
    units: Mapping[str, str | None]


_FILES: dict[str, dict[str, FileReader]] = {"photometry": {}, "spectrum": {}}
_DATASETS: dict[str, DatasetFunction] = {}
_CATALOGUES: dict[str, dict[str, Any]] = {}


def register_photometry_file(
    name: str, units: Mapping[str, str | None]
) -> Callable[[FileFunction], FileFunction]:
    """Register a reader of light curve files under `name` (see `FileReader`)."""
    return _register("photometry", name, units)


def register_spectrum_file(
    name: str, units: Mapping[str, str | None]
) -> Callable[[FileFunction], FileFunction]:
    """Register a reader of spectrum files under `name` (see `FileReader`)."""
    return _register("spectrum", name, units)


def register_dataset_reader(name: str) -> Callable[[DatasetFunction], DatasetFunction]:
    """Register a reader of whole data sets: `read(path, options, base)` gives a `build.Plan`."""

    def decorate(function: DatasetFunction) -> DatasetFunction:
        _DATASETS[name] = function
        return function

    return decorate


def register_catalogue(name: str, objects: dict[str, Any]) -> None:
    """Register the columns of a survey's catalogue: the `objects` section of a mapping."""
    _CATALOGUES[name] = objects


def file_reader(kind: str, name: str) -> FileReader | None:
    """Reader of files of a kind and format; None where the format is a plain table."""
    _load_all()
    return _FILES[kind].get(name)


def file_formats(kind: str) -> list[str]:
    """Names of the file formats of a kind that are not plain tables."""
    _load_all()
    return sorted(_FILES[kind])


def dataset_reader(name: str) -> DatasetFunction:
    """Reader of whole data sets by name."""
    _load_all()
    return _named(_DATASETS, name, "reader of data sets")


def dataset_readers() -> list[str]:
    """Names of the readers of whole data sets."""
    _load_all()
    return sorted(_DATASETS)


def catalogue(name: str) -> dict[str, Any]:
    """Columns of a survey's catalogue by name."""
    _load_all()
    return _named(_CATALOGUES, name, "catalogue")


def _register(
    kind: str, name: str, units: Mapping[str, str | None]
) -> Callable[[FileFunction], FileFunction]:
    def decorate(function: FileFunction) -> FileFunction:
        _FILES[kind][name] = FileReader(function, dict(units))
        return function

    return decorate


def _named(known: dict[str, Any], name: str, what: str) -> Any:
    if name not in known:
        raise ConfigError(f"There is no {what} '{name}': {nearest(name, list(known))}")
    return known[name]


@cache
def _load_all() -> None:
    package = importlib.import_module("skybind.data.readers")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
