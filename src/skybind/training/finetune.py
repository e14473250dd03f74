"""Fine-tuning: train a classifier on labels, from scratch or from pre-trained encoders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skybind.config.training import TrainingOptions
from skybind.errors import ConfigError, DataError
from skybind.files import array_hash
from skybind.models.classifier import Classifier
from skybind.models.frozen_features import weights_hash
from skybind.training.batches import Sample, Source
from skybind.training.distributed import sum_over_ranks, world_size
from skybind.training.fit import fit
from skybind.training.loop import OnSave, TrainingResult
from skybind.training.task import Engine, Task, compiled


@dataclass(frozen=True)
class Labels:
    """What a classifier learns, and how its loss weighs it.

    Attributes
    ----------
    classes : ndarray of int, shape (N,)
        Class of every object of the source; -1 where unlabelled.
    weights : ndarray of float, shape (number of classes,), optional
        Weight of each class in the loss.
    smoothing : float
        Share of each label that is spread over all classes in the training loss; the
        validation loss is the plain one.
    """

    classes: np.ndarray
    weights: np.ndarray | None = None
    smoothing: float = 0.0


def finetune(
    classifier: Classifier,
    source: Source,
    labels: Labels,
    split_rows: Mapping[str, np.ndarray],
    options: TrainingOptions,
    out: Path,
    *,
    seed: int,
    freeze: Sequence[str] = (),
    resume: bool = False,
    on_save: OnSave | None = None,
) -> TrainingResult:
    """Train a classifier and leave the best weights in it, by what `options.keep_by` says.

    The loss is the cross-entropy, weighted by class if asked for. Objects without a label,
    or without any modality that the classifier looks at, take no part.

    Parameters
    ----------
    classifier : Classifier
        From a `Batch` to logits, shape (B, classes).
    source : BatchSource
        The prepared data.
    labels : Labels
    split_rows : mapping of str to ndarray of int
        Objects of `train` and `validation`.
    options : TrainingOptions
        How to train.
    out : Path
        Folder for `last.ckpt`, `best.safetensors` and `log.csv`.
    seed : int
        Decides the order of objects, crops and dropout.
    freeze : sequence of str
        Submodules of the classifier, by name, that are left as they are (dropout off).
    resume, on_save
        As in `pretrain`.

    Returns
    -------
    TrainingResult

    Raises
    ------
    ConfigError
        If `freeze` names something that the classifier does not have, or all of it.
    DataError
        If a split has no labelled objects.
    ModelError
        If a loss is not finite, or `resume` finds the checkpoint of another run.
    """
    task = _Finetuning(classifier, source, labels, split_rows, freeze)
    was_trained = {p: p.requires_grad for p in classifier.parameters()}
    try:
        task.freeze()
        return fit(task, options, Path(out), seed=seed, resume=resume, on_save=on_save)
    finally:
        for parameter, trained in was_trained.items():
            parameter.requires_grad_(trained)


def inverse_weights(labels: np.ndarray, n_classes: int, power: float) -> np.ndarray:
    """Weight of each class in the loss: the inverse of its number of objects, to a power.

    Parameters
    ----------
    labels : ndarray of int
        Classes of the training objects.
    n_classes : int
    power : float
        From 0 (all objects weigh the same) to 1 (all classes weigh the same).

    Returns
    -------
    ndarray of float, shape (n_classes,)
        1 for a class of average size.
    """
    counts = np.bincount(labels, minlength=n_classes)
    return (len(labels) / (n_classes * np.maximum(counts, 1))) ** power


class _Finetuning(Task):
    title = "fine-tuning"
    score = "accuracy"

    def __init__(
        self,
        classifier: Classifier,
        source: Source,
        labels: Labels,
        split_rows: Mapping[str, np.ndarray],
        freeze: Sequence[str],
    ) -> None:
        self.module = classifier
        self.label_smoothing = labels.smoothing
        self.labels = np.asarray(labels.classes, dtype=np.int64)
        if len(self.labels) != len(source):
            raise DataError(
                f"There are {len(self.labels)} labels for {len(source)} objects; "
                "give one an object, -1 where it has none."
            )
        self.source = source.select(classifier.modalities)
        usable = self.labels >= 0
        usable &= np.any([source.present(name) for name in classifier.modalities], axis=0)
        self.rows = {}
        for name in ("train", "validation"):
            rows = np.asarray(split_rows[name])
            self.rows[name] = rows[usable[rows]]
        self.class_weights = None if labels.weights is None else np.asarray(labels.weights)
        self.frozen = tuple(freeze)
        # what was learned from one pre-training must not go on from another
        self.start_hash = weights_hash(classifier)

    def freeze(self) -> None:
        """Take the frozen submodules out of training."""
        for name in self.frozen:
            self._submodule(name).requires_grad_(False)
        if not any(p.requires_grad for p in self.module.parameters()):
            raise ConfigError("Everything in the classifier is frozen; leave its head trainable.")

    def training_mode(self) -> None:
        self.module.train()
        for name in self.frozen:
            self._submodule(name).eval()

    def load(
        self, rows: np.ndarray, rng: np.random.Generator | None, second: np.random.Generator
    ) -> Sample:
        return Sample(self.source.batch(rows, rng), labels=torch.from_numpy(self.labels[rows]))

    def start(self, engine: Engine) -> None:
        self.engine = engine
        self._logits = compiled(self.module, engine.options)
        weights = self.class_weights
        self._weights = (
            None if weights is None else torch.as_tensor(weights).float().to(engine.device)
        )

    def train(self, sample: Sample) -> dict[str, Tensor]:
        every = self._batch_weight(sample)
        size = -(-len(sample.batch) // self.engine.options.accumulate)
        results = []
        for part in sample.split(size):
            result = self._result(part, every)
            # gradients are averaged over ranks, but the batch's loss is the sum of their parts
            self.engine.backward(result["loss"] * world_size())
            results.append({key: value.detach() for key, value in result.items()})
        return _joined(results)

    def evaluate(self, sample: Sample) -> dict[str, Tensor]:
        return _joined([self._result(sample, self._batch_weight(sample))])

    def _sample_weights(self, sample: Sample) -> Tensor:
        """Weight of each object of a batch: that of its class."""
        assert sample.labels is not None
        if not sample.counts:
            return torch.zeros(len(sample.labels), device=sample.labels.device)
        if self._weights is None:
            return torch.ones(len(sample.labels), device=sample.labels.device)
        return self._weights[sample.labels]

    def _batch_weight(self, sample: Sample) -> Tensor:
        return sum_over_ranks(self._sample_weights(sample).sum()).clamp(min=1e-12)

    def _result(self, sample: Sample, every: Tensor) -> dict[str, Tensor]:
        """What some objects add to a batch's mean loss and to its count of hits."""
        assert sample.labels is not None
        with self.engine.autocast():
            logits = self._logits(sample.batch)
        logits = logits.float()
        weights = self._sample_weights(sample)
        smoothing = self.label_smoothing if self.module.training else 0.0
        entropy = functional.cross_entropy(
            logits, sample.labels, reduction="none", label_smoothing=smoothing
        )
        rows = torch.full_like(sample.labels, sample.counts, dtype=torch.bool)
        hits = (logits.detach().argmax(1) == sample.labels) & rows
        loss = (entropy * weights).sum() / every
        return {"loss": loss, "hits": hits.sum(), "n": rows.sum()}

    def identity(self) -> dict[str, object]:
        weights = self.class_weights
        return {
            "frozen": list(self.frozen),
            "label_smoothing": self.label_smoothing,
            "class_weights": None if weights is None else weights.tolist(),
            "labels": array_hash(self.labels),
            "start": self.start_hash,
        }

    def _submodule(self, name: str) -> nn.Module:
        try:
            return self.module.get_submodule(name)
        except AttributeError as error:
            known = ", ".join(name for name, _ in self.module.named_children())
            raise ConfigError(
                f"The classifier has no part '{name}' to freeze; it has {known}."
            ) from error


def _joined(results: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Add up parts of a batch, over all ranks too."""
    parts = [torch.stack([r["loss"], r["hits"], r["n"]]).detach() for r in results]
    loss, hits, n = sum_over_ranks(torch.stack(parts).sum(0))
    return {"loss": loss, "accuracy": hits / n.clamp(min=1), "n": n}
