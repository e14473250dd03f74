"""Programs that a campaign starts, harms and waits for.

Most of what a short command takes is the start: Python, and the modules of PyTorch and others. So
a try may also begin in a copy (fork) of this process, which has read these modules, and run the
command line there from its first line. What is harmed then is the work, not the start.
"""

import atexit
import contextlib
import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import psutil

import skybind.__main__

#: A program hangs that took so much processor time, or none for so long [s].
SECONDS = 120.0


class Program:
    """A command that runs, printing to the file `printed` in its folder.

    Parameters
    ----------
    folder : Path
        Its current folder.
    words : str
        The command line.
    limit : callable
        Called in it before anything else.
    whole : bool
        Start Python anew; otherwise in a copy of this process.
    """

    def __init__(
        self,
        folder: Path,
        words: str,
        limit: Callable[[], None] = lambda: None,
        *,
        whole: bool = True,
    ) -> None:
        self.printed = folder / "printed"
        self.printed.unlink(missing_ok=True)  # of a program before: this one may print nothing
        self.process = os.fork()
        if not self.process:
            _become(folder, self.printed, words.split(), limit, whole)

    def finish(self) -> tuple[int | str, str]:
        """Wait for it; its exit status, or what ended it, and what it printed."""
        looked, used = time.monotonic(), 0.0
        while True:
            done, status = os.waitpid(self.process, os.WNOHANG)
            if done:
                break
            if time.monotonic() - looked > SECONDS:
                before, used = used, self._processor_time()
                if used > SECONDS or used - before < SECONDS / 1000:
                    os.kill(self.process, signal.SIGKILL)
                    os.waitpid(self.process, 0)
                    return "HANG", self._said()
                looked = time.monotonic()
            time.sleep(0.002)
        end = os.waitstatus_to_exitcode(status)
        return (f"signal {-end}" if end < 0 else end), self._said()

    def _processor_time(self) -> float:
        """Processor time of the program and of what it started [s]."""
        spent = 0.0
        program = psutil.Process(self.process)
        for one in [program, *program.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):  # it ended meanwhile
                spent += sum(one.cpu_times()[:2])
        return spent

    def _said(self) -> str:
        return self.printed.read_text(errors="replace") if self.printed.exists() else ""


def read_modules(folder: Path, words: str) -> None:
    """Read all modules that a command reads, so that copies of this process need not."""
    program = Program(folder, f"--modules {words}", whole=False)
    status, said = program.finish()
    assert status == 0, said
    for name in (folder / "modules").read_text().split():
        with contextlib.suppress(ImportError):  # some are no files, but made by others
            importlib.import_module(name)


def _become(
    folder: Path, printed: Path, words: list[str], limit: Callable[[], None], whole: bool
) -> None:
    """Turn this child into the command."""
    status = 1
    try:
        out = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.close(out)
        os.chdir(folder)
        os.environ["OMP_NUM_THREADS"] = "1"
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal
        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        limit()
        if whole:
            os.execv(sys.executable, [sys.executable, "-m", "skybind", *words])
        status = _command_line(words)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _command_line(words: list[str]) -> int:
    """Run the command line as Python does, with the ends that it registers; the exit status."""
    atexit._clear()  # what this process was to do at its end
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    tell = words[0] == "--modules"
    sys.argv = ["skybind", *words[tell:]]
    status = 0
    try:
        skybind.__main__.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    if tell:
        Path("modules").write_text("\n".join(sys.modules))
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return status
