"""A process of a training that is gone is told in a sentence, and the training goes on later."""

import os
import signal

import pytest
import torch
import torch.distributed as dist
from torch.multiprocessing import ProcessExitedException

from skybind.errors import DataError, ProcessError
from skybind.training import fit
from skybind.training.lost import told_of_lost
from skybind.training.pretrain import pretrain
from tests.training.training_toys import ToySource, losses, toy_binder, toy_options, toy_rows

READ = "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:537] Read error: reset by peer"
NCCL = "NCCL error: remote process exited or there was a network error, NCCL version 2.21.5"


@pytest.mark.parametrize("said", [READ, NCCL, "Connection closed by peer [127.0.0.1]:7902"])
def test_what_a_collective_says_of_a_lost_process(said):
    with pytest.raises(ProcessError, match=r"is gone.*same command again"), told_of_lost():
        raise RuntimeError(said)


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ({"exit_code": -9, "signal_name": "SIGKILL"}, "was killed, perhaps for want of memory"),
        ({"exit_code": -15, "signal_name": "SIGTERM"}, "was ended by SIGTERM"),
        ({"exit_code": 3}, "ended with status 3"),
    ],
)
def test_what_the_starting_process_says(by, said):
    error = ProcessExitedException("", error_index=1, error_pid=7, **by)
    with pytest.raises(ProcessError, match=f"Process 1 of this training {said}"), told_of_lost():
        raise error


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
        RuntimeError("NCCL error: unhandled cuda error, out of memory"),
        ValueError("no connection between the two"),
    ],
)
def test_other_errors_pass(error):
    with pytest.raises(type(error)) as found, told_of_lost():
        raise error
    assert found.value is error


class Damaged(ToySource):
    """Observations that one of the processes cannot read."""

    def batch(self, rows, rng=None):
        if dist.is_initialized() and dist.get_rank() == 1:
            raise DataError("x.bin is damaged: delete it.")
        return super().batch(rows, rng)


@pytest.mark.slow
def test_why_a_process_ended_is_said(tmp_path, capfd):
    binder = toy_binder(dropout=0.0, pairs=[("photometry", "spectrum")])
    options = toy_options(epochs=1, batch_size=16, devices=2)
    with pytest.raises(ProcessError, match="it said why"):
        pretrain(binder, Damaged(67), toy_rows(67), options, tmp_path, seed=3)
    assert "skybind: process 1: x.bin is damaged: delete it." in capfd.readouterr().err


class Kill:
    """Kill the process that writes the best weights, once they are written the second time."""

    def __init__(self, note):
        self.note = note

    def __call__(self, path):
        if self.note.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        self.note.touch()


@pytest.mark.slow
def test_a_training_whose_process_was_killed_goes_on(tmp_path):
    def train(folder, **more):
        binder = toy_binder(dropout=0.0, pairs=[("photometry", "spectrum")])
        options = toy_options(epochs=3, batch_size=16, drop_last=False, devices=more.pop("devices"))
        source = ToySource(67, noise=0.0)
        return binder, pretrain(binder, source, toy_rows(67), options, folder, seed=3, **more)

    undisturbed, expected = train(tmp_path / "one", devices=1)
    with pytest.raises(ProcessError, match="Process 0 of this training was killed"):
        train(tmp_path / "two", devices=2, on_save=Kill(tmp_path / "note"))
    binder, result = train(tmp_path / "two", devices=2, resume=True)
    for ours, theirs in zip(losses(result), losses(expected), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    for name, value in binder.state_dict().items():
        torch.testing.assert_close(value, undisturbed.state_dict()[name], rtol=1e-3, atol=1e-4)


def test_a_process_that_cannot_go_on_does_not_let_its_fellows_wait(monkeypatch, tmp_path):
    class Fabric:
        def launch(self, job):
            return DataError("x.bin is damaged: delete it.")

    monkeypatch.setattr(fit, "make_fabric", lambda options: Fabric())
    job = fit._Job(None, None, tmp_path, 0, False, None)
    with pytest.raises(DataError, match=r"x\.bin is damaged"):
        job.join()
