"""Spender's encoder: a spectrum -> features."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from skybind.encoders.dropout import Dropout
from skybind.encoders.options import Count, Share
from skybind.encoders.registry import Encoder, check_values, register_encoder
from skybind.errors import ConfigError
from skybind.modalities.shape import InputShape


@register_encoder("spender")
class Spender(Encoder):
    """Convolutions and max-pools; half of the channels attend to the other half.

    The SpectrumEncoder of Spender (Melchior et al. 2023, arXiv:2211.07890; package `spender`,
    MIT) without its last perceptron, as the AstroCLIP reports use it (June 2024, section 3.3).
    Written from the description; state-dict names as in the package. Each convolution is
    followed by an instance norm, a PReLU with one slope a channel and dropout; the channels are
    split into values and keys, and the features are the values' sum over wavelength, weighted by
    the softmax of the keys. Parameters as published with one channel: 2,932,352.

    Parameters
    ----------
    shape : InputShape
        `channels` of the spectrum; any `length` that leaves two pixels after the pools.
    channels : sequence of int
        Of each convolution; half of the last is `out_features`.
    kernels : sequence of int
        Odd sizes of the convolutions' kernels.
    pools : sequence of int
        Odd sizes of the max-pools, one after each convolution but the last.
    dropout : float
        Probability after each activation.
    positions : bool
        Append where each key attends to: the mean place along the wavelengths, 0 to 1, weighted
        by the softmax. The published sum forgets where a line was, so it hardly knows redshifts.

    Raises
    ------
    ConfigError
        If an option is out of range, or the spectrum is too short.
    """

    def __init__(
        self,
        shape: InputShape,
        *,
        channels: Sequence[Count] = (128, 256, 512),
        kernels: Sequence[Count] = (5, 11, 21),
        pools: Sequence[Count] = (5, 11),
        dropout: Share = 0.0,
        positions: bool = False,
    ) -> None:
        super().__init__()
        if not len(channels) == len(kernels) == len(pools) + 1:
            raise ConfigError(
                f"encoder 'spender' has {len(channels)} channels, {len(kernels)} kernels and "
                f"{len(pools)} pools: give one kernel a convolution, and one pool fewer"
            )
        for option, sizes in (("kernels", kernels), ("pools", pools)):
            for size in sizes:
                if size % 2 == 0:
                    raise ConfigError(f"encoder 'spender' needs odd {option}, not {size}")
        if channels[-1] % 2:
            raise ConfigError(
                f"encoder 'spender' needs an even last number of channels, not {channels[-1]}"
            )
        if shape.length is not None and _pooled(shape.length, pools) < 2:
            raise ConfigError(
                f"encoder 'spender' with pools {list(pools)} leaves fewer than two of "
                f"{shape.length} pixels: choose smaller pools"
            )
        self.channels = shape.channels
        self.pools = list(pools)
        self.blocks = [f"conv{number}" for number in range(1, len(channels) + 1)]
        before = shape.channels
        for name, count, kernel in zip(self.blocks, channels, kernels, strict=True):
            block = nn.Sequential(
                nn.Conv1d(before, count, kernel, padding=kernel // 2),
                nn.InstanceNorm1d(count),
                nn.PReLU(count),
                Dropout(dropout),
            )
            self.add_module(name, block)
            before = count
        self.positions = positions
        self.out_features = channels[-1] // 2 * (1 + positions)

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode (B, C, W) -> (B, out_features); pixels with mask 0, (B, W), count as 0."""
        check_values("spender", values, 3, 1, self.channels)
        if mask is not None:
            values = values.masked_fill(mask[:, None] == 0, 0)
        x = values
        for name, pool in zip(self.blocks, [*self.pools, 1], strict=True):
            x = self.get_submodule(name)(x)
            if pool > 1:
                x = functional.max_pool1d(x, pool, padding=pool // 2)
        content, keys = x.chunk(2, dim=1)
        attention = keys.softmax(dim=-1)
        features = (content * attention).sum(dim=-1)
        if not self.positions:
            return features
        place = torch.linspace(0, 1, attention.shape[-1], device=x.device, dtype=x.dtype)
        return torch.cat([features, attention @ place], dim=1)


def _pooled(length: int, pools: Sequence[int]) -> int:
    """Give the pixels that the pools leave of `length`."""
    for pool in pools:
        length = (length + 2 * (pool // 2) - pool) // pool + 1
    return length
