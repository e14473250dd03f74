"""What a configuration chooses of a dataset: its classes and its split."""

from typing import Any, Protocol, TypeVar

import numpy as np

from skybind.config.schema import LabelConfig, SplitConfig
from skybind.data.dataset import Dataset
from skybind.data.splits import TOO_FEW, Split, make_split, random_split
from skybind.data.subsets import PARTS
from skybind.data.twins import find_twins, together
from skybind.errors import ConfigError, DataError
from skybind.progress import say
from skybind.words import join, nearest

# A contrastive loss needs two objects.
_VALIDATED = 2

#: `split.name` of who wants a new split beside those that the dataset holds.
NEW = "none"


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


def choose_classes(config: SplitSettings, dataset: Dataset, first: int | None = None) -> list[str]:
    """Give the classes that a configuration uses of a dataset, sorted.

    Parameters
    ----------
    config : SplitSettings
    dataset : Dataset
    first : int, optional
        Only so many objects count: those that were there before others were appended.

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
    names, counts = np.unique(dataset.labels(column)[:first], return_counts=True)
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


_C = TypeVar("_C", bound=Any)


def with_own_split(config: _C, dataset: Dataset) -> _C:
    """Give a configuration that names no split the one that the dataset holds, and say so.

    A dataset that holds several, or none, gets a new one.

    Parameters
    ----------
    config : Config or BackboneConfig
    dataset : Dataset

    Raises
    ------
    ConfigError
        If the configuration asks for a split by sky region, and the dataset holds one.
    """
    wanted: SplitConfig = config.split
    if wanted.name is not None:
        return config
    stored = stored_splits(dataset)
    if len(stored) > 1:
        say(
            f"The dataset at {dataset.path} holds the splits {join(stored)}; a new one is made of "
            f"its objects (--set split.name={stored[0]} takes one of them)."
        )
    if len(stored) != 1:
        return config
    name = stored[0]
    if wanted.kind != "random":
        raise ConfigError(
            f"The dataset at {dataset.path} holds the split '{name}', and split.kind asks for "
            f"another: set split.name to {name}, or to {NEW} for a new one."
        )
    parts = read_stored(dataset, name).align(dataset.object_ids)
    sizes = [f"{len(parts.rows(part)):,} {part}" for part in PARTS]
    say(
        f"The split is '{name}', which the dataset at {dataset.path} holds ({join(sizes)}; "
        f"--set split.name={NEW} makes a new one)."
    )
    return config.model_copy(update={"split": wanted.model_copy(update={"name": name})})


def own_split(config: SplitSettings) -> str | None:
    """Name of the dataset's own split that a configuration takes; None where a new one is made."""
    return None if config.split.name == NEW else config.split.name


def stored_splits(dataset: Dataset) -> list[str]:
    """Names of the splits that a dataset holds, sorted."""
    return sorted(path.stem for path in (dataset.path / "splits").glob("*.parquet"))


def read_stored(dataset: Dataset, name: str) -> Split:
    """Read a split that a dataset holds, by its name.

    Raises
    ------
    ConfigError
        If it holds none of that name.
    """
    known = stored_splits(dataset)
    if name not in known:
        hint = nearest(name, known) if known else "it holds none."
        raise ConfigError(f"split.name: {dataset.path} has no split '{name}': {hint}")
    return Split.read(dataset.path / "splits" / f"{name}.parquet")


def split_seed(config: SplitSettings) -> int:
    """Give the seed that the split and its subsets are drawn by."""
    return config.seed if config.split.seed is None else config.split.seed


def choose_split(config: SplitSettings, dataset: Dataset, given: Split | None = None) -> Split:
    """Make the split that a configuration describes, or complete one that is there.

    A split that is given, or that the configuration names, is put in the dataset's order and
    gets the subsets it lacks; one of the dataset's own without validation objects (a published one
    of two parts) gets some of its training objects as such. Unless `labels.others` says otherwise,
    objects of classes that are not in use take no part.
    """
    classes = choose_classes(config, dataset)
    wanted = config.split
    names = (
        dataset.labels(config.labels.column) if classes else np.full(len(dataset), "", dtype=str)
    )
    labels = np.where(np.isin(names, classes), names, "")
    new = (names != "") & (labels == "") & (config.labels.others == "embed")
    seed = split_seed(config)
    subsets = config.subsets if classes else []
    own = own_split(config)
    if given is not None or own is not None:
        split = (given or read_stored(dataset, own or "")).align(dataset.object_ids)
        if given is None:
            split = _with_validation(split, labels, wanted.fractions, seed, dataset)
    else:
        split = make_split(
            wanted.kind,
            dataset.object_ids,
            labels=labels if classes else None,
            ra=dataset.column("ra"),
            dec=dataset.column("dec"),
            fractions=wanted.fractions,
            seed=seed,
            groups=find_twins(dataset).group,
        )
        if wanted.fractions[1] > 0:
            split = _validated(split, ~new, seed, dataset)
    for subset in subsets:
        split = split.with_subset(subset, labels, seed, wanted.subset_rule)
    split.part = np.where(new, "", split.part)
    return split


def refuse_empty_parts(split: Split) -> None:
    """Refuse a split that leaves nothing to train on, or nothing to stop by.

    Raises
    ------
    DataError
    """
    counts = {part: len(split.rows(part)) for part in PARTS}
    if counts["train"] and counts["validation"]:
        return
    empty = "training" if not counts["train"] else "validation"
    told = join([f"{n:,} in {part}" for part, n in counts.items()])
    raise DataError(
        f"The split has no {empty} objects ({told}), and training stops by the validation objects: "
        f"{TOO_FEW}."
    )


def _at_least(least: int, part: np.ndarray, group: np.ndarray, seed: int) -> np.ndarray:
    """Let more training objects validate where few do, drawn by whole groups of twins.

    At least as many stay in training; so nothing is moved where there are too few objects.
    """
    part = part.copy()
    for name in np.random.default_rng(seed).permutation(np.unique(group)):
        validated, trained = (int((part == one).sum()) for one in ("validation", "train"))
        own = group == name
        n = int(own.sum())
        if validated >= min(least, (validated + trained) // 2):
            break
        if part[own][0] == "train" and trained - n >= validated + n:
            part[own] = "validation"
    return part


def _validated(split: Split, used: np.ndarray, seed: int, dataset: Dataset) -> Split:
    """Let training objects validate where a tenth of a tiny survey is not enough of them."""
    validated, trained = ((split.part[used] == one).sum() for one in ("validation", "train"))
    if validated >= _VALIDATED or validated + trained < 2 * _VALIDATED:
        return split
    part, group = split.part.astype("<U10"), find_twins(dataset).group[used]
    part[used] = _at_least(_VALIDATED, part[used], group, seed)
    moved = int((part != split.part).sum())
    if not moved:
        return split
    say(
        f"Fewer than {_VALIDATED} objects of so small a survey would be validation objects: "
        f"{moved} of its training objects, drawn by the seed {seed}, are taken as such too."
    )
    recipe = {**split.recipe, "validation": {"of": "train", "least": _VALIDATED, "seed": seed}}
    return Split(split.object_id, part, split.subsets, recipe)


def _with_validation(
    split: Split,
    labels: np.ndarray,
    fractions: tuple[float, float, float],
    seed: int,
    dataset: Dataset,
) -> Split:
    """Let training objects validate where a split has no others for it; twins stay together."""
    rows = split.rows("train")
    if not len(rows) or len(split.rows("validation")):
        return split
    share = fractions[1] / max(fractions[0] + fractions[1], 1e-9)
    drawn = random_split(split.object_id[rows], labels[rows], (1 - share, share, 0), seed).part
    part, group = split.part.astype("<U10"), find_twins(dataset).group[rows]
    part[rows] = _at_least(_VALIDATED, together(drawn, group)[0], group, seed)
    moved = int((part == "validation").sum())
    say(
        f"The split has no validation objects: {moved:,} of its {len(rows):,} training objects, "
        f"drawn by the seed {seed}, are taken as such."
    )
    recipe = {**split.recipe, "validation": {"of": "train", "share": share, "seed": seed}}
    return Split(split.object_id, part, split.subsets, recipe)
