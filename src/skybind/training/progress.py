"""What a user sees and keeps of a training run: a bar or lines, a CSV file, TensorBoard."""

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from skybind.files import atomic_path
from skybind.progress import Work, say, speaking, task
from skybind.training.metrics import mean_accuracy
from skybind.training.names import LOG
from skybind.words import about

Record = dict[str, float]


class ProgressDisplay:
    """A bar over the whole run on a terminal, one plain line an epoch.

    Parameters
    ----------
    title : str
        What is going on, such as "pre-training".
    score : str
        What the accuracy is called.
    epochs : int
        Epochs at most.
    """

    def __init__(self, title: str, score: str, epochs: int) -> None:
        self._title, self._score, self._epochs = title, score, epochs
        self._task = task(title, unit="steps", told=False)
        self._work: Work | None = None

    def __enter__(self) -> "ProgressDisplay":
        self._work = self._task.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._task.__exit__(kind, error, trace)
        if kind is KeyboardInterrupt:
            say("Interrupted; resume to go on from the last whole epoch.")

    @property
    def live(self) -> bool:
        """Whether values between epochs are shown."""
        return self._work is not None and speaking()

    def step(self, epoch: int, step: int, steps: int, values: Mapping[str, float]) -> None:
        """Show that `step` of `steps` of an epoch (from 1) is done."""
        if self._work is not None:
            self._work.update(
                (epoch - 1) * steps + step,
                total=self._epochs * steps,
                title=f"{self._title} epoch {epoch}/{self._epochs}",
                note=self._describe(values),
            )

    def epoch(self, record: Record, best: bool, left: float) -> None:
        """Say how an epoch went; `left` are the seconds to the last epoch."""
        parts = [
            f"epoch {record['epoch']:.0f}/{self._epochs}",
            self._describe(summary(record)),
            f"left {about(left)}" if left > 0 else "done",
        ]
        say(f"{self._title} " + "  ".join(parts) + ("  best so far" if best else ""))

    def _describe(self, values: Mapping[str, float]) -> str:
        parts = []
        for name, value in values.items():
            if name == "accuracy":
                parts.append(f"{self._score} {value:.1%}")
            elif name == "objects/s":
                parts.append(f"{value:,.0f} {name}")
            else:
                parts.append(f"{name} {value:.4f}")
        return "  ".join(parts)


class RunLog:
    """The history of a run as `log.csv`, and for TensorBoard if that is installed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def write(self, history: list[Record]) -> None:
        """Write all epochs to the CSV file and the newest one to TensorBoard."""
        self.agree(history)
        if self._writer:
            newest = history[-1]
            for key, value in newest.items():
                self._writer.add_scalar(key, value, int(newest["epoch"]))
            self._writer.flush()

    def agree(self, history: list[Record]) -> None:
        """Write all epochs to the CSV file: of what was interrupted, it may lack the last."""
        columns = list(dict.fromkeys(key for record in history for key in record))
        with (
            atomic_path(self._folder / LOG) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            table = csv.DictWriter(file, columns)
            table.writeheader()
            table.writerows(history)

    def close(self) -> None:
        """Close TensorBoard's file."""
        if self._writer:
            self._writer.close()


def summary(record: Record) -> dict[str, float]:
    """Pick the few values of an epoch that fit a line."""
    return {
        "loss": record["train/loss"],
        "validation loss": record["validation/loss"],
        "accuracy": mean_accuracy(record, "validation/"),
        "objects/s": record["objects_per_second"],
    }
