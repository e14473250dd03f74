"""Training on what comes of a HATS catalogue, by two processes."""

import json
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest

from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.ingest.hats_restored import restore
from skybind.runs import steps
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.scale.export import export_hats
from skybind.simulate.write import write_stars
from tests.training.test_workers import SETTINGS


@pytest.mark.slow
def test_two_processes_train_from_prepared_arrays_alone(tmp_path, monkeypatch):
    """Dataset and catalogue are away meanwhile, and nothing of an object is handed over."""
    folders = [tmp_path / name for name in ("stars", "hats", "again")]
    stars, hats, again = folders
    write_stars(stars, 300, seed=2, missing=0.2)
    export_hats(stars, hats, rows=40)
    restore(hats, again)
    assert Dataset.open(again).fingerprint == Dataset.open(stars).fingerprint
    one = Run.start(load_config("stars-small", SETTINGS), stars, tmp_path / "one")
    steps.run_pretraining(one)
    config = load_config("stars-small", [*SETTINGS, "training.devices=2"])
    two, real, handed = Run.start(config, again, tmp_path / "two"), steps.pretrain, []

    def alone(binder, source, *words, **more):
        handed.append(len(ForkingPickler.dumps(source.prepared)))
        for folder in folders:
            folder.rename(folder.with_suffix(".away"))
        try:
            return real(binder, source, *words, **more)
        finally:
            for folder in folders:
                folder.with_suffix(".away").rename(folder)

    monkeypatch.setattr(steps, "pretrain", alone)
    steps.run_pretraining(two)
    assert handed[0] < 10_000  # of some megabytes
    losses = [
        json.loads((run.folder / "pretrain" / "result.json").read_text())["best_loss"]
        for run in (one, two)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    vectors = [run_embedding(run).vectors for run in (one, two)]
    for name, own in vectors[0].items():
        assert np.abs(own - vectors[1][name]).max() < 1e-3
