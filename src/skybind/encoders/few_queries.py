"""ProbSparse attention with its projections, where few queries are taken.

All positions but those of the queries taken get the mean of the values, so little of the four
projections is needed. A query meets keys and values only in products with matrices, which can be
taken in another order: `q . (W_k x)` is `(q W_k) . x`, and `sum a_l (W_v x_l)` is
`W_v (sum a_l x_l)`. So keys and values of all positions are never made, nor is the output projected
where it is a mean, and the gradients are as cheap. Queries and keys of all positions are needed
once, without gradient, to choose.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skybind.encoders.attention import choose_queries, chooses_all, chosen_count


@dataclass(frozen=True)
class Projections:
    """The linear layers of an attention, D -> D each, and its heads."""

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    output: nn.Linear
    heads: int


def pays(length: int, width: int, heads: int, factor: int, padded: bool) -> bool:
    """Tell whether the queries taken are few enough for this order of the products."""
    taken = heads * chosen_count(length, factor)
    return 2 * taken <= min(length, width) and not chooses_all(length, factor, padded)


def few_queries_attention(
    x: Tensor, layers: Projections, observed: Tensor | None, factor: int, draw: Tensor, merge: str
) -> Tensor:
    """Project, attend, merge the heads and project: ProbSparse self-attention as a whole.

    Parameters
    ----------
    x : Tensor (B, L, D)
    layers : Projections
    observed : Tensor of bool (B, L), or None
    factor : int
    draw : Tensor of int64
        As in `attention.probsparse_attention`.
    merge : {"epoch", "release"}
        As in `Informer`.

    Returns
    -------
    Tensor (B, L, D)
    """
    batch, length, width = x.shape
    heads = layers.heads
    with torch.no_grad():
        queries, keys = (
            layer(x).unflatten(2, (heads, -1)).transpose(1, 2)
            for layer in (layers.query, layers.key)
        )
        top, number, within = choose_queries(queries, keys, observed, factor, draw)
        top = top.transpose(0, 1)  # (H, B, U)
        first = torch.arange(0, batch * length, length, device=x.device)[:, None]
    if torch.is_autocast_enabled(x.device.type):
        x = x.to(torch.get_autocast_dtype(x.device.type))
    taken = x.flatten(0, 1).index_select(0, (top + first).flatten()).view(heads, -1, width)
    seen = _attend(x, taken, layers, observed)
    if observed is None:
        mean = x.mean(1)
    else:
        mean = (x * observed[..., None]).sum(1) / number[:, None].to(x.dtype)
    # What a query sees beyond the mean, (H, B * U, D / H).
    beyond = _by_head(seen - mean[:, None], heads) @ _heads(layers.value.weight, heads).mT
    if observed is not None:
        # An object with fewer observed positions than the longest chooses fewer queries.
        beyond = beyond * within.expand(heads, -1, -1).reshape(heads, -1, 1)
    return _merge(layers.value(mean), beyond, top, layers, length, merge)


def _attend(x: Tensor, taken: Tensor, layers: Projections, observed: Tensor | None) -> Tensor:
    """Weigh all positions by each query taken, (H, B * U, D) -> (B, H * U, D)."""
    heads, batch = layers.heads, len(x)
    queries = taken @ _heads(layers.query.weight, heads).mT
    queries = (queries + _heads(layers.query.bias, heads)[:, None]) * queries.shape[2] ** -0.5
    towards = _by_object(queries @ _heads(layers.key.weight, heads), batch)
    shift = _by_object(queries @ _heads(layers.key.bias, heads)[..., None], batch)
    scores = torch.baddbmm(shift, towards, x.mT)
    if observed is not None:
        # A softmax over nothing is NaN: an empty row attends to everything.
        unseen = ~(observed | ~observed.any(1, keepdim=True))
        scores = scores.masked_fill(unseen[:, None], -torch.inf)
    return scores.softmax(-1).to(x.dtype) @ x


def _merge(
    mean: Tensor, beyond: Tensor, top: Tensor, layers: Projections, length: int, merge: str
) -> Tensor:
    """Put the heads side by side and project: rows of means alone are equal, and few in kind."""
    heads, batch, _ = top.shape
    head = torch.arange(heads, device=top.device)
    with torch.no_grad():
        if merge == "epoch":
            row, slot = top, head[:, None, None].expand_as(top)
            kinds, kind = head[None], head.new_zeros(length)
        else:
            place = head[:, None, None] * length + top
            row, slot = place // heads, place % heads
            kinds, kind = (
                torch.from_numpy(some).to(top.device) for some in _kinds_of_rows(length, heads)
            )
        first = torch.arange(0, batch * length, length, device=top.device)[:, None]
        slots = functional.one_hot(slot.flatten(), heads).to(beyond.dtype)
        kind_of = functional.one_hot(kind, len(kinds)).to(beyond.dtype)
    means = layers.output(mean.unflatten(1, (heads, -1))[:, kinds].flatten(2))
    rows = (kind_of @ means.to(beyond.dtype)).flatten(0, 1)
    spread = (slots[..., None] * beyond.flatten(0, 1)[:, None]).flatten(1)
    added = functional.linear(spread, layers.output.weight)
    return rows.index_add_(0, (row + first).flatten(), added.to(rows.dtype)).view(batch, length, -1)


@lru_cache(maxsize=64)
def _kinds_of_rows(length: int, heads: int) -> tuple[np.ndarray, np.ndarray]:
    """Give which heads' means a row of the release's merge may hold, (K, H), and each row's kind.

    As arrays: tensors that are made in inference may not be kept for a gradient.
    """
    of_row = np.arange(length * heads).reshape(length, heads) // length
    kinds, kind = np.unique(of_row, axis=0, return_inverse=True)
    return kinds, kind.reshape(-1)


def _heads(parameter: Tensor, heads: int) -> Tensor:
    """Split a weight (D, D) or a bias (D,) by heads, (H, D / H, ...)."""
    return parameter.unflatten(0, (heads, -1))


def _by_object(rows: Tensor, batch: int) -> Tensor:
    """Turn (H, B * U, W) into (B, H * U, W)."""
    return rows.unflatten(1, (batch, -1)).transpose(0, 1).flatten(1, 2)


def _by_head(rows: Tensor, heads: int) -> Tensor:
    """Turn (B, H * U, W) into (H, B * U, W)."""
    return rows.unflatten(1, (heads, -1)).transpose(0, 1).flatten(1, 2)
