"""Tries that run in children of this process: watched, limited, in a folder of their own.

A child may take so long and so much memory and no more. It is told on if it opens the file with
the secret, reaches for the network or starts a program, and what it leaves is looked through for
the secret; whatever stands beside its folder afterwards was written outside.
"""

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from unicodedata import category

import numpy as np

from skybind.errors import SkybindError
from tests.faults.campaigns.registry import FINE, Row, campaign

#: How deep a try's folder lies in what is looked through, for names with `../../..`.
_DEEP = "a/b/c/d"
#: Words of a sentence that only tells that memory had been asked for.
_ASKED = ("allocate", "MemoryError", "out of memory", "bad_alloc", "malloc")
_REACHES = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec")

T = TypeVar("T")


class Silent(AssertionError):
    """A wrong value, and not a word."""


@dataclass
class Try:
    """What a try works with.

    Attributes
    ----------
    number : int
    rng : numpy.random.Generator
        Of the seed and the number of the try.
    folder : Path
        Its own, empty, and the current one.
    secret : Path
        A file outside, which nothing may read.
    told : Path
        Where it is written down what came of it.
    """

    number: int
    rng: np.random.Generator
    folder: Path
    secret: Path
    told: Path
    what: str = ""
    reached: list[str] = field(default_factory=list)

    def one_of(self, choices: Sequence[T]) -> T:
        """Take the choices one after another, so that every one is tried."""
        return choices[self.number % len(choices)]

    def does(self, what: str) -> None:
        """Say which harm is done, before it is done."""
        self.what = what
        self.tell("TRACEBACK", "it ended without a word")

    def tell(self, outcome: str, said: str = "") -> None:
        """Write down what came of it."""
        self.told.write_text(json.dumps([self.what, outcome, said]))


def each_apart(
    name: str,
    quick: int,
    seconds: float = 30,
    memory: float = 1e9,
    before: Callable[[], object] | None = None,
) -> Callable[[Callable[[Try], str]], Callable[[Try], str]]:
    """Register a campaign by the function that does one try.

    The function gives the outcome, raises `Silent` for a wrong value, or lets a `SkybindError`
    out, which is a sentence; any other exception is a traceback.

    Parameters
    ----------
    name : str
    quick : int
        Tries in the suite.
    seconds, memory : float
        What a try may take [s, bytes].
    before : callable, optional
        Makes what all tries share; called in this process, before the first.
    """

    def register(attempt: Callable[[Try], str]) -> Callable[[Try], str]:
        @campaign(name, quick)
        def run(seed: int, numbers: Iterable[int]) -> Iterator[Row]:
            if before is not None:
                before()
            for number in numbers:
                yield _watched(attempt, seed, number, seconds, memory)

        return attempt

    return register


def _watched(
    attempt: Callable[[Try], str], seed: int, number: int, seconds: float, memory: float
) -> Row:
    top = Path(tempfile.mkdtemp(prefix="faults-")).resolve()
    try:
        folder, told = top / "around" / _DEEP, top / "told.json"
        folder.mkdir(parents=True)
        secret = top / "around" / "secret.txt"
        word = f"secret-{np.random.default_rng([seed, number, 1]).integers(1 << 60):x}"
        secret.write_text(f"{word}\n" * 20)
        this = Try(number, np.random.default_rng([seed, number]), folder, secret, told)
        child = os.fork()
        if not child:
            _child(attempt, this, top / "printed", memory)
        end, used = _wait(child, seconds)
        row = _row(number, told, end)
        if used > memory and row.outcome in FINE:
            row = row._replace(outcome="MEMORY", said=f"took {used / 1e9:.1f} GB: {row.said}")
        return _outside(row, top, folder, word)
    finally:
        shutil.rmtree(top, ignore_errors=True)


def _wait(child: int, seconds: float) -> tuple[str, float]:
    """Wait for a child; how it ended, and its memory beyond ours [bytes]."""
    begun = time.monotonic()
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - begun > seconds:
            os.kill(child, signal.SIGKILL)
            os.wait4(child, 0)
            return "HANG", 0
        time.sleep(0.002)
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    end = f"killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else ""
    return end, max(0, usage.ru_maxrss - ours) * 1024


def _child(attempt: Callable[[Try], str], this: Try, printed: Path, memory: float) -> None:
    """Do the try, write down what came of it, and end; nothing of the parent's is run."""

    def watch(event: str, arguments: tuple) -> None:
        if event == "open" and str(arguments[0]) == str(this.secret):
            this.reached.append("opened the secret")
        elif event in _REACHES:
            this.reached.append(f"{event} {arguments[-1]!s:.80}")

    try:
        out = os.open(printed, os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1)
        os.dup2(out, 2)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + int(2 * memory),) * 2)
        os.chdir(this.folder)
        sys.addaudithook(watch)
        try:
            outcome, said = attempt(this), ""
        except SkybindError as error:
            outcome, said = of_sentence(str(error)), str(error)
        except Silent as error:
            outcome, said = "SILENT", str(error)
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
            outcome = "TRACEBACK"
        this.tell("OUTSIDE" if this.reached else outcome, " ".join([said, *this.reached]).strip())
    finally:
        os._exit(0)


def of_sentence(text: str) -> str:
    """Judge the message of one of our errors."""
    if any(word in text for word in _ASKED):
        return "MEMORY"
    seen = not any(category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in text)
    return "sentence" if seen and 10 < len(text) < 700 and text[-1] in ".?)" else "TRACEBACK"


def _row(number: int, told: Path, end: str) -> Row:
    what, outcome, said = json.loads(told.read_text()) if told.exists() else ("", "TRACEBACK", "")
    if end == "HANG":
        return Row(number, what, end, "it did not end in time")
    return Row(number, what, outcome, f"{said} {end}".strip())


def _outside(row: Row, top: Path, folder: Path, word: str) -> Row:
    """Look for files beside the folder of a try, and for the secret in what it left and said."""
    allowed = {top / "told.json", top / "printed", top / "around" / "secret.txt"}
    for path in sorted(top.rglob("*")):
        inside = path == folder or folder in path.parents or path in folder.parents
        if not inside and path not in allowed:
            return row._replace(outcome="OUTSIDE", said=f"wrote {path.relative_to(top)}")
        own = path.is_file() and not path.is_symlink() and path.name != "secret.txt"
        if own and word.encode() in path.read_bytes():
            return row._replace(outcome="OUTSIDE", said=f"the secret is in {path.name}")
    return row
