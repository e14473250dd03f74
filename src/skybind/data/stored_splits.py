"""Splits that a dataset holds under a name: drawn, and extended when objects were appended."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.parts import random_parts
from skybind.data.splits import FRACTIONS, Split, column_split, make_split, sky_cells
from skybind.data.subsets import PARTS
from skybind.data.twins import find_twins
from skybind.data.write import adding_to
from skybind.errors import DataError
from skybind.files import check_name
from skybind.progress import step
from skybind.words import nearest


@step("splitting", told=False)
def split_dataset(
    folder: str | Path,
    name: str,
    *,
    kind: str = "random",
    column: str | None = None,
    label: str | None = None,
    fractions: Sequence[float] = FRACTIONS,
    subsets: Sequence[str] = (),
    seed: int = 42,
) -> Split:
    """Make a split of a dataset and store it there under a name.

    Parameters
    ----------
    folder : str or Path
        The dataset.
    name : str
        Name of the split; it is written to `splits/NAME.parquet`.
    kind, column : str
        `random`, `sky`, or `column` (the values of the column of that name are the parts).
    label : str, optional
        Keep the proportions of this label's classes, and make the subsets of it.
    fractions : sequence of float
        Train, validation, test.
    subsets : sequence of str
        Of the labels, as `10` (per cent) or `5-each` (training objects a class).
    seed : int

    Raises
    ------
    DataError
        If a split of that name exists, or the recipe does not fit the dataset.
    ConfigError
        If the name cannot be that of a file.
    """
    check_name(name, "The split's name")
    dataset = Dataset.open(folder)
    state, target = dataset.fingerprint, dataset.path / "splits" / f"{name}.parquet"
    if target.exists():
        raise DataError(f"{dataset.path} has a split '{name}' already: choose another name.")
    labels = dataset.labels(label) if label is not None else None
    if kind == "column":
        split = _split_by_column(dataset, column, labels, subsets, seed)
    else:
        split = make_split(
            kind,
            dataset.object_ids,
            labels=labels,
            ra=dataset.column("ra"),
            dec=dataset.column("dec"),
            fractions=fractions,
            subsets=subsets,
            seed=seed,
            groups=find_twins(dataset).group,
        )
    with adding_to(dataset.path, state):
        split.write(target)
    return split


def _split_by_column(
    dataset: Dataset,
    column: str | None,
    labels: np.ndarray | None,
    subsets: Sequence[str],
    seed: int,
) -> Split:
    """Take the parts from a column of the dataset, and draw the subsets."""
    if column is None:
        raise DataError("A split by a column needs the column's name (--column).")
    split = column_split(dataset.object_ids, dataset.column(column))
    for subset in subsets:
        if labels is None:
            raise DataError(f"The subset '{subset}' needs a label (--label).")
        split = split.with_subset(subset, labels, seed)
    return split


@dataclass(frozen=True)
class Extended:
    """A split that was extended.

    Attributes
    ----------
    split : Split
    added : dict of str to int
        Part -> objects that came into it.
    followed : int
        Those of them that went where their twin, or the others of their region of the sky, are.
    """

    split: Split
    added: dict[str, int]
    followed: int


@step("splitting", told=False)
def extend_split(
    folder: str | Path,
    name: str,
    *,
    fractions: Sequence[float] | None = None,
    seed: int | None = None,
) -> Extended:
    """Give the objects that a stored split does not know a part of it; the others keep theirs.

    Twins (`skybind.data.twins`) of objects that it knows come into their part, into that of the
    training objects if they are in several; of a split by sky region, objects of a known region
    too. Subsets of the labels stay as they are. Runs keep the split that they were started with.

    Parameters
    ----------
    folder : str or Path
        The dataset.
    name : str
        Of the split.
    fractions : sequence of float, optional
        Train, validation, test; those of the split by default.
    seed : int, optional
        As of the split by default.

    Raises
    ------
    DataError
        If there is no such split, or it follows a column.
    """
    check_name(name, "The split's name")
    dataset = Dataset.open(folder)
    state = dataset.fingerprint
    target = dataset.path / "splits" / f"{name}.parquet"
    old = _read_drawn(target, dataset)
    aligned = old.align(dataset.object_ids)
    fresh = ~np.isin(dataset.object_ids, old.object_id)
    if not fresh.any():
        return Extended(old, dict.fromkeys(PARTS, 0), 0)
    cells = None
    if old.recipe.get("kind") == "sky":
        cells = sky_cells(dataset.numbers("ra"), dataset.numbers("dec"), old.recipe["cell_deg"])
    groups = _joint(find_twins(dataset).group, cells)
    shares = fractions or old.recipe.get("fractions") or FRACTIONS
    start = old.recipe.get("seed") or 0 if seed is None else seed
    part, followed = _extended(aligned.part, fresh, groups, shares, start + int((~fresh).sum()))
    note = {"from": old.hash, "objects": int(fresh.sum())}
    recipe = {**old.recipe, "extended": [*old.recipe.get("extended", []), note]}
    split = Split(dataset.object_ids, part, aligned.subsets, recipe)
    with adding_to(dataset.path, state):
        split.write(target)
    added = {one: int((part[fresh] == one).sum()) for one in PARTS}
    return Extended(split, added, followed)


def _read_drawn(path: Path, dataset: Dataset) -> Split:
    """Read a split that was drawn, so that more can be."""
    name = path.stem
    if not path.exists():
        known = sorted(other.stem for other in path.parent.glob("*.parquet"))
        hint = nearest(name, known) if known else "it holds none."
        raise DataError(f"{dataset.path} has no split '{name}': {hint}")
    split = Split.read(path)
    if split.recipe.get("kind") == "column":
        raise DataError(
            f"The split '{name}' of {dataset.path} follows a column: make one of another name "
            "('skybind data split --kind column'), whose column says where new objects go."
        )
    return split


def _joint(group: np.ndarray, cells: np.ndarray | None) -> np.ndarray:
    """Join groups of twins with regions of the sky: what either joins stays together."""
    if cells is None:
        return group
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    cell = np.unique(cells, return_inverse=True)[1].ravel() + int(group.max()) + 1
    n = int(cell.max()) + 1
    links = coo_array((np.ones(len(cell), bool), (group, cell)), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1][group])


def _extended(
    part: np.ndarray,
    fresh: np.ndarray,
    group: np.ndarray,
    fractions: Sequence[float],
    seed: int,
) -> tuple[np.ndarray, int]:
    """Draw the parts of fresh objects by whole groups; those of a known group follow it."""
    part = part.astype("<U10")
    number = np.unique(group, return_inverse=True)[1].ravel()
    n = int(number.max()) + 1
    known = np.bincount(number[~fresh], minlength=n) > 0
    of_group = np.full(n, "", part.dtype)
    for name in reversed(PARTS):  # training objects come last: a leak is worse than a loss
        of_group[number[~fresh & (part == name)]] = name
    drawn = np.flatnonzero(~known)
    if len(drawn):
        of_group[drawn] = random_parts(len(drawn), None, fractions, seed)[0]
    part[fresh] = of_group[number[fresh]]
    return part, int(known[number[fresh]].sum())
