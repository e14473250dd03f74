import pytest
import torch
from torch import nn

from skybind.training.batches import Sample
from skybind.training.cached import cached_backward
from skybind.training.losses import pairs_loss
from tests.training.training_toys import ToySource, toy_binder

CPU = torch.device("cpu")


def gradients(module):
    return {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("chunk", [1, 5, 16, 40])
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_same_gradient_as_the_whole_batch(chunk, missing):
    source = ToySource(16, missing)
    batch = source.batch(torch.arange(16).numpy())
    binder = toy_binder(dropout=0.0).double()
    for tensors in batch.inputs.values():
        tensors["values"] = tensors["values"].double()

    def loss(embeddings):
        return pairs_loss(embeddings, batch.present, binder.pairs, binder.scales)

    whole = loss(binder.embed(batch))
    whole["loss"].backward()
    expected = gradients(binder)
    binder.zero_grad()
    chunks = Sample(batch).split(chunk)
    result = cached_backward(
        lambda part: binder.embed(part.batch), chunks, loss, torch.Tensor.backward, CPU
    )
    torch.testing.assert_close(result["loss"], whole["loss"])
    torch.testing.assert_close(gradients(binder), expected, rtol=1e-5, atol=1e-7)
    assert "scales.logs.photometry-spectrum" in expected


def chunked(model, data, autocast=False):
    """Reference: the chunks' embeddings kept with their graphs, in the same random order."""
    parts = []
    for part in data.split(4):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            parts.append(model(part))
    return torch.cat(parts)


def square(embeddings):
    e = embeddings["x"].float()
    return {"loss": torch.logsumexp(e @ e.T, 1).sum()}


@pytest.mark.parametrize("autocast", [False, True])
def test_dropout_is_drawn_the_same_in_both_passes(autocast):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Dropout(0.5), nn.Linear(12, 3))
    data = torch.randn(14, 6)
    torch.manual_seed(11)
    expected_loss = square({"x": chunked(model, data, autocast)})["loss"]
    expected_loss.backward()
    expected = gradients(model)
    after = torch.rand(1)
    model.zero_grad()
    torch.manual_seed(11)

    def embed(part):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return {"x": model(part)}

    result = cached_backward(embed, data.split(4), square, torch.Tensor.backward, CPU)
    torch.testing.assert_close(result["loss"], expected_loss)
    torch.testing.assert_close(gradients(model), expected, rtol=1e-5, atol=1e-6)
    assert all(g.abs().max() > 0 for g in expected.values())
    assert torch.equal(torch.rand(1), after)  # and the random state goes on as if embedded once


def test_a_scaled_loss_scales_the_gradient_once():
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    data = torch.randn(8, 6)
    cached_backward(
        lambda part: {"x": model(part)},
        data.split(3),
        square,
        lambda loss: (loss * 1024).backward(),
        CPU,
    )
    scaled = gradients(model)
    model.zero_grad()
    square({"x": model(data)})["loss"].backward()
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(scaled[name] / 1024, gradient, rtol=1e-4, atol=1e-5)
