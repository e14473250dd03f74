"""The contrastive loss of pairs of modalities."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from skybind.training.distributed import gather_rows, sum_over_ranks, world_size

Pair = tuple[str, str]
Symmetric = Literal["sum", "mean"]
# Added to the logits of rows that take no part; exp of it is zero, and unlike minus infinity
# it leaves no NaN behind in rows without any partner.
_EXCLUDED = -1e9


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


def pairs_loss(
    embeddings: Mapping[str, Tensor],
    present: Mapping[str, Tensor],
    pairs: Sequence[Pair],
    scales: Scales,
    symmetric: Symmetric = "sum",
) -> dict[str, Tensor]:
    """Contrastive loss over all pairs of modalities.

    Of each pair the symmetric cross-entropy of scaled cosine similarities against the diagonal:
    `CE(logits) + CE(logits^T)` with `logits = scale * a @ b.T` (AstroM3, arXiv:2411.08842; CLIP
    and AstroCLIP take the mean of the two). On several ranks the rows of all of them serve as
    negatives, and each rank gets the loss of the whole batch.

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
    symmetric : {"sum", "mean"}
        How the two directions of a pair are joined. Pairs are always added up.

    Returns
    -------
    dict of str to Tensor
        `loss`, the sum over pairs (differentiable), and for each pair `loss/A-B`,
        `accuracy/A-B` (share of rows whose nearest partner is their own, mean of both directions)
        and `n/A-B` (rows that took part), detached. On several ranks all are those of the whole
        batch.
    """
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
        _pair_sums(every[:, i], every[:, j], mask, here, scales.value(pair))
        for pair, (i, j), mask in zip(pairs, indices, both, strict=True)
    ]
    totals = sum_over_ranks(torch.stack(parts))
    result: dict[str, Tensor] = {}
    losses = []
    for pair, part, mask in zip(pairs, totals, both, strict=True):
        loss, accuracy, rows = _pair_means(part, mask, symmetric)
        losses.append(loss)
        name = pair_name(pair)
        result |= {f"loss/{name}": loss.detach(), f"accuracy/{name}": accuracy, f"n/{name}": rows}
    return {"loss": torch.stack(losses).sum()} | result


def _pair_sums(a: Tensor, b: Tensor, both: Tensor, here: slice, scale: Tensor | float) -> Tensor:
    """Sums over the rows `here` that have both: cross-entropies and hits, shape (2,)."""
    with torch.autocast(a.device.type, enabled=False):
        # absent rows may hold anything, NaN included: cut them off the graph
        a = torch.where(both[:, None], a, 0.0)
        b = torch.where(both[:, None], b, 0.0)
        excluded = torch.where(both, 0.0, _EXCLUDED)
        forth = scale * (a[here] @ b.T)
        back = forth.T if world_size() == 1 else scale * (b[here] @ a.T)
        target = torch.arange(len(a), device=a.device)[here]
        mine = both[here]
        entropy, hits = a.new_zeros(()), a.new_zeros(())
        for logits in (forth + excluded, back + excluded):
            each = functional.cross_entropy(logits, target, reduction="none")
            entropy = entropy + torch.where(mine, each, 0.0).sum()
            hits = hits + ((logits.detach().argmax(1) == target) & mine).sum()
    return torch.stack([entropy, hits])


def _pair_means(sums: Tensor, both: Tensor, symmetric: Symmetric) -> tuple[Tensor, Tensor, Tensor]:
    rows = both.sum()
    count = rows.clamp(min=1)
    loss = sums[0] / count
    if symmetric == "mean":
        loss = loss / 2
    return loss, sums[1].detach() / (2 * count), torch.where(rows > 1, rows, 0)
