"""Which known class do objects of no class, or of an undecided one, belong to?"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from skybind.config.load import nearest
from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.studies.cases import finished_cases
from skybind.studies.evaluation import predict_case, widest_case
from skybind.studies.run import Run
from skybind.tasks.calibration import softmax, temperature
from skybind.tasks.outliers import label_doubt

#: Of the neighbours' votes, one vote is shared out to all classes: nothing is impossible.
VOTES = 16


def resolve_labels(
    run: Run, embeddings: Embeddings, names: Sequence[str] = (), neighbours: int = VOTES
) -> pa.Table:
    """Give the probabilities of the known classes for objects that have none of them.

    Parameters
    ----------
    run : Run
        With classes in use.
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.
    names : sequence of str
        Labels to resolve, such as `E`; by default all that are not in use, and no label.
    neighbours : int
        Training objects that vote.

    Returns
    -------
    Table
        One row an object, the surest first: `object_id`, `split`, `label`, `suggested`,
        `probability`, `agree` (whether votes and classifier suggest the same; null without a
        classifier), and for each class `p_CLASS`, `votes_CLASS` and, with a fine-tuned
        classifier, `classifier_CLASS`. `p` is the mean of votes and classifier. The
        temperatures of the classifier and of `p` are fitted on the validation objects (Guo et
        al. 2017).

    Raises
    ------
    DataError
        If the run has no classes, or no object has such a label.
    """
    if not run.classes:
        raise DataError(f"The run in {run.folder} has no classes that a label could resolve to.")
    every = run.dataset.labels(run.config.labels.column)
    rows = np.flatnonzero(_wanted(run, every, names) & embeddings.any_present())
    if not len(rows):
        raise DataError(f"No object with one of the labels {', '.join(names) or 'not in use'}.")
    held = run.rows("validation")
    held = held[(run.labels[held] >= 0) & embeddings.any_present()[held]]
    votes = _votes(run, embeddings, np.concatenate([rows, held]), neighbours)
    classified = _classified(run, rows, held)
    joined = votes
    if classified is not None:
        joined = np.where(np.isfinite(classified), (votes + classified) / 2, votes)
        classified = classified[: len(rows)]
    joined = _calibrated(np.log(joined), run.labels[held])[: len(rows)]
    votes = votes[: len(rows)]
    best = joined.argmax(axis=1)
    columns = {
        "object_id": run.dataset.object_ids[rows],
        "split": run.split.part[rows],
        "label": every[rows],
        "suggested": np.asarray(run.classes)[best],
        "probability": joined.max(axis=1),
    }
    if classified is not None:
        columns["agree"] = np.nan_to_num(classified).argmax(axis=1) == votes.argmax(axis=1)
    for code, name in enumerate(run.classes):
        columns[f"p_{name}"] = joined[:, code]
        columns[f"votes_{name}"] = votes[:, code]
        if classified is not None:
            columns[f"classifier_{name}"] = classified[:, code]
    order = np.argsort(-columns["probability"], kind="stable")
    return pa.table(
        {k: pa.array(v[order].tolist() if v.dtype.kind in "UO" else v[order], from_pandas=True)
         for k, v in columns.items()}
    )  # fmt: skip


def _wanted(run: Run, every: np.ndarray, names: Sequence[str]) -> np.ndarray:
    if not names:
        return run.labels < 0
    known = sorted(set(every.tolist()) - {""})
    for name in names:
        if name not in known:
            raise DataError(f"No object has the label '{name}': {nearest(name, known)}")
    return np.isin(every, list(names)) & (run.labels < 0)


def _votes(run: Run, embeddings: Embeddings, rows: np.ndarray, neighbours: int) -> np.ndarray:
    """Shares of the neighbours' votes, shape (len(rows), classes), none zero."""
    doubt = label_doubt(
        embeddings.combined(),
        embeddings.any_present(),
        run.labels,
        run.rows("train"),
        len(run.classes),
        neighbours,
    )
    shared = 1 / len(run.classes)
    return np.asarray((doubt.votes[rows] * neighbours + shared) / (neighbours + 1))


def _classified(run: Run, rows: np.ndarray, held: np.ndarray) -> np.ndarray | None:
    """Calibrated probabilities by the widest fine-tuned classifier; None if there is none."""
    cases = finished_cases(run)
    case = widest_case(cases) or (cases[0] if cases else None)
    if case is None:
        return None
    logits, classes = predict_case(run, case, np.concatenate([rows, held]))
    order = [classes.index(name) for name in run.classes]
    return _calibrated(logits[:, order], run.labels[held])


def _calibrated(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Probabilities whose temperature suits the last rows, whose labels are known."""
    others = logits[len(logits) - len(labels) :]
    known = np.isfinite(others).all(axis=1)
    scale = temperature(others[known], labels[known]) if known.any() else 1.0
    return softmax(logits / scale)
