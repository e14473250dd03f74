"""Inference in batches: embeddings and logits of any source of batches."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from skybind.embeddings.store import Embeddings
from skybind.modalities.batch import Batch
from skybind.modalities.source import BatchSource
from skybind.models.binder import Binder, best_device

Progress = Callable[[int], None]


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
