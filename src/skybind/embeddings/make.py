"""Making embeddings: of a run's prepared data, or of any dataset in one pass."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from skybind.data.dataset import ID, Dataset
from skybind.data.splits import Split
from skybind.embeddings.store import Embeddings
from skybind.modalities.batch import Batch
from skybind.modalities.source import BatchSource
from skybind.models.binder import Binder
from skybind.models.saved import SavedModel

Progress = Callable[[int], None]


def best_device() -> torch.device:
    """Give the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def embed_source(
    binder: Binder,
    source: BatchSource,
    object_id: np.ndarray,
    part: np.ndarray,
    *,
    modalities: Sequence[str] | None = None,
    model: dict[str, object] | None = None,
    batch_size: int = 512,
    progress: Progress | None = None,
) -> Embeddings:
    """Embed all objects of a source of batches.

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
    device = best_device()
    binder = binder.to(device).eval()
    names = binder.modalities if modalities is None else list(modalities)
    chosen = source.select(names)
    rows = np.arange(len(source))
    vectors = {name: np.zeros((len(rows), binder.dimension), np.float32) for name in names}
    present = {name: np.asarray(source.present(name)) for name in names}
    for chunk in _chunks(rows, batch_size):
        for name, values in _embed_batch(binder, chosen.batch(chunk).to(device)).items():
            vectors[name][chunk] = values
        if progress:
            progress(int(chunk[-1]) + 1)
    return Embeddings(object_id, part, vectors, present, dict(model or {}))


def embed_dataset(
    saved: SavedModel,
    dataset: Dataset,
    split: Split | None = None,
    *,
    batch_size: int = 512,
    progress: Progress | None = None,
) -> Embeddings:
    """Embed any dataset with a saved model, in one pass and without writing anything.

    Objects that cannot be used in a modality are absent there.

    Parameters
    ----------
    saved : SavedModel
        Opened for this dataset's schema.
    dataset : Dataset
    split : Split, optional
        Gives each object's part.
    batch_size : int
    progress : callable, optional
        Called with the number of objects embedded so far.
    """
    columns = list(dict.fromkeys(c for m in saved.modalities.values() for c in m.columns))
    pieces: list[Embeddings] = []
    done = 0
    rows = min(modality.chunk for modality in saved.modalities.values())
    for table in dataset.iter_tables([ID, *columns], rows):
        prepared = {name: m.prepare(table) for name, m in saved.modalities.items()}
        ids = np.asarray(table[ID].to_pylist(), dtype=str)
        part = split.align(ids).part if split is not None else np.full(len(ids), "")
        source = BatchSource(saved.modalities, prepared)
        pieces.append(embed_source(saved.binder, source, ids, part, batch_size=batch_size))
        done += len(ids)
        if progress:
            progress(done)
    return Embeddings(
        np.concatenate([piece.object_id for piece in pieces]),
        np.concatenate([piece.split for piece in pieces]),
        {n: np.concatenate([p.vectors[n] for p in pieces]) for n in pieces[0].vectors},
        {n: np.concatenate([p.present[n] for p in pieces]) for n in pieces[0].present},
        saved.identity,
    )


@torch.inference_mode()
def _embed_batch(binder: Binder, batch: Batch) -> dict[str, np.ndarray]:
    embeddings = binder.embed(batch)
    return {
        name: torch.where(batch.present[name][:, None], values, 0.0).float().cpu().numpy()
        for name, values in embeddings.items()
    }


def _chunks(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
