"""Features of frozen backbones: computed once, kept as memory-mapped arrays, trained on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel
from torch import nn

from skybind.encoders.backbone import Backboned
from skybind.errors import DataError
from skybind.files import array_hash, json_hash
from skybind.locks import waiting_for
from skybind.modalities.base import Modality, Prepared
from skybind.modalities.source import FEATURES, VIEWED, BatchSource
from skybind.modalities.store import prepared_key
from skybind.models.binder import Binder, best_device
from skybind.once import Workplace, fill_once, forget_made
from skybind.progress import progress_bar
from skybind.record import read_record, write_sealed
from skybind.sums import block_sums, verify_sums

#: Counts up when the same backbone and data would give other features.
FEATURES_VERSION = 1


# The cached array, in a folder of its own.
ARRAY = "features.bin"
#: Its checksums.
SUMS = "features.json"


# Objects that are computed at once; the draws of their views depend on it.
_CHUNK = 32


Progress = Callable[[int], None]


@dataclass(frozen=True)
class Views:
    """Which augmented views are cached beside the clean one.

    Attributes
    ----------
    count : int
        Views of an object.
    rows : ndarray of int
        The objects that have them: those that are trained on.
    seed : int
        Decides their crops, angles and noise.
    """

    count: int
    rows: np.ndarray
    seed: int


@dataclass(frozen=True)
class Older:
    """A state of a dataset before something was appended to it.

    Attributes
    ----------
    fingerprint : str
    n : int
        Its objects, the first of the dataset as it is.
    touched : ndarray of int64
        Rows of the dataset as it is that are new, or changed in what the modality reads.
    """

    fingerprint: str
    n: int
    touched: np.ndarray


def features_origin(encoder: Backboned, modality: Modality) -> str:
    """Hash of the backbone and the fitted preprocessing that decide its features."""
    state = {key: array_hash(value) for key, value in modality.state().items()}
    options = modality.options.model_dump(mode="json")
    backbone = encoder.backbone
    # sizes of pools and the like leave no trace in the weights
    made = [type(backbone).__name__, backbone.settings, weights_hash(backbone)]
    return json_hash([FEATURES_VERSION, made, options, state])


def backbone_hashes(binder: Binder) -> dict[str, str]:
    """Hash the weights of each frozen backbone, by modality."""
    return {name: weights_hash(e.backbone) for name, e in binder.backboned.items()}


def with_features(
    source: BatchSource,
    binder: Binder,
    root: Path,
    fingerprint: str,
    views: Mapping[str, Views],
    older: Mapping[str, Sequence[Older]] | None = None,
) -> BatchSource:
    """Give a source that batches the cached features of a binder's frozen backbones.

    Parameters
    ----------
    source : BatchSource
        With fitted modalities.
    binder : Binder
    root : Path
        Where the features are kept, see `cached_features`.
    fingerprint : str
        Of the dataset.
    views : mapping of modality to Views
        Of the modalities whose backbone's features are kept; those of others are computed anew
        in every batch.
    older : mapping of modality to sequence of Older, optional
        States of the dataset before it grew, whose features are taken over.
    """
    prepared, origins = dict(source.prepared), dict(source.origins)
    for name, encoder in binder.backboned.items():
        if name not in prepared or name not in views:
            continue
        modality = source.modalities[name]
        prepared[name] = cached_features(
            encoder,
            modality,
            prepared[name],
            root,
            fingerprint=fingerprint,
            views=views[name],
            older=(older or {}).get(name, ()),
        )
        origins[name] = features_origin(encoder, modality)
    return BatchSource(source.modalities, prepared, origins)


def matching_source(
    binder: Binder, modalities: Mapping[str, Modality], source: BatchSource
) -> BatchSource:
    """Give a source that batches as a model was trained.

    The preprocessing is the model's; cached features are kept only where they are those of the
    model's own backbone, and are computed anew in every batch otherwise.

    Parameters
    ----------
    binder : Binder
    modalities : mapping of name to Modality
        Fitted, of the model.
    source : BatchSource
        Of the dataset.
    """
    prepared, origins = {}, {}
    for name, modality in modalities.items():
        prepared[name] = source.prepared[name]
        if (origin := source.origins.get(name)) is None:
            continue
        encoder = binder.backboned.get(name)
        if encoder is not None and origin == features_origin(encoder, modality):
            origins[name] = origin
        else:
            prepared[name] = without_features(prepared[name])
    return BatchSource(modalities, prepared, origins)


def without_features(prepared: Prepared) -> Prepared:
    """Give prepared arrays without cached features."""
    arrays = {k: v for k, v in prepared.arrays.items() if k not in (FEATURES, VIEWED)}
    return replace(prepared, arrays=arrays)


def cached_features(
    encoder: Backboned,
    modality: Modality,
    prepared: Prepared,
    root: Path,
    *,
    fingerprint: str,
    views: Views,
    older: Sequence[Older] = (),
) -> Prepared:
    """Add the features of a frozen backbone to prepared arrays; compute them where needed.

    They are kept below `root` under a name by all that decides them; interrupted work goes on.

    Parameters
    ----------
    encoder : Backboned
    modality : Modality
        Fitted.
    prepared : Prepared
    root : Path
    fingerprint : str
        Of the dataset.
    views : Views
    older : sequence of Older
        States of the dataset before it grew, the latest first.

    Returns
    -------
    Prepared
        With `features` (n, 1 + views, F), of tokens (n, 1 + views, T, F), zero where absent, and
        `viewed` (n,): whether an object has more views than the clean one.
    """
    prepared = without_features(prepared)
    count = views.count if modality.augments else 0
    viewed = np.zeros(len(prepared), bool)
    if count:
        viewed[views.rows] = prepared.present[views.rows]
    given = root, modality, features_origin(encoder, modality), views.seed, count
    folder = _place(*given, fingerprint, viewed)
    places = [(_place(*given, one.fingerprint, viewed[: one.n]), one) for one in older]
    earlier = next((pair for pair in places if pair[0].exists()), None)
    tokens, size = encoder.backbone.tokens, encoder.backbone.out_features
    shape = (len(prepared), 1 + count, *(() if tokens is None else (tokens,)), size)
    title = f"features of {modality.name}"

    def fill(workplace: Workplace) -> None:
        new = True if earlier is None else np.isin(np.arange(len(prepared)), earlier[1].touched)
        rows = np.flatnonzero(prepared.present & new)
        with progress_bar(title, len(rows)) as progress:
            work = _Work(encoder, modality, prepared, rows, viewed, views.seed, earlier)
            _compute(work, workplace, shape, progress)

    # of two programs that need the same features one computes them, the other waits
    fill_once(folder, fill, waiting_for(f"computes the {title}"))
    verify_features(folder)
    for place, _ in places:  # those of each night would fill the disk
        forget_made(place)
    array = np.memmap(folder / ARRAY, np.float32, "r", shape=shape)
    return replace(prepared, arrays={**prepared.arrays, FEATURES: array, VIEWED: viewed})


def _place(
    root: Path,
    modality: Modality,
    origin: str,
    seed: int,
    count: int,
    state: str,
    viewed: np.ndarray,
) -> Path:
    """Name the folder of features by all that decides them."""
    drawn = [seed, array_hash(np.flatnonzero(viewed))] if count else None
    key = json_hash([origin, prepared_key(modality, state), count, drawn])
    return root / f"{modality.name}-features-{key}"


def verify_features(folder: Path, *, whole: bool = False) -> None:
    """Refuse cached features that are damaged; of many a sample is verified, unless `whole`.

    Raises
    ------
    DataError
    """
    note, again = folder / SUMS, f"delete {folder}, and the features are computed again"
    if note.exists():  # version 0.1 wrote none
        sums = read_record(note, _Sums, again).sums
        verify_sums(folder / ARRAY, sums, again, whole=whole)
    elif not (folder / ARRAY).exists():
        raise DataError(f"{folder} is damaged (there is no {ARRAY}): {again}.")


class _Sums(BaseModel):
    sums: list[int]


@dataclass(frozen=True)
class _Work:
    """What is computed: `rows`, and what is taken over of an older state."""

    encoder: Backboned
    modality: Modality
    prepared: Prepared
    rows: np.ndarray
    viewed: np.ndarray
    seed: int
    earlier: tuple[Path, Older] | None


def _compute(work: _Work, workplace: Workplace, shape: tuple[int, ...], progress: Progress) -> None:
    """Fill the array chunk after chunk, from the first one that is missing."""
    encoder, modality, prepared = work.encoder, work.modality, work.prepared
    # an interrupted work may have had other rows to compute, as nothing to take over
    rows = array_hash(work.rows)
    last = workplace.entries[-1] if workplace.entries else {}
    done = int(last["done"]) if last.get("rows") == rows else 0
    mode: Any = "r+" if done else "w+"
    array = np.memmap(workplace.work / ARRAY, np.float32, mode, shape=shape)
    if work.earlier is not None and not done:
        _take_over(array, *work.earlier)
    device, home = best_device(), next(encoder.parameters()).device
    encoder.to(device).eval()
    for start, chunk in _chunks(work.rows, done):
        array[chunk, 0] = _features(encoder, modality, prepared, chunk, None, device)
        some = chunk[work.viewed[chunk]]
        for view in range(1, shape[1]):
            if len(some):
                rng = np.random.default_rng([work.seed, view, start])
                array[some, view] = _features(encoder, modality, prepared, some, rng, device)
        array.flush()
        workplace.record({"done": start + len(chunk), "rows": rows, "files": [ARRAY]})
        progress(start + len(chunk))
    encoder.to(home)
    array.flush()
    write_sealed(workplace.work / SUMS, {"sums": block_sums(workplace.work / ARRAY)})


def _take_over(array: np.ndarray, folder: Path, older: Older) -> None:
    """Copy the features of objects that did not change."""
    verify_features(folder)
    known = np.memmap(folder / ARRAY, np.float32, "r", shape=(older.n, *array.shape[1:]))
    kept = np.setdiff1d(np.arange(older.n), older.touched)
    for start in range(0, len(kept), 1024):
        rows = kept[start : start + 1024]
        array[rows] = known[rows]


def _chunks(rows: np.ndarray, done: int) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(done, len(rows), _CHUNK):
        yield start, rows[start : start + _CHUNK]


@torch.inference_mode()
def _features(
    encoder: Backboned,
    modality: Modality,
    prepared: Prepared,
    rows: np.ndarray,
    rng: np.random.Generator | None,
    device: torch.device,
) -> np.ndarray:
    inputs = {key: t.to(device) for key, t in modality.batch(prepared, rows, rng).items()}
    features = encoder.frozen_features(inputs["values"], inputs.get("mask"))
    return np.asarray(features.float().cpu().numpy())


def weights_hash(module: nn.Module) -> str:
    """Hash the weights and buffers of a module."""
    state = module.state_dict()
    return json_hash({key: array_hash(value.cpu().numpy()) for key, value in state.items()})
