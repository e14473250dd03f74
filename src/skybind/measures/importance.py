"""Importance of modalities: class-wise accuracy of every combination (AstroM3, section 4)."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from pydantic import Field
from scipy.stats import binomtest

from skybind.errors import DataError
from skybind.measures.classification import classification_metrics
from skybind.measures.shares import score_error
from skybind.measures.significance import LEVEL, paired_difference
from skybind.record import Counts, Numbers, Record


class ImportanceTable(Record):
    """Class-wise accuracy of one classifier given different modalities.

    Rows are classes, columns combinations of modalities; all columns are about the same objects.
    """

    left_out = frozenset({"notable", "average_notable"})

    classes: tuple[str, ...] = Field(..., description="The rows.")
    combinations: tuple[tuple[str, ...], ...] = Field(
        ..., description="The columns: singles first, then pairs, and so on."
    )
    n_class: Counts = Field(..., description="Objects of each class.")
    n_test: int = Field(..., description="All of them.")
    accuracy: Numbers = Field(
        ..., description="Fraction right, a row a class; null for a class without objects."
    )
    average: Numbers = Field(..., description="Unweighted mean over the classes with objects.")
    change: Counts = Field(
        ...,
        description="Of `accuracy`: 1, 0 or -1, better than, equal to or worse than the best "
        "single modality that the combination holds; 0 for singles.",
    )
    average_change: Counts = Field(..., description="The same of `average`.")
    notable: Counts | None = Field(
        None,
        description="`change` where chance makes such a difference less often than in one of "
        "twenty cases, else 0: of one seed by McNemar's exact test of the same objects, of several "
        "by the test of pairs of seeds; not known where an older skybind wrote them.",
    )
    average_notable: Counts | None = Field(
        None,
        description="The same of `average_change`: of one seed where it is more than twice its "
        "error.",
    )


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
    result = np.zeros(accuracy.shape, dtype=np.int64)
    for column, parts in _parts(columns).items():
        difference = accuracy[..., column] - accuracy[..., parts].max(axis=-1)
        result[..., column] = np.nan_to_num(np.sign(difference))
    return result


def _parts(columns: Sequence[tuple[str, ...]]) -> dict[int, list[int]]:
    """Give for each combination of several the columns of the single modalities in it."""
    single = {names[0]: column for column, names in enumerate(columns) if len(names) == 1}
    found = {
        column: [single[name] for name in names if name in single]
        for column, names in enumerate(columns)
        if len(names) > 1
    }
    return {column: parts for column, parts in found.items() if parts}


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
    right = np.stack([predictions[c][usable] == truth for c in columns], axis=1)
    accuracy = np.stack([result.per_class for result in results], axis=1)
    average = np.array([result.balanced_accuracy for result in results])
    return ImportanceTable(
        classes=tuple(classes),
        combinations=columns,
        n_class=np.bincount(truth, minlength=len(classes)),
        n_test=len(truth),
        accuracy=accuracy,
        average=average,
        change=changes(accuracy, columns),
        average_change=changes(average, columns),
        notable=_notable(right, truth, accuracy, columns),
        average_notable=_average_notable(right, truth, average, columns),
    )


def _notable(
    right: np.ndarray, truth: np.ndarray, accuracy: np.ndarray, columns: Sequence[tuple[str, ...]]
) -> np.ndarray:
    """Return where a combination is better or worse than its best single by more than chance.

    McNemar's exact test: of the objects that one of the two has right and the other wrong, half
    would be each one's if they were equally good.
    """
    found = changes(accuracy, columns)
    for column, parts in _parts(columns).items():
        for code in np.flatnonzero(found[:, column]):
            best = parts[int(np.argmax(accuracy[code, parts]))]
            own, other = right[truth == code][:, [column, best]].T
            won, lost = int((own & ~other).sum()), int((other & ~own).sum())
            if binomtest(won, won + lost).pvalue >= LEVEL:
                found[code, column] = 0
    return found


def _average_notable(
    right: np.ndarray, truth: np.ndarray, average: np.ndarray, columns: Sequence[tuple[str, ...]]
) -> np.ndarray:
    """Return where the average of a combination is so by more than twice its error."""
    found = changes(average, columns)
    codes = np.unique(truth)
    for column, parts in _parts(columns).items():
        best = parts[int(np.argmax(average[parts]))]
        # gained, kept or lost, as scores of 1, 1/2 and 0
        score = (1.0 + right[:, column] - right[:, best]) / 2
        errors = [2 * score_error(score[truth == c].var(), (truth == c).sum()) for c in codes]
        if abs(average[column] - average[best]) <= 2 * np.hypot.reduce(errors) / len(codes):
            found[column] = 0
    return found


def mean_importance(tables: Sequence[ImportanceTable]) -> ImportanceTable:
    """Average tables of the same classes and combinations, one a seed; objects are added up."""
    alone = len(tables) == 1
    accuracy = np.stack([one.accuracy for one in tables])
    known = np.isfinite(accuracy)
    with np.errstate(invalid="ignore"):  # a class without objects in any stays NaN
        mean = np.where(known, accuracy, 0).sum(axis=0) / known.sum(axis=0)
    averages = np.stack([one.average for one in tables])
    average = averages.mean(axis=0)
    columns = tables[0].combinations
    return ImportanceTable(
        classes=tables[0].classes,
        combinations=columns,
        n_class=np.sum([one.n_class for one in tables], axis=0),
        n_test=sum(one.n_test for one in tables),
        accuracy=mean,
        average=average,
        change=changes(mean, columns),
        average_change=changes(average, columns),
        notable=tables[0].notable if alone else _notable_over_seeds(accuracy, mean, columns),
        average_notable=tables[0].average_notable
        if alone
        else _notable_over_seeds(averages[:, None], average[None], columns)[0],
    )


def _notable_over_seeds(
    accuracy: np.ndarray, mean: np.ndarray, columns: Sequence[tuple[str, ...]]
) -> np.ndarray:
    """Return where a combination differs from its best single, seed by seed.

    Parameters
    ----------
    accuracy : ndarray, shape (S, R, M)
        Of each seed; a row a class.
    mean : ndarray, shape (R, M)
        Over the seeds.
    """
    found = changes(mean, columns)
    for column, parts in _parts(columns).items():
        for row in np.flatnonzero(found[:, column]):
            best = parts[int(np.argmax(mean[row, parts]))]
            own, other = accuracy[:, row, column], accuracy[:, row, best]
            known = np.isfinite(own)
            if not paired_difference(own[known].tolist(), other[known].tolist()).significant:
                found[row, column] = 0
    return found
