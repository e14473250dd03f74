"""Training counted in steps where objects are few: smaller batches, more epochs, more patience."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from skybind.config.training import TrainingOptions
from skybind.progress import say
from skybind.training.batches import FEWEST

#: Objects of a batch that is made smaller, at least: a contrastive loss needs others to tell
#: apart, and batch norms need some to average over.
SMALLEST_BATCH = 16
# What a plateau waits, of what an early stop waits.
_PLATEAU = 0.5
# With so few batches an epoch, and no `min_batches`, the user is told.
_FEW_BATCHES = 2


_CHOSEN = ("batch_size", "epochs", "warmup_epochs", "plateau_patience", "early_stop_patience")
_ASKED = ("min_batches", "min_steps", "min_patience")


@dataclass(frozen=True)
class Pace:
    """How a training is counted out for the objects that it has.

    Attributes
    ----------
    objects : int
        Training objects in use.
    batch_size, steps_per_epoch, epochs : int
        What an optimiser step takes, how many an epoch has, and epochs at most.
    warmup_epochs, plateau_patience : int
    early_stop_patience : int or None
    """

    objects: int
    batch_size: int
    steps_per_epoch: int
    epochs: int
    warmup_epochs: int
    plateau_patience: int
    early_stop_patience: int | None

    @property
    def steps(self) -> int:
        """Optimiser steps at most."""
        return self.epochs * self.steps_per_epoch

    def to_dict(self) -> dict[str, int | None]:
        """Return what is noted in `result.json`."""
        return {**asdict(self), "steps": self.steps}

    def apply(self, options: TrainingOptions) -> TrainingOptions:
        """Give the options as they are trained with; what was asked of steps is used up.

        Validation batches stay as large as they were, so that the validation loss of a
        contrastive training does not depend on what was chosen.
        """
        change: dict[str, Any] = {
            name: value for name, value in asdict(self).items() if name in _CHOSEN
        }
        if self.batch_size != options.batch_size and options.validation_batch_size is None:
            change["validation_batch_size"] = options.batch_size
        return options.model_copy(update=change | dict.fromkeys(_ASKED))

    def differences(self, options: TrainingOptions) -> str:
        """Say what was chosen otherwise than the options have it; "" if nothing was."""
        said = []
        if self.batch_size != options.batch_size:
            said.append(f"batches of {self.batch_size} (not {options.batch_size})")
        if self.epochs != options.epochs:
            said.append(f"{self.epochs} epochs (not {options.epochs})")
        waits = options.early_stop_patience
        if self.early_stop_patience != waits and waits is not None and waits < self.epochs:
            said.append(
                f"an early stop after {self.early_stop_patience} epochs "
                f"(not {options.early_stop_patience})"
            )
        elif self.plateau_patience != options.plateau_patience < self.epochs:
            said.append(
                f"a lower rate after {self.plateau_patience} epochs "
                f"(not {options.plateau_patience})"
            )
        if not said:
            return ""
        return (
            f"{self.objects} training objects are few, so there are {', '.join(said)}: "
            f"{self.steps_per_epoch} steps an epoch, {self.steps} in all"
        )


def choose_pace(options: TrainingOptions, objects: int) -> Pace:
    """Count a training out: in epochs, or in steps where these would be few.

    With `min_batches` batches are made smaller until an epoch has so many, of nearly all
    objects. With `min_steps` there are more epochs; what is counted in epochs (warm-up, patience)
    grows in the same proportion. With `min_patience` an early stop waits at least so many steps,
    and a plateau half as many.

    Parameters
    ----------
    options : TrainingOptions
    objects : int
        Training objects in use.
    """
    batch_size = _batch_size(options, objects)
    per_epoch = steps_per_epoch(objects, batch_size, options.drop_last)
    epochs = max(options.epochs, math.ceil((options.min_steps or 0) / per_epoch))
    longer = epochs / options.epochs
    patience = options.early_stop_patience
    least = (options.min_patience or 0) / per_epoch
    return Pace(
        objects=objects,
        batch_size=batch_size,
        steps_per_epoch=per_epoch,
        epochs=epochs,
        warmup_epochs=round(options.warmup_epochs * longer),
        plateau_patience=max(round(options.plateau_patience * longer), math.ceil(_PLATEAU * least)),
        early_stop_patience=(
            None if patience is None else max(round(patience * longer), math.ceil(least))
        ),
    )


def paced(options: TrainingOptions, objects: int, title: str) -> tuple[TrainingOptions, Pace]:
    """Choose a pace and say so; gives the options to train with, too.

    Parameters
    ----------
    options : TrainingOptions
    objects : int
        Training objects in use.
    title : str
        What is trained, for the message.
    """
    pace = choose_pace(options, objects)
    if told := pace.differences(options) or _warning(options, objects):
        say(f"{title}: {told}.")
    return pace.apply(options), pace


def _warning(options: TrainingOptions, objects: int) -> str:
    """Say what is wrong with large batches of few objects, where nothing mends it; or ""."""
    per_epoch = steps_per_epoch(objects, options.batch_size, options.drop_last)
    if options.min_batches is not None or per_epoch > _FEW_BATCHES:
        return ""
    lost = objects % options.batch_size if options.drop_last and objects > options.batch_size else 0
    unused = f" and leaves {lost} of them out" if lost else ""
    return (
        f"an epoch of {objects} objects has {per_epoch} step{'s' if per_epoch > 1 else ''} with "
        f"batches of {options.batch_size}{unused}: set training.min_batches and "
        "training.min_steps to count in steps"
    )


def steps_per_epoch(objects: int, batch_size: int, drop_last: bool) -> int:
    """Count the batches of an epoch, as `training_batches` cuts them."""
    whole, rest = divmod(objects, batch_size)
    joined = rest < FEWEST and whole > 0
    return max(whole if joined or (drop_last and whole) else whole + 1, 1)


def _batch_size(options: TrainingOptions, objects: int) -> int:
    wanted, size = options.min_batches, options.batch_size
    if wanted is None or objects // size >= wanted:
        return size
    smallest = min(SMALLEST_BATCH, size)
    batches = min(max(objects // smallest, 1), wanted)
    # with batches that share the objects evenly, fewer stay over than there are batches: so one
    # batch more, rather than batches of the size asked for and a rest that is nearly a batch
    batches = max(batches, objects // (size + 1) + 1)
    return max(objects // batches, FEWEST)
