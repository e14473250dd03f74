"""Means and deviations of features for weights that others trained: from data, or from a file.

The file is JSON, YAML or CSV, and gives a mean and a standard deviation for each feature by its
name, of the values as the network takes them: after logarithm, sine or absolute magnitude.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field

from skybind.config.load import validate
from skybind.config.written import read_yaml
from skybind.data.dataset import Dataset
from skybind.errors import ConfigError, ModelError
from skybind.files import raise_of_machine
from skybind.modalities.base import Modality
from skybind.modalities.metadata import Metadata
from skybind.modalities.photometry import Photometry
from skybind.modalities.store import prepare
from skybind.models.exchange.formats import Beside
from skybind.progress import preparing
from skybind.words import join, nearest

Statistics = dict[str, tuple[float, float]]


class _Moments(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    mean: float
    std: Annotated[float, Field(gt=0)]


#: More is no list of means [bytes].
_LARGEST = 10_000_000


def read_statistics(path: str | Path) -> Statistics:
    """Read a file of means and deviations.

    Parameters
    ----------
    path : str or Path
        JSON or YAML: `{parallax: {mean: 0.9, std: 0.6}, ...}` or `{mean: {parallax: 0.9, ...},
        std: {...}}`; or CSV with the columns feature, mean and std.

    Returns
    -------
    dict of str to (float, float)
        Feature -> mean and standard deviation.

    Raises
    ------
    ConfigError
        If it cannot be read, or a number is missing or cannot be.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is too large for one")
        text = path.read_text(encoding="utf-8")
        raw = _rows(text) if path.suffix.lower() == ".csv" else read_yaml(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise_of_machine(error)
        first = " ".join(str(error).split())
        raise ConfigError(f"{path} cannot be read as a file of statistics: {first}.") from error
    if not isinstance(raw, Mapping) or not raw:
        raise ConfigError(f"{path} names no features: give each a mean and a std.")
    if set(raw) == {"mean", "std"} and all(isinstance(v, Mapping) for v in raw.values()):
        names = dict.fromkeys([*raw["mean"], *raw["std"]])
        raw = {n: {key: raw[key].get(n) for key in ("mean", "std")} for n in names}
    return {str(name): _pair(entry, f"{path}, '{name}'") for name, entry in raw.items()}


def standardise(modalities: Mapping[str, Modality], beside: Beside) -> list[str]:
    """Give modalities the statistics that weights were trained with, in place.

    Parameters
    ----------
    modalities : mapping of name to Modality
    beside : Beside
        Where the statistics come from.

    Returns
    -------
    list of str
        What was taken from where, in sentences.

    Raises
    ------
    ConfigError, ModelError
        If it is not known what the statistics are, or more than one source is given.
    """
    open_ = {name: found for name, m in modalities.items() if (found := features_to_scale(m))}
    if not open_:
        return []
    if beside.dataset is not None:
        if beside.training is None:
            raise ModelError(
                f"Which objects of the dataset at {beside.dataset.path} are training objects is "
                "not known: it does not hold exactly one split, so name one with --split."
            )
        _fit(modalities, open_, beside.dataset, beside.training)
        n = len(beside.training)
        return [f"The features are standardised by {n:,} training objects of the dataset."]
    if beside.statistics is not None:
        _fill(modalities, open_, beside.statistics)
        return []
    count = sum(map(len, open_.values()))
    raise ModelError(
        f"The weights take {count} features of {join(list(open_))} as they were standardised for "
        "their training, by means and deviations that the file does not hold: give --data (a "
        "dataset whose training objects tell them), --statistics (a file of them), or "
        "--standardised if your data are standardised already."
    )


def features_to_scale(modality: Modality) -> list[str]:
    """Features of a modality that need a mean and a deviation, which its dataset has not applied.

    Parameters
    ----------
    modality : Modality
    """
    if not isinstance(modality, Metadata | Photometry):
        return []
    return [n for place, n in enumerate(modality.features) if place not in modality.finished]


def _fit(
    modalities: Mapping[str, Modality],
    names: Mapping[str, list[str]],
    dataset: Dataset,
    rows: np.ndarray,
) -> None:
    with TemporaryDirectory(prefix="skybind-") as place:
        for name in names:
            folder = Path(place) / name
            with preparing(name, len(dataset), folder) as report:
                prepared = prepare(dataset, modalities[name], folder, report)
            modalities[name].fit(prepared, rows)
            del prepared  # its files are mapped, and the folder goes


def _fill(
    modalities: Mapping[str, Modality], names: Mapping[str, list[str]], known: Mapping[str, Any]
) -> None:
    for name, features in names.items():
        modality = modalities[name]
        assert isinstance(modality, Metadata | Photometry)
        for place, feature in enumerate(modality.features):
            if feature not in features:
                continue
            if feature not in known:
                raise ConfigError(
                    f"The file of statistics has no '{feature}', a feature of {name} that the "
                    f"weights take: {nearest(feature, list(known))}"
                )
            modality.standard.mean[place], modality.standard.scale[place] = known[feature]


def _rows(text: str) -> dict[str, dict[str, str]]:
    table = csv.DictReader(io.StringIO(text))
    wanted = ("feature", "mean", "std")
    lacking = [name for name in wanted if name not in (table.fieldnames or [])]
    if lacking:
        raise ValueError(f"it has no column '{lacking[0]}' (it needs {join(wanted)})")
    found: dict[str, dict[str, str]] = {}
    for row in table:
        if row["feature"] in found:
            raise ValueError(f"it names '{row['feature']}' twice")
        found[row["feature"]] = {"mean": row["mean"], "std": row["std"]}
    return found


def _pair(entry: Any, where: str) -> tuple[float, float]:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where}: give it a mean and a std.")
    found = validate(_Moments, entry, where)
    return found.mean, found.std
