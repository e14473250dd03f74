"""Self-attention over a padded sequence: exact, and Informer's ProbSparse.

Shapes: B objects, H heads, L positions, D features a head. `observed` is (B, L) bool, or None
when every position counts. Rows without a single observed position give finite numbers, which
mean nothing.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

# Odd multipliers near 2^32 divided by the golden ratio and its relatives: their multiples
# modulo 2^32 spread evenly (Weyl sequences).
_ROW_STEP, _COLUMN_STEP, _SEED_STEP = 2654435769, 1779033703, 3144134277
_DRAW_RANGE = 1 << 32
# Bytes of the drawn keys at a time: what stays in a processor's cache, or fits beside all else.
_BLOCK, _BLOCK_ELSEWHERE = 1 << 21, 1 << 28


def exact_attention(
    queries: Tensor, keys: Tensor, values: Tensor, observed: Tensor | None = None
) -> Tensor:
    """Softmax attention of every query to every observed key, (B, H, L, D)."""
    return scaled_dot_product_attention(queries, keys, values, attn_mask=_key_mask(observed))


def probsparse_attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    observed: Tensor | None,
    factor: int,
    draw: Tensor,
) -> Tensor:
    """Softmax attention of the most telling queries only; the others get the mean of the values.

    Zhou et al. 2021 (Informer), section 3 "ProbSparse Self-attention". Of the n observed
    positions, u = factor * ceil(ln n) queries are taken, those whose scores against u drawn keys
    have the largest maximum minus mean (sum / n, as in the published code). The number n is each
    object's own, so neither the padding nor the other objects of the batch change anything.
    With u >= n this is exact attention.

    Parameters
    ----------
    queries, keys, values : Tensor (B, H, L, D)
    observed : Tensor of bool (B, L), or None
        None: all L positions count, padding included, as in AstroM3's release.
    factor : int
        The paper's c.
    draw : Tensor of int64 (L, at least u)
        From `random_draw` (training) or `fixed_draw` (inference): which keys each query tries.

    Returns
    -------
    Tensor (B, H, L, D)
    """
    length, size = queries.shape[2:]
    if chooses_all(length, factor, padded=observed is not None):
        return exact_attention(queries, keys, values, observed)
    with torch.no_grad():
        top, number, within = choose_queries(queries, keys, observed, factor, draw)
        top = top[..., None].expand(-1, -1, -1, size)
    sharp = exact_attention(queries.gather(2, top), keys, values, observed)
    if observed is None:
        mean = values.mean(2, keepdim=True)
    else:
        weight = observed[:, None, :, None].to(values.dtype)
        mean = (values * weight).sum(2, keepdim=True) / number[:, None, None, None].to(values.dtype)
    # An object with fewer observed positions than the longest chooses fewer queries.
    sharp = torch.where(within[:, None, :, None], sharp, mean)
    return mean.expand(-1, -1, length, -1).scatter(2, top, sharp.to(mean.dtype))


def choose_queries(
    queries: Tensor, keys: Tensor, observed: Tensor | None, factor: int, draw: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Choose the most telling queries of each object and head (see `probsparse_attention`).

    Returns
    -------
    Tensor of int64 (B, H, u)
        Their positions, the most telling first.
    Tensor of int64 (B,)
        How many positions each object has, at least 1.
    Tensor of bool (B, u)
        Which of the queries an object chooses: those with fewer positions choose fewer.
    """
    length = queries.shape[2]
    if observed is None:
        number = torch.full((len(queries),), length, device=queries.device)
    else:
        number = observed.sum(1).clamp(min=1)
    chosen = _chosen(number, factor)
    most = chosen_count(length, factor)
    measure = _sparsity(queries, keys, observed, number, chosen, draw[:, :most])
    top = measure.topk(most, dim=-1).indices
    return top, number, torch.arange(most, device=queries.device) < chosen[:, None]


def chosen_count(length: int, factor: int) -> int:
    """Return u, the number of queries that ProbSparse takes out of `length`."""
    return min(length, max(1, factor * math.ceil(math.log(max(length, 1)))))


def chooses_all(length: int, factor: int, padded: bool) -> bool:
    """Tell whether ProbSparse is exact attention: for `length`, or if padded for all up to it."""
    last = math.ceil(math.log(max(length, 2)))
    # floor(e^k) is the greatest n with ceil(ln n) = k, the hardest to cover with factor * k.
    return all(
        factor * k >= min(int(math.e**k), length)
        for k in (range(1, last + 1) if padded else (last,))
    )


def random_draw(length: int, columns: int, device: torch.device) -> Tensor:
    """Draw at random (torch's generator) the keys that each query tries, int64 (L, columns)."""
    return torch.randint(_DRAW_RANGE, (length, columns), device=device)


def fixed_draw(length: int, columns: int, seed: int, device: torch.device) -> Tensor:
    """Return an evenly spread draw that depends on position and seed alone, int64 (L, columns).

    The entry of a position does not depend on `length` or `columns`, so a light curve padded
    further keeps its draw. Whole numbers, so that every device gives the same.
    """
    rows = torch.arange(1, length + 1, device=device)[:, None] * _ROW_STEP
    steps = torch.arange(1, columns + 1, device=device)[None, :] * _COLUMN_STEP
    return (rows + steps + (seed + 1) * _SEED_STEP) % _DRAW_RANGE


def _key_mask(observed: Tensor | None) -> Tensor | None:
    if observed is None:
        return None
    # A softmax over nothing is NaN: an empty row attends to everything, and is masked later.
    return (observed | ~observed.any(1, keepdim=True))[:, None, None, :]


def _chosen(number: Tensor, factor: int) -> Tensor:
    steps = torch.ceil(torch.log(number.float())).long()
    return torch.minimum((factor * steps).clamp(min=1), number)


def _sparsity(
    queries: Tensor,
    keys: Tensor,
    observed: Tensor | None,
    number: Tensor,
    chosen: Tensor,
    draw: Tensor,
) -> Tensor:
    """Return each query's max - sum / n of its scores against its drawn keys, (B, H, L)."""
    if observed is None:
        tried = (draw * queries.shape[2] >> 32)[None]
    else:
        tried = (draw * number[:, None, None]) >> 32
        order = torch.argsort((~observed).byte(), dim=1, stable=True)
        tried = order.gather(1, tried.flatten(1)).view_as(tried)
    scores = _scores(queries, keys, tried.expand(len(queries), -1, -1))
    if observed is None:
        measure = scores.amax(1) - scores.sum(1) / queries.shape[2]
        return measure.transpose(1, 2)
    # An object with fewer observed positions than the longest tries fewer keys.
    unused = (torch.arange(draw.shape[1], device=draw.device) >= chosen[:, None])[..., None, None]
    highest = scores.masked_fill(unused, -torch.inf).amax(1)
    total = scores.masked_fill(unused, 0).sum(1)
    measure = (highest - total / number[:, None, None]).transpose(1, 2)
    return measure.masked_fill(~observed[:, None, :], -torch.inf)


def _scores(queries: Tensor, keys: Tensor, tried: Tensor) -> Tensor:
    """Return the score of each query with its drawn keys (B, L, C), for all heads, (B, C, L, H)."""
    # All heads try the same keys: whole rows are picked, a block of objects at a time.
    batch, heads, length, size = queries.shape
    by_position, rows = (some.transpose(1, 2).flatten(2).contiguous() for some in (queries, keys))
    tried = tried.mT
    columns = tried.shape[1]
    scores = torch.empty((batch, columns, length, heads), device=queries.device)
    block = _BLOCK if queries.device.type == "cpu" else _BLOCK_ELSEWHERE
    block = max(1, block // (length * columns * heads * size * queries.element_size()))
    first = torch.arange(0, block * length, length, device=keys.device)[:, None, None]
    for start in range(0, batch, block):
        at = slice(start, start + block)
        picked = (tried[at] + first[: batch - start]).flatten()
        drawn = rows[at].flatten(0, 1).index_select(0, picked)
        drawn = drawn.view(-1, columns, length, heads * size)
        drawn *= by_position[at, None]
        scores[at] = drawn.unflatten(3, (heads, size)).sum(-1)
    return scores
