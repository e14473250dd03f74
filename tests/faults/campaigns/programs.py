"""The program under signals, and on a machine that refuses it files, handles or memory.

A try runs one command, harms it, and runs the same command again without harm: that has to make
what an undisturbed one made.
"""

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tests.faults.campaigns.registry import Row, campaign

SECONDS = 120.0
ENDS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
SENTENCE = "; the same command goes on where it stopped.\n"


@dataclass(frozen=True)
class Command:
    """A command, what it needs (made once), and what it makes.

    Attributes
    ----------
    words : str
        The command line, in the folder of the try.
    result : callable
        What it made in a folder, to be compared.
    """

    words: str
    result: Callable[[Path], object]


def _objects(folder: Path) -> object:
    rows = pq.read_table(folder / "objects").to_pylist()
    return hashlib.sha256(json.dumps(rows, default=str, sort_keys=True).encode()).hexdigest()


def _losses(folder: Path) -> object:
    lines = (folder / "pretrain" / "log.csv").read_text().splitlines()
    at = lines[0].split(",").index("validation/loss")
    return [line.split(",")[at] for line in lines[1:]]


COMMANDS = {
    "simulate": Command(
        "simulate stars new -n 600 --overwrite -q", lambda folder: _objects(folder / "new")
    ),
    "features": Command(
        "data features stars --processes 1 -q",
        lambda folder: pq.read_table(folder / "stars/features/photometry.parquet").to_pydict(),
    ),
    "pretrain": Command(
        "pretrain stars-small --data stars --out run -q "
        "--set training.epochs=2 --set training.min_steps=1",
        lambda folder: _losses(folder / "run"),
    ),
}


class Stage:
    """The folder that every try starts from, and what undisturbed commands make there."""

    def __init__(self, top: Path) -> None:
        self.top, self.start = top, top / "start"
        self.start.mkdir()
        status, said = _finish(_begin(self.start, "simulate stars stars -n 60 -q"), self.start)
        assert status == 0, said
        self.wanted: dict[str, object] = {}
        self.seconds: dict[str, float] = {}
        for name, command in COMMANDS.items():
            folder = self.fresh()
            begun = time.monotonic()
            status, said = _finish(_begin(folder, command.words), folder)
            assert status == 0, said
            self.seconds[name] = time.monotonic() - begun
            self.wanted[name] = command.result(folder)

    def fresh(self) -> Path:
        """Give a copy of the folder in a place of its own."""
        folder = Path(tempfile.mkdtemp(dir=self.top))
        shutil.copytree(self.start, folder, dirs_exist_ok=True)
        return folder


@campaign("signals", quick=4)
def under_signals(seed: int, numbers: Iterable[int]) -> Iterator[Row]:
    """Ctrl-C, a scheduler's notice or a closed terminal, at any moment."""
    for number, rng, stage, name, folder in _tries(seed, numbers):
        sent = sorted(ENDS)[number // len(COMMANDS) % len(ENDS)]
        moment = rng.uniform(0, 1.1 * stage.seconds[name])
        what = f"{sent.name} {moment:.2f} s after the start of {name}"
        program = _begin(folder, COMMANDS[name].words)
        time.sleep(moment)
        program.send_signal(sent)
        status, said = _finish(program, folder)
        if status == f"signal {sent}" and not said:  # before Python ran a line of ours
            status, said = ENDS[sent], SENTENCE
        fault = _fault_of_end(status, said, {0, ENDS[sent]})
        if not fault and status and not said.endswith(SENTENCE):
            fault = "TRACEBACK", "the promised sentence is missing"
        yield _judged(number, what, fault, stage, name, folder, status, said)


@campaign("resources", quick=4)
def under_limits(seed: int, numbers: Iterable[int]) -> Iterator[Row]:
    """Files that cannot grow, no more handles, no memory, places of another kind."""
    for number, rng, stage, name, folder in _tries(seed, numbers):
        what, limit = _LIMITS[number // len(COMMANDS) % len(_LIMITS)](rng, folder)
        status, said = _finish(_begin(folder, COMMANDS[name].words, limit), folder)
        fault = _fault_of_end(status, said, {0, 2})
        if not fault and status == 2 and (said.count("skybind: ") != 1 or not said.endswith(".\n")):
            fault = "TRACEBACK", "no sentence, or more than one"
        _mend(folder)
        yield _judged(number, f"{name}, {what}", fault, stage, name, folder, status, said)


def _tries(
    seed: int, numbers: Iterable[int]
) -> Iterator[tuple[int, np.random.Generator, Stage, str, Path]]:
    """Give each try its generator, the stage, the name of its command, and a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="faults-") as top:
        stage = Stage(Path(top))
        for number in numbers:
            name = sorted(COMMANDS)[number % len(COMMANDS)]
            yield number, np.random.default_rng([seed, number]), stage, name, stage.fresh()


def _growth(rng: np.random.Generator, folder: Path) -> tuple[str, Callable[[], None]]:
    size = int(10 ** rng.uniform(3.3, 6))  # what is printed goes into a file, too
    return f"no file beyond {size} bytes", lambda: _lower(resource.RLIMIT_FSIZE, size)


def _handles(rng: np.random.Generator, folder: Path) -> tuple[str, Callable[[], None]]:
    most = int(rng.integers(8, 30))  # with fewer Python itself does not start
    return f"at most {most} files open", lambda: _lower(resource.RLIMIT_NOFILE, most)


def _memory(rng: np.random.Generator, folder: Path) -> tuple[str, Callable[[], None]]:
    most = int(10 ** rng.uniform(8.7, 9.7))
    return f"{most / 1e9:.1f} GB of addresses", lambda: _lower(resource.RLIMIT_AS, most)


def _in_the_way(rng: np.random.Generator, folder: Path) -> tuple[str, Callable[[], None]]:
    """A file or a folder stands where the command wants the other, or nothing can be."""
    harm = _IN_THE_WAY[int(rng.integers(len(_IN_THE_WAY)))]
    place = folder / harm[0]
    if harm[1] == "file":
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("in the way")
    elif harm[1] == "folder":
        (place / "in the way").mkdir(parents=True)
    else:
        place.symlink_to(place.name)
    return f"a {harm[1]} at {harm[0]}", lambda: None


_LIMITS = (_growth, _handles, _memory, _in_the_way)
_IN_THE_WAY = (
    ("new", "file"), ("run", "file"), ("new", "circle"), ("run", "circle"),
    ("stars/features", "file"), ("stars/features/photometry.parquet", "folder"),
    (".new.unfinished", "file"), ("stars/features/.photometry.unfinished", "file"),
)  # fmt: skip


def _mend(folder: Path) -> None:
    """Take away what stood in the way."""
    for harm in _IN_THE_WAY:
        place = folder / harm[0]
        if place.is_symlink() or (place.is_file() and place.read_bytes() == b"in the way"):
            place.unlink()
        elif (place / "in the way").is_dir():
            shutil.rmtree(place)


def _lower(kind: int, value: int) -> None:
    resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))


def _begin(
    folder: Path, words: str, limit: Callable[[], None] = lambda: None
) -> subprocess.Popen[bytes]:
    """Start a command; it prints to a file beside what it makes."""

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        limit()

    with (folder / "printed").open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "skybind", *words.split()],
            cwd=folder,
            stdout=out,
            stderr=out,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            preexec_fn=prepare,
        )


def _finish(program: subprocess.Popen[bytes], folder: Path) -> tuple[int | str, str]:
    """Wait for a command; its exit status, or what ended it, and what it printed."""
    try:
        status: int | str = program.wait(SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
        status = "HANG"
    said = (folder / "printed").read_text(errors="replace")
    if isinstance(status, int) and status < 0:
        return f"signal {-status}", said
    return status, said


_OPENBLAS = "OpenBLAS error: Memory allocation still failed after 10 retries, giving up.\n"


def _fault_of_end(status: int | str, said: str, good: set[int]) -> tuple[str, str] | None:
    if status == "HANG":
        return "HANG", "it did not end in time"
    if status == 1 and said.endswith(_OPENBLAS):  # which ends a program by itself, in C
        return None
    if status not in good or "Traceback" in said:
        return "TRACEBACK", f"ended with {status}: {said[-400:]}"
    return None


def _judged(
    number: int,
    what: str,
    fault: tuple[str, str] | None,
    stage: Stage,
    name: str,
    folder: Path,
    status: int | str,
    said: str,
) -> Row:
    """Run the same command without harm, and compare what it makes with what it should."""
    command = COMMANDS[name]
    if fault is None:
        left = [path.name for path in folder.rglob("*.tmp")]
        if left:
            fault = "SILENT", f"left {left[0]}"
    if fault is None:
        again, words = _finish(_begin(folder, command.words), folder)
        fault = _fault_of_end(again, words, {0})
        if fault is None and command.result(folder) != stage.wanted[name]:
            fault = "SILENT", "the same command then made something else"
    shutil.rmtree(folder)
    if fault is not None:
        return Row(number, what, *fault)
    return Row(number, what, "sentence" if status else "right value", said.strip()[-200:])
