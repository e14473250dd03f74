import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.encoders.attention import (
    chooses_all,
    chosen_count,
    exact_attention,
    fixed_draw,
    probsparse_attention,
    random_draw,
)


def _inputs(batch=3, heads=2, length=40, size=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, heads, length, size)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(3)]


def _softmax_by_hand(queries, keys, values):
    scores = queries @ keys.T / math.sqrt(queries.shape[1])
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return (weights / weights.sum(1, keepdims=True)) @ values


def _probsparse_by_hand(queries, keys, values, factor, draw):
    """Informer's algorithm in loops: one object and head, without padding."""
    n = len(queries)
    u = min(n, max(1, factor * math.ceil(math.log(n))))
    measure = []
    for i in range(n):
        scores = [queries[i] @ keys[int(draw[i, j]) * n >> 32] for j in range(u)]
        measure.append(max(scores) - sum(scores) / n)
    output = np.repeat(values.mean(0, keepdims=True), n, axis=0)
    chosen = np.argsort(measure)[-u:]
    output[chosen] = _softmax_by_hand(queries[chosen], keys, values)
    return output


def _observed(lengths, length):
    return torch.arange(length) < torch.tensor(lengths)[:, None]


def test_exact_attention_equals_the_formula_on_observed_epochs():
    queries, keys, values = _inputs()
    lengths = [40, 17, 1]
    output = exact_attention(queries, keys, values, _observed(lengths, 40)).numpy()
    for b, n in enumerate(lengths):
        for h in range(2):
            wanted = _softmax_by_hand(*(t[b, h, :n].numpy() for t in (queries, keys, values)))
            np.testing.assert_allclose(output[b, h, :n], wanted, atol=1e-12)


def test_an_empty_row_attends_to_everything():
    """No kernel on any device is asked for a softmax over nothing."""
    tensors = _inputs(batch=2)
    output = exact_attention(*tensors, _observed([0, 5], 40))
    assert torch.allclose(output[0], exact_attention(*tensors)[0], atol=1e-12)


def test_an_empty_row_is_finite_with_finite_gradients():
    tensors = [t.float().requires_grad_() for t in _inputs(batch=2)]
    observed = _observed([0, 5], 40)
    draw = fixed_draw(40, 8, 0, torch.device("cpu"))
    for output in (
        exact_attention(*tensors, observed),
        probsparse_attention(*tensors, observed, 2, draw),
    ):
        assert output.isfinite().all()
        for gradient in torch.autograd.grad(output.sum(), tensors):
            assert gradient.isfinite().all()


@pytest.mark.parametrize("factor", [1, 2, 5])
def test_probsparse_equals_the_algorithm_in_loops(factor):
    queries, keys, values = _inputs()
    draw = fixed_draw(40, chosen_count(40, factor), 3, torch.device("cpu"))
    output = probsparse_attention(queries, keys, values, None, factor, draw).numpy()
    for b in range(3):
        for h in range(2):
            wanted = _probsparse_by_hand(
                *(t[b, h].numpy() for t in (queries, keys, values)), factor, draw
            )
            np.testing.assert_allclose(output[b, h], wanted, atol=1e-12)


@pytest.mark.parametrize("factor", [1, 3])
def test_probsparse_with_padding_equals_each_object_alone(factor):
    queries, keys, values = _inputs(batch=5)
    lengths = [40, 23, 9, 2, 1]
    draw = fixed_draw(40, chosen_count(40, factor), 3, torch.device("cpu"))
    output = probsparse_attention(
        queries, keys, values, _observed(lengths, 40), factor, draw
    ).numpy()
    for b, n in enumerate(lengths):
        for h in range(2):
            wanted = _probsparse_by_hand(
                *(t[b, h, :n].numpy() for t in (queries, keys, values)), factor, draw
            )
            np.testing.assert_allclose(output[b, h, :n], wanted, atol=1e-12)


def test_probsparse_sees_observed_epochs_wherever_they_are():
    """Holes in the mask: as if the observed epochs stood together (each with its own draw)."""
    queries, keys, values = _inputs(batch=1)
    observed = torch.rand(1, 40, generator=torch.Generator().manual_seed(1)) < 0.6
    rows = observed[0].nonzero()[:, 0]
    draw = fixed_draw(40, chosen_count(40, 1), 0, torch.device("cpu"))
    output = probsparse_attention(queries, keys, values, observed, 1, draw)[0, 0, rows]
    one = (t[0, 0, rows].numpy() for t in (queries, keys, values))
    wanted = _probsparse_by_hand(*one, 1, draw[rows])
    np.testing.assert_allclose(output.numpy(), wanted, atol=1e-12)


@pytest.mark.parametrize("padded", [False, True])
def test_probsparse_that_chooses_all_is_exact(padded, monkeypatch):
    queries, keys, values = _inputs()
    observed = _observed([40, 17, 3], 40) if padded else None
    draw = random_draw(40, 40, torch.device("cpu"))
    wanted = exact_attention(queries, keys, values, observed)
    # Not by the short cut: by the general way.
    monkeypatch.setattr("skybind.encoders.attention.chooses_all", lambda *_, **__: False)
    output = probsparse_attention(queries, keys, values, observed, 40, draw)
    where = torch.ones(3, 40, dtype=bool) if observed is None else observed
    difference = (output - wanted).transpose(1, 2)[where]
    assert difference.abs().max() < 1e-12


def test_published_number_of_queries():
    assert chosen_count(200, 1) == 6
    assert chosen_count(1, 1) == 1
    assert chosen_count(32, 100) == 32


@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, 500), factor=st.integers(1, 200))
def test_short_cut_only_where_every_query_is_chosen(length, factor):
    assert chooses_all(length, factor, padded=False) == (chosen_count(length, factor) == length)
    if chooses_all(length, factor, padded=True):
        assert all(chosen_count(n, factor) == n for n in range(1, length + 1))


def test_fixed_draw_is_even_and_does_not_depend_on_the_length():
    device = torch.device("cpu")
    long = fixed_draw(400, 12, 5, device)
    assert torch.equal(long[:150, :6], fixed_draw(150, 6, 5, device))
    assert not torch.equal(long, fixed_draw(400, 12, 6, device))
    keys = long * 200 >> 32
    assert keys.min() >= 0
    assert keys.max() <= 199
    counts = torch.bincount(keys.flatten(), minlength=200)
    assert counts.min() >= 12
    assert counts.max() <= 36  # 24 on average
    assert (keys.sort(1).values.diff(dim=1) == 0).float().mean() < 0.1  # few keys tried twice
