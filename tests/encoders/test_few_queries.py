"""ProbSparse with its projections in another order: the numbers of the plain order."""

import pytest
import torch
from torch import nn

from skybind.encoders.attention import chosen_count, fixed_draw, probsparse_attention
from skybind.encoders.few_queries import Projections, few_queries_attention, pays


class Plain(nn.Module):
    """Project everything, attend, merge, project."""

    def __init__(self, width, heads, dtype=torch.float64):
        super().__init__()
        torch.manual_seed(0)
        layers = [nn.Linear(width, width, dtype=dtype) for _ in range(4)]
        self.layers = nn.ModuleList(layers)
        self.projections = Projections(*layers, heads)

    def forward(self, x, observed, factor, draw, merge):
        heads = self.projections.heads
        split = (layer(x).unflatten(2, (heads, -1)).transpose(1, 2) for layer in self.layers[:3])
        mixed = probsparse_attention(*split, observed, factor, draw)
        mixed = mixed.transpose(1, 2) if merge == "epoch" else mixed
        return self.layers[3](mixed.reshape(x.shape))


def _inputs(length, lengths, width=16, factor=1, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(len(lengths), length, width, generator=generator, dtype=dtype)
    observed = torch.arange(length) < torch.tensor(lengths)[:, None]
    draw = fixed_draw(length, chosen_count(length, factor), 3, torch.device("cpu"))
    return x, observed, draw


@pytest.mark.parametrize("merge", ["epoch", "release"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("length", "heads", "factor"), [(40, 2, 1), (41, 4, 2), (7, 1, 1)])
def test_outputs_and_gradients_are_those_of_the_plain_order(length, heads, factor, masked, merge):
    plain = Plain(16, heads)
    x, observed, draw = _inputs(length, [length, length // 2, 2, 1], factor=factor)
    observed = observed if masked else None
    weight = torch.randn(x.shape, dtype=x.dtype)

    def gradients(function):
        given = x.clone().requires_grad_()
        output = function(given)
        return output, torch.autograd.grad((output * weight).sum(), [given, *plain.parameters()])

    wanted, wanted_gradients = gradients(lambda x: plain(x, observed, factor, draw, merge))
    found, found_gradients = gradients(
        lambda x: few_queries_attention(x, plain.projections, observed, factor, draw, merge)
    )
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)
    for one, other in zip(found_gradients, wanted_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_an_empty_row_is_finite_with_finite_gradients():
    plain = Plain(16, 2, torch.float32)
    x, observed, draw = _inputs(40, [40, 0], dtype=torch.float32)
    x.requires_grad_()
    output = few_queries_attention(x, plain.projections, observed, 1, draw, "epoch")
    assert output.isfinite().all()
    output.sum().backward()
    assert x.grad.isfinite().all()


def test_in_mixed_precision_it_is_as_near_as_the_plain_order():
    plain = Plain(64, 4, torch.float32)
    x, observed, draw = _inputs(100, [100, 60], width=64, dtype=torch.float32)
    exact = plain(x, observed, 1, draw, "release")
    with torch.autocast("cpu", torch.bfloat16):
        found = few_queries_attention(x, plain.projections, observed, 1, draw, "release")
        rough = plain(x, observed, 1, draw, "release")
    # Which queries are taken depends on the last digit: most rows are the same.
    near, far = ((some.float() - exact).abs().median() for some in (found, rough))
    assert near < 2 * far + 1e-3


def test_it_trains_after_it_was_used_for_inference():
    """What inference keeps for later calls may not be a tensor of inference."""
    plain = Plain(16, 2)
    x, _, draw = _inputs(43, [43])
    with torch.inference_mode():
        few_queries_attention(x, plain.projections, None, 1, draw, "release")
    few_queries_attention(x, plain.projections, None, 1, draw, "release").sum().backward()
    assert plain.layers[2].weight.grad.abs().max() > 0


def test_it_pays_where_few_queries_are_taken():
    assert pays(200, 128, 4, 1, padded=False)  # the published network
    assert not pays(200, 128, 4, 5, padded=False)
    assert not pays(200, 32, 4, 1, padded=False)  # narrow: the products are cheap anyway
    assert not pays(8, 128, 4, 10, padded=False)  # exact attention
