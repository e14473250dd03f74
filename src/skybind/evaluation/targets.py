"""Targets: the numbers of a dataset that are to be predicted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.quantities import quantity_of
from skybind.errors import ConfigError
from skybind.evaluation.truth import truth_table
from skybind.words import nearest


@dataclass(frozen=True)
class Target:
    """A number to predict.

    Attributes
    ----------
    name : str
        The dataset's column.
    unit : str or None
        Its unit.
    redshift : bool
        Whether it is judged as redshifts are.
    values : ndarray of float64, shape (n,)
        Of all objects as the catalogue gives them, NaN where not known.
    truth : ndarray of float64, shape (n,), optional
        Of simulated objects: without the errors that were planted in the catalogue. For
        evaluation only.
    """

    name: str
    unit: str | None
    redshift: bool
    values: np.ndarray
    truth: np.ndarray | None = None


def targets_of(dataset: Dataset, names: Sequence[str] | None = None) -> list[Target]:
    """Give the targets of a dataset: the named columns, or all of the role `target`.

    A column is a redshift if its attribute `quantity` says so, or if its name does (`redshift`,
    `z`, `z_spec`, ...) and it has no unit: a `z` in mag is the brightness in that band.

    Raises
    ------
    ConfigError
        If a named column does not exist.
    DataError
        If a column holds text.
    """
    columns = dataset.schema.columns
    for name in names or []:
        if name not in columns:
            raise ConfigError(
                f"The target '{name}' is no column of the dataset at {dataset.path}: "
                f"{nearest(name, list(columns))}"
            )
    chosen = dataset.schema.with_role("target") if names is None else list(names)
    truth = truth_table(dataset, np.arange(len(dataset))) if chosen else None
    return [
        Target(
            name,
            columns[name].unit,
            quantity_of(name, columns[name]) == "redshift",
            dataset.numbers(name),
            _true_numbers(truth, name),
        )
        for name in chosen
    ]


def known_rows(target: Target, seen: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Those of some objects that were observed and whose target is known."""
    return rows[seen[rows] & np.isfinite(target.values[rows])]


def _true_numbers(truth: pa.Table | None, name: str) -> np.ndarray | None:
    """The column of a truth table that a target is named after, NaN where null."""
    if truth is None or name not in truth.column_names:
        return None
    kind = truth.schema.field(name).type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        return None
    return np.asarray(truth[name].cast(pa.float64()).fill_null(np.nan).to_numpy())
