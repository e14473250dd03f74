"""What every encoder owes, whatever is inside. A new encoder joins by a line in CASES."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from skybind.encoders import InputShape, build_encoder, encoder_names

LENGTH = 40
COUNTS = [40, 31, 12, 1, 0, 40]  # observed entries of each row; row 4 has none
SMALL = {"d_model": 16, "n_heads": 2, "d_ff": 24, "layers": 2}
VIT = {"patch": 6, "width": 8, "layers": 2, "heads": 2}
RELEASE = {
    "attention": "probsparse",
    "mask_attention": False,
    "pooling": "flatten",
    "convolution_padding": "circular",
    "head_merge": "release",
}


@dataclass
class Case:
    name: str
    shape: InputShape
    options: dict[str, Any] = field(default_factory=dict)
    any_padding: bool = True  # the padded length does not matter
    hides_masked: bool = True  # nor does what lies under the mask

    @property
    def title(self):
        return "-".join(
            [self.name, *[f"{k}={v}" for k, v in self.options.items() if k not in SMALL]]
        )


def _informer(any_padding=True, hides_masked=True, channels=9, **options):
    shape = InputShape(channels, LENGTH)
    return Case("informer", shape, SMALL | options, any_padding, hides_masked)


CASES = [
    _informer(),
    _informer(channels=13, dropout=0.3),
    _informer(pooling="mean-max"),
    _informer(pooling="flatten"),
    _informer(position="none", activation="relu"),
    _informer(attention="probsparse"),
    _informer(attention="probsparse", factor=3, pooling="mean-max"),
    _informer(attention="probsparse", pooling="flatten"),
    # a closed circle shows the first epoch the last place, observed or padding
    _informer(convolution_padding="circular", any_padding=False),
    # the release's rows mix neighbouring places, so their number matters
    _informer(head_merge="release", any_padding=False),
    # the release itself attends to the padding: the documented exception
    _informer(any_padding=False, hides_masked=False, **RELEASE),
    Case("galspecnet", InputShape(3, 300), any_padding=False),
    Case("galspecnet", InputShape(3, None), {"pooling": "mean"}, any_padding=False),
    Case(
        "galspecnet", InputShape(2, 64), {"channels": [8, 6], "kernel_size": 5}, any_padding=False
    ),
    Case("mlp", InputShape(34), any_padding=False),
    Case("mlp", InputShape(34), {"hidden": 16, "layers": 3}, any_padding=False),
    Case("resnet", InputShape(3, 24), {"stem": 8, "blocks": [1, 1]}, any_padding=False),
    Case(
        "resnet",
        InputShape(2, None),
        {"stem": 8, "block": "bottleneck", "blocks": [2, 1], "width": 16},
        any_padding=False,
    ),
    Case("resnet50", InputShape(3, 24), any_padding=False),
    Case(
        "spender",
        InputShape(1, 300),
        {"channels": [6, 8, 10], "dropout": 0.1},
        any_padding=False,
    ),
    Case(
        "spender",
        InputShape(3, None),
        {"channels": [6, 8], "kernels": [5, 7], "pools": [5]},
        any_padding=False,
    ),
    Case("head", InputShape(34), {"hidden": [16, 12], "activation": "prelu"}, any_padding=False),
    Case("head", InputShape(34), {"hidden": [16], "out": 8, "dropout": 0.1}, any_padding=False),
    Case(
        "specformer",
        InputShape(1, 300),
        {"width": 12, "layers": 2, "heads": 3, "positions": 40, "dropout": 0.1},
        any_padding=False,
    ),
    Case(
        "specformer",
        InputShape(1, 300),
        {"width": 8, "layers": 1, "heads": 2, "window": 30, "overlap": 0, "pooling": "tokens"},
        any_padding=False,
    ),
    Case("vit", InputShape(3, 24), {**VIT, "pooling": "mean"}, any_padding=False),
    Case(
        "vit",
        InputShape(2, 24),
        {**VIT, "positions": False, "pooling": "tokens"},
        any_padding=False,
    ),
    Case("attention_head", InputShape(10, LENGTH), {"width": 8}, any_padding=False),
    Case("attention_head", InputShape(8, LENGTH), {"width": 8, "residual": False}),
    Case("folded", InputShape(13, LENGTH), {"bins": 32, "width": 8}),
    Case("folded", InputShape(7, None), {"bins": 20, "width": 8, "blocks": 1}),
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)


def _build(case, seed=0):
    torch.manual_seed(seed)
    return build_encoder(case.name, case.shape, **case.options)


def _inputs(case, length=LENGTH):
    """A batch with zeros under its mask; light curves have their phase in the last channels."""
    generator = torch.Generator().manual_seed(7)
    counts = torch.tensor(COUNTS)
    if case.name in ("mlp", "head"):
        mask = (torch.rand(len(COUNTS), 34, generator=generator) < 0.8).float()
        mask[4] = 0
        return torch.randn(mask.shape, generator=generator) * mask, mask
    if case.name.startswith(("resnet", "vit")):
        size = (len(COUNTS), 24, 24)
        mask = (torch.rand(size, generator=generator) < 0.9).float()
        mask[4] = 0
        values = torch.randn(len(COUNTS), case.shape.channels, *size[1:], generator=generator)
        return values * mask[:, None], mask
    if case.name in ("galspecnet", "spender", "specformer"):
        width = case.shape.length or 300
        mask = (torch.rand(len(COUNTS), width, generator=generator) < 0.9).float()
        mask[4] = 0
        values = torch.randn(len(COUNTS), case.shape.channels, width, generator=generator)
        return values * mask[:, None], mask
    mask = (torch.arange(LENGTH) < counts[:, None]).float()
    values = torch.randn(len(COUNTS), LENGTH, case.shape.channels, generator=generator)
    angle = torch.rand(len(COUNTS), LENGTH, generator=generator) * 6.28
    values[..., -2], values[..., -1] = angle.sin(), angle.cos()
    values = values * mask[..., None]
    more = length - LENGTH
    return torch.nn.functional.pad(values, (0, 0, 0, more)), torch.nn.functional.pad(
        mask, (0, more)
    )


def test_every_encoder_is_in_the_contract():
    assert {case.name for case in CASES} == set(encoder_names())


@every_case
@torch.no_grad()
def test_finite_of_the_promised_size_and_different_for_different_objects(case):
    encoder = _build(case).eval()
    features = encoder(*_inputs(case))
    tokens = () if encoder.tokens is None else (encoder.tokens,)
    assert features.shape == (len(COUNTS), *tokens, encoder.out_features)
    assert features.isfinite().all()
    assert (features[0] - features[5]).abs().max() > 1e-4


@every_case
@torch.no_grad()
def test_without_mask_everything_counts(case):
    encoder = _build(case).eval()
    values, mask = _inputs(case)
    assert torch.allclose(encoder(values), encoder(values, torch.ones_like(mask)), atol=1e-6)


@every_case
@torch.no_grad()
def test_deterministic_at_inference_whatever_the_random_state(case):
    encoder = _build(case).eval()
    inputs = _inputs(case)
    torch.manual_seed(1)
    first = encoder(*inputs)
    torch.manual_seed(2)
    assert torch.equal(encoder(*inputs), first)


@every_case
@torch.no_grad()
def test_independent_of_the_batchs_company_and_order(case):
    encoder = _build(case).eval()
    values, mask = _inputs(case)
    together = encoder(values, mask)
    rounding = 2e-6 * max(1, together.abs().max().item())
    for row in range(len(COUNTS)):
        alone = encoder(values[row : row + 1], mask[row : row + 1])
        assert torch.allclose(alone[0], together[row], atol=rounding)
    order = torch.tensor([3, 5, 0, 4, 2, 1])
    assert torch.allclose(encoder(values[order], mask[order]), together[order], atol=rounding)


@pytest.mark.parametrize("filling", [1e6, float("nan"), float("inf")])
@pytest.mark.parametrize("case", [c for c in CASES if c.hides_masked], ids=lambda c: c.title)
@torch.no_grad()
def test_independent_of_what_lies_under_the_mask(case, filling):
    encoder = _build(case).eval()
    values, mask = _inputs(case)
    if case.name in ("mlp", "head"):
        spread = mask
    else:
        sequence = case.name in ("informer", "folded", "attention_head")
        spread = mask[..., None] if sequence else mask[:, None]
    filled = values.masked_fill(spread == 0, filling)
    assert torch.allclose(encoder(filled, mask), encoder(values, mask), atol=1e-6)


@pytest.mark.parametrize("case", [c for c in CASES if c.any_padding], ids=lambda c: c.title)
@torch.no_grad()
def test_independent_of_the_padded_length(case):
    encoder = _build(case).eval()
    values, mask = _inputs(case)
    wanted = encoder(values, mask)
    if case.options.get("pooling") == "flatten":
        values, mask, wanted = values[1:3, :31], mask[1:3, :31], wanted[1:3]
    else:
        values, mask = _inputs(case, length=95)
    assert torch.allclose(encoder(values, mask), wanted, atol=2e-6)


@every_case
def test_gradient_reaches_every_parameter(case):
    encoder = _build(case).train()
    values, mask = _inputs(case)
    torch.manual_seed(0)
    features = encoder(values, mask)
    (features * torch.randn(features.shape)).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # A softmax does not feel a number added to all its scores, nor an instance norm one
        # added to a channel: those gradients are zero.
        unfelt = case.name == "spender" and name.endswith(".0.bias")
        if not name.endswith("key_projection.bias") and not unfelt:
            assert parameter.grad.abs().max() > 0, name


@every_case
def test_trains_in_mixed_precision(case):
    encoder = _build(case).train()
    with torch.autocast("cpu", torch.bfloat16):
        features = encoder(*_inputs(case))
    features.float().square().sum().backward()
    assert features.isfinite().all()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


@every_case
@torch.no_grad()
def test_state_dict_holds_all_there_is(case):
    encoder, other = _build(case).eval(), _build(case, seed=1).eval()
    inputs = _inputs(case)
    assert not torch.equal(other(*inputs), encoder(*inputs))
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(other(*inputs), encoder(*inputs))
