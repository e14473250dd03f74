"""Which known class do objects of no class, or of an undecided one, belong to?"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from skybind.discovery.measures.label_doubt import VOTERS
from skybind.discovery.scores import all_votes
from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.measures.calibration import pool_weights, pooled
from skybind.runs.cases import finished_cases, widest_case
from skybind.runs.classes import case_classes
from skybind.runs.run import Run
from skybind.words import nearest


def resolve_labels(run: Run, embeddings: Embeddings, names: Sequence[str] = ()) -> pa.Table:
    """Give the probabilities of the known classes for objects that have none of them.

    Parameters
    ----------
    run : Run
        With classes in use.
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.
    names : sequence of str
        Labels to resolve, such as `E`; by default all that are not in use, and no label.

    Returns
    -------
    Table
        One row an object, the surest first: `object_id`, `split`, `label`, `suggested`,
        `probability`, for each class `p_CLASS` and `votes_CLASS` and, with a fine-tuned
        classifier, `classifier_CLASS` and `agree` (whether votes and classifier suggest the
        same; both null for an object that the classifier cannot see). `p` pools votes and
        classifier; how much each counts, and how sure the classifier is, is fitted on the
        validation objects (`pool_weights`).

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
    asked = np.concatenate([rows, held])
    votes = _votes(run, embeddings, asked)
    logits = _logits(run, asked)
    opinions = [np.log(votes)] if logits is None else [np.log(votes), logits]
    joined = _pooled(opinions, run.labels[held])[: len(rows)]
    classified = None if logits is None else _pooled([logits], run.labels[held])[: len(rows)]
    return _table(run, rows, every[rows], joined, votes[: len(rows)], classified)


def _table(
    run: Run,
    rows: np.ndarray,
    labels: np.ndarray,
    joined: np.ndarray,
    votes: np.ndarray,
    classified: np.ndarray | None,
) -> pa.Table:
    """Put the probabilities of some objects in a table, the surest first."""
    best = joined.argmax(axis=1)
    columns = {
        "object_id": pa.array(run.dataset.object_ids[rows].tolist(), pa.string()),
        "split": pa.array(run.split.part[rows].tolist(), pa.string()),
        "label": pa.array(labels.tolist(), pa.string()),
        "suggested": pa.array(np.asarray(run.classes)[best].tolist(), pa.string()),
        "probability": joined.max(axis=1),
    }
    if classified is not None:
        columns["agree"] = _agree(classified, votes)
    for code, name in enumerate(run.classes):
        columns[f"p_{name}"] = joined[:, code]
        columns[f"votes_{name}"] = votes[:, code]
        if classified is not None:
            columns[f"classifier_{name}"] = pa.array(classified[:, code], from_pandas=True)
    return pa.table(columns).take(np.argsort(-joined.max(axis=1), kind="stable"))


def _wanted(run: Run, every: np.ndarray, names: Sequence[str]) -> np.ndarray:
    if not names:
        return run.labels < 0
    known = sorted(set(every.tolist()) - {""})
    for name in names:
        if name not in known:
            raise DataError(f"No object has the label '{name}': {nearest(name, known)}")
    return np.isin(every, list(names)) & (run.labels < 0)


def _votes(run: Run, embeddings: Embeddings, rows: np.ndarray) -> np.ndarray:
    """Shares of the neighbours' votes, shape (len(rows), classes), none zero."""
    shared = 1 / len(run.classes)  # one vote more, to all classes: nothing is impossible
    return np.asarray((all_votes(run, embeddings)[rows] * VOTERS + shared) / (VOTERS + 1))


def _logits(run: Run, rows: np.ndarray) -> np.ndarray | None:
    """Logits of the widest fine-tuned classifier, NaN where it cannot see; None without one."""
    cases = finished_cases(run)
    case = widest_case(cases) or (cases[0] if cases else None)
    if case is None:
        return None
    found = case_classes(run, case)
    return np.asarray(found.logits()[rows][:, [found.classes.index(name) for name in run.classes]])


def _pooled(opinions: Sequence[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Pool the opinions, with weights that suit the last rows, whose labels are known.

    Where the later opinions are missing, the first is alone, with the weight that suits it alone.
    """
    first = len(opinions[0]) - len(labels)
    seen = np.isfinite(opinions[-1]).all(axis=1)
    known = seen[first:]
    held = [opinion[first:][known] for opinion in opinions]
    result = pooled(opinions, pool_weights(held, labels[known]))
    if len(opinions) > 1 and not seen.all():
        result[~seen] = _pooled(opinions[:1], labels)[~seen]
    return result


def _agree(classified: np.ndarray, votes: np.ndarray) -> pa.Array:
    """Whether both have the same first choice; null where the classifier has none."""
    same = np.nan_to_num(classified).argmax(axis=1) == votes.argmax(axis=1)
    return pa.array(same, mask=np.isnan(classified).any(axis=1))
