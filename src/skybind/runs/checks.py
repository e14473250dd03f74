"""What is wrong with a run's configuration, found before anything long begins."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel

from skybind.config import Config
from skybind.config.begun import as_begun, dump_as_before
from skybind.data.quantities import quantity_of
from skybind.data.schema import DatasetSchema
from skybind.data.splits import Split
from skybind.errors import ConfigError
from skybind.files import check_name
from skybind.modalities.base import Modality
from skybind.models.backbones import check_backbones
from skybind.models.binder import Binder
from skybind.models.build import build_binder, build_modalities
from skybind.runs.choosing import choose_split
from skybind.runs.fitting import fit_to_data
from skybind.training.losses import find_loss
from skybind.words import nearest

if TYPE_CHECKING:
    from skybind.runs.run import Run


def check_networks(config: Config, schema: DatasetSchema) -> Binder:
    """Find what is wrong with the networks of a configuration; gives them."""
    modalities = build_modalities(config, schema)
    binder = build_binder(config, {name: m.shape for name, m in modalities.items()})
    check_pairs(config, modalities)
    check_brightness(config, schema)
    find_loss(config.model.loss)
    check_backbones(binder, modalities)
    return binder


def check_pairs(config: Config, modalities: Mapping[str, Modality]) -> None:
    """Refuse to bind a modality with itself whose two views would be the same."""
    for a, b in config.pairs:
        if a == b and not modalities[a].augments:
            raise ConfigError(
                f"model.pairs binds '{a}' with itself, but its preprocessing draws nothing at "
                f"random: set modalities.{a}.preprocessing.noise (or drop), so that the two views "
                "differ."
            )
        backbone = config.modalities[a].backbone
        if a == b and backbone is not None and backbone.cache and backbone.views < 2:
            raise ConfigError(
                f"model.pairs binds '{a}' with itself, but modalities.{a}.backbone.views is "
                f"{backbone.views}, so that its two cached views are the same: set at least 2."
            )


def check_brightness(config: Config, schema: DatasetSchema) -> None:
    """Refuse a declared brightness that is no column of magnitudes.

    Raises
    ------
    ConfigError
    """
    modalities, columns = list(config.modalities), schema.columns
    for name, column in config.evaluation.brightness.items():
        key = f"evaluation.brightness.{name}"
        if name not in modalities:
            raise ConfigError(f"{key}: there is no such modality, {nearest(name, modalities)}")
        if column not in columns:
            raise ConfigError(
                f"{key} is '{column}', which is no column, {nearest(column, list(columns))}"
            )
        if quantity_of(column, columns[column]) != "magnitude":
            raise ConfigError(
                f"{key} is '{column}', whose unit is '{columns[column].unit or 'none'}': name a "
                "column of magnitudes [mag]. By their names, colours, amplitudes, extinctions and "
                "absolute magnitudes are none."
            )


def refuse_unsafe_names(config: Config) -> None:
    """Refuse modalities whose name is not safe as that of a file, in a run that is begun.

    Raises
    ------
    ConfigError
    """
    for name in config.modalities:
        check_name(name, "The modality's name")


def refuse_other_configuration(folder: Path, old: Config, new: Config) -> None:
    """Refuse to go on with a run under a configuration that makes other models.

    Raises
    ------
    ConfigError
        Naming the first key that differs and may not, and how to go on as the run was begun.
    """
    differ = [key for key in differences(old, new) if not _may_differ(key)]
    if differ:
        raise ConfigError(
            f"{folder} holds a run of another configuration (they differ in {differ[0]}): "
            f"{_way_back(old, differ)}choose another folder, or delete that one."
        )


def going_on(run: "Run", given: Config, split: Split | None) -> Config:
    """Give what a configuration comes to in a run that stands there.

    Raises
    ------
    ConfigError
        If it, or the split that is given, is that of another run.
    """
    begun = as_begun(given, run.paths.config, MAY_CHANGE)
    config = fit_to_data(begun, run.dataset, run.config.modalities)
    check_networks(config, run.dataset.schema)
    refuse_other_configuration(run.folder, run.config, config)
    asked = None if split is None else choose_split(config, run.dataset, split)
    if asked is not None and not asked.agrees(run.split):
        raise ConfigError(f"{run.folder} holds a run with another split: choose another folder.")
    return config


def _way_back(old: Config, differ: Sequence[str]) -> str:
    """Say how keys are set as they were; nothing where one was not there, or they are many."""
    before = _leaves(old.model_dump(mode="json"))
    if len(differ) > _MOST_SET or not before.keys() >= set(differ):
        return ""
    sets = [f"--set {shlex.quote(f'{key}={before[key]}')}" for key in differ]
    return f"go on with it as it was begun by {' '.join(sets)}, "


def differences(old: BaseModel, new: BaseModel) -> list[str]:
    """List the dotted keys in which two configurations differ, sorted."""
    dumps = (dump_as_before(config.model_dump(mode="json")) for config in (old, new))
    before, after = (_leaves(dump) for dump in dumps)
    keys = sorted(before.keys() | after.keys())
    return [key for key in keys if before.get(key) != after.get(key)]


#: Keys that are named with what they were, where a run was begun otherwise.
_MOST_SET = 4
#: Sections that may change in a run that was begun, keys that came later included.
MAY_CHANGE = ("evaluation",)
#: Keys that may change in a run that was begun: they decide no model, only which are made.
_FREE = (
    "name",
    "description",
    "plugins",  # their content must be the same, wherever they are
    "memory",
    "finetuning.modalities",
    "finetuning.subsets",
    "finetuning.starts",
)


def _may_differ(key: str) -> bool:
    """Whether a key may change in a run that was begun."""
    return key in _FREE or key.partition(".")[0] in (*MAY_CHANGE, "tune")


def _leaves(tree: Any, prefix: str = "") -> dict[str, str]:
    """Flatten nested mappings to dotted keys."""
    if isinstance(tree, dict) and tree:
        leaves: dict[str, str] = {}
        for key, value in tree.items():
            leaves |= _leaves(value, f"{prefix}.{key}" if prefix else str(key))
        return leaves
    flow = yaml.safe_dump(tree, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return {prefix: flow.removesuffix("...\n").strip()}
