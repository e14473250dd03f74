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
    # Head first, (H, B * u, C): one matrix product a head.
    flat = top.transpose(1, 2).flatten(1)  # (B, u * H)
    chosen = x.gather(1, flat[..., None].expand(-1, -1, width))
    query = _project(chosen.view(-1, n_heads, width), of_query)
    folded = torch.bmm(query, of_key.weight.view(n_heads, -1, width)).transpose(0, 1)
    constant = (query * of_key.bias.view(n_heads, 1, -1)).sum(-1).T.reshape(batch, -1, 1)
    scores = torch.bmm(folded.reshape(batch, -1, width), x.transpose(1, 2)) + constant
    if observed is not None:
        scores = scores.masked_fill(~key_mask(observed)[:, 0], -torch.inf)
    weights = (scores / (width // n_heads) ** 0.5).softmax(-1).to(x.dtype)
    sharp = _project(torch.bmm(weights, x).view(-1, n_heads, width), of_value)
    sharp = sharp.transpose(0, 1).reshape(batch, -1, n_heads, width // n_heads)
    mean = of_value(observed_mean(x, observed)).view(batch, 1, n_heads, -1)
    difference = torch.where(within[..., None, None], sharp - mean, 0).flatten(1, 2)

    # Head h at position l is entry number `slot` of the rows of H entries.
    head = torch.arange(n_heads, device=x.device).repeat(top.shape[2])
    slot = flat * n_heads + head if merge == "epoch" else head * length + flat
    rows = _place(difference, slot % n_heads, n_heads)
    if merge == "epoch":
        common = mean.flatten(2)
    else:  # all entries of a row are of one head
        common = mean.transpose(1, 2).expand(-1, -1, n_heads, -1).flatten(2)
    projected = torch.cat([linear(rows, of_output.weight), of_output(common)], dim=1)

    # A product with ones and zeros, for adding by index is not deterministic on a GPU.
    position = torch.arange(length, device=x.device)[:, None]
    of_row = (slot // n_heads)[:, None] == position
    kinds = torch.arange(common.shape[1], device=x.device)
    of_common = (position * len(kinds) // length == kinds).expand(batch, -1, -1)
    return torch.cat([of_row, of_common], dim=2).to(projected.dtype) @ projected


def _project(x: Tensor, projection: nn.Linear) -> Tensor:
    """Project (N, H, C) by each head's part of the weights, (H, N, D)."""
    n_heads, width = x.shape[1:]
    weight = projection.weight.view(n_heads, -1, width)
    bias = projection.bias.view(n_heads, 1, -1)
    return torch.baddbmm(bias, x.transpose(0, 1), weight.transpose(1, 2))


def _place(entries: Tensor, place: Tensor, n_heads: int) -> Tensor:
    """Put entries (B, N, D) at `place` (B, N) of otherwise empty rows, (B, N, H * D)."""
    size = entries.shape[2]
    rows = entries.new_zeros((*place.shape, n_heads, size))
    at = place[..., None, None].expand(-1, -1, 1, size)
    return rows.scatter(2, at, entries[:, :, None]).flatten(2)
