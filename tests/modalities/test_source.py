from dataclasses import replace

import numpy as np
import torch

from skybind.modalities.base import Prepared
from skybind.modalities.source import BatchSource


class _Plain:
    """A modality without any preprocessing."""

    def batch(self, prepared, rows, rng=None):
        return {"values": torch.from_numpy(prepared.arrays["values"][rows])}


def _source(n=50, views=3):
    values = np.arange(n, dtype=np.float32)[:, None]
    plain = Prepared({"values": values}, np.ones(n, bool), np.full(n, ""))
    features = (values + 1000 * np.arange(1 + views, dtype=np.float32))[..., None]
    arrays = {"values": values, "features": features, "viewed": np.arange(n) < 40}
    cached = replace(plain, arrays=arrays)
    return BatchSource({"a": _Plain(), "b": _Plain()}, {"a": plain, "b": cached}, {"b": "origin"})


def test_cached_features_are_batched_instead_of_the_observation():
    batch = _source().batch(np.array([3, 7]))
    assert list(batch.inputs["a"]) == ["values"]
    assert batch.inputs["b"]["features"].tolist() == [[3], [7]]


def test_training_draws_a_view_of_those_that_have_some():
    source, rows = _source(), np.arange(50)
    rng = np.random.default_rng(0)
    drawn = [source.batch(rows, rng).inputs["b"]["features"][:, 0].numpy() for _ in range(30)]
    view = (np.stack(drawn) // 1000).astype(int)
    assert set(view[:, :40].ravel()) == {1, 2, 3}
    assert not view[:, 40:].any()
    np.testing.assert_array_equal(np.stack(drawn) % 1000, np.tile(rows, (30, 1)))


def test_a_selection_keeps_the_features_and_where_they_are_from():
    chosen = _source().select(["b"])
    assert chosen.origins == {"b": "origin"}
    assert "features" in chosen.batch(np.array([0])).inputs["b"]
