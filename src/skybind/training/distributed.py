"""Collectives of training on several devices, with exact gradients.

Every rank computes the loss of the whole batch: `gather_rows` brings all ranks' embeddings,
`sum_over_ranks` adds up the parts of the loss. The backward of each is the true adjoint, so
the gradient that a rank finds is that of the sum of all ranks' (equal) losses, and
`average_gradients` then gives exactly the gradient of one process with the whole batch.
On one process each function is the identity.
"""

import copyreg
import pickle
from collections.abc import Iterable
from io import BytesIO
from mmap import mmap
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn


def world_size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Index of this process among those that train together."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def gather_rows(rows: Tensor) -> tuple[Tensor, int]:
    """Stack the rows of all ranks, in the order of ranks.

    Parameters
    ----------
    rows : Tensor, shape (n, ...)
        This rank's rows; `n` may differ from rank to rank and may be zero.

    Returns
    -------
    Tensor, shape (sum of n, ...)
        All rows; gradients flow back to the rank that owns them.
    int
        Where this rank's rows begin.
    """
    if world_size() == 1:
        return rows, 0
    counts = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(world_size())]
    dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
    sizes = torch.cat(counts).tolist()
    return _GatherRows.apply(rows, sizes), sum(sizes[: rank()])


def sum_over_ranks(values: Tensor) -> Tensor:
    """Add up a tensor over all ranks, differentiably."""
    return values if world_size() == 1 else _SumOverRanks.apply(values)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over the ranks.

    A parameter without a gradient on some ranks counts as zero there; one without a gradient
    anywhere must have none on all ranks (the same graph runs on each).
    """
    if world_size() == 1:
        return
    trained = [p for p in parameters if p.requires_grad]
    if not trained:
        return
    known = torch.tensor([p.grad is not None for p in trained], device=trained[0].device).int()
    dist.all_reduce(known)
    groups: dict[torch.dtype, list[Tensor]] = {}
    for parameter, count in zip(trained, known.tolist(), strict=True):
        if not count:
            continue
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        groups.setdefault(parameter.grad.dtype, []).append(parameter.grad)
    for gradients in groups.values():
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        flat /= world_size()
        for gradient, part in zip(
            gradients, flat.split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(part.view_as(gradient))


def broadcast_module(module: nn.Module) -> None:
    """Give every rank the weights and buffers of rank 0."""
    if world_size() == 1:
        return
    for tensor in [*module.parameters(), *module.buffers()]:
        dist.broadcast(tensor.data, src=0)


def send_maps_by_name() -> None:
    """Let processes that are started hand over memory-mapped arrays as file names, not as bytes."""
    ForkingPickler.register(np.memmap, _reduce_map)


def pack(content: object) -> bytes:
    """Pickle for another process, memory-mapped arrays as file names."""
    buffer = BytesIO()
    pickler = pickle.Pickler(buffer)
    pickler.dispatch_table = {**copyreg.dispatch_table, np.memmap: _reduce_map}
    pickler.dump(content)
    return buffer.getvalue()


def _reduce_map(array: np.memmap) -> tuple[Any, ...]:
    if not isinstance(array.base, mmap) or not array.flags.c_contiguous:  # a view of a map
        return tuple(np.asarray(array).__reduce__())
    return np.memmap, (array.filename, array.dtype, "r", array.offset, array.shape)


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: list[int]) -> Tensor:
        """Gather rows padded to the largest rank, for collectives want equal shapes."""
        ctx.sizes = sizes
        padded = rows.new_zeros((max(sizes), *rows.shape[1:]))
        padded[: len(rows)] = rows
        received = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(received, padded)
        return torch.cat([part[:size] for part, size in zip(received, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Add up the ranks' gradients and keep those of this rank's rows."""
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total.split(ctx.sizes)[rank()], None


class _SumOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor]:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return (total,)
