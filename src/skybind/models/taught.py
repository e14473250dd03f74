"""How many of the objects that a classifier is given it was trained on, under any name."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.fingerprints import known_by
from skybind.data.schema import ID
from skybind.data.seen import NONE, TRAINED, Seen, hash_ids, hash_names, told_by_case
from skybind.models.leaks import WHAT, held, seen_twins, tell_older
from skybind.texts import to_texts

if TYPE_CHECKING:
    from skybind.models.model import Model

#: Objects that are looked at at a time.
_PIECE = 1 << 16


def count_taught(model: "Model", dataset: Dataset) -> dict[str, Any]:
    """Count the training objects of a model in a dataset, by name, data or place.

    Returns
    -------
    dict
        `taught`: their number; `such_as`: the name of the first.
    """
    n, first = 0, ""
    if len(model.seen.trained_on):  # not of published weights
        for ids in _taught(model, dataset):
            n, first = n + len(ids), first or (str(ids[0]) if len(ids) else "")
    return {"taught": n, "such_as": first}


def taught_notes(counts: Iterable[Mapping[str, Any]], of: int) -> list[str]:
    """Say that some of what was classified are training objects, by what was counted."""
    some = [count for count in counts if count["taught"]]
    if not some:
        return []
    n = sum(count["taught"] for count in some)
    return [
        f"{n:,} of {of:,} objects (such as '{some[0]['such_as']}') are training objects of this "
        f"classifier, or have the {WHAT} of one: it knows them better than others."
    ]


def names_of(dataset: Dataset) -> Iterator[np.ndarray]:
    """Read the names of all objects, some at a time."""
    for table in dataset.iter_tables([ID]):
        yield to_texts(table[ID])


def _cased(dataset: Dataset, seen: Seen) -> np.ndarray:
    """Names that are seen ones but for case, and which case alone tells from another there."""
    known = seen.hashes.get((TRAINED, "name"), NONE)
    alike = [names[held(hash_names(names), known)] for names in names_of(dataset)]
    found = np.concatenate([np.zeros(0, str), *alike])
    return found[told_by_case(found)]


def _taught(model: "Model", dataset: Dataset) -> Iterator[np.ndarray]:
    """Names of the training objects, some at a time."""
    tell_older(model.seen, model.identity.get("weights"))
    cased = _cased(dataset, model.seen)  # of the whole dataset, wherever it is cut
    columns = [modality.columns for modality in model.modalities.values()]
    for start in range(0, len(dataset), _PIECE):
        some = dataset.stretch(start, min(start + _PIECE, len(dataset)))
        ids = some.object_ids
        observed = known_by(some, columns)
        twins = seen_twins(ids, model.seen, "validation", observed, [cased])
        yield ids[held(hash_ids(ids), model.seen.trained_on) | twins.either | twins.moved]
