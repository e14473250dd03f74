import csv
import math
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from skybind.errors import DataError, ModelError
from skybind.training.checkpoint import load_weights
from skybind.training.losses import pairs_loss
from skybind.training.pretrain import _Pretraining, pretrain
from tests.training.training_toys import (
    HERE,
    ToySource,
    losses,
    same_weights,
    toy_binder,
    toy_options,
    toy_rows,
    weights,
)

ROWS = toy_rows()
_MOMENTS = ("exp_avg", "exp_avg_sq")


def run(out, binder=None, source=None, rows=None, seed=3, on_save=None, **options):
    resume = options.pop("resume", False)
    symmetric = options.pop("symmetric", "sum")
    return pretrain(
        binder or toy_binder(),
        source or ToySource(),
        rows or ROWS,
        toy_options(**options),
        out,
        seed=seed,
        loss=symmetric,
        resume=resume,
        on_save=on_save,
    )


def unrelated():
    """Give a source whose views have nothing in common: training can only overfit."""
    source = ToySource()
    rng = np.random.default_rng(1)
    source.views = {
        name: rng.normal(size=view.shape).astype(np.float32) for name, view in source.views.items()
    }
    return source


def test_learns_to_bind_views_of_one_object(tmp_path):
    binder = toy_binder(dropout=0.0)
    source = ToySource(400)
    rows = toy_rows(400, 64)
    result = run(tmp_path, binder, source, rows, epochs=20, batch_size=64)
    last = result.history[-1]
    assert last["validation/loss"] < 0.5 * result.history[0]["validation/loss"]
    assert last["validation/accuracy/photometry-spectrum"] > 20 / 64
    assert result.best_loss == min(r["validation/loss"] for r in result.history)
    assert result.best_epoch == 1 + int(np.argmin([r["validation/loss"] for r in result.history]))


def test_the_module_ends_with_its_best_weights(tmp_path):
    binder, saved = toy_binder(), []
    source = unrelated()
    result = run(tmp_path, binder, source, learning_rate=0.03, epochs=12, on_save=saved.append)
    assert result.best_epoch < len(result.history)
    again = toy_binder(seed=8)
    load_weights(again, tmp_path / "best.safetensors")
    assert same_weights(weights(binder), weights(again))
    assert set(saved) == {tmp_path / "best.safetensors"}
    batch = source.batch(ROWS["validation"])
    with torch.no_grad():
        value = pairs_loss(binder.embed(batch), batch.present, binder.pairs, binder.scales)["loss"]
    assert float(value) == pytest.approx(result.best_loss, rel=1e-5)
    assert not binder.training


def test_the_average_of_the_weights_is_what_is_validated_and_kept(tmp_path):
    kept, plain = toy_binder(), toy_binder()
    result = run(tmp_path / "average", kept, average=0.95)
    other = run(tmp_path / "plain", plain)
    # training goes on from the weights themselves, so its losses are those without an average
    assert [a for a, _ in losses(result)] == [a for a, _ in losses(other)]
    assert [b for _, b in losses(result)] != [b for _, b in losses(other)]
    state = torch.load(tmp_path / "average/last.ckpt", weights_only=True)
    assert result.best_epoch == 4  # so what is kept is the last average
    assert same_weights(weights(kept), state["average"]["average"])
    assert state["average"]["steps"] == 4 * 3
    batch = ToySource().batch(ROWS["validation"])
    with torch.no_grad():
        value = pairs_loss(kept.embed(batch), batch.present, kept.pairs, kept.scales)["loss"]
    assert float(value) == pytest.approx(result.best_loss, rel=1e-5)


def test_the_last_weights_may_be_kept(tmp_path):
    source = unrelated()
    result = run(tmp_path, source=source, learning_rate=0.03, epochs=6, keep_by="last")
    validated = [record["validation/loss"] for record in result.history]
    assert np.argmin(validated) < 5
    assert (result.best_epoch, result.best_loss) == (6, validated[-1])
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    kept = toy_binder(seed=8)
    load_weights(kept, tmp_path / "best.safetensors")
    assert same_weights(weights(kept), state["module"])


def test_validation_may_look_at_views_that_stay_the_same(tmp_path):
    class Drawn(ToySource):
        def batch(self, rows, rng=None):
            if set(rows) <= set(ROWS["validation"]):
                draws.append(None if rng is None else rng.random())
            return super().batch(rows, rng)

    draws: list = []
    run(tmp_path / "clean", source=Drawn(), epochs=2, loader_threads=0)
    assert set(draws) == {None}
    draws.clear()
    run(tmp_path / "drawn", source=Drawn(), epochs=2, validation_views="augmented",
        loader_threads=0)  # fmt: skip
    assert len(draws) == 2
    assert draws[0] == draws[1] is not None


def test_validation_is_the_mean_of_batch_losses_by_rows(tmp_path):
    binder = toy_binder()
    result = run(tmp_path, binder, epochs=1, validation_batch_size=10)
    source, total = ToySource(), 0.0
    for rows in (ROWS["validation"][:10], ROWS["validation"][10:]):
        batch = source.batch(rows)
        with torch.no_grad():
            part = pairs_loss(binder.embed(batch), batch.present, binder.pairs, binder.scales)
        total += float(part["loss"]) * len(rows) / 16
    assert result.best_loss == pytest.approx(total, rel=1e-5)


def test_same_seed_same_numbers_whatever_the_threads(tmp_path):
    first, second = toy_binder(), toy_binder()
    a = run(tmp_path / "a", first, loader_threads=0)
    b = run(tmp_path / "b", second, loader_threads=3)
    assert losses(a) == losses(b)
    assert same_weights(weights(first), weights(second))
    assert losses(run(tmp_path / "c", seed=4)) != losses(a)


def test_the_callers_random_state_decides_nothing(tmp_path):
    torch.manual_seed(1)
    binder = toy_binder()
    torch.manual_seed(1)
    a = run(tmp_path / "a", binder)
    binder = toy_binder()
    torch.manual_seed(2)
    assert losses(run(tmp_path / "b", binder)) == losses(a)


@pytest.mark.parametrize("average", [None, 0.9])
def test_resuming_equals_never_stopping(tmp_path, average):
    whole, parts = toy_binder(), toy_binder()
    expected = run(tmp_path / "whole", whole, epochs=5, average=average)
    run(tmp_path / "parts", parts, epochs=2, average=average)
    result = run(tmp_path / "parts", toy_binder(seed=7), epochs=5, average=average, resume=True)
    assert losses(result) == losses(expected)
    assert [r["learning_rate"] for r in result.history] == [
        r["learning_rate"] for r in expected.history
    ]
    load_weights(parts, tmp_path / "parts/best.safetensors")
    assert same_weights(weights(whole), weights(parts))


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from training_toys import ToySource, toy_binder, toy_options, toy_rows
from skybind.training.pretrain import _Pretraining, pretrain
class Deadly(ToySource):
    batches = 0
    def batch(self, rows, rng=None):
        Deadly.batches += rng is not None
        # of three batches an epoch: in the middle of epoch 3
        if sys.argv[2] == "kill" and Deadly.batches == 2 * 3 + 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().batch(rows, rng)
resume = sys.argv[2] == "resume"
result = pretrain(toy_binder(), Deadly(), toy_rows(), toy_options(epochs=5),
                  Path(sys.argv[1]), seed=3, resume=resume)
print([[r["train/loss"], r["validation/loss"]] for r in result.history])
"""


def test_resuming_after_a_kill_gives_the_same_losses_bit_for_bit(tmp_path):
    def start(mode):
        command = [sys.executable, "-c", KILLED, str(tmp_path), mode]
        telling = os.environ | {"SKYBIND_LOG": "normal"}
        return subprocess.run(
            command, cwd=HERE, env=telling, capture_output=True, text=True, timeout=120
        )

    killed = start("kill")
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "last.ckpt").exists()
    with (tmp_path / "log.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    resumed = start("resume")
    assert resumed.returncode == 0, resumed.stderr
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        expected = run(tmp_path / "whole", epochs=5)
    finally:
        torch.set_num_threads(threads)
    assert resumed.stdout.strip() == str([list(pair) for pair in losses(expected)])
    # and the user saw one line an epoch, and nothing of Lightning's
    lines = resumed.stderr.strip().splitlines()
    assert [line.split()[2] for line in lines] == ["3/5", "4/5", "5/5"]
    assert not list(tmp_path.glob(".*"))


def test_resume_starts_where_there_is_nothing_and_returns_where_all_is_done(tmp_path):
    first = run(tmp_path, resume=True, epochs=2)
    assert first.finished
    before = (tmp_path / "last.ckpt").stat().st_mtime_ns
    binder = toy_binder(seed=5)
    again = run(tmp_path, binder, resume=True, epochs=2)
    assert losses(again) == losses(first)
    assert again.best_epoch == first.best_epoch
    assert (tmp_path / "last.ckpt").stat().st_mtime_ns == before
    trained = toy_binder()
    load_weights(trained, tmp_path / "best.safetensors")
    assert same_weights(weights(binder), weights(trained))


def test_a_run_that_starts_anew_leaves_nothing_of_the_old_one_to_resume(tmp_path):
    class Failing(ToySource):
        def batch(self, rows, rng=None):
            raise RuntimeError("disk gone")

    run(tmp_path, epochs=3)
    with pytest.raises(RuntimeError, match="disk gone"):
        run(tmp_path, source=Failing(), epochs=3)
    assert not (tmp_path / "last.ckpt").exists()
    assert not (tmp_path / "best.safetensors").exists()


def test_another_configuration_does_not_resume(tmp_path):
    run(tmp_path, epochs=1)
    with pytest.raises(ModelError, match="another configuration"):
        run(tmp_path, epochs=2, resume=True, learning_rate=0.5)
    with pytest.raises(ModelError, match="another configuration"):
        run(tmp_path, epochs=2, resume=True, symmetric="mean")
    run(tmp_path, epochs=1, learning_rate=0.5)  # without resume it starts anew


def test_stops_early(tmp_path):
    options = {"learning_rate": 0.03, "epochs": 40, "early_stop_patience": 2}
    result = run(tmp_path, source=unrelated(), **options)
    assert result.stopped_early
    assert result.finished
    assert len(result.history) == result.best_epoch + 2
    again = run(tmp_path, source=unrelated(), resume=True, **options)
    assert again.stopped_early
    assert losses(again) == losses(result)


def test_the_time_limit_stops_after_a_whole_epoch_and_can_be_resumed(tmp_path):
    result = run(tmp_path, epochs=3, max_minutes=1e-6)
    assert len(result.history) == 1
    assert not result.finished
    rest = run(tmp_path, epochs=3, resume=True)
    assert losses(rest) == losses(run(tmp_path / "whole", epochs=3))


def test_cached_chunks_train_as_the_whole_batch_does(tmp_path):
    source = ToySource(missing=0.3)
    plain = run(tmp_path / "a", toy_binder(dropout=0.0), source)
    cached = run(tmp_path / "b", toy_binder(dropout=0.0), source, cached_chunk=5)
    for ours, theirs in zip(losses(cached), losses(plain), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


def test_one_modality_alone_is_paired_with_itself(tmp_path):
    names, pairs = ["photometry"], [("photometry", "photometry")]
    binder = toy_binder(names=names, pairs=pairs, dropout=0.0)
    source = ToySource(400, noise=0.3, names=names)
    result = run(tmp_path, binder, source, toy_rows(400, 64), epochs=8, batch_size=64)
    first, last = result.history[0], result.history[-1]
    assert 0 < last["validation/loss/photometry-photometry"] < first["validation/loss"]
    # the two views differ: equal ones would be told apart at once
    assert first["train/accuracy/photometry-photometry"] < 0.9
    cached = run(
        tmp_path / "cached",
        toy_binder(names=names, pairs=pairs, dropout=0.0),
        source,
        toy_rows(400, 64),
        epochs=2,
        batch_size=64,
        cached_chunk=13,
    )
    for ours, theirs in zip(losses(cached), losses(result), strict=False):
        assert ours == pytest.approx(theirs, rel=1e-4)


def test_objects_without_any_pair_are_left_out_and_counted(tmp_path):
    source = ToySource(64)
    source.observed = {name: np.ones(64, bool) for name in source.observed}
    source.observed["photometry"][:20] = False
    source.observed["spectrum"][:10] = False
    result = run(tmp_path, source=source, epochs=1, batch_size=64)
    record = result.history[0]
    assert record["train/n/photometry-spectrum"] == 28
    assert record["train/n/spectrum-metadata"] == 38
    assert record["train/n/metadata-photometry"] == 28


def test_without_common_objects_there_is_nothing_to_train(tmp_path):
    source = ToySource()
    source.observed = {name: np.zeros(64, bool) for name in source.observed}
    with pytest.raises(DataError, match="train split has 0 usable objects for pre-training"):
        run(tmp_path, source=source)
    with pytest.raises(DataError, match=r"validation split has 0 usable .*split.fractions"):
        run(tmp_path, rows=ROWS | {"validation": np.array([], np.int64)})


def test_a_loss_that_is_not_finite_names_its_epoch_and_pair(tmp_path):
    class Broken(ToySource):
        def batch(self, rows, rng=None):
            batch = super().batch(rows, rng)
            if 5 in rows:
                batch.inputs["metadata"]["values"][0] = math.inf
            return batch

    with pytest.raises(ModelError, match=r"loss of spectrum-metadata .* epoch 1 of pre-training"):
        run(tmp_path, source=Broken())
    assert not (tmp_path / "last.ckpt").exists()


@pytest.fixture
def ctrl_c():
    """Ctrl-C as in a terminal: a shell starts background jobs with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_leaves_the_last_checkpoint(tmp_path, capsys, ctrl_c, talking):
    class Interrupting(ToySource):
        calls = 0

        def batch(self, rows, rng=None):
            type(self).calls += rng is not None
            if type(self).calls == 8:
                os.kill(os.getpid(), signal.SIGINT)
            return super().batch(rows, rng)

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, source=Interrupting())
    assert "resume to go on" in capsys.readouterr().err
    assert threading.active_count() == before
    result = run(tmp_path, resume=True)
    assert losses(result) == losses(run(tmp_path / "whole"))


def test_the_log_holds_every_epoch(tmp_path):
    result = run(tmp_path, epochs=3)
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["validation/loss"]) for row in rows] == [
        record["validation/loss"] for record in result.history
    ]
    assert {
        "epoch",
        "learning_rate",
        "train/loss/photometry-spectrum",
        "validation/accuracy/metadata-photometry",
        "train/n/spectrum-metadata",
        "scale/spectrum-metadata",
        "seconds",
        "objects_per_second",
    } <= set(rows[0])


def test_bfloat16_trains_too(tmp_path):
    exact = run(tmp_path / "a", toy_binder(dropout=0.0), epochs=2)
    mixed = run(tmp_path / "b", toy_binder(dropout=0.0), epochs=2, precision="bf16-mixed")
    assert losses(mixed) != losses(exact)
    for ours, theirs in zip(losses(mixed), losses(exact), strict=True):
        assert ours == pytest.approx(theirs, rel=0.1)


def test_in_bf16_the_weights_that_are_clipped_kept_and_resumed_are_in_single_precision(
    tmp_path, monkeypatch
):
    clipped = []
    clip = torch.nn.utils.clip_grad_norm_

    def watched(parameters, *args, **kwargs):
        parameters = list(parameters)
        clipped.append({p.grad.dtype for p in parameters if p.grad is not None})
        return clip(parameters, *args, **kwargs)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", watched)
    options = {"precision": "bf16-mixed", "gradient_clip": 1e-3}
    run(tmp_path / "one", epochs=1, **options)
    saved = torch.load(tmp_path / "one" / "last.ckpt", weights_only=True)
    kept = load_file(tmp_path / "one" / "best.safetensors")
    moments = [m[name] for m in saved["optimizer"]["state"].values() for name in _MOMENTS]
    tensors = [*saved["module"].values(), *kept.values(), *moments]
    assert {t.dtype for t in tensors} == {torch.float32}
    assert clipped
    assert set().union(*clipped) == {torch.float32}
    # more digits than bfloat16 has, else they would be rounded weights in a wider dress
    assert any((w != w.bfloat16().float()).any() for w in kept.values())

    whole, parts = toy_binder(), toy_binder()
    run(tmp_path / "whole", whole, epochs=3, **options)
    run(tmp_path / "parts", parts, epochs=1, **options)
    run(tmp_path / "parts", parts, epochs=3, resume=True, **options)
    assert same_weights(weights(whole), weights(parts))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["32", "bf16-mixed", "16-mixed"])
def test_trains_on_a_gpu_and_resumes(tmp_path, precision):
    options = {"accelerator": "cuda", "precision": precision, "cached_chunk": 5}
    expected = run(tmp_path / "whole", toy_binder(), epochs=3, **options)
    run(tmp_path / "parts", toy_binder(), epochs=1, **options)
    binder = toy_binder()
    result = run(tmp_path / "parts", binder, epochs=3, resume=True, **options)
    for ours, theirs in zip(losses(result), losses(expected), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)
    assert next(binder.parameters()).device.type == "cpu"


def test_the_highest_accuracy_of_before_is_not_compared_with_that_of_now(tmp_path, monkeypatch):
    """A run that keeps the lowest loss goes on: what its score means did not change."""

    def of_before(self):
        return {"pairs": [list(pair) for pair in self.pairs], "symmetric": self.loss}

    with monkeypatch.context() as before:
        before.setattr(_Pretraining, "identity", of_before)
        for keep_by in ("loss", "accuracy"):
            run(tmp_path / keep_by, epochs=1, keep_by=keep_by)
    run(tmp_path / "loss", epochs=2, keep_by="loss", resume=True)
    assert len((tmp_path / "loss" / "log.csv").read_text().splitlines()) == 3
    with pytest.raises(ModelError, match="another configuration"):
        run(tmp_path / "accuracy", epochs=2, keep_by="accuracy", resume=True)
