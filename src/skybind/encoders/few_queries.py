"""ProbSparse self-attention of a whole layer, where few queries are chosen.

The result is that of `attention.probsparse_attention` between four linear projections, with
about a quarter less arithmetic in training. The plain way is
`informer._Attention` with `attention.probsparse_attention`.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from skybind.encoders.attention import key_mask, observed_mean, select_queries


def few_queries_pay(length: int, n_heads: int, chosen: int, merge: str) -> bool:
    """Tell whether `few_queries_attention` can be used and is quicker than the plain way."""
    divides = merge == "epoch" or length % n_heads == 0
    return divides and 2 * chosen * n_heads <= length


def few_queries_attention(
    x: Tensor,
    observed: Tensor | None,
    projections: tuple[nn.Linear, nn.Linear, nn.Linear, nn.Linear],
    n_heads: int,
    factor: int,
    draw: Tensor,
    merge: str,
) -> Tensor:
    """Attend within (B, L, C) by ProbSparse, computing only what differs from the mean.

    With W, b the projections of one head, x the sequence and q a chosen query:

    - which queries are chosen has no gradient, so all queries and keys are made without one;
    - scores: q . (W_k x_j + b_k) = (q W_k) . x_j + q . b_k, so x stands for the keys;
    - weights add up to 1: sum_j a_j (W_v x_j + b_v) = W_v (sum_j a_j x_j) + b_v, so x stands for
      the values, and the mean of the values is W_v mean(x) + b_v;
    - the output is the projected mean, the same row for (nearly) all positions, plus the
      projected difference from it in the few rows that hold a chosen query.

    Parameters
    ----------
    x : Tensor (B, L, C)
    observed : Tensor of bool (B, L), or None
    projections : four nn.Linear (C, C)
        Of query, key, value and output.
    n_heads, factor, draw
        See `attention.probsparse_attention`.
    merge : {"epoch", "release"}
        How the heads' outputs become rows, see `informer.Informer`.

    Returns
    -------
    Tensor (B, L, C)
    """
    of_query, of_key, of_value, of_output = projections
    batch, length, width = x.shape
    with torch.no_grad():
        queries, keys = (
            p(x).unflatten(2, (n_heads, -1)).transpose(1, 2) for p in (of_query, of_key)
        )
        top, within = select_queries(queries, keys, observed, factor, draw)
    chosen = x.gather(1, top.flatten(1)[..., None].expand(-1, -1, width))
    query = _each_head(chosen.unflatten(1, top.shape[1:]), of_query)

    by_head = of_key.weight.unflatten(0, (n_heads, -1))
    scores = (query @ by_head).flatten(1, 2) @ x.transpose(1, 2)
    constant = query @ _bias(of_key, n_heads)[..., None]
    scores = (scores.unflatten(1, top.shape[1:]) + constant) / (width // n_heads) ** 0.5
    seen = key_mask(observed)
    if seen is not None:
        scores = scores.masked_fill(~seen, -torch.inf)
    weights = scores.softmax(-1).flatten(1, 2)
    sharp = _each_head((weights.to(x.dtype) @ x).unflatten(1, top.shape[1:]), of_value)
    mean = of_value(observed_mean(x, observed)).unflatten(1, (n_heads, 1, -1))
    difference = torch.where(within[:, None, :, None], sharp - mean, 0)

    # Head h at position l is entry number `slot` of the rows of H entries.
    head = torch.arange(n_heads, device=x.device)[:, None]
    slot = top * n_heads + head if merge == "epoch" else head * length + top
    rows = _place(difference.flatten(1, 2), slot.flatten(1) % n_heads, n_heads)
    if merge == "epoch":
        common = mean.flatten(1)[:, None]
    else:  # all entries of a row are of one head
        common = mean.expand(-1, -1, n_heads, -1).flatten(2)
    projected = torch.cat([linear(rows, of_output.weight), of_output(common)], dim=1)

    # A product with ones and zeros, for adding by index is not deterministic on a GPU.
    position = torch.arange(length, device=x.device)[:, None]
    of_row = (slot.flatten(1) // n_heads)[:, None] == position
    kinds = torch.arange(common.shape[1], device=x.device)
    of_common = (position * len(kinds) // length == kinds).expand(batch, -1, -1)
    return torch.cat([of_row, of_common], dim=2).to(projected.dtype) @ projected


def _each_head(x: Tensor, projection: nn.Linear) -> Tensor:
    """Project (B, H, u, C) by each head's part of the weights, (B, H, u, D)."""
    weight = projection.weight.unflatten(0, (x.shape[1], -1))
    return x @ weight.transpose(1, 2) + _bias(projection, x.shape[1])[:, None]


def _bias(projection: nn.Linear, n_heads: int) -> Tensor:
    return projection.bias.unflatten(0, (n_heads, -1))


def _place(entries: Tensor, place: Tensor, n_heads: int) -> Tensor:
    """Put entries (B, N, D) at `place` (B, N) of otherwise empty rows, (B, N, H * D)."""
    size = entries.shape[2]
    rows = entries.new_zeros((*place.shape, n_heads, size))
    at = place[..., None, None].expand(-1, -1, 1, size)
    return rows.scatter(2, at, entries[:, :, None]).flatten(2)
