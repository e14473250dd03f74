"""Contrastive pre-training: bind the modalities of each object, without labels."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skybind.config.training import TrainingOptions
from skybind.models.binder import Binder
from skybind.training.batches import Sample, Source
from skybind.training.cached import cached_backward
from skybind.training.fit import fit
from skybind.training.loop import OnSave, TrainingResult
from skybind.training.losses import find_loss, matched, pair_name, pairs_loss, second_view
from skybind.training.task import Engine, Task, compiled


def pretrain(
    binder: Binder,
    source: Source,
    split_rows: Mapping[str, np.ndarray],
    options: TrainingOptions,
    out: Path,
    *,
    seed: int,
    loss: str = "sum",
    resume: bool = False,
    on_save: OnSave | None = None,
    start: str | None = None,
) -> TrainingResult:
    """Pre-train a binder and leave the best weights in it, by what `options.keep_by` says.

    The loss is that of `losses.pairs_loss`. With `cached_chunk` a batch is embedded chunk by
    chunk, with the same gradient. Objects that have both modalities of no pair are left out.
    Validation takes the central crops; only the second view of a modality that is paired
    with itself is drawn at random, the same in every epoch.

    Parameters
    ----------
    binder : Binder
        The model; its `pairs` say what is bound.
    source : BatchSource
        The prepared data.
    split_rows : mapping of str to ndarray of int
        Objects of `train` and `validation`.
    options : TrainingOptions
        How to train.
    out : Path
        Folder for `last.ckpt`, `best.safetensors` and `log.csv`.
    seed : int
        Decides the order of objects, crops and dropout.
    loss : str
        A registered loss (`losses.register_loss`). `sum`: cross-entropy, its two directions added
        (AstroM3); `mean`: averaged (AstroCLIP).
    resume : bool
        Go on from `out/last.ckpt` if there is one.
    on_save : callable, optional
        Called with the path of `best.safetensors` whenever it was written.
    start : str, optional
        Hash of the weights that it begins from, if they are another model's.

    Returns
    -------
    TrainingResult

    Raises
    ------
    DataError
        If a split has fewer than two objects that have both modalities of a pair.
    ModelError
        If a loss is not finite, or `resume` finds the checkpoint of another run.
    """
    task = _Pretraining(binder, source, split_rows, loss, start, options.keep_by)
    return fit(task, options, Path(out), seed=seed, resume=resume, on_save=on_save)


class _Pretraining(Task):
    title = "pre-training"
    score = "found in its batch"

    def __init__(
        self,
        binder: Binder,
        source: Source,
        split_rows: Mapping[str, np.ndarray],
        loss: str,
        start: str | None,
        keep_by: str,
    ) -> None:
        self.start_hash, self.keep_by = start, keep_by
        self.module, self.binder = binder, binder
        self.loss = loss
        self.pairs = [(a, b) for a, b in binder.pairs]
        self.used = sorted({name for pair in self.pairs for name in pair})
        self.twice = [a for a, b in self.pairs if a == b]
        self.source = source.select(self.used)
        self.again = source.select(self.twice) if self.twice else None
        paired = np.zeros(len(source), bool)
        for a, b in self.pairs:
            paired |= source.present(a) & source.present(b)
        self.rows = {}
        for name in ("train", "validation"):
            rows = np.asarray(split_rows[name])
            self.rows[name] = rows[paired[rows]]

    def load(
        self, rows: np.ndarray, rng: np.random.Generator | None, second: np.random.Generator
    ) -> Sample:
        return Sample(
            self.source.batch(rows, rng),
            None if self.again is None else self.again.batch(rows, second),
        )

    def start(self, engine: Engine) -> None:
        self.engine = engine
        self._embed = compiled(self.binder.embed, engine.options)

    def train(self, sample: Sample) -> dict[str, Tensor]:
        chunk = self.engine.options.cached_chunk
        if chunk is None or chunk >= len(sample.batch):
            result = self._loss(self._views(sample), sample)
            self.engine.backward(result["loss"])
            return result
        return cached_backward(
            self._views,
            sample.split(chunk),
            lambda embeddings: self._loss(embeddings, sample),
            self.engine.backward,
            self.engine.device,
        )

    def evaluate(self, sample: Sample) -> dict[str, Tensor]:
        parts = sample.split(self.engine.options.cached_chunk or len(sample.batch))
        views = [self._views(part) for part in parts]
        embeddings = {key: torch.cat([v[key] for v in views]) for key in views[0]}
        result = self._loss(embeddings, sample)
        if self.engine.options.keep_by == "accuracy":
            del result["loss"]  # the sum over pairs follows from them, whose numbers of rows differ
            present = self._present(sample)
            result |= matched(embeddings, present, self.pairs, self.binder.scales)
        return result

    def _views(self, sample: Sample) -> dict[str, Tensor]:
        with self.engine.autocast():
            embeddings = dict(self._embed(sample.batch, self.used))
            if sample.second is not None:
                again = self._embed(sample.second, self.twice)
                embeddings |= {second_view(name): again[name] for name in self.twice}
        return {name: embedding.float() for name, embedding in embeddings.items()}

    def _loss(self, embeddings: dict[str, Tensor], sample: Sample) -> dict[str, Tensor]:
        present = self._present(sample)
        return pairs_loss(embeddings, present, self.pairs, self.binder.scales, find_loss(self.loss))

    def _present(self, sample: Sample) -> dict[str, Tensor]:
        present = {name: sample.batch.present[name] for name in self.used}
        if sample.second is not None:
            present |= {second_view(name): sample.second.present[name] for name in self.twice}
        return present

    def values(self) -> dict[str, float]:
        with torch.no_grad():
            return {
                f"scale/{pair_name(pair)}": float(self.binder.scales.value(pair))
                for pair in self.pairs
            }

    def identity(self) -> dict[str, object]:
        begun = {} if self.start_hash is None else {"start": self.start_hash}
        # tells this score (`losses.matched`) from the mean of the pairs' accuracies of before
        score = {"score": "matched"} if self.keep_by == "accuracy" else {}
        pairs = [list(pair) for pair in self.pairs]
        return {"pairs": pairs, "symmetric": self.loss, **begun, **score}
