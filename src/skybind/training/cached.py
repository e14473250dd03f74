"""Cached gradients: the exact gradient of a large contrastive batch in small memory."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

Chunk = TypeVar("Chunk")
Embeddings = dict[str, Tensor]


def cached_backward(
    embed: Callable[[Chunk], Embeddings],
    chunks: Sequence[Chunk],
    loss: Callable[[Embeddings], dict[str, Tensor]],
    backward: Callable[[Tensor], None],
    device: torch.device,
) -> dict[str, Tensor]:
    """Back-propagate a loss over all chunks' embeddings while holding one chunk's graph.

    All chunks are embedded without a graph; the loss gives the gradient of each embedding;
    then each chunk is embedded again, with the same random state (the same dropout), and
    its embeddings' gradients are carried on to the weights (GradCache, Gao et al. 2021,
    arXiv:2101.06983). Exact for any model whose embeddings of one object do not depend on
    the other objects of its batch.

    Parameters
    ----------
    embed : callable
        From a chunk to embeddings by key, each of shape (rows of the chunk, D). If it uses
        autocast it must open the context itself: a context around both passes would reuse
        the first pass's casts of the weights, which have no graph.
    chunks : sequence
        The parts of the batch, in order.
    loss : callable
        From the embeddings of the whole batch to a dictionary with `loss`.
    backward : callable
        Back-propagates the loss (and scales it, under 16-bit precision).
    device : torch.device
        Whose random state the embeddings depend on, besides the CPU's.

    Returns
    -------
    dict of str to Tensor
        What `loss` returned.
    """
    states, parts = [], []
    with torch.no_grad():
        for chunk in chunks:
            states.append(_random_state(device))
            parts.append(embed(chunk))
    joined = {
        key: torch.cat([part[key] for part in parts]).detach().requires_grad_() for key in parts[0]
    }
    result = loss(joined)
    backward(result["loss"])
    start = 0
    for chunk, state, part in zip(chunks, states, parts, strict=True):
        _set_random_state(device, state)
        rows = slice(start, start + len(next(iter(part.values()))))
        start = rows.stop
        again = embed(chunk)
        outputs = {k: v for k, v in again.items() if v.requires_grad and joined[k].grad is not None}
        gradients = [_gradient(joined[key])[rows].to(v.dtype) for key, v in outputs.items()]
        torch.autograd.backward(list(outputs.values()), gradients)
    return result


def _gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad


def _random_state(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    elif device.type == "mps":
        states.append(torch.mps.get_rng_state())
    return states


def _set_random_state(device: torch.device, states: list[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(states[1])
