"""Momentum contrast: an encoder learns to tell objects apart, from two views of each."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skybind.config.backbone import MocoOptions
from skybind.config.training import TrainingOptions
from skybind.encoders.registry import Encoder
from skybind.errors import ConfigError
from skybind.training.batches import Sample, Source
from skybind.training.fit import fit
from skybind.training.loop import TrainingResult
from skybind.training.task import Engine, Task, compiled

_NOBODY = -1


class Projected(nn.Module):
    """An encoder and the two-layer head of MoCo v2 that is dropped after training.

    Parameters
    ----------
    encoder : Encoder
    dimension : int
        Length of its vectors.
    hidden : int, optional
        Units of the head's hidden layer; as many as the encoder has features by default.
    """

    def __init__(self, encoder: Encoder, dimension: int, hidden: int | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.out_features
        hidden = hidden or width
        self.head = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, dimension)
        )

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Give unit vectors of shape (B, dimension)."""
        features = self.encoder(inputs["values"], inputs.get("mask"))
        return functional.normalize(self.head(features), dim=-1)


class Moco(nn.Module):
    """MoCo v2: a query encoder, its momentum average, and a queue of that one's vectors.

    He et al. 2020 (arXiv:1911.05722, algorithm 1) with the projection head and temperature of
    Chen et al. 2020 (arXiv:2003.04297); Stein et al. 2021 (arXiv:2110.13151) used it on
    galaxies. Two things differ from the publication: a key of the object itself is never a
    negative (in a small data set the queue often holds one), and there is no shuffled batch
    norm: it moves objects between devices, and on one device the statistics of a batch are the
    same in any order. With `key_statistics: momentum` the keys do not depend on their batch
    at all.

    Parameters
    ----------
    encoder : Encoder
        Trained in place: it is the query encoder.
    options : MocoOptions
    """

    queue: Tensor
    owner: Tensor
    place: Tensor

    def __init__(self, encoder: Encoder, options: MocoOptions) -> None:
        super().__init__()
        self.options = options
        self.query = Projected(encoder, options.dimension, options.hidden)
        self.key = deepcopy(self.query).requires_grad_(False)
        start = functional.normalize(torch.randn(options.queue, options.dimension), dim=-1)
        self.register_buffer("queue", start)
        self.register_buffer("owner", torch.full((options.queue,), _NOBODY, dtype=torch.int64))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    def train(self, mode: bool = True) -> "Moco":
        """Switch to training; keys with momentum statistics are always computed as in use."""
        super().train(mode)
        if self.options.key_statistics == "momentum":
            self.key.eval()
        return self

    @torch.no_grad()
    def follow(self) -> None:
        """Move the key encoder towards the query encoder: k <- m k + (1 - m) q."""
        keep = self.options.momentum
        for key, query in zip(self.key.parameters(), self.query.parameters(), strict=True):
            key.lerp_(query, 1 - keep)
        if self.options.key_statistics == "momentum":
            for mine, its in zip(self.key.buffers(), self.query.buffers(), strict=True):
                if mine.is_floating_point():
                    mine.lerp_(its, 1 - keep)

    @torch.no_grad()
    def enqueue(self, keys: Tensor, rows: Tensor) -> None:
        """Put keys, and whose they are, in the place of the oldest ones; the queue wraps."""
        size = len(self.queue)
        keys, rows = keys[-size:], rows[-size:]
        places = (self.place + torch.arange(len(keys), device=keys.device)) % size
        self.queue[places] = keys.to(self.queue.dtype)
        self.owner[places] = rows
        self.place.copy_((self.place + len(keys)) % size)


def moco_loss(
    query: Tensor,
    key: Tensor,
    negatives: Tensor,
    temperature: float,
    same: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """InfoNCE of queries against their own keys and many others.

    `-log(exp(q.k+/t) / (exp(q.k+/t) + sum_j exp(q.n_j/t)))`, mean over queries (He et al.
    2020, equation 1).

    Parameters
    ----------
    query, key : Tensor, shape (B, D)
        Unit vectors of two views of the same objects; no gradient goes to `key`.
    negatives : Tensor, shape (K, D)
        Unit vectors of others.
    temperature : float
    same : BoolTensor, shape (B, K), optional
        Negatives that are the query's own object, which do not count.

    Returns
    -------
    loss : Tensor
        Scalar.
    accuracy : Tensor
        Share of queries whose own key is the nearest.
    """
    key, negatives = key.detach(), negatives.detach()
    positive = (query * key).sum(1, keepdim=True)
    others = query @ negatives.T
    if same is not None:
        others = others.masked_fill(same, float("-inf"))
    logits = torch.cat([positive, others], dim=1) / temperature
    target = torch.zeros(len(query), dtype=torch.int64, device=query.device)
    hits = (logits.argmax(1) == 0).float().mean()
    return functional.cross_entropy(logits, target), hits.detach()


def train_moco(
    encoder: Encoder,
    options: MocoOptions,
    source: Source,
    name: str,
    rows: Mapping[str, np.ndarray],
    training: TrainingOptions,
    out: Path,
    *,
    seed: int,
    resume: bool = False,
) -> TrainingResult:
    """Train an encoder by momentum contrast; it ends with the weights of the best epoch.

    Two augmented batches of one modality are compared, so it works for any modality whose
    training views differ. The validation loss takes the other validation objects of the batch
    as negatives, so that it does not depend on the state of the queue, and the same views in
    every epoch.

    Parameters
    ----------
    encoder : Encoder
        Trained in place.
    options : MocoOptions
    source : BatchSource
    name : str
        The modality; two of its training batches must differ (`Modality.augments`).
    rows : mapping of str to ndarray of int
        Objects of `train` and `validation` that have the modality.
    training : TrainingOptions
    out : Path
        Folder for `last.ckpt`, `best.safetensors` and `log.csv`.
    seed : int
        Decides the weights of the head, the first queue, the order of objects and the views.
    resume : bool
        Go on from `out/last.ckpt` if there is one.

    Raises
    ------
    ConfigError
        If the queue is longer than one pass over the training objects.
    """
    if options.queue > len(rows["train"]):
        raise ConfigError(
            f"moco.queue is {options.queue}, but {len(rows['train'])} objects are trained on: make "
            "it at most as long."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = Moco(encoder, options)
    task = _Moco(module, source, name, rows)
    return fit(task, training, Path(out), seed=seed, resume=resume)


class _Moco(Task):
    title = "momentum contrast"
    score = "retrieval"

    def __init__(
        self, module: Moco, source: Source, name: str, rows: Mapping[str, np.ndarray]
    ) -> None:
        self.module: Moco = module
        self.source = source.select([name])
        self.name = name
        self.rows = dict(rows)

    def load(
        self, rows: np.ndarray, rng: np.random.Generator | None, second: np.random.Generator
    ) -> Sample:
        first = second if rng is None else rng
        return Sample(self.source.batch(rows, first), self.source.batch(rows, second))

    def start(self, engine: Engine) -> None:
        self.engine = engine
        self._query = compiled(self.module.query, engine.options)
        self._key = compiled(self.module.key, engine.options)

    def train(self, sample: Sample) -> dict[str, Tensor]:
        module = self.module
        module.follow()
        query, key, rows = self._vectors(sample)
        same = rows[:, None] == module.owner[None]
        loss, accuracy = moco_loss(query, key, module.queue, module.options.temperature, same)
        self.engine.backward(loss)
        module.enqueue(key, rows)
        return _values(loss, accuracy, len(rows))

    def evaluate(self, sample: Sample) -> dict[str, Tensor]:
        query, key, rows = self._vectors(sample)
        same = rows[:, None] == rows[None]
        loss, accuracy = moco_loss(query, key, key, self.module.options.temperature, same)
        return _values(loss, accuracy, len(rows))

    def _vectors(self, sample: Sample) -> tuple[Tensor, Tensor, Tensor]:
        assert sample.second is not None
        with self.engine.autocast():
            query = self._query(sample.batch.inputs[self.name])
            with torch.no_grad():
                key = self._key(sample.second.inputs[self.name])
        return query.float(), key.float(), sample.batch.rows

    def identity(self) -> dict[str, object]:
        return {"moco": self.module.options.model_dump(mode="json"), "modality": self.name}


def _values(loss: Tensor, accuracy: Tensor, rows: int) -> dict[str, Tensor]:
    return {
        "loss": loss,
        "accuracy": accuracy,
        "n": torch.tensor(float(rows), device=loss.device),
    }
