"""Figures of several seeds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from skybind.drawing.style import class_colour, new_figure
from skybind.errors import DataError
from skybind.evaluation.run_records import Epoch
from skybind.study.merge import StudyRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def training_histories(runs: Sequence[StudyRun]) -> dict[int, list[Epoch]]:
    """Give the epochs of the pre-training of each run, by seed.

    Raises
    ------
    DataError
        If none was pre-trained yet.
    """
    histories = {
        one.seed: one.metrics.pretraining.history
        for one in runs
        if one.metrics.pretraining is not None and one.metrics.pretraining.history
    }
    if not histories:
        raise DataError("No run was pre-trained yet.")
    return histories


def training_curves(histories: Mapping[int, Sequence[Epoch]]) -> "Figure":
    """Draw training loss, validation loss and learning rate against epoch, a colour a seed.

    Parameters
    ----------
    histories : mapping of int to sequence of Epoch
        By seed.
    """
    figure = new_figure(2.8)
    panels = figure.subplots(1, 3)
    titles = ("Training loss", "Validation loss", "Learning rate")
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title)
        axes.set_xlabel("Epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(axis="y")
    for place, (seed, history) in enumerate(histories.items()):
        epochs = [entry.epoch for entry in history]
        values = (
            [entry.train.loss for entry in history],
            [entry.validation.loss for entry in history],
            [entry.learning_rate for entry in history],
        )
        for axes, line in zip(panels, values, strict=True):
            axes.plot(
                epochs, line, color=class_colour(place), marker="o", markersize=2.5, label=str(seed)
            )
    panels[0].set_ylabel("Contrastive loss [nat]")
    low, high = panels[0].get_ylim(), panels[1].get_ylim()
    for axes in panels[:2]:
        axes.set_ylim(min(low[0], high[0]), max(low[1], high[1]))
    rates = [entry.learning_rate for history in histories.values() for entry in history]
    if np.nanmin(rates) > 0 and np.nanmax(rates) > 10 * np.nanmin(rates):
        panels[2].set_yscale("log")
        panels[2].yaxis.set_minor_formatter("")
    # words of mathematics are drawn as they are written, see `skybind.drawing.style`
    panels[2].yaxis.set_major_formatter(lambda rate, _: f"{rate:.2g}")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, title="Seed", loc="outside right upper")
    return figure
