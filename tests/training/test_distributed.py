"""Two processes must equal one: loss, gradients, and a whole training run."""

import pickle
import subprocess
import sys
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch

from skybind.training.distributed import send_maps_by_name
from skybind.training.finetune import Labels, finetune
from skybind.training.losses import pairs_loss
from skybind.training.pretrain import pretrain
from tests.training.training_toys import (
    HERE,
    ToySource,
    losses,
    toy_binder,
    toy_classifier,
    toy_options,
    toy_rows,
)

WORKER = """
import sys
from datetime import timedelta
import torch, torch.distributed as dist
from training_toys import ToySource, toy_binder
from skybind.training.distributed import average_gradients, broadcast_module
from skybind.training.losses import pairs_loss
rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2,
                        timeout=timedelta(seconds=60))
part = slice(0, 13) if rank == 0 else slice(13, 20)
for missing in (0.0, 0.4):
    binder = toy_binder(seed=rank, dropout=0.0)
    broadcast_module(binder)  # both get what seed 0 gave
    batch = ToySource(20, missing).batch(torch.arange(20).numpy()).select(part)
    result = pairs_loss(binder.embed(batch), batch.present, binder.pairs, binder.scales)
    result["loss"].backward()
    average_gradients(binder.parameters())
    gradients = {n: p.grad for n, p in binder.named_parameters()}
    torch.save({"result": {k: v.detach() for k, v in result.items()}, "gradients": gradients},
               f"{folder}/{rank}-{missing}.pt")
dist.destroy_process_group()
"""


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    command = [sys.executable, "-c", WORKER]
    workers = [subprocess.Popen([*command, str(r), str(folder)], cwd=HERE) for r in range(2)]
    assert [worker.wait(120) for worker in workers] == [0, 0]
    return folder


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_two_processes_with_uneven_parts_equal_one(two_processes, missing):
    binder = toy_binder(seed=0, dropout=0.0)
    batch = ToySource(20, missing).batch(torch.arange(20).numpy())
    result = pairs_loss(binder.embed(batch), batch.present, binder.pairs, binder.scales)
    result["loss"].backward()
    for rank in range(2):
        worker = torch.load(two_processes / f"{rank}-{missing}.pt", weights_only=True)
        for key, value in worker["result"].items():
            torch.testing.assert_close(value, result[key].detach(), rtol=1e-6, atol=1e-6)
        for name, parameter in binder.named_parameters():
            gradient = worker["gradients"][name]
            torch.testing.assert_close(gradient, parameter.grad, rtol=1e-5, atol=1e-6)


def train_pretraining(folder, **changes):
    pairs = [("photometry", "spectrum"), ("spectrum", "metadata")]
    binder = toy_binder(dropout=0.0, pairs=pairs)
    source = ToySource(67, missing=0.3, noise=0.0)
    options = toy_options(epochs=2, batch_size=15, drop_last=False, **changes)
    result = pretrain(binder, source, toy_rows(67), options, folder, seed=3)
    return binder, result


def train_classifier(folder, **changes):
    classifier = toy_classifier(dropout=0.0)
    source = ToySource(67, missing=0.2, noise=0.0)
    labels = (source.hidden[:, 0] > 0).astype(int) + (source.hidden[:, 1] > 1)
    options = toy_options(epochs=2, batch_size=15, drop_last=False, accumulate=2, **changes)
    result = finetune(
        classifier,
        source,
        Labels(labels, np.array([1.0, 2.0, 5.0])),
        toy_rows(67),
        options,
        folder,
        seed=3,
    )
    return classifier, result


def train_with_one_over(folder, **changes):
    """51 training and 16 validation objects: batches of 10 and of 15 leave one over."""
    binder = toy_binder(dropout=0.0, pairs=[("photometry", "spectrum")])
    options = toy_options(
        epochs=2, batch_size=10, drop_last=True, validation_batch_size=15, **changes
    )
    result = pretrain(binder, ToySource(67, noise=0.0), toy_rows(67), options, folder, seed=3)
    for record in result.history:
        assert record["train/n/photometry-spectrum"] == 50
        assert record["validation/n/photometry-spectrum"] == 16
    return binder, result


def train_with_few(folder, **changes):
    """Batches of 8, 8, 2 for training and 2 for validation: of three processes one has nothing."""
    pairs = [("photometry", "spectrum"), ("spectrum", "metadata")]
    binder = toy_binder(dropout=0.0, pairs=pairs)
    options = toy_options(epochs=2, batch_size=8, drop_last=False, **changes)
    source = ToySource(20, noise=0.0)
    return binder, pretrain(binder, source, toy_rows(20, 2), options, folder, seed=3)


def train_with_few_cached(folder, **changes):
    return train_with_few(folder, cached_chunk=1, keep_by="accuracy", **changes)


def train_classifier_with_few(folder, **changes):
    classifier = toy_classifier(dropout=0.0)
    source = ToySource(20, noise=0.0)
    labels = Labels((source.hidden[:, 0] > 0).astype(int), np.array([1.0, 2.0, 5.0]))
    options = toy_options(epochs=2, batch_size=8, drop_last=False, accumulate=2, **changes)
    result = finetune(classifier, source, labels, toy_rows(20, 2), options, folder, seed=3)
    return classifier, result


@pytest.mark.slow
@pytest.mark.parametrize(
    "train", [train_with_few, train_with_few_cached, train_classifier_with_few]
)
def test_three_processes_with_fewer_objects_than_that_equal_one(tmp_path, train):
    one, expected = train(tmp_path / "one")
    three, result = train(tmp_path / "three", devices=3)
    assert len(result.history) == 2
    for ours, theirs in zip(result.history, expected.history, strict=True):
        numbers = [name for name in theirs if name.startswith(("train/", "validation/"))]
        assert len(numbers) > 3
        for number in numbers:
            assert ours[number] == pytest.approx(theirs[number], rel=1e-5, nan_ok=True), number
    for name, value in three.state_dict().items():
        torch.testing.assert_close(value, one.state_dict()[name], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("train", [train_pretraining, train_classifier, train_with_one_over])
def test_training_on_two_devices_equals_training_on_one(tmp_path, train, capfd):
    one, expected = train(tmp_path / "one")
    two, result = train(tmp_path / "two", devices=2)
    assert capfd.readouterr().err == ""  # Lightning keeps its remarks to itself
    for ours, theirs in zip(losses(result), losses(expected), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    assert result.best_epoch == expected.best_epoch
    for name, value in two.state_dict().items():
        torch.testing.assert_close(value, one.state_dict()[name], rtol=1e-3, atol=1e-4)


def test_memory_maps_reach_other_processes_by_name(tmp_path):
    values = np.arange(100_000, dtype=np.float64).reshape(1000, 100)
    values.tofile(tmp_path / "values.bin")
    array = np.memmap(tmp_path / "values.bin", np.float64, "r", shape=values.shape)
    send_maps_by_name()
    sent = bytes(ForkingPickler.dumps(array))
    assert len(sent) < 1000
    received = pickle.loads(sent)
    assert isinstance(received, np.memmap)
    assert not received.flags.writeable
    assert np.array_equal(received, values)
    for view in (array[10:20], array[:, 3], array.T):
        assert np.array_equal(pickle.loads(bytes(ForkingPickler.dumps(view))), np.asarray(view))
