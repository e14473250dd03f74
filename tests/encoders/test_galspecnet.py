import pytest
import torch
from torch.nn.functional import conv1d

from skybind.encoders import GalSpecNet, InputShape
from skybind.errors import DataError


def test_published_size():
    encoder = GalSpecNet(InputShape(3, 2575))
    assert encoder.out_features == 1184
    assert sum(p.numel() for p in encoder.parameters()) == 22_272
    assert [n for n in encoder.state_dict() if n.endswith("weight")] == [
        f"layers.{i}.weight" for i in (0, 3, 6, 9)
    ]


def test_one_layer_is_the_convolution_and_relu():
    torch.manual_seed(0)
    encoder = GalSpecNet(InputShape(2, 10), channels=[3], kernel_size=4).eval()
    values = torch.randn(2, 2, 10)
    weights = encoder.state_dict()
    wanted = conv1d(values, weights["layers.0.weight"], weights["layers.0.bias"]).clamp(min=0)
    assert torch.allclose(encoder(values), wanted.flatten(1), atol=1e-6)


@pytest.mark.parametrize("length", [234, 235, 300, 1001])
@pytest.mark.parametrize("pooling", ["flatten", "mean"])
def test_any_length_from_the_shortest(length, pooling):
    encoder = GalSpecNet(InputShape(3, length), pooling=pooling).eval()
    assert encoder(torch.randn(2, 3, length)).shape == (2, encoder.out_features)


def test_mean_takes_spectra_of_other_lengths():
    encoder = GalSpecNet(InputShape(1), pooling="mean").eval()
    assert encoder(torch.randn(2, 1, 500)).shape == encoder(torch.randn(2, 1, 700)).shape == (2, 32)
    with pytest.raises(DataError, match="234 or more pixels but was given 233"):
        encoder(torch.randn(2, 1, 233))


def test_spectra_of_another_size_are_refused():
    encoder = GalSpecNet(InputShape(3, 300))
    with pytest.raises(DataError, match="spectra of 300 pixels but was given 301"):
        encoder(torch.randn(2, 3, 301))
    with pytest.raises(DataError, match="3 channels"):
        encoder(torch.randn(2, 2, 300))


def test_a_masked_pixel_counts_as_zero():
    encoder = GalSpecNet(InputShape(2, 300)).eval()
    values = torch.randn(1, 2, 300)
    mask = torch.ones(1, 300)
    mask[0, 100:120] = 0
    filled = values.clone()
    filled[:, :, 100:120] = 0
    values[:, :, 100:120] = torch.nan
    assert torch.equal(encoder(values, mask), encoder(filled))
