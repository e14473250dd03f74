import copy

import pytest
import torch

from skybind.encoders import InputShape, build_encoder
from skybind.encoders.backbone import Backboned


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    backbone = build_encoder("resnet", InputShape(3, 24), stem=4, blocks=[1, 1])
    head = build_encoder("head", InputShape(backbone.out_features), hidden=[6], dropout=0.5)
    return Backboned(backbone, head)


def test_training_changes_the_head_and_nothing_of_the_backbone(encoder):
    before = copy.deepcopy(encoder.state_dict())
    encoder.train()
    assert encoder.head.training
    assert not any(module.training for module in encoder.backbone.modules())
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.1)
    for _ in range(3):
        encoder(torch.randn(8, 3, 24, 24) + 5).square().sum().backward()
        optimizer.step()
    after = encoder.state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"head.layers.0.weight", "head.layers.0.bias"}


@torch.no_grad()
def test_features_stand_for_the_inputs(encoder):
    encoder.eval()
    values = torch.randn(70, 3, 24, 24)
    mask = (torch.rand(70, 24, 24) < 0.9).float()
    features = encoder.frozen_features(values, mask)
    assert features.shape == (70, encoder.backbone.out_features)
    assert torch.equal(encoder(features=features), encoder(values, mask))
    torch.testing.assert_close(features, encoder.backbone(values, mask), atol=1e-6, rtol=1e-5)
    with pytest.raises(TypeError, match="needs values or features"):
        encoder()


def test_the_backbone_computes_in_32_bits_under_mixed_precision(encoder):
    encoder.eval()
    values = torch.randn(4, 3, 24, 24)
    plain = encoder.frozen_features(values)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = encoder.frozen_features(values)
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, plain)
