"""Dropout that is quick on a CPU."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_STEPS = 1 << 16  # of a 16-bit random number


class Dropout(nn.Dropout):
    """Dropout (Srivastava et al. 2014), by 16 random bits a value where a CPU computes it.

    Torch draws a floating-point number a value, which takes a sixth of a training step of
    AstroM3 on a CPU. Here p is rounded to a multiple of 2^-16 and the values that stay are
    scaled by the probability so rounded, so their expectation is exactly the input. On other
    devices, and compiled, it is torch's own.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drop in training; in evaluation give the input."""
        dropped = round(self.p * _STEPS)
        if not self.training or self.p == 0:
            return input
        if dropped == _STEPS or input.device.type != "cpu" or torch.compiler.is_compiling():
            return functional.dropout(input, self.p)
        draws = torch.empty(-(-input.numel() // 4), dtype=torch.int64)  # four numbers each
        bits = draws.random_(-(1 << 63), None).view(torch.int16)[: input.numel()]
        stays = (bits >= dropped - _STEPS // 2).view(input.shape)
        return (input * stays).mul_(_STEPS / (_STEPS - dropped))
