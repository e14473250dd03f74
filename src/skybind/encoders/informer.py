"""Informer encoder: a light curve -> features, by self-attention over its epochs.

The names of the modules inside are those of AstroM3's release, so that its weights load.
"""

import math
from collections.abc import Callable
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from skybind.encoders.attention import (
    chosen_count,
    exact_attention,
    fixed_draw,
    probsparse_attention,
    random_draw,
)
from skybind.encoders.dropout import Dropout
from skybind.encoders.few_queries import Projections, few_queries_attention, pays
from skybind.encoders.options import Count, Share
from skybind.encoders.pooling import masked_max, masked_mean
from skybind.encoders.registry import Encoder, check_values, register_encoder
from skybind.errors import ConfigError, DataError
from skybind.modalities.shape import InputShape

_POSITIONS_KEPT = 5000  # the length of the release's table
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "relu": functional.relu,
}
_EMBEDDING_DROPOUT = 0.1  # fixed in the release, whatever the dropout elsewhere


def sinusoidal_positions(length: int, d_model: int) -> Tensor:
    """Return sin and cos of each position at d_model / 2 frequencies, float32 (length, d_model).

    Vaswani et al. 2017, section 3.5.
    """
    position = torch.arange(length, dtype=torch.float32)[:, None]
    even = torch.arange(0, d_model, 2, dtype=torch.float32)
    angle = position * torch.exp(even * -(math.log(10000.0) / d_model))
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


class _PositionEmbedding(nn.Module):
    """Fixed sinusoidal positions. Not in the state dict: the release keeps them there as `pe`."""

    pe: Tensor

    def __init__(self, d_model: int) -> None:
        super().__init__()
        table = sinusoidal_positions(_POSITIONS_KEPT, d_model)
        self.register_buffer("pe", table[None], persistent=False)

    def forward(self, length: int) -> Tensor:
        """Return the first `length` positions, (1, length, d_model)."""
        if length <= self.pe.shape[1]:
            return self.pe[:, :length]
        return sinusoidal_positions(length, self.pe.shape[2]).to(self.pe)[None]


class _ValueEmbedding(nn.Module):
    """Every epoch with its two neighbours -> d_model, by a convolution without bias."""

    def __init__(self, channels: int, d_model: int, padding: str) -> None:
        super().__init__()
        mode = cast(Literal["zeros", "circular"], padding)
        self.tokenConv = nn.Conv1d(
            channels, d_model, kernel_size=3, padding=1, padding_mode=mode, bias=False
        )
        nn.init.kaiming_normal_(self.tokenConv.weight, mode="fan_in", nonlinearity="leaky_relu")

    def forward(self, values: Tensor) -> Tensor:
        """Embed (B, L, C) -> (B, L, d_model)."""
        embedded: Tensor = self.tokenConv(values.transpose(1, 2))
        return embedded.transpose(1, 2)


class _Embedding(nn.Module):
    """Value embedding, plus position."""

    def __init__(self, channels: int, d_model: int, padding: str, position: str) -> None:
        super().__init__()
        self.value_embedding = _ValueEmbedding(channels, d_model, padding)
        self.position_embedding = _PositionEmbedding(d_model) if position == "index" else None
        self.dropout = Dropout(_EMBEDDING_DROPOUT)

    def forward(self, values: Tensor) -> Tensor:
        """Embed (B, L, C) -> (B, L, d_model)."""
        embedded: Tensor = self.value_embedding(values)
        if self.position_embedding is not None:
            embedded = embedded + self.position_embedding(values.shape[1])
        dropped: Tensor = self.dropout(embedded)
        return dropped


class _Attention(nn.Module):
    """Multi-head self-attention with biased projections."""

    def __init__(
        self, d_model: int, n_heads: int, factor: int | None, merge: str, seed: int
    ) -> None:
        super().__init__()
        self.query_projection = nn.Linear(d_model, d_model)
        self.key_projection = nn.Linear(d_model, d_model)
        self.value_projection = nn.Linear(d_model, d_model)
        self.out_projection = nn.Linear(d_model, d_model)
        self.n_heads = n_heads
        self.factor = factor
        self.merge = merge
        self.seed = seed

    def forward(self, x: Tensor, observed: Tensor | None) -> Tensor:
        """Attend within (B, L, d_model); `factor` None is exact attention."""
        length = x.shape[1]
        if self.factor is None:
            queries, keys, values = self._project(x)
            return self._join(exact_attention(queries, keys, values, observed), x)
        columns = chosen_count(length, self.factor)
        if self.training:
            draw = random_draw(length, columns, x.device)
        else:
            draw = fixed_draw(length, columns, self.seed, x.device)
        padded = observed is not None
        eager_on_cpu = x.device.type == "cpu" and not torch.compiler.is_compiling()
        if eager_on_cpu and pays(length, x.shape[2], self.n_heads, self.factor, padded):
            layers = Projections(
                self.query_projection,
                self.key_projection,
                self.value_projection,
                self.out_projection,
                self.n_heads,
            )
            return few_queries_attention(x, layers, observed, self.factor, draw, self.merge)
        queries, keys, values = self._project(x)
        mixed = probsparse_attention(queries, keys, values, observed, self.factor, draw)
        return self._join(mixed, x)

    def _project(self, x: Tensor) -> list[Tensor]:
        """Give queries, keys and values, (B, H, L, d_model / H)."""
        layers = (self.query_projection, self.key_projection, self.value_projection)
        return [layer(x).unflatten(2, (self.n_heads, -1)).transpose(1, 2) for layer in layers]

    def _join(self, mixed: Tensor, x: Tensor) -> Tensor:
        """Put the heads side by side and project."""
        if self.merge == "epoch":
            mixed = mixed.transpose(1, 2)
        projected: Tensor = self.out_projection(mixed.reshape(x.shape))
        return projected


class _EncoderLayer(nn.Module):
    """Attention and feed-forward, each added to its input and normalised after (post-norm)."""

    def __init__(
        self, attention: _Attention, d_model: int, d_ff: int, dropout: float, activation: str
    ) -> None:
        super().__init__()
        self.attention = attention
        self.conv1 = nn.Conv1d(d_model, d_ff, kernel_size=1)
        self.conv2 = nn.Conv1d(d_ff, d_model, kernel_size=1)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = Dropout(dropout)
        self.activation = _ACTIVATIONS[activation]

    def forward(self, x: Tensor, observed: Tensor | None) -> Tensor:
        """Transform (B, L, d_model)."""
        x = self.norm1(x + self.dropout(self.attention(x, observed)))
        y = self.dropout(self.activation(_pointwise(self.conv1, x)))
        y = self.dropout(_pointwise(self.conv2, y))
        normalised: Tensor = self.norm2(x + y)
        return normalised


class _Stack(nn.Module):
    """The layers one after another, then a last normalisation."""

    def __init__(self, layers: list[_EncoderLayer], d_model: int) -> None:
        super().__init__()
        self.attn_layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(d_model)

    def forward(self, x: Tensor, observed: Tensor | None) -> Tensor:
        """Transform (B, L, d_model)."""
        for layer in self.attn_layers:
            x = layer(x, observed)
        normalised: Tensor = self.norm(x)
        return normalised


@register_encoder("informer")
class Informer(Encoder):
    """Informer's encoder over the epochs of a light curve.

    Zhou et al. 2021 (Informer), as AstroM3 uses it (Rizhko & Bloom 2024, section "Photometric
    Time-Series Encoder"; release MeriDK/AstroM3, MIT). Written from the description.
    Parameters with 9 channels and the defaults: 1,589,888.

    The defaults are exact attention to observed epochs and the mean over them: the features
    depend neither on the padded length nor on what lies under the mask. The published release is
    ``attention="probsparse", factor=1, mask_attention=False, pooling="flatten",
    convolution_padding="circular", head_merge="release"``: there the padding takes part in
    attention, so the features do depend on it. The paper's text is the same with
    ``mask_attention=True, head_merge="epoch"``.

    Parameters
    ----------
    shape : InputShape
        Channels and longest length of a light curve. `length` may be None unless
        ``pooling="flatten"``.
    d_model : int
        Width; even, and divided by `n_heads`.
    n_heads : int
        Attention heads.
    d_ff : int
        Width of the feed-forward part.
    layers : int
        Number of layers.
    dropout : float
        Probability inside the layers and at the end; after the embedding it is always 0.1.
    activation : {"gelu", "relu"}
        Of the feed-forward part.
    attention : {"exact", "probsparse"}
        ProbSparse draws keys at random in training; at inference the draw is fixed by layer and
        position, the same for every object, so features are deterministic (the release's are not).
    factor : int
        ProbSparse takes factor * ceil(ln L) queries.
    mask_attention : bool
        True: only observed epochs take part, what lies under the mask is set to zero first.
        False: the mask counts at the pooling only.
    pooling : {"mean", "mean-max", "flatten"}
        Over observed epochs: their mean; mean and maximum side by side; or all `length` epochs
        side by side (zeros where not observed, shorter curves padded).
    position : {"index", "none"}
        Sinusoidal encoding of the epoch's index, or none.
    convolution_padding : {"zeros", "circular"}
        What the first and the last epoch see beyond the ends. "circular" shows each the other,
        so the features depend on whether the curve is padded.
    head_merge : {"epoch", "release"}
        How the heads' outputs (B, H, L, D) become (B, L, H * D). "epoch": for every epoch the
        outputs of all heads side by side, as in the paper. "release": the same memory read as
        (B, L, H * D) without moving the axes, so that a row holds H neighbouring epochs of one
        head. The published weights were trained so and need it; it mixes epochs, the padding
        among them, whatever the attention mask.

    Raises
    ------
    ConfigError
        If an option is out of range.
    """

    def __init__(
        self,
        shape: InputShape,
        *,
        d_model: Count = 128,
        n_heads: Count = 4,
        d_ff: Count = 512,
        layers: Count = 8,
        dropout: Share = 0.1,
        activation: Literal["relu", "gelu"] = "gelu",
        attention: Literal["exact", "probsparse"] = "exact",
        factor: Count = 1,
        mask_attention: bool = True,
        pooling: Literal["mean", "mean-max", "flatten"] = "mean",
        position: Literal["index", "none"] = "index",
        convolution_padding: Literal["zeros", "circular"] = "zeros",
        head_merge: Literal["epoch", "release"] = "epoch",
    ) -> None:
        super().__init__()
        if n_heads < 1 or d_model < 2 or d_model % n_heads or d_model % 2:
            raise ConfigError(
                f"encoder 'informer' needs an even d_model that n_heads divides, "
                f"not {d_model} and {n_heads}"
            )
        if pooling == "flatten" and shape.length is None:
            raise ConfigError(
                "encoder 'informer' with pooling 'flatten' needs a fixed length: "
                "set one, or use pooling 'mean'"
            )
        queries_factor = factor if attention == "probsparse" else None
        self.enc_embedding = _Embedding(shape.channels, d_model, convolution_padding, position)
        self.encoder = _Stack(
            [
                _EncoderLayer(
                    _Attention(d_model, n_heads, queries_factor, head_merge, seed=i),
                    d_model,
                    d_ff,
                    dropout,
                    activation,
                )
                for i in range(layers)
            ],
            d_model,
        )
        self.dropout = Dropout(dropout)
        self.shape = shape
        self.mask_attention = mask_attention
        self.pooling = pooling
        width = {"mean": 1, "mean-max": 2, "flatten": shape.length or 0}[pooling]
        self.out_features = width * d_model

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode (B, L, C) with mask (B, L) -> (B, out_features)."""
        check_values("informer", values, 3, 2, self.shape.channels)
        if self.pooling == "flatten":
            values, mask = self._pad(values, mask)
        observed = None if mask is None else mask != 0
        if observed is not None and self.mask_attention:
            values = values.masked_fill(~observed[..., None], 0)
        x = self.enc_embedding(values)
        x = self.dropout(self.encoder(x, observed if self.mask_attention else None))
        if observed is None:
            observed = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        if self.pooling == "flatten":
            return x.masked_fill(~observed[..., None], 0).flatten(1)
        mean = masked_mean(x, observed)
        return mean if self.pooling == "mean" else torch.cat([mean, masked_max(x, observed)], 1)

    def _pad(self, values: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Bring shorter light curves to the length that flattening needs."""
        missing = (self.shape.length or 0) - values.shape[1]
        if missing == 0:
            return values, mask
        if missing < 0:
            raise DataError(
                f"encoder 'informer' with pooling 'flatten' was built for {self.shape.length} "
                f"epochs but was given {values.shape[1]}: crop the light curves to that length"
            )
        if mask is None:
            mask = torch.ones(values.shape[:2], device=values.device)
        return functional.pad(values, (0, 0, 0, missing)), functional.pad(mask, (0, missing))


def _pointwise(convolution: nn.Conv1d, x: Tensor) -> Tensor:
    """Apply a kernel-1 convolution along the last axis: quicker as the matrix product it is."""
    return functional.linear(x, convolution.weight[..., 0], convolution.bias)
