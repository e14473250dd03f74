import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from skybind.errors import ConfigError
from skybind.training import losses
from skybind.training.losses import (
    PairLoss,
    find_loss,
    loss_of_guessing,
    pair_name,
    pairs_loss,
    register_loss,
    second_view,
)

GOLDEN = Path(__file__).parents[3] / "shared/reference/golden/astrom3_small_io.safetensors"


class FixedScales:
    def __init__(self, value=10.0):
        self.log = torch.tensor(math.log(value), requires_grad=True)

    def value(self, pair):
        return self.log.exp()


def one_pair(a, b, scale, present=None, symmetric="sum"):
    """Loss, accuracy and number of rows of one pair."""

    class Scale:
        def value(self, pair):
            return scale

    here = torch.ones(len(a), dtype=torch.bool) if present is None else present
    result = pairs_loss(
        {"a": a, "b": b}, {"a": here, "b": here}, [("a", "b")], Scale(), find_loss(symmetric)
    )
    return result["loss"], result["accuracy/a-b"], result["n/a-b"]


def published(a, b, scale):
    """The loss as the paper writes it."""
    logits, target = scale * a @ b.T, torch.arange(len(a))
    return functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)


def unit(n, width=8, seed=0):
    values = torch.randn(n, width, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(values, dim=-1)


@pytest.mark.parametrize(("n", "scale"), [(2, 1.0), (8, 10.0), (8, 100.0)])
def test_identical_orthogonal_embeddings_have_the_closed_form(n, scale):
    loss, accuracy, rows = one_pair(torch.eye(n), torch.eye(n), scale)
    expected = 2 * math.log1p((n - 1) * math.exp(-scale))
    assert float(loss) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert (float(accuracy), int(rows)) == (1.0, n)


def test_equal_embeddings_tell_nothing():
    same = unit(1).repeat(7, 1)
    loss, _, _ = one_pair(same, same, 50.0)
    assert float(loss) == pytest.approx(2 * math.log(7), rel=1e-5)


def test_wrongly_paired_orthogonal_embeddings():
    a = torch.eye(4)
    loss, accuracy, _ = one_pair(a, a.roll(1, 0), 5.0)
    expected = 2 * (math.log(3 + math.exp(5.0)) - 0.0)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert float(accuracy) == 0.0


def test_equals_the_published_formula():
    a, b, scale = unit(9, seed=1), unit(9, seed=2), torch.tensor(17.0)
    logits, target = scale * a @ b.T, torch.arange(9)
    expected = published(a, b, scale)
    loss, accuracy, _ = one_pair(a, b, scale)
    torch.testing.assert_close(loss, expected)
    mean, _, _ = one_pair(a, b, scale, symmetric="mean")
    torch.testing.assert_close(mean, expected / 2)
    hits = (logits.argmax(1) == target).float().mean() + (logits.argmax(0) == target).float().mean()
    assert float(accuracy) == pytest.approx(float(hits) / 2)


@given(st.integers(2, 12), st.integers(0, 1000))
def test_symmetric_in_its_two_modalities_and_in_the_order_of_objects(n, seed):
    a, b = unit(n, seed=seed), unit(n, seed=seed + 1)
    forth, _, _ = one_pair(a, b, 10.0)
    back, _, _ = one_pair(b, a, 10.0)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    shuffled, _, _ = one_pair(a[order], b[order], 10.0)
    torch.testing.assert_close(forth, back)
    torch.testing.assert_close(forth, shuffled)


@given(st.lists(st.booleans(), min_size=3, max_size=12))
def test_absent_rows_are_as_if_they_were_not_there(observed):
    present = torch.tensor(observed)
    a, b = unit(len(present), seed=3), unit(len(present), seed=4)
    loss, accuracy, rows = one_pair(a, b, 10.0, present)
    if present.sum() < 2:
        assert (float(loss), int(rows)) == (0.0, 0)
        return
    expected, expected_accuracy, _ = one_pair(a[present], b[present], 10.0)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(accuracy, expected_accuracy)
    assert int(rows) == int(present.sum())


def test_absent_rows_get_no_gradient_even_where_they_hold_nan():
    present = torch.tensor([True, True, False, True])
    a, b = unit(4, seed=5), unit(4, seed=6)
    a[2] = math.nan
    a.requires_grad_()
    loss, _, _ = one_pair(a, b, 10.0, present)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.equal(a.grad[2], torch.zeros(8))
    assert (a.grad[present] != 0).any(1).all()


@pytest.mark.parametrize("observed", [[], [1]])
def test_a_pair_with_fewer_than_two_rows_is_zero_with_a_valid_graph(observed):
    present = torch.zeros(5, dtype=torch.bool)
    present[observed] = True
    a = unit(5).requires_grad_()
    scales = FixedScales()
    loss, _, _ = one_pair(a, unit(5, seed=1), scales.value(("a", "b")), present)
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(a.grad, torch.zeros_like(a))
    assert float(scales.log.grad) == 0.0


def test_pairs_add_up_and_each_uses_its_own_rows():
    n = 10
    embeddings = {name: unit(n, seed=i) for i, name in enumerate("xyz")}
    rng = torch.Generator().manual_seed(7)
    present = {name: torch.rand(n, generator=rng) > 0.3 for name in "xyz"}
    pairs = [("x", "y"), ("y", "z"), ("z", "x")]
    result = pairs_loss(embeddings, present, pairs, FixedScales())
    total = 0.0
    for a, b in pairs:
        both = present[a] & present[b]
        expected = published(embeddings[a][both], embeddings[b][both], 10.0)
        _, accuracy, _ = one_pair(embeddings[a][both], embeddings[b][both], 10.0)
        name = pair_name((a, b))
        torch.testing.assert_close(result[f"loss/{name}"], expected)
        torch.testing.assert_close(result[f"accuracy/{name}"], accuracy)
        assert int(result[f"n/{name}"]) == int(both.sum())
        total = total + expected
    torch.testing.assert_close(result["loss"], total)
    assert len({int(result[f"n/{pair_name(p)}"]) for p in pairs}) > 1


def test_a_modality_paired_with_itself_compares_its_two_views():
    first, second = unit(6, seed=1), unit(6, seed=2)
    everyone = torch.ones(6, dtype=torch.bool)
    key = second_view("x")
    result = pairs_loss(
        {"x": first, key: second}, {"x": everyone, key: everyone}, [("x", "x")], FixedScales()
    )
    torch.testing.assert_close(result["loss"], published(first, second, 10.0))


def test_half_precision_embeddings_give_a_float32_loss():
    a, b = unit(6, seed=1), unit(6, seed=2)
    with torch.autocast("cpu", torch.bfloat16):
        loss, _, _ = one_pair(a, b, torch.tensor(100.0))
    expected = published(a, b, torch.tensor(100.0))
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected)


@pytest.mark.skipif(not GOLDEN.exists(), reason="the shared reference files are not here")
def test_golden_losses_of_the_release():
    from safetensors.torch import load_file

    golden = load_file(GOLDEN)
    names = {"p": "photometry", "s": "spectra", "m": "metadata"}
    for a, b in ("ps", "sm", "mp"):
        x, y = (golden[f"{names[k]}_embedding"] for k in (a, b))
        x, y = functional.normalize(x, dim=-1), functional.normalize(y, dim=-1)
        cosines = x @ y.T
        scale = (golden[f"logits_{a}{b}"] * cosines).sum() / cosines.square().sum()
        loss, _, _ = one_pair(x, y, scale)
        torch.testing.assert_close(loss, golden[f"loss_{a}{b}"], rtol=1e-5, atol=1e-5)


def test_a_loss_of_ones_own_is_found_by_name_and_used_for_both_directions():
    @register_loss("a test's own margin", "mean")
    def margin(logits, target):
        own = logits.gather(1, target[:, None])
        others = torch.zeros_like(logits).scatter(1, target[:, None], 1.0) == 0
        return torch.where(others, (logits - own + 0.2).clamp(min=0), 0.0).sum(1)

    a, b = unit(5, seed=3), unit(5, seed=4)
    here = torch.tensor([True, True, False, True, True])
    result = pairs_loss(
        {"a": a, "b": b}, {"a": here, "b": here}, [("a", "b")], FixedScales(),
        find_loss("a test's own margin"),
    )  # fmt: skip
    cosines = (10.0 * a[here] @ b[here].T).double()
    expected = 0.0
    for matrix in (cosines, cosines.T):
        for i in range(4):
            expected += sum(
                max(0.0, float(matrix[i, j] - matrix[i, i]) + 0.2) for j in range(4) if j != i
            )
    assert result["loss"].item() == pytest.approx(expected / 4 / 2, rel=1e-5)
    assert int(result["n/a-b"]) == 4


def test_names_of_losses_are_kept_apart():
    with pytest.raises(ConfigError, match="'sum' is registered already by skybind"):
        register_loss("sum")(lambda logits, target: logits.sum(1))
    with pytest.raises(ConfigError, match="no loss 'summ': did you mean 'sum'"):
        find_loss("summ")


@pytest.mark.parametrize("symmetric", ["sum", "mean"])
def test_guessing_is_the_loss_of_equal_cosines(symmetric):
    same = torch.ones(24, 4) / 2
    loss, _, _ = one_pair(same, same, 7.0, symmetric=symmetric)
    assert loss_of_guessing(find_loss(symmetric), [24]) == pytest.approx(float(loss), rel=1e-6)


def test_guessing_is_averaged_as_the_loss_is_and_unknown_for_other_losses():
    how = find_loss("mean")
    by_objects = (30 * math.log(30) + 10 * math.log(10)) / 40
    assert loss_of_guessing(how, [30, 10, 1, 0]) == pytest.approx(by_objects)
    assert loss_of_guessing(how, [30, 10], "batches") == pytest.approx(math.log(300) / 2)
    assert math.isnan(loss_of_guessing(how, [1]))
    register_loss("nothing-known")(lambda logits, target: logits.sum(1))
    assert math.isnan(loss_of_guessing(find_loss("nothing-known"), [30]))


@pytest.mark.parametrize("limit", [1, 40, 100])
def test_large_batches_are_compared_some_rows_at_a_time_with_the_same_gradient(monkeypatch, limit):
    seen = []

    def row(logits, target):
        seen.append(logits.numel())
        return losses.cross_entropy(logits, target)

    def compute():
        generator = torch.Generator().manual_seed(3)
        inputs = {
            name: torch.randn(20, 5, generator=generator).requires_grad_()
            for name in ("a", "b", "c")
        }
        present = {name: torch.rand(20, generator=generator) < 0.7 for name in inputs}
        scale = torch.tensor(3.0, requires_grad=True)
        unit = {name: functional.normalize(values, dim=1) for name, values in inputs.items()}
        pairs = [("a", "b"), ("b", "c")]
        scales = SimpleNamespace(value=lambda pair: scale)
        result = pairs_loss(unit, present, pairs, scales, PairLoss(row))
        result["loss"].backward()
        gradients = [scale.grad, *(values.grad for values in inputs.values())]
        return result | losses.matched(unit, present, pairs, scales), gradients

    whole, gradients = compute()
    assert max(seen) == 400
    seen.clear()
    monkeypatch.setattr(losses, "_LOGITS", limit)
    parts, others = compute()
    assert max(seen) == max(20, limit)  # a row at least
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-6, atol=1e-6)
    for ours, theirs in zip(others, gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
