"""Fitting a task, on one or many devices: every process runs the loop, the best weights are kept.

Lightning Fabric starts the processes (one device, several, or nodes under SLURM or torchrun),
chooses the device and handles mixed precision; the rest is plain PyTorch, so that contrastive
batches can span devices and memory-saving chunks.
"""

import logging
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skybind.config.training import TrainingOptions
from skybind.data.splits import TOO_FEW
from skybind.errors import DataError, ProcessError, SkybindError
from skybind.processes import ended_by_error
from skybind.progress import VERBOSE, hush, say, set_verbosity, told_elsewhere, verbosity
from skybind.training.checkpoint import load_weights
from skybind.training.launch import keep_freed_memory, make_fabric, quiet, silence
from skybind.training.launcher import processes
from skybind.training.loop import Loop, OnSave, TrainingResult
from skybind.training.lost import told_of_lost
from skybind.training.names import BEST
from skybind.training.pace import paced
from skybind.training.progress import ProgressDisplay
from skybind.training.task import Task
from skybind.training.workers import shared, together

if TYPE_CHECKING:
    from lightning.fabric import Fabric


def fit(
    task: Task,
    options: TrainingOptions,
    out: Path,
    *,
    seed: int,
    resume: bool = False,
    on_save: OnSave | None = None,
) -> TrainingResult:
    """Train `task.module` and leave the best weights in it.

    Writes to `out`: `last.ckpt` (after every epoch), `best.safetensors` (weights of the best epoch
    or of the last, by `keep_by`; with `options.average` their moving average) and `log.csv`.

    Parameters
    ----------
    task : Task
        What to train.
    options : TrainingOptions
        How.
    out : Path
        Folder of the run.
    seed : int
        Decides the order of objects, crops and dropout.
    resume : bool
        Go on from `last.ckpt` if there is one.
    on_save : callable, optional
        Called with the path of `best.safetensors` whenever it was written, in the first
        process. With several devices it must be picklable.

    Raises
    ------
    DataError
        If a split has fewer than two usable objects.
    ModelError
        If a loss is not finite, or the checkpoint belongs to another run.
    ProcessError
        If a process of the training was lost.
    """
    for name in ("train", "validation"):
        if len(task.rows[name]) < 2:
            raise DataError(
                f"The {name} split has {len(task.rows[name])} usable objects for {task.title}; "
                f"it needs at least 2: {TOO_FEW}."
            )
    out.mkdir(parents=True, exist_ok=True)
    options, pace = paced(options, len(task.rows["train"]), task.title)
    home = next(task.module.parameters()).device
    job = _Job(task, options, out, seed, resume, on_save)
    with quiet():
        fabric = make_fabric(options)
        silent = told_elsewhere if options.devices > 1 and processes() == 1 else nullcontext
        with shared(replace(job, on_save=None)), silent(), told_of_lost(), ended_by_error():
            outcome = fabric.launch(job)
    if isinstance(outcome, SkybindError):
        raise outcome
    task.module.to(home)
    load_weights(task.module, out / BEST)
    task.module.eval()
    return replace(outcome, pace=pace.to_dict())


@dataclass
class _Job:
    """What each process does."""

    task: Task
    options: TrainingOptions
    out: Path
    seed: int
    resume: bool
    on_save: OnSave | None
    verbosity: int = field(default_factory=verbosity)

    def __call__(self, fabric: "Fabric") -> TrainingResult | SkybindError:
        """Train; errors are returned, so that they cross processes in one piece."""
        task = self.task
        if fabric.device.type == "cpu":
            keep_freed_memory()
        if fabric.world_size > 1:
            for tensor in [*task.module.parameters(), *task.module.buffers()]:
                tensor.data = tensor.data.clone()  # spawned processes share their memory
        try:
            run = Loop(fabric, task, self.options, self.out, self.seed, self.on_save)
            if not fabric.is_global_zero:
                hush()
            say(run.description, VERBOSE)
            display = ProgressDisplay(task.title, task.score, self.options.epochs)
            with told_of_lost():
                return run.train(self.resume, display)
        except SkybindError as error:
            # a process that this one started gives its outcome to nobody: its fellows are only
            # told that it is gone
            told = fabric.is_global_zero or together() or isinstance(error, ProcessError)
            if not told:
                print(f"skybind: process {fabric.global_rank}: {error}", file=sys.stderr)
            return error

    def join(self) -> None:
        """Train along with the process that handed over this job."""
        with quiet():
            outcome = make_fabric(self.options).launch(self)
        if isinstance(outcome, SkybindError):  # its fellows would wait for it
            raise outcome

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Arrive in a new process, where Lightning is about to remark on its start."""
        silence(logging.ERROR)
        self.__dict__.update(state)
        set_verbosity(self.verbosity)
