"""The blocks of transformers that normalise first: of SpecFormer, and of vision transformers."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from skybind.encoders.dropout import Dropout
from skybind.errors import ConfigError


class Perceptron(nn.Module):
    """Linear to a wider layer, GELU, linear back, dropout."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.encoder = nn.Linear(width, hidden)
        self.decoder = nn.Linear(hidden, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each token, (B, L, width)."""
        dropped: Tensor = self.dropout(self.decoder(functional.gelu(self.encoder(x))))
        return dropped


class SelfAttention(nn.Module):
    """Softmax attention of every token to every other; queries, keys and values by one product."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.share = heads, dropout
        self.attention = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the tokens, (B, L, width)."""
        batch, length, width = x.shape
        whole = self.attention(x).view(batch, length, 3, self.heads, width // self.heads)
        queries, keys, values = whole.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(
            queries, keys, values, dropout_p=self.share if self.training else 0.0
        )
        dropped: Tensor = self.dropout(self.projection(mixed.transpose(1, 2).flatten(2)))
        return dropped


class Block(nn.Module):
    """Attention and a perceptron, each on the normalised tokens and added to them.

    Parameters
    ----------
    width, heads : int
        Features of a token, and heads of the attention.
    dropout : float
        Probability within and after the attention, and after the perceptron.
    epsilon : float
        Of the layer norms.
    layer_scale : float, optional
        What is added is multiplied by one learned number a feature, which starts with this.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        dropout: float = 0.0,
        epsilon: float = 1e-5,
        layer_scale: float | None = None,
    ) -> None:
        super().__init__()
        self.layernorm1 = nn.LayerNorm(width, eps=epsilon)
        self.attention = SelfAttention(width, heads, dropout)
        self.layernorm2 = nn.LayerNorm(width, eps=epsilon)
        self.mlp = Perceptron(width, 4 * width, dropout)
        self.scale1 = self.scale2 = None
        if layer_scale is not None:
            self.scale1 = nn.Parameter(torch.full((width,), layer_scale))
            self.scale2 = nn.Parameter(torch.full((width,), layer_scale))

    def forward(self, x: Tensor) -> Tensor:
        """Transform the tokens, (B, L, width)."""
        for norm, part, scale in (
            (self.layernorm1, self.attention, self.scale1),
            (self.layernorm2, self.mlp, self.scale2),
        ):
            added = part(norm(x))
            x = x + (added if scale is None else added * scale)
        return x


def check_heads(encoder: str, width: int, heads: int) -> None:
    """Refuse a width that its heads cannot share.

    Raises
    ------
    ConfigError
    """
    if width % heads:
        raise ConfigError(
            f"encoder '{encoder}' has a width of {width}, which {heads} heads cannot share: choose "
            "a multiple"
        )
