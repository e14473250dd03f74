import pickle

import numpy as np
import pytest
import torch

from skybind.config.training import TrainingOptions
from skybind.errors import ModelError
from skybind.training.checkpoint import (
    fingerprint,
    load_checkpoint,
    load_weights,
    save_checkpoint,
    save_weights,
)
from tests.training.training_toys import same_weights, toy_binder, toy_options, toy_rows, weights


def identity(**changes):
    values = {
        "kind": "pre-training",
        "module": toy_binder(),
        "options": toy_options(),
        "rows": toy_rows(),
        "seed": 1,
        "extra": None,
    }
    return fingerprint(**(values | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "fine-tuning"},
        {"module": toy_binder(names=["photometry"], pairs=[("photometry", "photometry")])},
        {"options": toy_options(learning_rate=0.02)},
        {"options": toy_options(batch_size=8)},
        {"rows": toy_rows() | {"train": np.arange(47)}},
        {"rows": toy_rows() | {"train": np.arange(48)[::-1]}},
        {"seed": 2},
        {"extra": "other pairs"},
    ],
)
def test_another_run_has_another_fingerprint(changes):
    assert identity(**changes) != identity()


def test_a_frozen_weight_changes_the_fingerprint():
    frozen = toy_binder()
    frozen.projections.requires_grad_(False)
    assert identity(module=frozen) != identity()


@pytest.mark.parametrize(
    "change",
    [{"epochs": 50}, {"max_minutes": 3.0}, {"devices": 2}, {"loader_threads": 0}],
)
def test_what_changes_no_number_may_change(change):
    assert identity(options=toy_options(**change)) == identity(module=toy_binder(seed=9))


def test_along_a_cosine_the_number_of_epochs_counts():
    twelve, twenty = (
        identity(options=toy_options(decay="cosine", epochs=epochs)) for epochs in (12, 20)
    )
    assert twelve != twenty
    assert identity(options=toy_options(decay="cosine", epochs=12, devices=2)) == twelve


def test_round_trip(tmp_path):
    path = tmp_path / "last.ckpt"
    state = {"fingerprint": "x", "tensor": torch.arange(3), "history": [{"loss": float("nan")}]}
    save_checkpoint(path, state)
    loaded = load_checkpoint(path, "x")
    assert torch.equal(loaded["tensor"], torch.arange(3))
    assert list(tmp_path.iterdir()) == [path]


class Evil:
    def __reduce__(self):
        return print, ("unpickled",)


@pytest.mark.parametrize(
    "content",
    [b"", b"no checkpoint", pickle.dumps(Evil(), 2), None],
    ids=["empty", "text", "pickle", "torch"],
)
def test_what_is_no_checkpoint_is_refused_and_never_unpickled(tmp_path, content, capsys):
    path = tmp_path / "last.ckpt"
    if content is None:
        torch.save({"version": 1, "fingerprint": Evil()}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"last\.ckpt cannot be read"):
        load_checkpoint(path, "x")
    assert "unpickled" not in capsys.readouterr().out


def test_a_truncated_checkpoint_is_refused(tmp_path):
    path = tmp_path / "last.ckpt"
    save_checkpoint(path, {"fingerprint": "x", "tensor": torch.arange(10_000)})
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(ModelError, match="cannot be read"):
        load_checkpoint(path, "x")


def test_another_runs_checkpoint_is_refused(tmp_path):
    path = tmp_path / "last.ckpt"
    save_checkpoint(path, {"fingerprint": "x"})
    with pytest.raises(ModelError, match="another configuration, data, start or seed"):
        load_checkpoint(path, "y")
    torch.save({"version": 0, "fingerprint": "y"}, path)
    with pytest.raises(ModelError, match="another version"):
        load_checkpoint(path, "y")


def test_weights_round_trip(tmp_path):
    ours, theirs = toy_binder(seed=1), toy_binder(seed=2)
    save_weights(ours, tmp_path / "best.safetensors")
    load_weights(theirs, tmp_path / "best.safetensors")
    assert same_weights(weights(ours), weights(theirs))


def test_a_checkpoint_of_version_0_1_is_gone_on_from():
    """Options that came later change no fingerprint where they are off; 0.1 had this one."""
    rows = {"train": np.arange(5), "validation": np.arange(5, 8)}
    options = TrainingOptions()
    module = torch.nn.Linear(3, 2)
    assert fingerprint("pre-training", module, options, rows, 7, {"a": 1}) == "9f16b3b909b51559"
