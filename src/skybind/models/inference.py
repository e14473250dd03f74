"""Inference: the one loop over batches, and what binders and classifiers make of it."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from skybind.data.dataset import Dataset
from skybind.data.schema import ID
from skybind.embeddings.means import unit
from skybind.embeddings.store import Embeddings
from skybind.embeddings.visits import VisitVectors
from skybind.lightcurves.columns import to_compute, with_computed
from skybind.measures.importance import all_combinations
from skybind.memory import zeros
from skybind.modalities.base import Modality, Prepared
from skybind.modalities.batch import Batch
from skybind.modalities.source import BatchSource
from skybind.models.binder import Binder, best_device
from skybind.models.classifier import Classifier
from skybind.progress import say
from skybind.ragged import flat_index, offsets_of
from skybind.visits import NAME, TIME

BATCH = 512
SEARCHED = 256  # light curves whose periods are searched between two reports of progress

Progress = Callable[[int], None]
Combination = tuple[str, ...]
Key = TypeVar("Key", bound=Hashable)


@torch.inference_mode()
def infer(
    module: nn.Module,
    source: BatchSource,
    rows: np.ndarray,
    compute: Callable[[Batch], Mapping[Key, Tensor]],
    *,
    batch_size: int = BATCH,
    progress: Progress | None = None,
) -> dict[Key, np.ndarray]:
    """Compute something of objects in batches, with a module in evaluation mode on the GPU if any.

    Parameters
    ----------
    module : Module
        What `compute` uses; it is moved to the device.
    source : BatchSource
    rows : ndarray of int, shape (n,)
        The objects.
    compute : callable
        From a batch of B objects to named tensors of shape (B, ...).
    batch_size : int
    progress : callable, optional
        Called with the number of objects done so far.

    Returns
    -------
    dict of ndarray of float32, shape (n, ...)
        Empty if there are no objects.
    """
    device = best_device()
    module.to(device).eval()
    found: dict[Key, np.ndarray] = {}
    for start in range(0, len(rows), batch_size):
        place = slice(start, min(start + batch_size, len(rows)))
        for key, values in compute(source.batch(rows[place]).to(device)).items():
            array = values.float().cpu().numpy()
            if key not in found:
                found[key] = zeros((len(rows), *array.shape[1:]), array.dtype)
            found[key][place] = array
        if progress:
            progress(place.stop)
    return found


def iter_sources(
    modalities: Mapping[str, Modality], dataset: Dataset
) -> Iterator[tuple[Any, BatchSource]]:
    """Prepare a dataset chunk by chunk, with fitted modalities; nothing is written.

    Columns that were computed from light curves when the model was trained, and that the dataset
    lacks, are computed now.

    Parameters
    ----------
    modalities : mapping of name to Modality
    dataset : Dataset
        Whose schema fits (see `Model.check`).

    Yields
    ------
    Table, BatchSource
        The columns of some objects, and their batches.
    """
    needed = dict.fromkeys([ID, *(c for m in modalities.values() for c in m.columns)])
    schema = next(iter(modalities.values())).schema
    lacking = to_compute(needed, schema, dataset.schema)
    more = dict.fromkeys(column for m in modalities.values() for column in m.also_reads)
    read = [name for name in needed if name not in lacking]
    read += [name for name in more if name in dataset.columns]
    size = min(m.chunk for m in modalities.values())
    if lacking:
        say(
            f"The dataset at {dataset.path} lacks {len(lacking)} columns of periods and features: "
            "they are computed now ('skybind data features' keeps them)."
        )
        size = min(size, SEARCHED)
    for table in dataset.iter_tables(read, size):
        if lacking:
            table, _ = with_computed(table, lacking, schema)
        yield table, BatchSource(modalities, {n: m.prepare(table) for n, m in modalities.items()})


@dataclass
class OverVisits:
    """What is computed of each observation of some objects that may have several.

    Attributes
    ----------
    values : ndarray of float32, shape (V, W)
        Object by object, in the order of the visits.
    offsets : ndarray of int64, shape (n + 1,)
        Where each object's visits begin.
    """

    values: np.ndarray
    offsets: np.ndarray

    def mean(self) -> np.ndarray:
        """Mean over the visits of each object, (n, W); zeros where it has none."""
        counts = np.diff(self.offsets)
        total = np.zeros((len(counts), self.values.shape[1]), np.float64)
        np.add.at(total, np.repeat(np.arange(len(counts)), counts), self.values)
        return np.asarray(total / np.maximum(counts, 1)[:, None], np.float32)


def over_visits(
    module: nn.Module,
    source: BatchSource,
    name: str,
    rows: np.ndarray,
    compute: Callable[[Batch], Tensor],
    width: int,
) -> OverVisits:
    """Compute something of every observation of some objects that may have several.

    Parameters
    ----------
    module : Module
        What `compute` uses.
    source : BatchSource
    name : str
        A modality (see `with_visits`).
    rows : ndarray of int, shape (n,)
        The objects.
    compute : callable
        From a batch of observations to a tensor of shape (B, W).
    width : int
        W.
    """
    visits, offsets = source.visits(name), source.prepared[name].offsets
    assert visits is not None
    assert offsets is not None
    counts = np.diff(offsets)[rows]
    places = flat_index(offsets[rows], counts)
    found = infer(module, visits, places, lambda batch: {name: compute(batch)})
    return OverVisits(found.get(name, np.zeros((0, width), np.float32)), offsets_of(counts))


def embed_source(
    binder: Binder,
    source: BatchSource,
    object_id: np.ndarray,
    part: np.ndarray,
    *,
    modalities: Sequence[str] | None = None,
    model: dict[str, object] | None = None,
    batch_size: int = BATCH,
    progress: Progress | None = None,
) -> Embeddings:
    """Embed all objects of a source of batches; of several observations of a kind the mean counts.

    Parameters
    ----------
    binder : Binder
    source : BatchSource
        With fitted modalities.
    object_id, part : ndarray of str, shape (n,)
        Names of the objects and their parts of the split ("" for none).
    modalities : sequence of str, optional
        Only these; all of the binder's by default.
    model : dict, optional
        Identity of the model, stored with the embeddings.
    batch_size : int
    progress : callable, optional
        Called with the number of objects embedded so far.
    """
    names = binder.modalities if modalities is None else list(modalities)
    present = {name: np.asarray(source.present(name)) for name in names}
    several = with_visits(binder, source, names)
    single = [name for name in names if name not in several]
    found: dict[str, np.ndarray] = {}
    if single:
        found = infer(
            binder,
            source.select(single),
            np.arange(len(source)),
            lambda batch: binder.embed(batch, single),
            batch_size=batch_size,
            progress=progress,
        )
    elif progress:
        progress(len(source))
    visits = {}
    for name in several:
        each = _embed_visits(binder, source, name)
        found[name] = unit(each.mean())
        visits[name] = _named(each, source.prepared[name], object_id)
    vectors = {}
    for name in names:
        own = found.get(name)
        vectors[name] = zeros((len(source), binder.dimension), np.float32) if own is None else own
        vectors[name][~present[name]] = 0
    return Embeddings(object_id, part, vectors, present, dict(model or {}), visits)


def with_visits(binder: Binder, source: BatchSource, names: Sequence[str]) -> list[str]:
    """Modalities of which all observations of an object count.

    Those on a frozen backbone read the first, whose features are kept.
    """
    return [
        name for name in names if name not in binder.backboned and source.visits(name) is not None
    ]


def _embed_visits(binder: Binder, source: BatchSource, name: str) -> OverVisits:
    """Embed each observation of a modality of which an object may have several: unit vectors."""
    rows = np.arange(len(source))
    return over_visits(
        binder, source, name, rows, lambda b: binder.embed(b, [name])[name], binder.dimension
    )


def _named(each: OverVisits, prepared: Prepared, object_id: np.ndarray) -> VisitVectors:
    """Say whose the vectors are, and when it was."""
    owner = np.repeat(np.arange(len(object_id)), np.diff(each.offsets))
    names = np.char.decode(np.asarray(prepared.arrays[NAME]), "utf-8", "ignore")
    times = np.array(prepared.arrays[TIME])
    return VisitVectors(object_id[owner], names.astype(object), times, each.values)


@dataclass
class Decided:
    """What a classifier makes of some objects.

    Attributes
    ----------
    logits : dict of combination to ndarray, shape (n, C)
        From each set of modalities; NaN for an object that has none of the set.
    places : dict of str to ndarray, shape (n, W)
        What each modality brings to the decision: its embedding, or its encoder's features.
    present : dict of str to ndarray of bool, shape (n,)
    """

    logits: dict[Combination, np.ndarray]
    places: dict[str, np.ndarray]
    present: dict[str, np.ndarray]


def _mean_parts(
    classifier: Classifier, source: BatchSource, rows: np.ndarray, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """What the modalities with several observations bring to the decision: the mean of these."""
    means = {}
    for name in with_visits(classifier.binder, source, names):
        each = over_visits(
            classifier,
            source,
            name,
            rows,
            partial(_part, classifier, name),
            classifier.width(name),
        )
        means[name] = unit(each.mean()) if classifier.embeds else each.mean()
    return means


def _part(classifier: Classifier, name: str, batch: Batch) -> Tensor:
    return classifier.parts(batch, [name])[name]


def sets_of(present: Mapping[str, np.ndarray]) -> Iterator[tuple[Combination, np.ndarray]]:
    """Yield each set of modalities that some objects have, with the rows of these."""
    seen = np.stack(list(present.values()), axis=1)
    for some in np.unique(seen, axis=0):
        names = tuple(name for name, there in zip(present, some, strict=True) if there)
        yield names, np.flatnonzero((seen == some).all(axis=1))


def decide(
    classifier: Classifier,
    source: BatchSource,
    rows: np.ndarray,
    modalities: Sequence[str] | None = None,
    *,
    combinations: bool = False,
    place: Callable[[Tensor], Tensor] | None = None,
    progress: Progress | None = None,
) -> Decided:
    """Classify objects; each modality is encoded once.

    Parameters
    ----------
    classifier : Classifier
    source : BatchSource
        With the classifier's preprocessing (see `matching_source`).
    rows : ndarray of int, shape (n,)
    modalities : sequence of str, optional
        Only these of the classifier's.
    combinations : bool
        Decide from every set of these, not only from all of them.
    place : callable, optional
        What is kept of a modality's part, in `places`; nothing by default.
    progress : callable, optional
        Called with the number of objects done so far.
    """
    names = classifier.modalities if modalities is None else list(modalities)
    wanted = all_combinations(names) if combinations else [tuple(names)]
    means = _mean_parts(classifier, source, rows, names)
    single = [name for name in names if name not in means]
    at = np.zeros(len(source), np.int64)
    at[rows] = np.arange(len(rows))

    def compute(batch: Batch) -> dict[tuple[str, Combination], Tensor]:
        parts = classifier.parts(batch, single)
        own = at[batch.rows.cpu().numpy()]
        parts |= {n: torch.from_numpy(v[own]).to(batch.rows.device) for n, v in means.items()}
        found: dict[tuple[str, Combination], Tensor] = {}
        for some in wanted:
            present = {name: batch.present[name] for name in some}
            found["logits", some] = classifier.join({n: parts[n] for n in some}, present)
        if place is not None:
            found |= {("place", (name,)): place(parts[name]) for name in names}
        return found

    found = infer(classifier, source.select(names), rows, compute, progress=progress)
    seen = {name: np.asarray(source.present(name))[rows] for name in names}
    n_classes = classifier.head.out_features
    logits = {}
    for some in wanted:
        values = found.get(("logits", some), np.zeros((0, n_classes), np.float32))
        values[~np.logical_or.reduce([seen[name] for name in some])] = np.nan
        logits[some] = values
    places = {name: found["place", (name,)] for name in names if ("place", (name,)) in found}
    return Decided(logits, places, seen)
