"""Storing a named split in a dataset."""

from collections.abc import Sequence
from pathlib import Path

from skybind.data.dataset import Dataset
from skybind.data.splits import FRACTIONS, Split, column_split, make_split
from skybind.errors import DataError


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
    kind : str
        `random`, `sky`, or `column` (the values of `column` are the parts).
    column : str, optional
        For `column`.
    label : str, optional
        Keep the proportions of this label's classes, and make the subsets of it.
    fractions : sequence of float
        Train, validation, test.
    subsets : sequence of str
        Percentages of the labels.
    seed : int

    Raises
    ------
    DataError
        If a split of that name exists, or the recipe does not fit the dataset.
    """
    dataset = Dataset.open(folder)
    target = dataset.path / "splits" / f"{name}.parquet"
    if target.exists():
        raise DataError(f"{dataset.path} has a split '{name}' already: choose another name.")
    labels = dataset.labels(label) if label is not None else None
    if kind == "column":
        if column is None:
            raise DataError("A split by a column needs the column's name (--column).")
        split = column_split(dataset.object_ids, dataset.column(column))
        for subset in subsets:
            if labels is None:
                raise DataError(f"The subset '{subset}' needs a label (--label).")
            split = split.with_subset(subset, labels, float(subset) / 100, seed)
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
        )
    split.write(target)
    return split
