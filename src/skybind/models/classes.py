"""The table of classes: what a classifier says of each object, and how far it is to be believed."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from skybind.data.dataset import ID, Dataset
from skybind.measures.calibration import softmax
from skybind.modalities.base import Modality
from skybind.models.classifier import Classifier
from skybind.models.inference import Decided, decide, iter_sources, sets_of
from skybind.models.reference import shorten
from skybind.models.reliability import Reliability
from skybind.texts import to_texts

DESCRIPTIONS = {
    ID: "Name of the object",
    "class": "Most probable class",
    "probability": "Probability of that class",
    "novelty": "Share of validation objects that lie nearer to the training objects; 1: a stranger",
    "modalities": "Modalities that the class was told from",
    "reason": "Why nothing was told, or why a modality was not used",
}


def class_table(
    classes: Sequence[str],
    reliability: Reliability | None,
    object_id: np.ndarray,
    decided: Decided,
    reasons: Mapping[str, np.ndarray],
) -> pa.Table:
    """Put together the table of classes of some objects.

    Parameters
    ----------
    classes : sequence of str
        Order of the logits.
    reliability : Reliability, optional
        Without it probabilities are those of the raw logits, and no novelty is given.
    object_id : ndarray of str, shape (n,)
    decided : Decided
        Of these objects.
    reasons : mapping of modality to ndarray of str, shape (n,)
        Why an observation could not be used; "" otherwise.

    Returns
    -------
    Table
        `object_id`, `class`, `probability`, `p_CLASS` for each class, `novelty`, `modalities` and
        `reason`; null where nothing could be told.
    """
    names = list(decided.present)
    logits = decided.logits[tuple(names)]
    known = np.isfinite(logits).all(axis=1)
    sets = np.full(len(object_id), "", dtype=object)
    for some, rows in sets_of(decided.present):
        sets[rows] = "+".join(some)
    if reliability is not None:
        factor = reliability.calibration.temperature
        logits = logits / np.asarray([factor.get(s, 1.0) for s in sets.tolist()])[:, None]
    probability = softmax(np.where(known[:, None], logits, 0.0)).astype(np.float32)
    best = np.asarray(classes, dtype=object)[probability.argmax(axis=1)]
    novelty = np.full(len(object_id), np.nan)
    if reliability is not None:
        novelty = reliability.reference.novelty(decided.places, decided.present, object_id)
    columns: dict[str, pa.Array] = {
        ID: pa.array(object_id.tolist(), pa.string()),
        "class": pa.array(best.tolist(), pa.string(), mask=~known),
        "probability": pa.array(probability.max(axis=1), mask=~known),
    }
    for code, name in enumerate(classes):
        columns[f"p_{name}"] = pa.array(probability[:, code], mask=~known)
    columns["novelty"] = pa.array(novelty.astype(np.float32), from_pandas=True)
    columns["modalities"] = pa.array(sets.tolist(), pa.string())
    columns["reason"] = pa.array(missing_reasons(decided.present, reasons), pa.string())
    return described(columns, reliability is not None)


def class_schema(classes: Sequence[str], calibrated: bool) -> pa.Schema:
    """Describe the columns of a table of classes."""
    numbers = {"probability": pa.float32(), **{f"p_{name}": pa.float32() for name in classes}}
    kinds = {ID: pa.string(), "class": pa.string(), **numbers, "novelty": pa.float32()}
    kinds |= {"modalities": pa.string(), "reason": pa.string()}
    return described({name: pa.array([], kind) for name, kind in kinds.items()}, calibrated).schema


def described(columns: Mapping[str, pa.Array], calibrated: bool) -> pa.Table:
    """Return a table of classes whose fields say what they are."""
    how = "calibrated on validation objects" if calibrated else "not calibrated"
    fields = []
    for name, values in columns.items():
        text = DESCRIPTIONS.get(name, "")
        if name.startswith("p_"):
            text = f"Probability of the class {name[2:]}, {how}"
        fields.append(pa.field(name, values.type, metadata={"description": text}))
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def iter_classes(
    classifier: Classifier,
    modalities: Mapping[str, Modality],
    classes: Sequence[str],
    reliability: Reliability | None,
    dataset: Dataset,
    reasons: Mapping[str, np.ndarray] | None = None,
) -> Iterator[pa.Table]:
    """Classify the objects of a dataset, chunk by chunk.

    Parameters
    ----------
    classifier : Classifier
    modalities : mapping of name to Modality
        Those to use, fitted.
    classes : sequence of str
        Order of the logits.
    reliability : Reliability, optional
    dataset : Dataset
    reasons : mapping of modality to ndarray of str, optional
        Why observations of the dataset's objects are missing, where that is known already.
    """
    done = 0
    for table, source in iter_sources(modalities, dataset):
        ids = to_texts(table[ID])
        known = {name: (reasons or {}).get(name) for name in modalities}
        why = {
            name: np.where(
                source.prepared[name].reason == "",
                "" if own is None else own[done : done + len(ids)],
                source.prepared[name].reason,
            )
            for name, own in known.items()
        }
        found = decide(classifier, source, np.arange(len(ids)), list(modalities), place=shorten)
        yield class_table(classes, reliability, ids, found, why)
        done += len(ids)


def missing_reasons(
    present: Mapping[str, np.ndarray], reasons: Mapping[str, np.ndarray]
) -> list[str | None]:
    """Say why modalities are missing; nothing for an object that has all.

    Parameters
    ----------
    present : mapping of modality to ndarray of bool, shape (n,)
    reasons : mapping of modality to ndarray of str, shape (n,)
        "" where none is known.
    """
    n = len(next(iter(present.values())))
    told: list[list[str]] = [[] for _ in range(n)]
    none = ~np.logical_or.reduce(list(present.values()))
    for name, there in present.items():
        why = reasons.get(name, np.full(n, ""))
        for row in np.flatnonzero(~there & ((why != "") | none)):
            told[row].append(f"{name}: {why[row] or 'not observed'}")
    return ["; ".join(sentences) or None for sentences in told]


def class_notes(
    classes: Sequence[str], reliability: Reliability | None, n: int, empty: int
) -> list[str]:
    """Say what a table of classes of n objects, some of them without a class, cannot tell."""
    notes = []
    if empty:
        notes.append(f"{empty} of {n} objects have no class: their column 'reason' says why.")
    if reliability is None:
        notes.append(
            "The probabilities are not calibrated and there is no novelty: classify by the run "
            "that made the model, which has the validation objects for both."
        )
    elif reliability.calibration.left_out:
        left = reliability.calibration.left_out
        words = ", ".join(f"{name} ({number})" for name, number in left.items())
        notes.append(
            f"The classifier knows {', '.join(classes)}. Objects of other classes come out "
            f"as one of these; its survey had also {words}."
        )
    return notes
