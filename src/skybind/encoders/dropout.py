"""Dropout that is quick on a CPU."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

_STEPS = 1 << 16  # of a 16-bit random number
# Random bits are read as bfloat16, whose order needs no conversion: from minus infinity down to
# minus zero, which equals zero, then up to infinity. The rest are NaN, which no threshold reaches.
_LOWEST, _NEGATIVE, _NANS = 0xFF80 - _STEPS, 0x7F81, 2 * 0x7F
MOST = 1 - _NANS / _STEPS  # the highest probability that can be had so


@dataclass(frozen=True)
class Rate:
    """A probability of dropping, in steps of 2^-16.

    Attributes
    ----------
    threshold : float
        Random bits up to it, read as bfloat16, drop their value.
    scale : float
        What the values that stay are multiplied by, so that the expectation is the input.
    """

    threshold: float
    scale: float


def rate(p: float) -> Rate | None:
    """Give the steps nearest to a probability of at most `MOST`; None if nothing is dropped."""
    dropped = round(p * _STEPS)
    if dropped == 0:
        return None
    if dropped < _NEGATIVE:
        pattern = _LOWEST - (dropped - 1)
    else:
        dropped = max(dropped, _NEGATIVE + 1)  # minus zero and zero fall together
        pattern = dropped - _NEGATIVE - 1
    threshold = torch.tensor(pattern, dtype=torch.int16).view(torch.bfloat16).item()
    return Rate(threshold, _STEPS / (_STEPS - dropped))


def random_bits(count: int) -> Tensor:
    """Draw 16 random bits for each of so many values, (count,), read as bfloat16.

    By numpy's SFC64, which torch's generator seeds: torch's own draws take twice as long.
    """
    seed = int(torch.randint(1 << 62, ()))
    words = np.random.SFC64(seed).random_raw(-(-count // 4))  # four numbers each
    return torch.from_numpy(words.view(np.int16)).view(torch.bfloat16)[:count]


def keep(values: Tensor, bits: Tensor, threshold: float) -> Tensor:
    """Set the values to zero whose bits do not exceed the threshold."""
    # One vectorised pass; to choose by a mask of bool takes ten times as long on a CPU.
    return torch.ops.aten.threshold_backward(
        values, bits.view(values.shape).to(values.dtype), threshold
    )


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, rate: Rate) -> Tensor:
        """Drop, and keep the bits: half the memory of what they decide."""
        bits = random_bits(values.numel())
        ctx.save_for_backward(bits)
        ctx.rate = rate
        return keep(values, bits, rate.threshold).mul_(rate.scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Drop the same places."""
        (bits,) = ctx.saved_tensors
        return keep(gradients[0], bits, ctx.rate.threshold).mul_(ctx.rate.scale), None


# Types that hold every pattern of bits as a number: half precision ends at 65,504.
_WIDE = (torch.float32, torch.float64, torch.bfloat16)


class Dropout(nn.Dropout):
    """Dropout (Srivastava et al. 2014), by 16 random bits a value where a CPU computes it.

    Torch draws a floating-point number a value, which takes a sixth of a training step of
    AstroM3 on a CPU. Here p is rounded to a multiple of 2^-16 and the values that stay are
    scaled by the probability so rounded, so their expectation is exactly the input. On other
    devices, in half precision, and compiled, it is torch's own.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drop in training; in evaluation give the input."""
        if not self.training or self.p == 0:
            return input
        own = input.device.type == "cpu" and input.dtype in _WIDE
        if self.p > MOST or not own or torch.compiler.is_compiling():
            return functional.dropout(input, self.p)
        steps = rate(self.p)
        return input if steps is None else _Drop.apply(input, steps)
