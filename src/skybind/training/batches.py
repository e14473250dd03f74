"""Which objects a step trains on, and their preparation ahead of time.

Every draw comes from (seed, stream, epoch, batch, rank), so a resumed run sees the same
batches as an uninterrupted one, whatever number of threads prepares them.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
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
    """What one step needs: a batch, perhaps its second view, perhaps its labels.

    Where a batch has fewer objects than there are ranks, some ranks have none of them. These work
    on a stand-in that is observed in nothing and does not count, so that all do the same.
    """

    batch: Batch
    second: Batch | None = None
    labels: Tensor | None = None
    counts: bool = True

    def to(self, device: torch.device) -> "Sample":
        """Give the sample on `device`."""
        return self._map(
            lambda batch: batch.to(device), lambda labels: labels.to(device, non_blocking=True)
        )

    def pin_memory(self) -> "Sample":
        """Give the sample in page-locked memory."""
        return self._map(Batch.pin_memory, Tensor.pin_memory)

    def split(self, size: int) -> list["Sample"]:
        """Cut the sample in parts of `size` objects; the last may be smaller."""

        def cut(part: slice) -> "Sample":
            return self._map(lambda batch: batch.select(part), lambda labels: labels[part])

        starts = range(0, max(len(self.batch), 1), size)
        return [cut(slice(start, start + size)) for start in starts]

    def stand_in(self) -> "Sample":
        """Give the sample as one that does not count."""
        return replace(self._map(Batch.unobserved, lambda labels: labels), counts=False)

    def _map(
        self, of_batch: Callable[[Batch], Batch], of_labels: Callable[[Tensor], Tensor]
    ) -> "Sample":
        return replace(
            self,
            batch=of_batch(self.batch),
            second=None if self.second is None else of_batch(self.second),
            labels=None if self.labels is None else of_labels(self.labels),
        )


def generator(
    seed: int, stream: Stream, epoch: int = 0, batch: int = 0, rank: int = 0
) -> np.random.Generator:
    """Give the generator of one batch, independent of all others."""
    return np.random.default_rng([seed, int(stream), epoch, batch, rank])


def torch_seed(seed: int, epoch: int, rank: int) -> int:
    """Seed of torch's random numbers (dropout) in an epoch on a rank."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1)


def training_batches(
    rows: np.ndarray, size: int, drop_last: bool, seed: int, epoch: int
) -> list[np.ndarray]:
    """Shuffle the training objects and cut them in batches, each for all ranks together."""
    order = generator(seed, Stream.ORDER, epoch).permutation(rows)
    if drop_last and len(order) > size:
        order = order[: len(order) // size * size]
    return ordered_batches(order, size)


def ordered_batches(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut `rows` in batches of `size`; a last one that is too small joins its neighbour.

    One object has nothing to be told from, and would not be measured.
    """
    starts = list(range(0, len(rows), size))
    if len(starts) > 1 and len(rows) - starts[-1] < FEWEST:
        starts.pop()
    return np.split(rows, starts[1:])


def rank_part(rows: np.ndarray, rank: int, ranks: int) -> np.ndarray:
    """Give the part of a batch that a rank works on; empty where there are more ranks."""
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
