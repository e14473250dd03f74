"""Classification: how often the predicted class is the true one."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from skybind.errors import DataError
from skybind.measures.shares import share_error
from skybind.record import Counts, Number, Numbers, Record


class ClassificationResult(Record):
    """What a classifier got right.

    Matrix and recalls are in the order of the classes.
    """

    n_test: int = Field(..., description="Objects that were classified.")
    accuracy: Number = Field(..., description="Fraction of them whose class is right.")
    accuracy_error: Number = Field(
        ...,
        description="Its standard error from the finite number of objects: half of Wilson's "
        "interval of 68 %, so never 0.",
    )
    balanced_accuracy: Number = Field(
        ..., description="Mean of `per_class` over the classes that occur."
    )
    balanced_accuracy_error: Number = Field(
        ...,
        description="Its standard error at fixed numbers of objects a class, likewise.",
    )
    confusion: Counts = Field(
        ...,
        description="Matrix of counts: objects of true class (row) and predicted class (column).",
    )
    per_class: Numbers = Field(
        ...,
        description="Fraction right in each true class (recall); null for a class that does not "
        "occur.",
    )


def encode_labels(names: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Turn class names into codes: the index in `classes`, -1 for any other name."""
    index = {name: code for code, name in enumerate(classes)}
    return np.fromiter((index.get(name, -1) for name in names), dtype=np.int64, count=len(names))


def confusion_matrix(y_true: np.ndarray, y_pred: np.ndarray, n_classes: int) -> np.ndarray:
    """Count objects by true class (row) and predicted class (column).

    Parameters
    ----------
    y_true, y_pred : ndarray of int, shape (n,)
        Codes in [0, n_classes).
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of int64, shape (n_classes, n_classes)

    Raises
    ------
    DataError
        If a code is out of range or the lengths differ.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape or y_true.ndim != 1:
        raise DataError(f"There are {len(y_true)} true classes but {len(y_pred)} predicted ones.")
    for what, codes in (("true", y_true), ("predicted", y_pred)):
        if len(codes) and (codes.min() < 0 or codes.max() >= n_classes):
            raise DataError(
                f"The {what} class codes run from {codes.min()} to {codes.max()}, outside "
                f"0 to {n_classes - 1}: leave out objects without a class."
            )
    flat = y_true.astype(np.int64) * n_classes + y_pred.astype(np.int64)
    return np.bincount(flat, minlength=n_classes**2).reshape(n_classes, n_classes)


def classification_metrics(
    y_true: np.ndarray, y_pred: np.ndarray, classes: Sequence[str]
) -> ClassificationResult:
    """Compare predicted with true classes.

    The errors are those of shares of so many objects (`skybind.measures.shares`): of many
    objects what the bootstrap gives, and never zero where all are right. Balanced accuracy: the
    same in each class, added in quadrature.

    Parameters
    ----------
    y_true, y_pred : ndarray of int, shape (n,)
        Codes, indices into `classes`.
    classes : sequence of str
        Names of the classes.

    Returns
    -------
    ClassificationResult

    Raises
    ------
    DataError
        If there is no object, or a code is out of range.
    """
    if len(y_true) == 0:
        raise DataError("There is no object to classify: the test split has no labelled object.")
    confusion = confusion_matrix(y_true, y_pred, len(classes))
    n_class = confusion.sum(axis=1)
    n = int(n_class.sum())
    right = np.diag(confusion)
    per_class = np.divide(right, n_class, out=np.full(len(classes), np.nan), where=n_class > 0)
    occurs = n_class > 0
    accuracy = float(right.sum() / n)
    recall = per_class[occurs]
    errors = [share_error(p, m) for p, m in zip(recall, n_class[occurs], strict=True)]
    return ClassificationResult(
        n_test=n,
        accuracy=accuracy,
        accuracy_error=share_error(accuracy, n),
        balanced_accuracy=float(recall.mean()),
        balanced_accuracy_error=float(np.linalg.norm(errors) / occurs.sum()),
        confusion=confusion,
        per_class=per_class,
    )
