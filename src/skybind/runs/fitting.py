"""A configuration made to fit a dataset: modalities that are there, columns, classes."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from skybind.config import Config
from skybind.config.load import validate, without_modalities
from skybind.config.schema import ModalityConfig
from skybind.data.dataset import Dataset
from skybind.errors import ConfigError
from skybind.lightcurves.bands import BAND_SHARE
from skybind.lightcurves.stored import common_bands
from skybind.modalities.kinds import modality_class
from skybind.modalities.photometry import COMMON
from skybind.progress import say
from skybind.runs.choosing import SplitSettings, choose_classes
from skybind.words import join, nearest

_NAMED = 8


def fit_to_data(config: Config, dataset: Dataset, begun: Collection[str] = ()) -> Config:
    """Give the configuration with the modalities that a dataset has, and say what it lacks.

    A modality without `column` finds the column of its name, or of its kind, or the only one of
    its kind. One that the dataset does not have, or that no object was observed in, is left out:
    the others are bound. `bands: common` becomes the names of these bands.

    Parameters
    ----------
    config : Config
    dataset : Dataset
    begun : collection of str
        Modalities for which this was decided when the run was begun.

    Raises
    ------
    ConfigError
        If a column does not exist, if several could be meant (they are named), or if nothing is
        left to bind.
    """
    open_ = {name: entry for name, entry in config.modalities.items() if name not in begun}
    columns = find_columns(open_, dataset)
    absent = [name for name in open_ if name not in columns]
    left = [name for name in config.modalities if name not in absent]
    if not left:
        raise ConfigError(
            f"The dataset at {dataset.path} has nothing that '{config.name}' binds "
            f"({join(absent)}): it has {join(dataset.schema.modalities) or 'none'}. "
            "choose another configuration ('skybind config list'), or write one that extends it."
        )
    raw = without_modalities(config.model_dump(mode="json"), absent)
    for name, column in columns.items():
        if column != (config.modalities[name].kind or name):
            raw["modalities"][name]["column"] = column
    for name, entry in raw["modalities"].items():
        if entry["preprocessing"].get("bands") == COMMON:
            column = entry["column"] or entry["kind"] or name
            entry["preprocessing"]["bands"] = _common_bands(dataset, name, column, name in open_)
    if absent:
        say(
            f"The dataset at {dataset.path} has no {join(absent, 'or')}, so "
            f"{join(left)} {'is' if len(left) == 1 else 'are'} bound without."
        )
    return validate(Config, raw, config.name)


def _common_bands(dataset: Dataset, name: str, column: str, told: bool) -> list[str] | None:
    """Give the bands that a modality of light curves uses; None where all are of one band."""
    common, rare = common_bands(dataset, column)
    if rare and not common:
        raise ConfigError(
            f"modalities.{name}.preprocessing.bands: no band is in {BAND_SHARE:.0%} of the light "
            f"curves of {dataset.path}: name those that shall be used ({_some(rare)})."
        )
    if common and told:
        left = f"; too rare, their epochs are left out: {_some(rare)}" if rare else ""
        say(f"modalities.{name} reads the bands {join(common)}{left}.")
    return common or None


def _some(names: Sequence[str]) -> str:
    """Write the first of many names."""
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return join([*names[:_NAMED], *more])


def find_columns(entries: Mapping[str, ModalityConfig], dataset: Dataset) -> dict[str, str]:
    """Find the column of each modality; those that the dataset does not have are left out.

    Raises
    ------
    ConfigError
        If a column that is named does not exist, or several could be meant.
    """
    offered = {
        name: modality_class(entry.kind or name).offered(dataset.schema)
        for name, entry in entries.items()
    }
    found: dict[str, str] = {}
    for name, entry in entries.items():
        if entry.column is not None and entry.column not in offered[name]:
            what = f"modalities.{name}.column: the dataset has no column '{entry.column}'"
            if not offered[name]:
                raise ConfigError(f"{what}, and none of the kind '{entry.kind or name}'.")
            raise ConfigError(f"{what}: {nearest(entry.column, offered[name])}")
        own = entry.column or (name if name in offered[name] else None)
        if own is not None:
            found[name] = own
    taken = set(found.values())
    for name, entry in entries.items():
        if name not in found and offered[name]:
            found[name] = _choose(name, entry.kind or name, offered[name], taken)
    return {
        name: found[name]
        for name, entry in entries.items()
        if name in found and (entry.column is not None or dataset.present(found[name]).any())
    }


def _choose(name: str, kind: str, offered: Sequence[str], taken: Collection[str]) -> str:
    """Choose among the columns of a kind; those that other modalities are called by come last."""
    free = [column for column in offered if column not in taken]
    for columns in (free, offered):
        if kind in columns:
            return kind
        if len(columns) == 1:
            return columns[0]
        if columns:
            break
    raise ConfigError(
        f"modalities.{name}: the dataset has no column '{name}', and several of the kind "
        f"'{kind}' ({join(free or offered)}): say which with modalities.{name}.column."
    )


def unused_classes(config: SplitSettings, dataset: Dataset) -> dict[str, int]:
    """Count the objects of each class that is not classified, the largest first.

    Objects without a label are counted under "".
    """
    if config.labels.column not in dataset.schema.columns:
        return {}
    names, counts = np.unique(dataset.labels(config.labels.column), return_counts=True)
    used = set(choose_classes(config, dataset))
    unused = {str(n): int(c) for n, c in zip(names, counts, strict=True) if n not in used}
    return dict(sorted(unused.items(), key=lambda item: (-item[1], item[0])))


def tell_classes(config: Config, dataset: Dataset) -> None:
    """Say which objects are not classified, and which classes were asked for in vain."""
    labels = config.labels
    if labels.column not in dataset.schema.columns:
        have = dataset.schema.with_role("label")
        other = f" (its labels are {join(have)})" if have else ""
        say(f"The dataset has no label '{labels.column}'{other}: nothing is classified.")
        return
    unused = unused_classes(config, dataset)
    unlabelled = unused.pop("", 0)
    why = (
        f"they have fewer than labels.min_objects = {labels.min_objects} objects"
        if labels.classes is None
        else "labels.classes does not name them"
    )
    if unused:
        names = [f"{name} ({n})" for name, n in unused.items()]
        n = sum(unused.values())
        say(
            f"{n} object{'s are' if n > 1 else ' is'} not classified, of the "
            f"class{'es' if len(unused) > 1 else ''} {_some(names)}: {why}."
        )
    if unlabelled:
        say(f"{unlabelled} object{'s have' if unlabelled > 1 else ' has'} no label.")
    missing = sorted(set(labels.classes or []) - set(choose_classes(config, dataset)))
    if missing:
        say(f"labels.classes names {join(missing)}, of which the dataset has no object.")
