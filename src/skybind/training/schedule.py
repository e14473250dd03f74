"""Learning rate and stopping, decided by the losses."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from skybind.config.training import TrainingOptions

# A loss counts as better for the plateau if it falls by this fraction, as in torch's
# ReduceLROnPlateau, which the published training used.
_PLATEAU_THRESHOLD = 1e-4


@dataclass
class Schedule:
    """Linear warm-up, then a lower rate on every plateau or a cosine, then an early stop.

    Attributes
    ----------
    options : TrainingOptions
        Rates and patiences.
    epoch : int
        Epochs whose validation loss is known.
    factor : float
        What the plateaus have multiplied the rate by.
    best_epoch : int
        Epoch (from 0) of the lowest validation loss; -1 before the first.
    best_loss : float
        That loss.
    kept_epoch, kept_loss, kept_accuracy
        Of the epoch whose weights are kept: the same, that of the highest accuracy, or the last.
    """

    options: TrainingOptions
    epoch: int = 0
    factor: float = 1.0
    best_epoch: int = -1
    best_loss: float = math.inf
    kept_epoch: int = -1
    kept_loss: float = math.inf
    kept_accuracy: float = -math.inf
    _plateau_best: float = field(default=math.inf, repr=False)
    _plateau_bad: int = field(default=0, repr=False)

    def rate(self, progress: float = 0.0) -> float:
        """Learning rate of the current epoch.

        Parameters
        ----------
        progress : float
            Part of the epoch that is done, 0 to 1; counts with `warmup_by: step` and in the
            cosine.
        """
        options = self.options
        warm = 1.0
        if options.warmup_epochs:
            done = self.epoch + (progress if options.warmup_by == "step" else 0.0)
            start = options.warmup_start
            warm = start + (1 - start) * min(done / options.warmup_epochs, 1.0)
        return options.learning_rate * warm * self.factor * self._cosine(progress)

    def _cosine(self, progress: float) -> float:
        """What is left of the rate, from 1 at the end of the warm-up to 0 at the last epoch's."""
        options = self.options
        left = options.epochs - options.warmup_epochs
        if options.decay != "cosine" or left < 1:
            return 1.0
        done = (self.epoch + progress - options.warmup_epochs) / left
        return 0.5 * (1 + math.cos(math.pi * min(max(done, 0.0), 1.0)))

    def update(self, loss: float, accuracy: float = math.nan, trained: float = math.nan) -> bool:
        """Take how the epoch that ended went; tell whether its weights are to be kept.

        Parameters
        ----------
        loss, accuracy : float
            Of the validation objects.
        trained : float
            Loss of the training objects; needed with `plateau_by: training`.
        """
        kept = loss < self.best_loss
        if kept:
            self.best_loss, self.best_epoch = loss, self.epoch
        if self.options.keep_by == "accuracy":
            kept = self.kept_epoch < 0 or accuracy > self.kept_accuracy
        elif self.options.keep_by == "last":
            kept = True
        if kept:
            self.kept_epoch, self.kept_loss = self.epoch, loss
            self.kept_accuracy = accuracy
        if self.options.decay == "plateau" and self.epoch >= self.options.warmup_epochs:
            self._watch_plateau(loss if self.options.plateau_by == "validation" else trained)
        self.epoch += 1
        return kept

    @property
    def stop(self) -> bool:
        """Whether the validation loss has not been better for `early_stop_patience` epochs."""
        patience = self.options.early_stop_patience
        return patience is not None and self.epoch - 1 - self.best_epoch >= patience

    def _watch_plateau(self, loss: float) -> None:
        if loss < self._plateau_best * (1 - _PLATEAU_THRESHOLD):
            self._plateau_best, self._plateau_bad = loss, 0
            return
        self._plateau_bad += 1
        if self._plateau_bad > self.options.plateau_patience:
            self.factor *= self.options.plateau_factor
            self._plateau_bad = 0

    def state_dict(self) -> dict[str, Any]:
        """Everything but the options, as numbers."""
        return {name: getattr(self, name) for name in _STATE}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()`; one of before accuracies counted keeps by the loss."""
        before = {"kept_epoch": "best_epoch", "kept_loss": "best_loss"}
        for name in _STATE:
            setattr(self, name, state.get(name, state.get(before.get(name, ""), math.nan)))


_STATE = (
    "epoch",
    "factor",
    "best_epoch",
    "best_loss",
    "kept_epoch",
    "kept_loss",
    "kept_accuracy",
    "_plateau_best",
    "_plateau_bad",
)


def make_optimizer(
    module: nn.Module, options: TrainingOptions, device: torch.device
) -> torch.optim.Optimizer:
    """Give the optimiser of a module's trainable weights."""
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    trained = [p for p in module.parameters() if p.requires_grad]
    # one kernel for all weights; it cannot be joined with clipping under a loss scaler
    fused = device.type in ("cpu", "cuda") and options.precision != "16-mixed"
    return kinds[options.optimizer](
        trained,
        lr=options.learning_rate,
        betas=options.betas,
        weight_decay=options.weight_decay,
        fused=fused,
    )
