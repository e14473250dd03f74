import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from skybind.config.backbone import MocoOptions
from skybind.encoders.mlp import MLP
from skybind.encoders.registry import Encoder
from skybind.encoders.resnet import ResNet
from skybind.errors import ConfigError
from skybind.modalities.shape import InputShape
from skybind.training.moco import Moco, moco_loss, train_moco
from tests.training.training_toys import (
    ToySource,
    losses,
    same_weights,
    toy_options,
    toy_rows,
    weights,
)

ROWS = toy_rows(96, 32)


def options(**changes):
    return MocoOptions(**({"queue": 32, "momentum": 0.9, "dimension": 8, "hidden": 16} | changes))


def mlp(seed=0, dropout=0.0):
    torch.manual_seed(seed)
    return MLP(InputShape(6), hidden=16, dropout=dropout)


def train(out, encoder=None, source=None, resume=False, moco=None, **changes):
    return train_moco(
        encoder or mlp(),
        moco or options(),
        source or ToySource(96),
        "photometry",
        ROWS,
        toy_options(**changes),
        out,
        seed=3,
        resume=resume,
    )


def unit(*shape, seed=0):
    return functional.normalize(
        torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1
    )


def test_the_loss_is_the_published_formula():
    query, key, negatives = unit(5, 4, seed=1), unit(5, 4, seed=2), unit(7, 4, seed=3)
    t, total = 0.2, 0.0
    for i in range(5):
        own = math.exp(float(query[i] @ key[i]) / t)
        others = sum(math.exp(float(query[i] @ n) / t) for n in negatives)
        total -= math.log(own / (own + others)) / 5
    loss, _ = moco_loss(query, key, negatives, t)
    assert float(loss) == pytest.approx(total, rel=1e-5)


def test_an_objects_own_old_key_is_no_negative():
    query, key, negatives = unit(3, 4, seed=1), unit(3, 4, seed=2), unit(6, 4, seed=3)
    same = torch.zeros(3, 6, dtype=torch.bool)
    same[:, 4:] = True
    masked, _ = moco_loss(query, key, negatives, 0.1, same)
    fewer, _ = moco_loss(query, key, negatives[:4], 0.1)
    assert float(masked) == pytest.approx(float(fewer), rel=1e-6)


def test_accuracy_counts_queries_whose_own_key_is_nearest():
    query = torch.eye(4)
    key = query.clone()
    key[0] = query[1]
    _, accuracy = moco_loss(query, key, query[:1] * 0.9, 0.1)
    assert float(accuracy) == 0.75


def test_no_gradient_reaches_the_keys():
    query, key, negatives = (unit(4, 3, seed=s).requires_grad_() for s in range(3))
    moco_loss(query, key, negatives, 0.2)[0].backward()
    assert query.grad is not None
    assert key.grad is None
    assert negatives.grad is None


def test_the_key_encoder_is_the_exact_moving_average():
    torch.manual_seed(0)
    module = Moco(mlp(), options(momentum=0.75))
    before = [p.clone() for p in module.key.parameters()]
    with torch.no_grad():
        for p in module.query.parameters():
            p.add_(torch.randn_like(p))
    module.follow()
    for key, old, query in zip(
        module.key.parameters(), before, module.query.parameters(), strict=True
    ):
        assert torch.allclose(key, 0.75 * old + 0.25 * query, atol=1e-7)
        assert not key.requires_grad


def test_the_queue_wraps_and_remembers_whose_keys_they_are():
    module = Moco(mlp(), options(queue=5))
    keys = unit(8, 8)
    module.enqueue(keys[:3], torch.arange(3))
    module.enqueue(keys[3:6], torch.arange(3, 6))
    assert module.owner.tolist() == [5, 1, 2, 3, 4]
    assert torch.equal(module.queue, keys[[5, 1, 2, 3, 4]])
    assert int(module.place) == 1
    module.enqueue(keys, torch.arange(8))
    assert sorted(module.owner.tolist()) == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("statistics", ["batch", "momentum"])
def test_statistics_of_the_keys(statistics):
    torch.manual_seed(0)
    encoder = ResNet(InputShape(1, 8), blocks=(1,), stem=2)
    module = Moco(encoder, options(key_statistics=statistics, hidden=4, momentum=0.5)).train()
    inputs = {"values": torch.randn(6, 1, 8, 8)}
    with torch.no_grad():
        module.query(inputs)
    mine = module.key.encoder.bn1.running_mean.clone()
    module.follow()
    moved = not torch.equal(module.key.encoder.bn1.running_mean, mine)
    with torch.no_grad():
        alone = module.key({"values": inputs["values"][:2]})
        together = module.key(inputs)[:2]
    independent = torch.allclose(alone, together, atol=1e-5)
    assert moved == independent == (statistics == "momentum")
    assert module.query.training


def test_only_the_query_encoder_is_trained_by_the_optimiser(tmp_path):
    encoder = mlp()
    before = weights(encoder)
    train(tmp_path, encoder, moco=options(momentum=0.0), epochs=1)
    assert not same_weights(before, weights(encoder))
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    n_query = sum(1 for key in state["module"] if key.startswith("query."))
    assert len(state["optimizer"]["state"]) == n_query


def test_resumed_equals_uninterrupted(tmp_path):
    whole, first, second = mlp(dropout=0.2), mlp(dropout=0.2), mlp(dropout=0.2)
    a = train(tmp_path / "whole", whole, epochs=4)
    train(tmp_path / "parts", first, epochs=2)
    b = train(tmp_path / "parts", second, epochs=4, resume=True)
    assert losses(a) == losses(b)
    assert same_weights(weights(whole), weights(second))
    states = [
        torch.load(tmp_path / name / "last.ckpt", weights_only=True)["module"]
        for name in ("whole", "parts")
    ]
    assert torch.equal(states[0]["queue"], states[1]["queue"])


class Shortcut(Encoder):
    """Sees hidden numbers that views share, among many that they do not."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(24, 12)
        self.out_features = 12

    def forward(self, values, mask=None):
        return self.linear(values)


class Views(ToySource):
    """Four numbers that stay, twenty louder ones that are drawn anew for every view."""

    def batch(self, rows, rng=None):
        batch = super().batch(rows, None)
        values = np.zeros((len(rows), 24), np.float32)
        values[:, :4] = self.hidden[rows]
        if rng is not None:
            values[:, 4:] = 2 * rng.normal(size=(len(rows), 20))
        batch.inputs["photometry"]["values"] = torch.from_numpy(values)
        return batch


def test_features_keep_what_the_views_share(tmp_path):
    torch.manual_seed(1)
    encoder = Shortcut()
    result = train(tmp_path, encoder, Views(96), epochs=40, learning_rate=0.05)
    assert result.best_loss < 0.7 * result.history[0]["validation/loss"]
    size = encoder.linear.weight.detach().norm(dim=0)
    assert float(size[:4].mean()) > 3 * float(size[4:].mean())


def test_a_queue_longer_than_the_training_part_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"moco\.queue is 65"):
        train(tmp_path, moco=options(queue=65))
