import torch
from torch.nn.functional import linear

from skybind.encoders import MLP, InputShape


def test_equals_the_formula():
    torch.manual_seed(0)
    encoder = MLP(InputShape(5), hidden=7, layers=2).eval()
    weights = encoder.state_dict()
    assert list(weights) == ["model.0.weight", "model.0.bias", "model.3.weight", "model.3.bias"]
    values = torch.randn(4, 5)
    first = linear(values, weights["model.0.weight"], weights["model.0.bias"]).clamp(min=0)
    wanted = linear(first, weights["model.3.weight"], weights["model.3.bias"]).clamp(min=0)
    assert torch.allclose(encoder(values), wanted, atol=1e-6)


def test_published_size():
    encoder = MLP(InputShape(34))
    assert encoder.out_features == 512
    assert sum(p.numel() for p in encoder.parameters()) == 280_576


def test_a_masked_feature_counts_as_its_mean():
    encoder = MLP(InputShape(3), hidden=4).eval()
    values = torch.tensor([[1.0, torch.nan, 3.0]])
    mask = torch.tensor([[1.0, 0.0, 1.0]])
    assert torch.equal(encoder(values, mask), encoder(torch.tensor([[1.0, 0.0, 3.0]])))
