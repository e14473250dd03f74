"""Vision transformer: patches of an image -> features."""

import re
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from skybind.encoders.options import Count
from skybind.encoders.registry import Encoder, check_values, register_encoder
from skybind.encoders.transformer import Block, check_heads
from skybind.errors import ConfigError
from skybind.modalities.shape import InputShape

# Published names of a block's parts, after `blocks.N.` or, in pieces, `blocks.PIECE.N.`.
_NAMES = {
    "norm1": "layernorm1",
    "attn.qkv": "attention.attention",
    "attn.proj": "attention.projection",
    "ls1.gamma": "scale1",
    "norm2": "layernorm2",
    "mlp.fc1": "mlp.encoder",
    "mlp.fc2": "mlp.decoder",
    "ls2.gamma": "scale2",
}
_BLOCK = re.compile(rf"blocks\.(?:\d+\.)?(\d+)\.({'|'.join(map(re.escape, _NAMES))})(\.\w+)?")
# Of DINOv2: the layer norms' epsilon, and what the layer scales start with.
_EPSILON, _SCALE = 1e-6, 1e-5


@register_encoder("vit")
class VisionTransformer(Encoder):
    """Square patches as tokens, perhaps with places and a class token, through a transformer.

    Dosovitskiy et al. 2021 (arXiv:2010.11929) with the layer scales of DINOv2 (Oquab et al. 2023,
    arXiv:2304.07193; facebookresearch/dinov2, Apache-2.0); the image encoder of AstroCLIP (Parker
    et al. 2024, arXiv:2310.03024) is a ViT-L/12 on 144 pixels, and its head reads the patches
    without places and class token (`positions: false, pooling: tokens`). Written from the
    description; `map_dinov2_state` maps the published names.

    Parameters
    ----------
    shape : InputShape
        Bands, and pixels a side: a multiple of the patch.
    patch : int
        Pixels a side of a patch.
    width : int
        Features of a token, and `out_features`.
    layers : int
        Blocks of the transformer.
    heads : int
        Heads of the attention.
    positions : bool
        Add learned numbers to each place, and a class token.
    pooling : {"class", "mean", "tokens"}
        Features: the class token, the mean of the patches, or every patch, for an encoder that
        attends to them.

    Raises
    ------
    ConfigError
        If an option is out of range, or the patches do not fill the image.
    """

    def __init__(
        self,
        shape: InputShape,
        *,
        patch: Count = 12,
        width: Count = 1024,
        layers: Count = 24,
        heads: Count = 16,
        positions: bool = True,
        pooling: Literal["class", "mean", "tokens"] = "class",
    ) -> None:
        super().__init__()
        check_heads("vit", width, heads)
        if shape.length is None or shape.length % patch:
            raise ConfigError(
                f"encoder 'vit' cuts images into patches of {patch} pixels a side, which do not "
                f"fill {shape.length}: choose a crop that is a multiple"
            )
        if pooling == "class" and not positions:
            raise ConfigError(
                "encoder 'vit' has a class token with positions only: choose pooling mean or tokens"
            )
        self.channels, self.side, self.pooling = shape.channels, shape.length, pooling
        count = (shape.length // patch) ** 2
        self.patch_embed = nn.Conv2d(shape.channels, width, patch, stride=patch)
        if positions:
            self.cls_token = nn.Parameter(1e-6 * torch.randn(1, 1, width))
            self.pos_embed = nn.Parameter(torch.empty(1, 1 + count, width))
            nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.positions = positions
        blocks = (Block(width, heads, 0.0, _EPSILON, _SCALE) for _ in range(layers))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self.out_features = width
        if pooling == "tokens":
            self.tokens = count
        for module in self.blocks.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode (B, C, H, W) -> (B, width), or (B, patches, width).

        Pixels with mask 0, (B, H, W), count as 0.
        """
        check_values("vit", values, 4, 1, self.channels)
        check_values("vit", values, 4, 2, self.side)
        if mask is not None:
            values = values.masked_fill(mask[:, None] == 0, 0)
        x = self.patch_embed(values).flatten(2).transpose(1, 2)
        if self.positions:
            x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        if self.pooling == "class":
            return x[:, 0]
        patches = x[:, 1:] if self.positions else x
        return patches if self.pooling == "tokens" else patches.mean(dim=1)


def map_dinov2_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name the weights of a published DINOv2 network as `VisionTransformer` does.

    Parameters
    ----------
    state : mapping of str to Tensor
        Of the backbone alone; blocks may be in pieces (`blocks.PIECE.N`).

    Returns
    -------
    dict of str to Tensor
        Without the token that hides patches in its training.
    """
    named = {}
    for key, value in state.items():
        if found := _BLOCK.fullmatch(key):
            key = f"blocks.{found[1]}.{_NAMES[found[2]]}{found[3] or ''}"
        if key != "mask_token":
            named[key.replace("patch_embed.proj.", "patch_embed.")] = value
    return named
