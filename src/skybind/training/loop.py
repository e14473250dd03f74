"""The training loop: epochs, validation, checkpoints and resumption, in each process."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skybind.config.training import TrainingOptions
from skybind.errors import DataError, ModelError
from skybind.training.averaging import MovingAverage
from skybind.training.batches import (
    Sample,
    Stream,
    generator,
    ordered_batches,
    prefetch,
    rank_part,
    torch_seed,
    training_batches,
)
from skybind.training.checkpoint import (
    fingerprint,
    load_checkpoint,
    save_checkpoint,
    save_weights,
)
from skybind.training.distributed import average_gradients, broadcast_module
from skybind.training.metrics import Meter
from skybind.training.names import BEST, CHECKPOINT
from skybind.training.progress import ProgressDisplay, Record, RunLog
from skybind.training.schedule import Schedule, make_optimizer
from skybind.training.task import Engine, Task
from skybind.training.watch import tell_watchers

if TYPE_CHECKING:
    from lightning.fabric import Fabric

OnSave = Callable[[Path], None]
# On a GPU each look at a loss waits for it, so look only so often.
_CHECK_EVERY = 50
_SHOW_SECONDS = 0.5


@dataclass
class TrainingResult:
    """How a training run went.

    Attributes
    ----------
    best_epoch : int
        Epoch (from 1) of the lowest validation loss, or the highest validation accuracy, or the
        last: that whose weights the module now has.
    best_loss : float
        Its validation loss.
    history : list of dict of str to float
        One record an epoch: `epoch`, `learning_rate`, `train/...` and `validation/...`
        losses, accuracies and row counts, `seconds`, `objects_per_second`.
    stopped_early : bool
        Whether it stopped because the validation loss no longer fell.
    finished : bool
        False if only `max_minutes` ended it: resuming goes on.
    seconds : float
        Time of all epochs, those before a resumption included.
    pace : dict of str to int
        What was chosen for the number of objects: the fields of `Pace`.
    """

    best_epoch: int
    best_loss: float
    history: list[Record]
    stopped_early: bool
    finished: bool
    seconds: float
    pace: dict[str, int | None] = field(default_factory=dict)


class Loop:
    """One training run in one process."""

    def __init__(
        self,
        fabric: "Fabric",
        task: Task,
        options: TrainingOptions,
        out: Path,
        seed: int,
        on_save: OnSave | None,
    ) -> None:
        self.fabric, self.task, self.options = fabric, task, options
        self.out, self.seed, self.on_save = out, seed, on_save
        self.rank, self.ranks = fabric.global_rank, fabric.world_size
        self.module = task.module.to(fabric.device)
        broadcast_module(self.module)
        extra = task.identity()
        self.identity = fingerprint(task.title, self.module, options, task.rows, seed, extra)
        self.plain_optimizer = make_optimizer(self.module, options, fabric.device)
        self.optimizer: Any = fabric.setup_optimizers(self.plain_optimizer)
        self.average = (
            None if options.average is None else MovingAverage(self.module, options.average)
        )
        self.schedule = Schedule(options)
        self.history: list[Record] = []
        self._rate = self.schedule.rate()
        task.start(Engine(fabric.device, fabric.autocast, self._backward, options))

    @property
    def description(self) -> str:
        """What is trained on what, in words."""
        parameters = sum(p.numel() for p in self.module.parameters() if p.requires_grad)
        return (
            f"{self.task.title}: {parameters:,} parameters, "
            f"{len(self.task.rows['train']):,} training and "
            f"{len(self.task.rows['validation']):,} validation objects, batches of "
            f"{self.options.batch_size}, {self.ranks} x {self.fabric.device}, precision "
            f"{self.options.precision}"
        )

    def train(self, resume: bool, display: ProgressDisplay) -> TrainingResult:
        """Train until the last epoch, an early stop or the time limit."""
        last = self.out / CHECKPOINT
        if resume and last.exists():
            self._restore(load_checkpoint(last, self.identity))
        elif self.fabric.is_global_zero:
            last.unlink(missing_ok=True)
            (self.out / BEST).unlink(missing_ok=True)
        began = time.monotonic()
        with self._log() as log, display:
            if log and self.history:
                log.agree(self.history)
            while not self.finished and not self._out_of_time(began):
                record, best = self._epoch(display)
                if log:
                    log.write(self.history)
                left = record["seconds"] * (self.options.epochs - self.schedule.epoch)
                display.epoch(record, best, 0.0 if self.finished else left)
                tell_watchers(self.task.title, self.history)
        self.fabric.barrier()
        return TrainingResult(
            best_epoch=self.schedule.kept_epoch + 1,
            best_loss=self.schedule.kept_loss,
            history=self.history,
            stopped_early=self.schedule.stop,
            finished=self.finished,
            seconds=sum(record["seconds"] for record in self.history),
        )

    def _log(self) -> AbstractContextManager[RunLog | None]:
        """The log, closed at the end whatever comes; only the first process writes one."""
        return closing(RunLog(self.out)) if self.fabric.is_global_zero else nullcontext()

    @property
    def finished(self) -> bool:
        """Whether no epoch is left, or it stopped early."""
        return self.schedule.epoch >= self.options.epochs or self.schedule.stop

    def _epoch(self, display: ProgressDisplay) -> tuple[Record, bool]:
        began = time.monotonic()
        epoch = self.schedule.epoch
        torch.manual_seed(torch_seed(self.seed, epoch, self.rank))
        trained, objects = self._train_epoch(display)
        seconds = time.monotonic() - began
        with self._averaged():
            validated, accuracy = self._validate()
        record: Record = {"epoch": epoch + 1, "learning_rate": self._rate}
        record |= {f"train/{key}": value for key, value in trained.items()}
        record |= {f"validation/{key}": value for key, value in validated.items()}
        record |= self.task.values()
        record["seconds"] = time.monotonic() - began
        record["objects_per_second"] = objects / seconds
        best = self.schedule.update(
            self.fabric.broadcast(validated["loss"]),
            self.fabric.broadcast(accuracy),
            self.fabric.broadcast(trained["loss"]),
        )
        self.history.append(record)
        self._save(best)
        return record, best

    def _train_epoch(self, display: ProgressDisplay) -> tuple[dict[str, float], int]:
        options, epoch = self.options, self.schedule.epoch
        batches = training_batches(
            self.task.rows["train"],
            options.batch_size,
            options.drop_last,
            self.seed,
            epoch,
        )
        self.task.training_mode()
        meter = Meter(self.options.loss_mean)
        every = _CHECK_EVERY if self.fabric.device.type != "cpu" else 1
        shown = began = time.monotonic()
        objects = 0
        for step, sample in enumerate(self._samples(batches, epoch)):
            self._step(sample, meter, step / len(batches))
            objects += len(batches[step])
            if step % every == 0:
                self._check_finite(meter)
            now = time.monotonic()
            if display.live and now - shown > _SHOW_SECONDS:
                shown = now
                values = {
                    "loss": meter.means()["loss"],
                    "accuracy": meter.accuracy(),
                    "objects/s": objects / (now - began),
                }
                display.step(epoch + 1, step + 1, len(batches), values)
        self._check_finite(meter)
        return meter.means(), objects

    def _step(self, sample: Sample, meter: Meter, done: float) -> None:
        self._rate = self.schedule.rate(done)
        for group in self.plain_optimizer.param_groups:
            group["lr"] = self._rate
        self.plain_optimizer.zero_grad(set_to_none=True)
        meter.add(self.task.train(sample))
        average_gradients(self.module.parameters())
        if self.options.gradient_clip is not None:
            self.fabric.clip_gradients(
                self.module,
                self.plain_optimizer,
                max_norm=self.options.gradient_clip,
                error_if_nonfinite=False,
            )
        self.optimizer.step()
        if self.average:
            self.average.update()

    def _validate(self) -> tuple[dict[str, float], float]:
        """Give the means over the validation objects, and their accuracy."""
        size = self.options.validation_batch_size or self.options.batch_size
        batches = ordered_batches(self.task.rows["validation"], size)
        self.module.eval()
        meter = Meter(self.options.loss_mean)
        with torch.no_grad():
            for sample in self._samples(batches, None):
                meter.add(self.task.evaluate(sample))
        self._check_finite(meter, "validation ")
        means = meter.means()
        if math.isnan(means["loss"]):
            raise DataError(
                f"No validation object can be used for {self.task.title}; "
                "choose a split whose validation part has what is trained on."
            )
        return means, meter.accuracy()

    def _averaged(self) -> AbstractContextManager[None]:
        """Validate and save the averaged weights, if there are any."""
        return self.average.applied() if self.average else nullcontext()

    def _samples(self, batches: list[np.ndarray], epoch: int | None) -> Iterator[Sample]:
        """Give the samples of this rank on its device; `epoch` None is validation."""
        jobs = [partial(self._load, rows, index, epoch) for index, rows in enumerate(batches)]
        for sample in prefetch(jobs, self.options.loader_threads):
            yield sample.to(self.fabric.device)

    def _load(self, rows: np.ndarray, index: int, epoch: int | None) -> Sample:
        own = rank_part(rows, self.rank, self.ranks)
        part = own if len(own) else rows[:1]  # somebody's, which does not count here
        if epoch is None:
            second = generator(self.seed, Stream.VALIDATION, 0, index, self.rank)
            first = None
            if self.options.validation_views == "augmented":
                first = generator(self.seed, Stream.VALIDATION_VIEW, 0, index, self.rank)
            sample = self.task.load(part, first, second)
        else:
            first, second = (
                generator(self.seed, stream, epoch, index, self.rank)
                for stream in (Stream.VIEW, Stream.SECOND_VIEW)
            )
            sample = self.task.load(part, first, second)
        if not len(own):
            sample = sample.stand_in()
        if self.fabric.device.type != "cuda":
            return sample
        torch.cuda.set_device(self.fabric.device)  # each thread has its own, the first by default
        return sample.pin_memory()

    def _backward(self, loss: torch.Tensor) -> None:
        self.fabric.backward(loss)

    def _check_finite(self, meter: Meter, where: str = "") -> None:
        if bad := meter.bad():
            of = f" of {bad.partition('/')[2]}" if "/" in bad else ""
            raise ModelError(
                f"The {where}loss{of} is not finite in epoch {self.schedule.epoch + 1} of "
                f"{self.task.title}; lower training.learning_rate or check the data for outliers."
            )

    def _out_of_time(self, began: float) -> bool:
        """Whether the next epoch would end after `max_minutes` (the first one always runs)."""
        if self.options.max_minutes is None or not self.history:
            return False
        expected = time.monotonic() - began + self.history[-1]["seconds"]
        return self.fabric.broadcast(expected > 60 * self.options.max_minutes)

    def _save(self, best: bool) -> None:
        if self.fabric.is_global_zero:
            if best:
                path = self.out / BEST
                with self._averaged():
                    save_weights(self.module, path)
                if self.on_save:
                    self.on_save(path)
            state = {
                "fingerprint": self.identity,
                "module": self.module.state_dict(),
                "optimizer": self.plain_optimizer.state_dict(),
                "precision": self.fabric.strategy.precision.state_dict(),
                "schedule": self.schedule.state_dict(),
                "history": self.history,
            }
            if self.average:
                state["average"] = self.average.state_dict()
            save_checkpoint(self.out / CHECKPOINT, state)
        self.fabric.barrier()

    def _restore(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.plain_optimizer.load_state_dict(state["optimizer"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        self.schedule.load_state_dict(state["schedule"])
        self.history = state["history"]
