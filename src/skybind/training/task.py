"""What distinguishes one kind of training from another; the loop is the same for all."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from skybind.config.training import TrainingOptions
from skybind.training.batches import Sample


@dataclass
class Engine:
    """How the loop wants a task to compute.

    Attributes
    ----------
    device : torch.device
    autocast : callable
        Gives the context of the forward pass (mixed precision).
    backward : callable
        Back-propagates a loss (scaled, under 16-bit precision).
    options : TrainingOptions
    """

    device: torch.device
    autocast: Callable[[], AbstractContextManager]
    backward: Callable[[Tensor], None]
    options: TrainingOptions


class Task(ABC):
    """A module, its data and its loss.

    Attributes
    ----------
    title : str
        What it is called in messages.
    score : str
        What its accuracy is called there.
    module : nn.Module
        What is trained.
    rows : dict of str to ndarray of int
        Objects of `train` and `validation`.
    """

    title: ClassVar[str]
    score: ClassVar[str]
    module: nn.Module
    rows: dict[str, np.ndarray]

    @abstractmethod
    def load(
        self, rows: np.ndarray, rng: np.random.Generator | None, second: np.random.Generator
    ) -> Sample:
        """Prepare a batch on the CPU; called from a thread.

        Parameters
        ----------
        rows : ndarray of int
        rng : numpy Generator or None
            For crops and augmentation; None in validation.
        second : numpy Generator
            For a second view, where there is one.
        """

    @abstractmethod
    def start(self, engine: Engine) -> None:
        """Get ready on the device, in the process that trains."""

    @abstractmethod
    def train(self, sample: Sample) -> dict[str, Tensor]:
        """Add the gradients of a batch; give its losses, accuracies and row counts."""

    @abstractmethod
    def evaluate(self, sample: Sample) -> dict[str, Tensor]:
        """Give the losses, accuracies and row counts of a batch; called without gradients."""

    def training_mode(self) -> None:
        """Switch the module to training (dropout on)."""
        self.module.train()

    def values(self) -> dict[str, float]:
        """Further numbers for the log, at the end of an epoch."""
        return {}

    def identity(self) -> Any:
        """Whatever else, as JSON, two runs must share for one to resume the other."""
        return None


def compiled(function: Callable, options: TrainingOptions) -> Callable:
    """Compile `function` if the options ask for it."""
    return torch.compile(function) if options.compile else function
