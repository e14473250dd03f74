"""Loss and learning rate against epoch, of all seeds."""

from collections.abc import Sequence

from skybind.drawing.style import BLUE, GREEN, ORANGE, WIDTH, new_figure
from skybind.errors import DataError
from skybind.study.exhibits import Exhibit
from skybind.study.merge import StudyRun


def training_curves(runs: Sequence[StudyRun], number: str) -> Exhibit:
    """Losses above, learning rate below, a line a seed: figure 5 of the AstroCLIP reports.

    Parameters
    ----------
    runs : sequence of StudyRun
        Of one configuration.
    number : str
        Of the figure in the document; "" where it has none.

    Raises
    ------
    DataError
        If none was pre-trained.
    """
    histories = [
        (run.seed, run.metrics.pretraining.history)
        for run in runs
        if run.metrics.pretraining is not None and run.metrics.pretraining.history
    ]
    if not histories:
        raise DataError("No run was pre-trained: there are no losses.")
    figure = new_figure(4.6, WIDTH * 0.75)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    for line, (_, history) in enumerate(histories):
        epochs = [one.epoch for one in history]
        first = {"train": "train", "validation": "validation"} if line == 0 else {}
        losses = (
            ("train", BLUE, "-", [one.train.loss for one in history]),
            ("validation", ORANGE, "--", [one.validation.loss for one in history]),
        )
        for part, colour, dash, values in losses:
            above.plot(
                epochs, values, dash, color=colour, linewidth=1.1, alpha=0.8,
                label=first.get(part),
            )  # fmt: skip
        rates = [one.learning_rate for one in history]
        below.plot(epochs, rates, color=GREEN, linewidth=1.1, alpha=0.8, drawstyle="steps-post")
    every = [one.learning_rate for _, history in histories for one in history]
    flat = max(every) < 10 * min(every)  # then there may be no power of ten to label
    above.set_ylabel("Contrastive loss [nat]")
    above.grid(axis="y")
    above.legend()
    below.set_yscale("log")
    below.yaxis.set_major_formatter(lambda rate, _: f"{rate:.2g}")
    below.yaxis.set_minor_formatter(lambda rate, _: f"{rate:.2g}" if flat else "")
    below.set_ylabel("Learning rate")
    below.set_xlabel("Epoch")
    below.xaxis.get_major_locator().set_params(integer=True)
    seeds = ", ".join(str(seed) for seed, _ in histories)
    return Exhibit(
        f"{number.lower().replace(' ', '-')}-losses".strip("-"),
        number,
        "Loss and learning rate",
        f"Mean loss of an epoch on training and validation objects, and the learning rate of its "
        f"last step; a line a seed ({seeds}).",
        figure=figure,
        alt="Losses and learning rate against epoch",
    )
