"""Loss curves of the pre-training."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from skybind.drawing.style import BLUE, MUTED, ORANGE, WIDTH, new_figure
from skybind.evaluation.run_records import Epoch, EpochLoss, PairCounts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 4


def loss_curves(
    history: Sequence[Epoch],
    best_epoch: int | None = None,
    counts: Mapping[str, PairCounts] | None = None,
) -> "Figure":
    """Draw training and validation loss against epoch, the sum and each pair.

    Parameters
    ----------
    history : sequence of Epoch
    best_epoch : int, optional
        Marked by a vertical line.
    counts : mapping of str to PairCounts, optional
        Of each pair; what guessing would give is drawn dotted.
    """
    recorded = [losses for entry in history for losses in (entry.train, entry.validation)]
    pairs = list(dict.fromkeys(pair for losses in recorded for pair in losses.pairs))
    panels = [None, *(pairs if len(pairs) > 1 else [])]
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    width = WIDTH if columns > 2 else WIDTH * 0.36 * columns + 1.0
    figure = new_figure(2.5 * rows + 0.3, width)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel()[len(panels) :]:
        axes.remove()
    epochs = [entry.epoch for entry in history]
    drawn = (
        ("train", BLUE, "-", [entry.train for entry in history]),
        ("validation", ORANGE, "--", [entry.validation for entry in history]),
    )
    for axes, pair in zip(grid.ravel(), panels, strict=False):
        for split, colour, dash, losses in drawn:
            values = [_loss(of_epoch, pair) for of_epoch in losses]
            guessed = _guessing(counts or {}, split, pair)
            if np.isfinite(guessed):
                axes.axhline(guessed, color=colour, linewidth=0.8, linestyle=":")
            if not np.isnan(values).all():
                axes.plot(
                    epochs, values, dash, color=colour, marker="o", markersize=2.5, label=split
                )
        if best_epoch is not None:
            axes.axvline(best_epoch, color=MUTED, linewidth=0.9, linestyle="-.", label="kept epoch")
        axes.set_title("Sum of all pairs" if pair is None and len(pairs) > 1 else pair or "Loss")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("Epoch")
        axes.grid(axis="y")
    for axes in grid[:, 0]:
        axes.set_ylabel("Contrastive loss [nat]")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return figure


def _loss(losses: EpochLoss, pair: str | None) -> float:
    """Give the loss of a pair (the sum: None), NaN where it was not recorded."""
    return losses.loss if pair is None else losses.pairs.get(pair, np.nan)


def _guessing(counts: Mapping[str, PairCounts], split: str, pair: str | None) -> float:
    """Give the loss of guessing of a pair (the sum: None) on a part, NaN where it is not known."""
    known = {
        name: one.guessing_train if split == "train" else one.guessing_validation
        for name, one in counts.items()
    }
    return float(sum(known.values())) if pair is None and known else known.get(pair or "", np.nan)
