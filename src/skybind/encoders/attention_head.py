"""AstroCLIP's head: a learned query attends to all tokens of a backbone -> features."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from skybind.encoders.dropout import Dropout
from skybind.encoders.options import Count, Share
from skybind.encoders.registry import Encoder, check_values, register_encoder
from skybind.encoders.transformer import Perceptron, check_heads
from skybind.errors import ConfigError
from skybind.modalities.shape import InputShape


class CrossAttention(nn.Module):
    """One learned query, softmax attention to the tokens, dropout, layer norm."""

    def __init__(self, width: int, heads: int, features: int, dropout: float) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, 1, width))
        self.multihead_attn = nn.MultiheadAttention(
            width, heads, kdim=features, vdim=features, batch_first=True
        )
        self.dropout = Dropout(dropout)
        self.layernorm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, hidden: Tensor | None) -> Tensor:
        """Give (B, width); tokens where `hidden`, (B, T), take no part."""
        query = self.query.expand(tokens.shape[0], -1, -1)
        found = self.multihead_attn(
            query, tokens, tokens, key_padding_mask=hidden, need_weights=False
        )[0]
        normed: Tensor = self.layernorm(self.dropout(found[:, 0]))
        return normed


@register_encoder("attention_head")
class AttentionHead(Encoder):
    """Attention of a learned query to the tokens of a backbone, then a perceptron.

    The heads of AstroCLIP (Parker et al. 2024, arXiv:2310.03024, section on the alignment;
    PolymathicAI/AstroCLIP, MIT), on a backbone with `pooling: tokens`. Written from the
    description; state-dict names as published. Published sizes: width 1024, 4 heads; with
    `projection: none` the output is the embedding.

    Parameters
    ----------
    shape : InputShape
        `channels` is the number of features of a token, `length` that of tokens.
    width : int
        Of the query, and `out_features`.
    heads : int
        Heads of the attention.
    dropout : float
        Probability after the attention, and after the perceptron.
    residual : bool
        Add the perceptron's output to its input, as the published head of spectra does; that of
        images does not.

    Raises
    ------
    ConfigError
        If an option is out of range, or the backbone gives no tokens.
    """

    takes_tokens: ClassVar[bool] = True

    def __init__(
        self,
        shape: InputShape,
        *,
        width: Count = 1024,
        heads: Count = 4,
        dropout: Share = 0.1,
        residual: bool = True,
    ) -> None:
        super().__init__()
        check_heads("attention_head", width, heads)
        if shape.length is None:
            raise ConfigError(
                "encoder 'attention_head' attends to the tokens of a backbone: give it one with "
                "pooling tokens, such as specformer or vit"
            )
        self.cross_attention = CrossAttention(width, heads, shape.channels, dropout)
        self.mlp = Perceptron(width, 4 * width, dropout)
        self.residual, self.channels = residual, shape.channels
        self.out_features = width

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode (B, T, F) -> (B, width); tokens with mask 0, (B, T), take no part."""
        check_values("attention_head", values, 3, 2, self.channels)
        hidden = None
        if mask is not None:
            hidden = (mask == 0) & mask.any(dim=1, keepdim=True)  # of none all take part
            values = values.masked_fill(mask[..., None] == 0, 0)
        x = self.cross_attention(values, hidden)
        features: Tensor = self.mlp(x)
        return x + features if self.residual else features
