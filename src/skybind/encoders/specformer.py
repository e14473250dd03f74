"""SpecFormer: a spectrum, cut into windows, through a transformer -> features."""

import math
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from skybind.encoders.dropout import Dropout
from skybind.encoders.options import Count, Share
from skybind.encoders.registry import Encoder, check_values, register_encoder
from skybind.encoders.transformer import Block, check_heads
from skybind.errors import ConfigError
from skybind.modalities.shape import InputShape

# Least deviation that a spectrum is divided by, and how mean and deviation enter the first token.
_LEAST = 0.2
_MEAN, _DEVIATION = (2.0, 2.0), (2.0, 8.0)


@register_encoder("specformer")
class SpecFormer(Encoder):
    """Windows of a standardised spectrum as tokens, and a transformer on them.

    The spectrum encoder of AstroCLIP (Parker et al. 2024, arXiv:2310.03024; PolymathicAI/AstroCLIP,
    MIT). Written from the description; state-dict names as published, without the `head` that
    restores hidden windows. It takes flux as it is (`normalise: none`): each spectrum is
    standardised here, with a deviation of at least 0.2, and a first token holds its mean and
    deviation, as (mean - 2) / 2 and (deviation - 2) / 8. Parameters as published: 43.2 million.

    Parameters
    ----------
    shape : InputShape
        One channel; with `pooling: tokens`, or to be checked before use, its `length`.
    width : int
        Features of a token, and `out_features`.
    layers : int
        Blocks of the transformer.
    heads : int
        Heads of the attention.
    window : int
        Pixels of a token.
    overlap : int
        Pixels that it shares with the next.
    positions : int
        Tokens, at most: each place has learned numbers.
    dropout : float
        Probability after the embedding, and in the blocks.
    pooling : {"mean", "tokens"}
        Features: the mean of all tokens, or every token, for an encoder that attends to them.

    Raises
    ------
    ConfigError
        If an option is out of range, or the spectrum is too long or too short.
    """

    def __init__(
        self,
        shape: InputShape,
        *,
        width: Count = 768,
        layers: Count = 6,
        heads: Count = 6,
        window: Count = 20,
        overlap: int = 10,
        positions: Count = 800,
        dropout: Share = 0.0,
        pooling: Literal["mean", "tokens"] = "mean",
    ) -> None:
        super().__init__()
        check_heads("specformer", width, heads)
        if not 0 <= overlap < window:
            raise ConfigError(
                f"encoder 'specformer' needs overlap 0 to {window - 1}, not {overlap}"
            )
        if shape.channels != 1:
            raise ConfigError(
                f"encoder 'specformer' takes one channel, the flux, not {shape.channels}: set "
                "preprocessing.channels to [flux]"
            )
        self.window, self.overlap, self.positions = window, overlap, positions
        self.pooling = pooling
        if shape.length is not None:
            self._check(shape.length)
        if pooling == "tokens":
            if shape.length is None:
                raise ConfigError("encoder 'specformer' with pooling tokens needs a fixed length")
            self.tokens = 1 + self._windows(shape.length)
        self.data_embed = nn.Linear(window + 2, width)
        self.position_embed = nn.Embedding(positions, width)
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.final_layernorm = nn.LayerNorm(width)
        self.out_features = width
        self._start(width, layers)

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode (B, 1, W) -> (B, width), or (B, tokens, width); pixels with mask 0 count as 0."""
        check_values("specformer", values, 3, 1, 1)
        flux = values[:, 0] if mask is None else values[:, 0].masked_fill(mask == 0, 0)
        self._check(flux.shape[1])
        x = self.data_embed(self._tokens(flux))
        x = self.dropout(x + self.position_embed.weight[: x.shape[1]])
        for block in self.blocks:
            x = block(x)
        x = self.final_layernorm(x)
        return x if self.pooling == "tokens" else x.mean(dim=1)

    def _tokens(self, flux: Tensor) -> Tensor:
        """Give windows of the standardised flux, (B, T, window + 2), with the statistics first."""
        deviation = flux.std(dim=1, keepdim=True).clamp(min=_LEAST)
        mean = flux.mean(dim=1, keepdim=True)
        windows = ((flux - mean) / deviation).unfold(1, self.window, self.window - self.overlap)
        windows = windows[:, : self._windows(flux.shape[1])]
        tokens = functional.pad(windows, (2, 0, 1, 0))
        tokens[:, 0, 0] = (mean[:, 0] - _MEAN[0]) / _MEAN[1]
        tokens[:, 0, 1] = (deviation[:, 0] - _DEVIATION[0]) / _DEVIATION[1]
        return tokens

    def _windows(self, length: int) -> int:
        """Give the windows of a spectrum; the last that begins is left out, as published.

        It is whole only where the windows end with the spectrum.
        """
        return math.ceil((length - self.overlap) / (self.window - self.overlap)) - 1

    def _check(self, length: int) -> None:
        windows = self._windows(length)
        if windows < 1:
            raise ConfigError(
                f"encoder 'specformer' needs more than {self.window} pixels, not {length}: choose "
                "a smaller window or a finer grid"
            )
        if windows >= self.positions:
            raise ConfigError(
                f"encoder 'specformer' makes {windows + 1} tokens of {length} pixels, and has "
                f"{self.positions} positions: choose more positions or a larger window"
            )

    def _start(self, width: int, layers: int) -> None:
        """Draw the first weights as published: the more blocks, the smaller those of each."""
        for embedding in (self.data_embed, self.position_embed):
            _draw(embedding.weight, width**-0.5)
        for module in self.blocks.modules():
            if isinstance(module, nn.Linear):
                _draw(module.weight, (2 * module.in_features * layers) ** -0.5)
                nn.init.zeros_(module.bias)


def _draw(weight: Tensor, deviation: float) -> None:
    nn.init.trunc_normal_(weight, std=deviation, a=-3 * deviation, b=3 * deviation)
