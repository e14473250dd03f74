"""Importance of modalities: class-wise accuracy of every combination (AstroM3, section 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.measures.classification import classification_metrics


@dataclass(frozen=True)
class ImportanceTable:
    """Class-wise accuracy of one classifier fed with different modalities.

    Attributes
    ----------
    classes : tuple of str
        The rows.
    combinations : tuple of tuple of str
        The columns: singles first, then pairs, and so on.
    n_class : ndarray of int, shape (C,)
        Objects of each class; all columns are about the same objects.
    accuracy : ndarray of float, shape (C, M)
        Fraction right; NaN for a class without objects.
    average : ndarray of float, shape (M,)
        Unweighted mean over the classes with objects.
    change : ndarray of int, shape (C, M)
        1, 0 or -1: better than, equal to or worse than the best single modality that the
        combination holds; 0 for singles.
    average_change : ndarray of int, shape (M,)
        The same for `average`.
    """

    classes: tuple[str, ...]
    combinations: tuple[tuple[str, ...], ...]
    n_class: np.ndarray
    accuracy: np.ndarray
    average: np.ndarray
    change: np.ndarray
    average_change: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values (None for NaN)."""
        rows = [[None if np.isnan(x) else float(x) for x in row] for row in self.accuracy]
        return {
            "classes": list(self.classes),
            "combinations": [list(names) for names in self.combinations],
            "n_class": self.n_class.tolist(),
            "n_test": int(self.n_class.sum()),
            "accuracy": rows,
            "average": self.average.tolist(),
            "change": self.change.tolist(),
            "average_change": self.average_change.tolist(),
        }


def all_combinations(modalities: Sequence[str]) -> list[tuple[str, ...]]:
    """List every non-empty combination of modalities: singles, pairs, ... all."""
    sizes = range(1, len(modalities) + 1)
    return [names for size in sizes for names in combinations(modalities, size)]


def changes(accuracy: np.ndarray, columns: Sequence[tuple[str, ...]]) -> np.ndarray:
    """Compare each combination with the best single modality in it.

    Parameters
    ----------
    accuracy : ndarray, shape (..., M)
        One column a combination.
    columns : sequence of tuple of str, length M
        The combinations.

    Returns
    -------
    ndarray of int, shape (..., M)
        1 better, -1 worse, 0 equal, a single modality, or no single of it in the table.
    """
    single = {names[0]: column for column, names in enumerate(columns) if len(names) == 1}
    result = np.zeros(accuracy.shape, dtype=np.int64)
    for column, names in enumerate(columns):
        parts = [single[name] for name in names if name in single]
        if len(names) > 1 and parts:
            difference = accuracy[..., column] - accuracy[..., parts].max(axis=-1)
            result[..., column] = np.nan_to_num(np.sign(difference))
    return result


def modality_table(
    predictions: Mapping[tuple[str, ...], np.ndarray],
    y_true: np.ndarray,
    classes: Sequence[str],
) -> ImportanceTable:
    """Make the table "Modalities importance" of the paper.

    Objects that any combination has no prediction for are left out of all columns, so that
    the columns can be compared; `n_class` says how many were used.

    Parameters
    ----------
    predictions : mapping of tuple of str to ndarray of int, shape (n,)
        Predicted class codes for each combination of modalities; -1 where there is none.
    y_true : ndarray of int, shape (n,)
        True class codes; -1 for objects without a class, which are left out.
    classes : sequence of str
        Names of the classes.

    Returns
    -------
    ImportanceTable

    Raises
    ------
    DataError
        If no object has a class and a prediction from every combination.
    """
    columns = tuple(sorted(predictions, key=len))
    y_true = np.asarray(y_true)
    usable = y_true >= 0
    for names in columns:
        usable &= np.asarray(predictions[names]) >= 0
    if not columns or not usable.any():
        raise DataError(
            "No labelled object has a prediction from every combination of modalities, "
            "so they cannot be compared."
        )
    truth = y_true[usable]
    results = [classification_metrics(truth, predictions[c][usable], classes) for c in columns]
    accuracy = np.stack([result.per_class for result in results], axis=1)
    average = np.array([result.balanced_accuracy for result in results])
    return ImportanceTable(
        classes=tuple(classes),
        combinations=columns,
        n_class=np.bincount(truth, minlength=len(classes)),
        accuracy=accuracy,
        average=average,
        change=changes(accuracy, columns),
        average_change=changes(average, columns),
    )
