"""Kills: a program is killed at any moment, and the next one goes on with nothing lost.

A child writes or trains in a copy, and is killed (SIGKILL) after a random time. What stands then
is the old or the new, whole; the next call removes what was left, and ends with the numbers that
an uninterrupted one gives.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.embeddings.store import Embeddings
from skybind.errors import SkybindError
from skybind.runs.run import Run
from skybind.runs.steps import run_pretraining
from skybind.study.check import check_folder
from tests.faults.campaigns.registry import Row, campaign
from tests.faults.made import SETS, differences, made, values_of_model


def _write_dataset(folder: Path, number: int) -> None:
    n = 2000
    with DatasetWriter(folder, {"x": Column("info")}, overwrite=True) as writer:
        ids = np.char.add("s", np.arange(n).astype(str))
        place = np.linspace(0, 1, n)
        writer.append({"object_id": ids, "ra": place, "dec": place, "x": np.full(n, number)})


def _read_dataset(folder: Path) -> set[int]:
    dataset = Dataset.open(folder)
    assert len(dataset) == 2000
    return set(dataset.column("x").astype(int).tolist())


def _write_embeddings(folder: Path, number: int) -> None:
    ids = np.char.add("s", np.arange(3000).astype(str))
    vectors = {"a": np.full((3000, 32), float(number), np.float32)}
    made_of = Embeddings(ids, np.full(3000, ""), vectors, {"a": np.ones(3000, bool)})
    made_of.write(folder, shard_rows=1000)


def _read_embeddings(folder: Path) -> set[int]:
    found = Embeddings.read(folder)
    assert len(found) == 3000
    return set(np.unique(found["a"]).astype(int).tolist())


def _overwritten(folder: Path, rng: random.Random, number: int) -> str:
    """A folder is overwritten again and again; at any moment one version stands there, whole."""
    write, read = (
        (_write_dataset, _read_dataset) if number % 2 else (_write_embeddings, _read_embeddings)
    )
    target = folder / "made"
    write(target, 0)

    def again() -> None:
        for version in range(1, 10_000):
            write(target, version)

    _killed(again, 0.02 + rng.random() * 0.6)
    found = read(target)
    if len(found) != 1:
        raise AssertionError(f"a mixture of {sorted(found)}")
    write(target, -1)
    left = sorted(p.name for p in folder.iterdir())
    if read(target) != {-1} or left != ["made"]:
        raise AssertionError(f"left behind: {left}")
    return f"version {found.pop()}"


def _config() -> object:
    return load_config("stars-small", [*SETS, "training.epochs=4"])


@cache
def _whole() -> tuple[dict[str, object], str]:
    """What an uninterrupted training gives: its numbers, and its log."""
    with TemporaryDirectory() as folder:
        run = Run.start(_config(), made() / "stars", Path(folder) / "run")
        run_pretraining(run)
        return values_of_model(run.paths.model), _log(run)


def _log(run: Run) -> str:
    """The losses of the log: seconds differ from one training to another."""
    rows = [line.split(",") for line in run.paths.pretraining.log.read_text().splitlines()]
    keep = [i for i, name in enumerate(rows[0]) if "loss" in name or name == "epoch"]
    return "\n".join(",".join(row[i] for i in keep) for row in rows)


def _trained(folder: Path, rng: random.Random, number: int) -> str:
    """A training is killed up to three times, and goes on."""
    target = folder / "run"

    def train() -> None:
        run_pretraining(Run.start(_config(), made() / "stars", target))

    times = [0.05 + rng.random() * 2.5 for _ in range(1 + number % 3)]
    for seconds in times:
        _killed(train, seconds)
    train()
    run = Run.open(target)
    numbers, log = _whole()
    found = values_of_model(run.paths.model)
    differ = [key for key in differences(found, numbers) if not key.endswith("identity")]
    if differ:
        raise AssertionError(f"other numbers: {differ[:3]}")
    if _log(run) != log:
        raise AssertionError("another log")
    checked = check_folder(target)
    if checked.damages:
        raise AssertionError(checked.damages[0].said)
    left = [p.name for p in target.rglob(".*") if p.name.endswith((".tmp", ".old"))]
    if left:
        raise AssertionError(f"left behind: {left}")
    return f"killed {len(times)} times"


def _killed(work: Callable[[], None], seconds: float) -> None:
    """Do some work in a child, and kill it after a time."""
    child = os.fork()
    if not child:
        try:
            out = os.open(os.devnull, os.O_WRONLY)
            os.dup2(out, 1)
            os.dup2(out, 2)
            work()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@campaign("kills", quick=4)
def kills(seed: int, numbers: Iterable[int]) -> Iterator[Row]:
    _whole()
    for number in numbers:
        rng = random.Random(f"{seed} {number}")
        way = _trained if number % 4 == 3 else _overwritten
        what = way.__name__.strip("_")
        with TemporaryDirectory(prefix="kills-") as folder:
            try:
                yield Row(number, what, "right value", way(Path(folder), rng, number))
            except SkybindError as error:
                yield Row(number, what, "TRACEBACK", f"refused: {error}")
            except AssertionError as error:
                yield Row(number, what, "SILENT", str(error))
