"""Loss and learning rate against epoch, of all seeds."""

from collections.abc import Sequence

from skybind.study.exhibits import Exhibit
from skybind.study.figures import training_curves, training_histories
from skybind.study.merge import StudyRun


def losses(runs: Sequence[StudyRun], number: str) -> Exhibit:
    """Figure 5 of the AstroCLIP reports: losses and learning rate, a colour a seed.

    Parameters
    ----------
    runs : sequence of StudyRun
        Of one configuration.
    number : str
        Of the figure in the document; "" where it has none.
    """
    return Exhibit(
        f"{number.lower().replace(' ', '-')}-losses".strip("-"),
        number,
        "Loss and learning rate",
        "Mean loss of an epoch on training and on validation objects, and the learning rate of "
        "its last step; a colour a seed. Lines that coincide hide each other.",
        figure=training_curves(training_histories(runs)),
        alt="Losses and learning rate against epoch",
    )
