"""Averaging of the weights along the training: a steadier model than any single step's."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# In the first steps the average follows faster, so that it forgets the random start.
_EAGER = 10


class MovingAverage:
    """Exponential moving average of a module's weights and buffers (Polyak averaging).

    After step t (from 1) the average keeps `min(decay, t / (t + 10))` of itself and takes the
    rest from the module; what is not a floating-point number is taken as it is.

    Parameters
    ----------
    module : nn.Module
        Whose weights are followed, in place.
    decay : float
        Between 0 and 1; 0.99 averages over about the last 100 steps.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay, self.steps = module, decay, 0
        self.average = _copies(module)

    @torch.no_grad()
    def update(self) -> None:
        """Follow the module by one step."""
        self.steps += 1
        kept = min(self.decay, self.steps / (self.steps + _EAGER))
        for name, value in self.module.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - kept)
            else:
                self.average[name].copy_(value)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the module the averaged weights, inside the block."""
        own = _copies(self.module)
        _fill(self.module, self.average)
        try:
            yield
        finally:
            _fill(self.module, own)

    def state_dict(self) -> dict[str, object]:
        """Everything that a resumed training needs."""
        return {"steps": self.steps, "average": self.average}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from `state_dict()`."""
        steps, average = state["steps"], state["average"]
        assert isinstance(steps, int)
        assert isinstance(average, dict)
        self.steps = steps
        for name, value in average.items():
            self.average[name].copy_(value)


def _copies(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


@torch.no_grad()
def _fill(module: nn.Module, values: dict[str, Tensor]) -> None:
    """Overwrite a module's weights where they stand, so that what refers to them keeps on."""
    for name, value in module.state_dict().items():
        value.copy_(values[name])
