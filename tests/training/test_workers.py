"""A command on several processes gives what it gives on one."""

import json
import subprocess
import sys

import pytest

from skybind.config import dump_config, load_config
from skybind.embeddings.store import Embeddings
from skybind.simulate.write import write_stars
from skybind.study import run_all
from skybind.training import workers

SETTINGS = [
    "seed=3",
    "modalities.photometry=null",
    "modalities.spectrum.encoder.dropout=0",
    "modalities.metadata.encoder.dropout=0",
    "model.dimension=16",
    "training.epochs=2",
    "training.batch_size=32",
    "finetuning.training.epochs=2",
    "finetuning.modality_dropout=0",
    "finetuning.overrides={}",
    "finetuning.modalities=[all]",
    "finetuning.subsets=[full]",
    "finetuning.starts=[pretrained]",
    "evaluation.map=pca",
    "evaluation.examples=0",
    "evaluation.baseline=false",
    "training.accelerator=cpu",
    "finetuning.training.accelerator=cpu",
]


def launch(*command):
    """Start `skybind ...` on two processes, as torchrun does."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run(
        [*start, "-m", "skybind", *map(str, command)], capture_output=True, text=True, timeout=600
    )


def test_a_run_on_two_processes_equals_one(tmp_path):
    write_stars(tmp_path / "stars", 300, seed=2, missing=0.2)
    config = load_config("stars-small", SETTINGS)
    (tmp_path / "quick.yaml").write_text(dump_config(config))
    one, two = tmp_path / "one", tmp_path / "two"
    run_all(config, tmp_path / "stars", one)
    done = launch("run", tmp_path / "quick.yaml", "--data", tmp_path / "stars", "--out", two)
    assert done.returncode == 0, done.stderr
    # one process speaks: what is said once stands there once
    assert done.stdout.count("The report is") == 1
    assert done.stderr.count("pre-training epoch 2/2") == 1
    for step in ("pretrain/result.json", "finetune/spectrum+metadata-full-pretrained/result.json"):
        alone, together = (json.loads((run / step).read_text()) for run in (one, two))
        assert together["best_loss"] == pytest.approx(alone["best_loss"], rel=1e-4)
    alone, together = (Embeddings.read(run / "embeddings") for run in (one, two))
    for name, vectors in alone.vectors.items():
        assert abs(vectors - together.vectors[name]).max() < 1e-3
    assert sorted(p.name for p in one.iterdir()) == sorted(p.name for p in two.iterdir())


@pytest.mark.slow
def test_an_error_is_told_once_and_ends_all_processes(tmp_path):
    done = launch("run", "stars-smal", "--data", tmp_path, "--out", tmp_path / "none")
    assert done.returncode != 0
    assert done.stderr.count("skybind: There is no configuration 'stars-smal'") == 1


def test_alone_nothing_is_shared():
    class Work:
        def join(self):
            raise AssertionError("nobody waits for work")

    assert not workers.together()
    with workers.shared(Work()):
        pass
