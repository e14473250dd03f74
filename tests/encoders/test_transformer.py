"""What SpecFormer, the vision transformer and the head of attention share."""

import pytest
import torch

from skybind.encoders import InputShape, build_encoder
from skybind.encoders.transformer import Block
from skybind.errors import ConfigError

SMALL = {
    "specformer": (InputShape(1, 100), {"width": 8, "layers": 1, "heads": 2}),
    "vit": (InputShape(2, 8), {"patch": 4, "width": 8, "layers": 1, "heads": 2}),
    "attention_head": (InputShape(6, 5), {"width": 8}),
}


def values_of(name, batch):
    shape = {"specformer": (1, 100), "vit": (2, 8, 8), "attention_head": (5, 6)}[name]
    return torch.randn(batch, *shape, generator=torch.Generator().manual_seed(batch))


@pytest.mark.parametrize("name", SMALL)
def test_a_graph_of_it_takes_batches_of_any_size(name):
    """As ONNX files are made."""
    shape, options = SMALL[name]
    encoder = build_encoder(name, shape, **options).eval()
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(encoder, (values_of(name, 3),), dynamic_shapes=({0: batch},))
    with torch.no_grad():
        for size in (1, 5):
            values = values_of(name, size)
            torch.testing.assert_close(program.module()(values), encoder(values))


@torch.no_grad()
def test_attention_is_torchs_and_what_is_added_may_be_scaled():
    torch.manual_seed(0)
    block, tokens = Block(8, 2).eval(), torch.randn(3, 7, 8)
    own = torch.nn.TransformerEncoderLayer(
        8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True
    ).eval()
    own.self_attn.in_proj_weight.copy_(block.attention.attention.weight)
    own.self_attn.in_proj_bias.copy_(block.attention.attention.bias)
    own.self_attn.out_proj.load_state_dict(block.attention.projection.state_dict())
    own.linear1.load_state_dict(block.mlp.encoder.state_dict())
    own.linear2.load_state_dict(block.mlp.decoder.state_dict())
    torch.testing.assert_close(block(tokens), own(tokens))
    none = Block(8, 2, layer_scale=0.0).eval()
    assert torch.equal(none(tokens), tokens)


@pytest.mark.parametrize(
    ("name", "shape", "options", "sentence"),
    [
        ("specformer", InputShape(1, 100), {"width": 9, "heads": 2}, "which 2 heads cannot share"),
        ("specformer", InputShape(3, 100), {}, r"takes one channel.*set preprocessing.channels"),
        ("specformer", InputShape(1, 20), {}, "needs more than 20 pixels, not 20"),
        ("specformer", InputShape(1, 9000), {}, "makes 899 tokens of 9000 pixels, and has 800"),
        ("specformer", InputShape(1, 100), {"overlap": 20}, "needs overlap 0 to 19, not 20"),
        ("specformer", InputShape(1), {"pooling": "tokens"}, "needs a fixed length"),
        ("vit", InputShape(3, 100), {}, "which do not fill 100: choose a crop that is a multiple"),
        ("vit", InputShape(3, 24), {"positions": False}, "has a class token with positions only"),
        ("attention_head", InputShape(8), {}, "attends to the tokens of a backbone"),
    ],
)
def test_what_cannot_be_is_refused(name, shape, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        build_encoder(name, shape, **options)
