"""The contrastive loss of pairs of modalities."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from skybind.errors import ConfigError
from skybind.plugins import find_more
from skybind.training.distributed import gather_rows, sum_over_ranks, world_size
from skybind.words import nearest

Pair = tuple[str, str]
Symmetric = Literal["sum", "mean"]
LossMean = Literal["objects", "batches"]
#: Logits (n, m) and the place (n,) of each row's own partner among the columns -> losses (n,).
RowLoss = Callable[[Tensor, Tensor], Tensor]
# Added to the logits of rows that take no part; exp of it is zero, and unlike minus infinity
# it leaves no NaN behind in rows without any partner.
_EXCLUDED = -1e9
#: Logits that are in memory at once; those of larger batches are made again in the backward.
_LOGITS = 2**24


@dataclass(frozen=True)
class PairLoss:
    """How a pair of modalities is bound.

    Attributes
    ----------
    row : callable
        From the logits of some objects against all, (n, m), and the place of each one's own
        partner, (n,), to the loss of each, (n,). Logits are scaled cosine similarities; a column
        that takes no part has -1e9.
    symmetric : {"sum", "mean"}
        How the two directions of a pair are joined. Pairs are always added up.
    """

    row: RowLoss
    symmetric: Symmetric = "sum"


_LOSSES: dict[str, PairLoss] = {}
_Row = TypeVar("_Row", bound=RowLoss)


def register_loss(name: str, symmetric: Symmetric = "sum") -> Callable[[_Row], _Row]:
    """Make a loss of pairs known under `name`, as `model.loss` takes it (a decorator).

    Parameters
    ----------
    name : str
    symmetric : {"sum", "mean"}
        As of `PairLoss`; the function is its `row`.

    Raises
    ------
    ConfigError
        If another function has that name already.
    """

    def register(function: _Row) -> _Row:
        known = _LOSSES.get(name)
        if known is not None and _origin(known.row) != _origin(function):
            raise ConfigError(
                f"The loss '{name}' is registered already by {'.'.join(_origin(known.row))}: give "
                f"{'.'.join(_origin(function))} another name."
            )
        _LOSSES[name] = PairLoss(function, symmetric)
        return function

    return register


def find_loss(name: str) -> PairLoss:
    """Return a registered loss, of plugins too.

    Raises
    ------
    ConfigError
        If there is none of that name; the nearest is named.
    """
    if name not in _LOSSES:
        find_more()
    if name not in _LOSSES:
        raise ConfigError(f"model.loss: there is no loss '{name}': {nearest(name, list(_LOSSES))}")
    return _LOSSES[name]


def _origin(function: Callable[..., object]) -> tuple[str, str]:
    return function.__module__, function.__qualname__


@register_loss("mean", "mean")
@register_loss("sum", "sum")
def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of each row's logits against its own partner (InfoNCE), shape (n,)."""
    return functional.cross_entropy(logits, target, reduction="none")


def loss_of_guessing(how: PairLoss, batches: Sequence[int], of: LossMean = "objects") -> float:
    """Return the loss of a pair [nat] where every cosine is the same: ln(n) a direction.

    Parameters
    ----------
    how : PairLoss
    batches : sequence of int
        Objects that have both modalities, of each batch; of fewer than two there is no loss.
    of : {"objects", "batches"}
        What the mean over batches is of, as in `skybind.training.metrics.Meter`.

    Returns
    -------
    float
        NaN where no batch has a loss, and of a loss of a plugin, whose value is not known.
    """
    used = np.asarray([n for n in batches if n > 1], dtype=float)
    if how.row is not cross_entropy or not len(used):
        return math.nan
    directions = 2 if how.symmetric == "sum" else 1
    return float(directions * np.average(np.log(used), weights=used if of == "objects" else None))


class Scales(Protocol):
    """What the loss needs of a model's pair scales."""

    def value(self, pair: Pair) -> Tensor:
        """Scale of the cosine similarities of `pair`, a scalar."""


def second_view(modality: str) -> str:
    """Key of the second view of a modality that is paired with itself."""
    return f"{modality} (second view)"


def pair_name(pair: Pair) -> str:
    """Name of a pair in logs, such as `photometry-spectrum`."""
    return "-".join(pair)


def is_self_pair(name: str) -> bool:
    """Tell whether a pair, by its name in logs, is two views of one modality."""
    middle = len(name) // 2
    return name[:middle] == name[middle + 1 :] and name[middle : middle + 1] == "-"


def pairs_loss(
    embeddings: Mapping[str, Tensor],
    present: Mapping[str, Tensor],
    pairs: Sequence[Pair],
    scales: Scales,
    how: PairLoss | None = None,
) -> dict[str, Tensor]:
    """Contrastive loss over all pairs of modalities.

    Of each pair the symmetric cross-entropy of scaled cosine similarities against the diagonal:
    `CE(logits) + CE(logits^T)` with `logits = scale * a @ b.T` (AstroM3, arXiv:2411.08842; CLIP
    and AstroCLIP take the mean of the two). On several ranks the rows of all serve as negatives,
    and each rank gets the loss of the whole batch. Above 2^24 logits they are made rows by rows.

    Parameters
    ----------
    embeddings : dict of str to Tensor, shape (n, D)
        Unit-length embeddings by modality. A modality that is paired with itself has its
        second view under `second_view(modality)`.
    present : dict of str to BoolTensor, shape (n,)
        Which rows have each of them; a pair's loss uses the rows that have both, and is zero, with
        a valid graph, where they are fewer than two.
    pairs : list of (str, str)
        The pairs to bind.
    scales : Scales
        Scale of each pair.
    how : PairLoss, optional
        The loss of a pair; the cross-entropy, its two directions added, by default.

    Returns
    -------
    dict of str to Tensor
        `loss`, the sum over pairs (differentiable), and for each pair `loss/A-B`,
        `accuracy/A-B` (share of rows whose nearest partner is their own, mean of both directions)
        and `n/A-B` (rows that took part), detached. On several ranks all are those of the whole
        batch.
    """
    how = how or find_loss("sum")
    names = list(embeddings)
    stacked = torch.stack([embeddings[name].float() for name in names], dim=1)
    masks = torch.stack([present[name] for name in names], dim=1)
    every, start = gather_rows(stacked)
    everywhere, _ = gather_rows(masks)
    here = slice(start, start + len(stacked))
    column = {name: i for i, name in enumerate(names)}
    indices = [(column[a], column[second_view(b) if a == b else b]) for a, b in pairs]
    both = [everywhere[:, i] & everywhere[:, j] for i, j in indices]
    parts = [
        _pair_sums(every[:, i], every[:, j], mask, here, scales.value(pair), how.row)
        for pair, (i, j), mask in zip(pairs, indices, both, strict=True)
    ]
    totals = sum_over_ranks(torch.stack(parts))
    result: dict[str, Tensor] = {}
    losses = []
    for pair, part, mask in zip(pairs, totals, both, strict=True):
        loss, accuracy, rows = _pair_means(part, mask, how.symmetric)
        losses.append(loss)
        name = pair_name(pair)
        result |= {f"loss/{name}": loss.detach(), f"accuracy/{name}": accuracy, f"n/{name}": rows}
    return {"loss": torch.stack(losses).sum()} | result


@torch.no_grad()
def matched(
    embeddings: Mapping[str, Tensor],
    present: Mapping[str, Tensor],
    pairs: Sequence[Pair],
    scales: Scales,
) -> dict[str, Tensor]:
    """Count the rows whose own partner is the likeliest by all pairs together.

    The probabilities of a row's partners are averaged over the pairs and their two directions, as
    in AstroM3's release (`Trainer.update_stats_clip`); a pair that a row lacks says nothing of it.

    Parameters
    ----------
    embeddings, present, pairs, scales
        As of `pairs_loss`.

    Returns
    -------
    dict of str to Tensor
        `accuracy`, their share, and `n`, the rows that took part; on several ranks those of the
        whole batch.
    """
    every = {name: gather_rows(values.float())[0] for name, values in embeddings.items()}
    everywhere = {name: gather_rows(values)[0] for name, values in present.items()}
    some = next(iter(every.values()))
    size = len(some)
    seen = torch.zeros(size, dtype=torch.bool, device=some.device)
    sides = []
    for a, b in pairs:
        other = second_view(b) if a == b else b
        both = everywhere[a] & everywhere[other]
        if both.sum() > 1:
            sides.append((every[a], every[other], both, scales.value((a, b))))
            seen |= both
    hits = some.new_zeros(())
    for block in _blocks(slice(0, size), size):
        total = some.new_zeros(block.stop - block.start, size)
        for one, two, both, scale in sides:
            rows, columns = both[block].nonzero()[:, 0], both.nonzero()[:, 0]
            for mine, others in ((one, two), (two, one)):
                logits = scale * mine[block][rows] @ others[columns].T
                total[rows[:, None], columns] += logits.softmax(1)
        own = torch.arange(block.start, block.stop, device=some.device)
        hits = hits + ((total.argmax(1) == own) & seen[block]).sum()
    n = seen.sum()
    return {"accuracy": hits / n.clamp(min=1), "n": n}


def _blocks(rows: slice, columns: int) -> Iterator[slice]:
    """Cut rows so that a block has at most `_LOGITS` logits."""
    each = max(1, _LOGITS // max(columns, 1))
    for start in range(rows.start, rows.stop, each):
        yield slice(start, min(start + each, rows.stop))


def _pair_sums(
    a: Tensor, b: Tensor, both: Tensor, here: slice, scale: Tensor | float, row: RowLoss
) -> Tensor:
    """Sums over the rows `here` that have both: losses and hits, shape (2,)."""
    with torch.autocast(a.device.type, enabled=False):
        # absent rows may hold anything, NaN included: cut them off the graph
        a = torch.where(both[:, None], a, 0.0)
        b = torch.where(both[:, None], b, 0.0)
        if (here.stop - here.start) * len(a) <= _LOGITS:
            forth = scale * (a[here] @ b.T)
            back = forth.T if world_size() == 1 else scale * (b[here] @ a.T)
            return _row_sums(forth, both, here, row) + _row_sums(back, both, here, row)
        sums = a.new_zeros(2)
        for block in _blocks(here, len(a)):
            for mine, others in ((a, b), (b, a)):
                sums = sums + checkpoint(
                    _block_sums, mine, others, both, block, scale, row,
                    use_reentrant=False, preserve_rng_state=False,
                )  # fmt: skip
        return sums


def _block_sums(
    mine: Tensor, others: Tensor, both: Tensor, block: slice, scale: Tensor | float, row: RowLoss
) -> Tensor:
    return _row_sums(scale * (mine[block] @ others.T), both, block, row)


def _row_sums(logits: Tensor, both: Tensor, here: slice, row: RowLoss) -> Tensor:
    """Sums over some rows of one direction: losses and hits, shape (2,)."""
    logits = logits + torch.where(both, 0.0, _EXCLUDED)
    target = torch.arange(len(both), device=logits.device)[here]
    mine = both[here]
    entropy = torch.where(mine, row(logits, target), 0.0).sum()
    hits = ((logits.detach().argmax(1) == target) & mine).sum()
    return torch.stack([entropy, hits.to(entropy.dtype)])


def _pair_means(sums: Tensor, both: Tensor, symmetric: Symmetric) -> tuple[Tensor, Tensor, Tensor]:
    rows = both.sum()
    count = rows.clamp(min=1)
    loss = sums[0] / count
    if symmetric == "mean":
        loss = loss / 2
    return loss, sums[1].detach() / (2 * count), torch.where(rows > 1, rows, 0)
