"""The program under signals, and on a machine that refuses it files, handles or memory.

A try runs one command, harms it, and runs the same command again without harm: that has to make
what an undisturbed one made. The first tries start Python anew, and then one of ten: the others
begin in a copy of this process (`started`), which is several times as quick.
"""

import hashlib
import json
import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tests.faults.campaigns.registry import Row, campaign
from tests.faults.campaigns.started import Program, read_modules

#: Tries that start Python anew: all before this number, and this share of the others.
WHOLE, SHARE = 24, 0.1
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
        "simulate stars new -n 200 --overwrite -q", lambda folder: _objects(folder / "new")
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

    def __init__(self) -> None:
        self._kept = tempfile.TemporaryDirectory(prefix="faults-")  # until this process ends
        self.top = Path(self._kept.name)
        self.start = self.top / "start"
        self.start.mkdir()
        status, said = Program(self.start, "simulate stars stars -n 24 -q").finish()
        assert status == 0, said
        self.wanted: dict[str, object] = {}
        self.seconds: dict[tuple[str, bool], float] = {}
        for name, command in COMMANDS.items():
            read_modules(self.fresh(), command.words)
            for whole in (True, False):
                folder = self.fresh()
                begun = time.monotonic()
                status, said = Program(folder, command.words, whole=whole).finish()
                assert status == 0, said
                self.seconds[name, whole] = time.monotonic() - begun
                self.wanted[name] = command.result(folder)

    def fresh(self) -> Path:
        """Give a copy of the folder in a place of its own."""
        folder = Path(tempfile.mkdtemp(dir=self.top))
        shutil.copytree(self.start, folder, dirs_exist_ok=True)
        return folder


@cache
def _stage() -> Stage:
    """Return the stage, which all campaigns of this process share: it takes half a minute."""
    return Stage()


#: What a harm is, and the limit under which the program starts.
Harm = tuple[str, Callable[[], None]]


@campaign("signals", quick=4)
def under_signals(seed: int, numbers: Iterable[int]) -> Iterator[Row]:
    """Ctrl-C, a scheduler's notice or a closed terminal, at any moment."""
    for number, rng, stage, name, whole, folder in _tries(seed, numbers):
        sent = sorted(ENDS)[number // len(COMMANDS) % len(ENDS)]
        moment = rng.uniform(0, 1.1 * stage.seconds[name, whole])
        what = f"{sent.name} {moment:.2f} s after the start of {name}{'' if whole else ', forked'}"
        program = Program(folder, COMMANDS[name].words, whole=whole)
        time.sleep(moment)
        os.kill(program.process, sent)
        status, said = program.finish()
        if status == f"signal {sent}" and not said:  # before Python ran a line of ours
            status, said = ENDS[sent], SENTENCE
        fault = _fault_of_end(status, said, {0, ENDS[sent]})
        if not fault and status and not said.endswith(SENTENCE):
            fault = "TRACEBACK", "the promised sentence is missing"
        yield _judged(number, what, fault, stage, name, whole, folder, status, said)


@campaign("resources", quick=4)
def under_limits(seed: int, numbers: Iterable[int]) -> Iterator[Row]:
    """Files that cannot grow, no more handles, no memory, places of another kind."""
    for number, rng, stage, name, whole, folder in _tries(seed, numbers):
        what, limit = _LIMITS[number // len(COMMANDS) % len(_LIMITS)](rng, folder, whole)
        what += "" if whole else ", forked"
        status, said = Program(folder, COMMANDS[name].words, limit, whole=whole).finish()
        fault = _fault_of_end(status, said, {0, 2})
        if not fault and status == 2 and (said.count("skybind: ") != 1 or not said.endswith(".\n")):
            fault = "TRACEBACK", "no sentence, or more than one"
        _mend(folder)
        what = f"{name}, {what}"
        yield _judged(number, what, fault, stage, name, whole, folder, status, said)


def _tries(
    seed: int, numbers: Iterable[int]
) -> Iterator[tuple[int, np.random.Generator, Stage, str, bool, Path]]:
    """Give each try its generator, the stage, its command, whether Python starts, and a folder."""
    stage = _stage()
    for number in numbers:
        name = sorted(COMMANDS)[number % len(COMMANDS)]
        rng = np.random.default_rng([seed, number])
        whole = bool(rng.random() < SHARE) or number < WHOLE
        yield number, rng, stage, name, whole, stage.fresh()


def _growth(rng: np.random.Generator, folder: Path, whole: bool) -> Harm:
    size = int(10 ** rng.uniform(3.3, 6))  # what is printed goes into a file, too
    return f"no file beyond {size} bytes", lambda: _lower(resource.RLIMIT_FSIZE, size)


def _handles(rng: np.random.Generator, folder: Path, whole: bool) -> Harm:
    most = int(rng.integers(8, 30))  # with fewer Python itself does not start
    return f"at most {most} files open", lambda: _lower(resource.RLIMIT_NOFILE, most)


def _memory(rng: np.random.Generator, folder: Path, whole: bool) -> Harm:
    if whole:
        most = int(10 ** rng.uniform(8.7, 9.7))
        return f"{most / 1e9:.1f} GB of addresses", lambda: _lower(resource.RLIMIT_AS, most)
    more = int(10 ** rng.uniform(5.5, 9))
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return f"{more / 1e6:.1f} MB more", lambda: _lower(resource.RLIMIT_AS, size + more)


def _in_the_way(rng: np.random.Generator, folder: Path, whole: bool) -> Harm:
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
    whole: bool,
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
        again, words = Program(folder, command.words, whole=whole).finish()
        fault = _fault_of_end(again, words, {0})
        if fault is None and command.result(folder) != stage.wanted[name]:
            fault = "SILENT", "the same command then made something else"
    shutil.rmtree(folder)
    if fault is not None:
        return Row(number, what, *fault)
    return Row(number, what, "sentence" if status else "right value", said.strip()[-200:])
