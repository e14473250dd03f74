"""What a configuration chooses of a dataset: its classes and its split."""

from typing import Protocol

import numpy as np

from skybind.config.schema import LabelConfig, SplitConfig
from skybind.data.dataset import Dataset
from skybind.data.splits import Split, make_split
from skybind.data.twins import find_twins
from skybind.errors import ConfigError
from skybind.words import join


class SplitSettings(Protocol):
    """What a configuration says of the split."""

    @property
    def labels(self) -> LabelConfig:
        """Whose proportions it keeps."""

    @property
    def split(self) -> SplitConfig:
        """How objects are assigned."""

    @property
    def subsets(self) -> list[str]:
        """Its subsets of the labels."""

    @property
    def seed(self) -> int:
        """Its seed, unless `split` has its own."""


def choose_classes(config: SplitSettings, dataset: Dataset) -> list[str]:
    """Give the classes that a configuration uses of a dataset, sorted.

    Raises
    ------
    ConfigError
        If the configuration names classes of which the dataset has no object.
    """
    column = config.labels.column
    if column not in dataset.schema.columns:
        if config.labels.classes is not None:
            dataset.labels(column)  # says what is missing
        return []
    names, counts = np.unique(dataset.labels(column), return_counts=True)
    if config.labels.classes is not None:
        missing = [name for name in config.labels.classes if name not in names]
        if len(missing) == len(config.labels.classes):
            have = [str(name) for name in names if name] or ["none"]
            raise ConfigError(
                f"labels.classes: the dataset has no object of {join(missing, 'or')}; its classes "
                f"are {join(have)}."
            )
        return sorted(set(config.labels.classes) - set(missing))
    enough = (counts >= config.labels.min_objects) & (names != "")
    return [str(name) for name in names[enough]]


def split_seed(config: SplitSettings) -> int:
    """Give the seed that the split and its subsets are drawn by."""
    return config.seed if config.split.seed is None else config.split.seed


def choose_split(config: SplitSettings, dataset: Dataset, given: Split | None = None) -> Split:
    """Make the split that a configuration describes, or complete one that is there.

    A split that is given, or that the configuration names, is put in the dataset's order and
    gets the subsets it lacks. Unless `labels.others` says otherwise, objects of classes that
    are not in use take no part.
    """
    classes = choose_classes(config, dataset)
    wanted = config.split
    names = (
        dataset.labels(config.labels.column) if classes else np.full(len(dataset), "", dtype=str)
    )
    labels = np.where(np.isin(names, classes), names, "")
    seed = split_seed(config)
    subsets = config.subsets if classes else []
    if given is None and wanted.name is not None:
        given = Split.read(dataset.path / "splits" / f"{wanted.name}.parquet")
    if given is not None:
        split = given.align(dataset.object_ids)
        for subset in subsets:
            split = split.with_subset(subset, labels, seed)
    else:
        split = make_split(
            wanted.kind,
            dataset.object_ids,
            labels=labels if classes else None,
            ra=dataset.column("ra"),
            dec=dataset.column("dec"),
            fractions=wanted.fractions,
            subsets=subsets,
            seed=seed,
            groups=find_twins(dataset).group,
        )
    if config.labels.others == "embed":
        split.part = np.where((names != "") & (labels == ""), "", split.part)
    return split
