import pytest
import torch
from torch.nn import functional

from skybind.encoders.dropout import MOST, Dropout, keep, random_bits, rate


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("p", [0.1, 0.245, 0.9])
def test_drops_the_fraction_and_keeps_the_mean(p):
    output = Dropout(p)(torch.ones(1000, 1001))
    n = output.numel()
    assert (output == 0).float().mean().item() == pytest.approx(p, abs=5 * (p * (1 - p) / n) ** 0.5)
    values = output[output != 0].unique()
    assert len(values) == 1
    assert values.item() == pytest.approx(1 / (1 - p), rel=1e-4 / (1 - p))
    assert output.mean().item() == pytest.approx(1, abs=5 * (p / (1 - p) / n) ** 0.5 + 1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("p", [2e-5, 0.1, 0.2451, 0.498, 0.5, 0.5001, 0.9, MOST])
def test_of_all_patterns_of_bits_the_share_is_dropped(p, dtype):
    """Every pattern once: infinities, zeros of both signs, denormals and NaN included."""
    patterns = torch.arange(-(1 << 15), 1 << 15).to(torch.int16).view(torch.bfloat16)
    steps = rate(p)
    kept = keep(torch.ones(1 << 16, dtype=dtype), patterns, steps.threshold) != 0
    dropped = (1 << 16) - kept.sum().item()
    assert dropped == pytest.approx(p * (1 << 16), abs=0.5)
    assert steps.scale == pytest.approx((1 << 16) / ((1 << 16) - dropped), rel=1e-12)
    # a length that is no multiple of a vector's, one by one: the same patterns
    some = patterns[:: (1 << 16) // 37][:37]
    alone = [keep(torch.ones(1, dtype=dtype), b, steps.threshold).item() for b in some.split(1)]
    assert keep(torch.ones(37, dtype=dtype), some, steps.threshold).tolist() == alone


def test_bits_are_uniform():
    counts = torch.bincount(random_bits(1 << 22).view(torch.int16).long() + (1 << 15))
    assert len(counts) == 1 << 16
    spread = ((counts - 64.0) ** 2 / 64).mean().item()  # chi squared by its degrees of freedom
    assert spread == pytest.approx(1, abs=5 * (2 / (1 << 16)) ** 0.5)


def test_neighbouring_probabilities_that_share_a_threshold_keep_the_mean():
    """Minus zero and zero are dropped together, and the scale knows."""
    shared = 0x7F81 / (1 << 16)
    assert rate(shared) == rate(shared + 1 / (1 << 16))


def test_every_value_is_drawn_apart_from_its_neighbours():
    """The four numbers of one draw must not be related, nor rows or columns."""
    kept = (Dropout(0.5)(torch.ones(1024, 1024)) != 0).float() - 0.5
    for shift in (1, 2, 3, 4, 1024):
        flat = kept.flatten()
        assert abs((flat[shift:] * flat[:-shift]).mean().item()) < 0.25 * 5 / 1024


def test_gradient_is_that_of_the_kept_values():
    x = torch.randn(7, 13, requires_grad=True)
    output = Dropout(0.3)(x)
    output.sum().backward()
    assert torch.allclose(output, x * x.grad)
    assert set((x.grad == 0).flatten().tolist()) == {True, False}


def test_same_seed_same_draw_and_another_draw_each_time():
    drop, x = Dropout(0.5), torch.ones(5, 7)
    first, second = drop(x), drop(x)
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(drop(x), first)


def test_limits_and_evaluation():
    x = torch.randn(3, 5)
    assert Dropout(0.5).eval()(x) is x
    assert torch.equal(Dropout(0.0)(x), x)
    assert Dropout(1.0)(x).eq(0).all()
    assert Dropout(0.999)(torch.ones(40_000)).count_nonzero() < 100
    assert torch.equal(Dropout(1e-7)(x), x)
    assert Dropout(0.5)(torch.empty(0, 4)).shape == (0, 4)
    assert Dropout(0.5)(x.bfloat16()).dtype == torch.bfloat16


def test_transposed_input():
    x = torch.arange(1.0, 61).view(5, 12).T
    output = Dropout(0.5)(x)
    assert torch.equal(output[output != 0], 2 * x[output != 0])
    torch.manual_seed(0)
    assert torch.equal(Dropout(0.5)(x.contiguous()), output)


def test_compiled_is_torchs_own(monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    x = torch.ones(8, 8)
    output = Dropout(0.4)(x)
    torch.manual_seed(0)
    assert torch.equal(output, functional.dropout(x, 0.4))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_half_precision_keeps_the_mean(p):
    output = Dropout(p)(torch.ones(1000, 1001, dtype=torch.float16)).double()
    n = output.numel()
    assert (output == 0).double().mean().item() == pytest.approx(
        p, abs=5 * (p * (1 - p) / n) ** 0.5
    )
    assert output.mean().item() == pytest.approx(1, abs=5 * (p / (1 - p) / n) ** 0.5 + 1e-3)
