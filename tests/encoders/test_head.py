import pytest
import torch
from torch import nn

from skybind.encoders import InputShape, build_encoder
from skybind.encoders.backbone import linear_layers
from skybind.errors import ConfigError


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_the_heads_of_the_reports_have_their_sizes():
    spender, resnet = InputShape(256), InputShape(2048)
    text = build_encoder("head", spender, hidden=[256, 256, 256])
    projection = nn.Linear(text.out_features, 128)
    assert count(text) + count(projection) == 230_272  # June 2024, section 3.3
    image = build_encoder("head", resnet, hidden=[2048])
    assert count(image) + count(nn.Linear(2048, 128)) == 4_458_624  # "4.5 million"
    for hidden, size in (([128, 128, 128], 66_304), ([256, 256, 128], 165_120)):
        run = build_encoder("head", spender, hidden=hidden, activation="prelu", dropout=0.1)
        assert (count(run), run.out_features) == (size, 128)
        kinds = [type(step).__name__ for step in run.layers]
        assert kinds == ["Linear", "PReLU", "Dropout"] * 3  # after each layer, the last included


def test_dropout_follows_every_layer_the_last_included():
    torch.manual_seed(0)
    head = build_encoder("head", InputShape(8), hidden=[64], out=1000, dropout=0.3).train()
    dropped = (head(torch.randn(20, 8)) == 0).float().mean()
    assert 0.27 < dropped < 0.33
    assert (head.eval()(torch.randn(20, 8)) != 0).all()


@torch.no_grad()
def test_it_computes_what_it_says():
    torch.manual_seed(0)
    head = build_encoder("head", InputShape(5), hidden=[4, 3], out=2, activation="prelu").eval()
    x = torch.randn(6, 5)
    slopes = [step for step in head.layers if isinstance(step, nn.PReLU)]
    for slope in slopes:
        slope.weight.uniform_(0, 1)
    wanted = x
    for linear, slope in zip(linear_layers(head), [*slopes, None], strict=True):
        wanted = wanted @ linear.weight.T + linear.bias
        if slope is not None:
            wanted = torch.where(wanted > 0, wanted, slope.weight * wanted)
    torch.testing.assert_close(head(x), wanted)


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="has no layer"):
        build_encoder("head", InputShape(8), hidden=[])
    with pytest.raises(ConfigError, match="has no activation 'relou'"):
        build_encoder("head", InputShape(8), activation="relou")
    with pytest.raises(ConfigError, match="needs hidden at least 1, not 0"):
        build_encoder("head", InputShape(8), hidden=[8, 0])
