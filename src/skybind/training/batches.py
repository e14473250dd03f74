"""Which objects a step trains on, and their preparation ahead of time.

Every draw comes from (seed, stream, epoch, batch, rank), so a resumed run sees the same
batches as an uninterrupted one, whatever number of threads prepares them.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from skybind.modalities.batch import Batch

T = TypeVar("T")

#: Objects of a batch: the loss of a pair is that of telling objects from each other.
FEWEST = 2


class Source(Protocol):
    """What training needs of `skybind.modalities.source.BatchSource`."""

    def __len__(self) -> int: ...

    def batch(self, rows: np.ndarray, rng: np.random.Generator | None = None) -> Batch:
        """Give the batch of some objects; with a generator, crops and augmentations are drawn."""

    def present(self, name: str) -> np.ndarray:
        """Give which objects have a modality, shape (N,), bool."""

    def select(self, names: Sequence[str]) -> "Source":
        """Give a source of some of its modalities."""


class Stream(IntEnum):
    """Independent streams of random numbers of one run."""

    ORDER = 0
    VIEW = 1
    SECOND_VIEW = 2
    VALIDATION = 3
    VALIDATION_VIEW = 4


@dataclass
class Sample:
    """What one step needs: a batch, perhaps its second view, perhaps its labels."""

    batch: Batch
    second: Batch | None = None
    labels: Tensor | None = None

    def to(self, device: torch.device) -> "Sample":
        """Give the sample on `device`."""
        return Sample(
            self.batch.to(device),
            None if self.second is None else self.second.to(device),
            None if self.labels is None else self.labels.to(device, non_blocking=True),
        )

    def pin_memory(self) -> "Sample":
        """Give the sample in page-locked memory."""
        return Sample(
            self.batch.pin_memory(),
            None if self.second is None else self.second.pin_memory(),
            None if self.labels is None else self.labels.pin_memory(),
        )

    def split(self, size: int) -> list["Sample"]:
        """Cut the sample in parts of `size` objects; the last may be smaller."""
        parts = [slice(start, start + size) for start in range(0, max(len(self.batch), 1), size)]
        return [
            Sample(
                self.batch.select(part),
                None if self.second is None else self.second.select(part),
                None if self.labels is None else self.labels[part],
            )
            for part in parts
        ]


def generator(
    seed: int, stream: Stream, epoch: int = 0, batch: int = 0, rank: int = 0
) -> np.random.Generator:
    """Give the generator of one batch, independent of all others."""
    return np.random.default_rng([seed, int(stream), epoch, batch, rank])


def torch_seed(seed: int, epoch: int, rank: int) -> int:
    """Seed of torch's random numbers (dropout) in an epoch on a rank."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1)


def training_batches(
    rows: np.ndarray, size: int, drop_last: bool, seed: int, epoch: int, ranks: int = 1
) -> list[np.ndarray]:
    """Shuffle the training objects and cut them in batches, over all ranks together."""
    order = generator(seed, Stream.ORDER, epoch).permutation(rows)
    if drop_last and len(order) > size:
        order = order[: len(order) // size * size]
    return ordered_batches(order, size, ranks)


def ordered_batches(rows: np.ndarray, size: int, ranks: int = 1) -> list[np.ndarray]:
    """Cut `rows` in batches of `size`; a last one that is too small joins its neighbour.

    One object has nothing to be told from, and would not be measured; and each rank needs one.
    """
    starts = list(range(0, len(rows), size))
    if len(starts) > 1 and len(rows) - starts[-1] < max(FEWEST, ranks):
        starts.pop()
    return np.split(rows, starts[1:])


def rank_part(rows: np.ndarray, rank: int, ranks: int) -> np.ndarray:
    """Give the part of a batch that a rank works on."""
    return np.array_split(rows, ranks)[rank]


def prefetch(jobs: Sequence[Callable[[], T]], threads: int) -> Iterator[T]:
    """Yield the results of `jobs` in order, while threads work on the next ones."""
    if threads == 0:
        yield from (job() for job in jobs)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="skybind-loader") as pool:
        remaining = iter(jobs)
        waiting: deque[Future[T]] = deque(
            pool.submit(job) for job in islice(remaining, threads + 1)
        )
        try:
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(job) for job in islice(remaining, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()
