"""A tiny world for the tests of training: noisy views of a few hidden numbers."""

from pathlib import Path

import numpy as np
import torch

from skybind.config.training import TrainingOptions
from skybind.encoders.mlp import MLP
from skybind.modalities.batch import Batch
from skybind.modalities.shape import InputShape
from skybind.models.binder import Binder, PairScales
from skybind.models.classifier import Classifier

FEATURES = {"photometry": 6, "spectrum": 5, "metadata": 4}


class ToySource:
    """Linear views of hidden numbers, with fresh noise in training, and some not observed."""

    def __init__(self, n=64, missing=0.0, noise=0.05, seed=0, names=tuple(FEATURES)):
        rng = np.random.default_rng(seed)
        self.hidden = rng.normal(size=(n, 4)).astype(np.float32)
        self.views = {
            name: (self.hidden @ rng.normal(size=(4, width))).astype(np.float32)
            for name, width in FEATURES.items()
        }
        self.observed = {name: rng.random(n) >= missing for name in FEATURES}
        self.noise, self.names = noise, list(names)

    def __len__(self):
        return len(self.hidden)

    def present(self, name):
        return self.observed[name]

    def select(self, names):
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, names=list(names))
        return other

    def batch(self, rows, rng=None):
        inputs, present = {}, {}
        for name in self.names:
            values = self.views[name][rows]
            if rng is not None:
                values = values + rng.normal(0, self.noise, values.shape).astype(np.float32)
            here = self.observed[name][rows]
            inputs[name] = {"values": torch.from_numpy(values * here[:, None])}
            present[name] = torch.from_numpy(here)
        return Batch(torch.from_numpy(np.asarray(rows, np.int64)), inputs, present)


def toy_binder(seed=0, pairs=None, dropout=0.1, names=tuple(FEATURES), initial=10.0):
    torch.manual_seed(seed)
    if pairs is None:
        pairs = [("photometry", "spectrum"), ("spectrum", "metadata"), ("metadata", "photometry")]
    encoders = {name: MLP(InputShape(FEATURES[name]), hidden=16, dropout=dropout) for name in names}
    return Binder(encoders, 8, pairs, PairScales(pairs, initial=initial))


def toy_classifier(n_classes=3, seed=0, names=("photometry", "spectrum"), dropout=0.1):
    binder = toy_binder(seed, [("photometry", "spectrum")], dropout, names)
    return Classifier(binder, n_classes)


def toy_rows(n=64, validation=16):
    return {"train": np.arange(n - validation), "validation": np.arange(n - validation, n)}


def toy_options(**changes):
    values = {
        "batch_size": 16,
        "epochs": 4,
        "learning_rate": 0.01,
        "weight_decay": 0.0,
        "warmup_epochs": 1,
        "warmup_by": "step",
        "accelerator": "cpu",
    }
    return TrainingOptions(**(values | changes))


def weights(module):
    return {key: value.detach().clone() for key, value in module.state_dict().items()}


def same_weights(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def losses(result):
    return [(r["train/loss"], r["validation/loss"]) for r in result.history]


HERE = Path(__file__).parent
