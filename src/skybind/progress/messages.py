"""The logger of all messages, its level, and the console that prints them."""

import logging
import os
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skybind.errors import ConfigError
from skybind.printable import printable
from skybind.words import nearest

if TYPE_CHECKING:
    from rich.console import Console

#: The logger of all messages.
log = logging.getLogger("skybind")

#: Between INFO and DEBUG: what was chosen and found, for those who want to know.
VERBOSE = 15

#: Words for how much is told.
LEVELS = {
    "quiet": logging.WARNING,
    "normal": logging.INFO,
    "verbose": VERBOSE,
    "debug": logging.DEBUG,
}

#: Names a level, or a level and a file: `verbose:run.log`.
VARIABLE = "SKYBIND_LOG"


class _ToConsole(logging.Handler):
    """Prints records beside the progress bars.

    A program that has set up logging of its own gets the records there; unless it asked for a
    level of skybind's, they are not printed a second time.
    """

    asked = False  # a level was asked for
    last = 0.0  # when something was told, of `time.monotonic`

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        self.last = time.monotonic()
        if getattr(record, "shown", False) or (logging.root.handlers and not self.asked):
            return
        try:
            text = self.format(record)
            if record.levelno >= logging.WARNING:
                text = f"{record.levelname.lower()}: {text}"
            if log.getEffectiveLevel() <= VERBOSE:
                text = f"{time.strftime('%H:%M:%S')} {text}"
            print_line(text)
        except Exception:
            self.handleError(record)


def set_verbosity(level: str | int) -> None:
    """Set how much skybind tells while it works.

    Without this call, and without `SKYBIND_LOG`, a terminal and a notebook are told the steps and
    their progress, a script whose messages go into a file or a pipe warnings only, and a program
    that has set up `logging` gets the records there by its own levels.

    Parameters
    ----------
    level : str or int
        `"quiet"` (warnings only), `"normal"` (steps and their progress), `"verbose"` (also what
        was chosen and found, with the time), `"debug"`, or a level of `logging`.

    Raises
    ------
    ConfigError
        If there is no such level.
    """
    log.setLevel(_number(level))
    handler.asked = True


def has_been_asked() -> bool:
    """Return whether a level was asked for, by `set_verbosity` or `SKYBIND_LOG`."""
    return handler.asked


def verbosity() -> int:
    """Return the level that is in force, as a number of `logging`."""
    return log.getEffectiveLevel()


def speaking() -> bool:
    """Return whether steps and their progress are told."""
    return log.isEnabledFor(logging.INFO)


def hush() -> None:
    """Tell nothing from this process any more: another one speaks for it."""
    log.disabled = True


def draw_nothing() -> None:
    """Draw no bars in this process: it tells lines, among those of others."""
    global _drawing
    _drawing = False


@contextmanager
def muted() -> Iterator[None]:
    """Log what is said inside at a lower level, for those who want to know more.

    For what is only a part of a step; its bars are shown.
    """
    global _muted
    _muted += 1
    try:
        yield
    finally:
        _muted -= 1


def say(text: str, level: int = logging.INFO, **extra: Any) -> None:
    """Log one line."""
    if _muted and level < logging.WARNING:
        level = min(level, VERBOSE)
    log.log(level, "%s", printable(text, keep="\n\t"), extra=extra)


def print_line(text: str) -> None:
    """Print one line: wrapped at words in a terminal, whole elsewhere."""
    screen = console()
    if in_terminal():  # a path is longer than a line rather than broken
        text = textwrap.fill(text, screen.width, break_long_words=False, break_on_hyphens=False)
    screen.print(printable(text, keep="\n\t"), markup=False, highlight=False, soft_wrap=True)


def console() -> "Console":
    """Return the one console: on standard error, in a notebook on its output."""
    global _console
    if _console is None:
        from skybind.progress.consoles import PrintableConsole

        _console = PrintableConsole(stderr=not in_notebook(), force_jupyter=False)
    return _console


def in_notebook() -> bool:
    """Return whether this is the kernel of a notebook."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return getattr(shell, "kernel", None) is not None


def in_terminal() -> bool:
    """Return whether standard error is a terminal."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


def draws() -> bool:
    """Return whether bars are drawn: somebody looks on, and the messages are printed here."""
    if handler not in log.handlers or not _drawing:
        return False
    return in_notebook() or (in_terminal() and (handler.asked or not logging.root.handlers))


def _number(level: str | int) -> int:
    if isinstance(level, int):
        return level
    if level.lower() in LEVELS:
        return LEVELS[level.lower()]
    number = logging.getLevelName(level.upper())
    if isinstance(number, int):
        return number
    raise ConfigError(f"There is no level of messages '{level}': {nearest(level, list(LEVELS))}")


def _is_first() -> bool:
    """Whether no other process was started by torchrun or srun to speak for this one."""
    if {"LOCAL_RANK", "RANK", "WORLD_SIZE"} <= os.environ.keys():
        return os.environ["RANK"] == "0"
    alone = os.environ.get("SLURM_STEP_NUM_TASKS", "1") == "1"
    return alone or os.environ.get("SLURM_PROCID", "0") == "0"


def _begin() -> None:
    """Attach the console, and take the level from the environment, else from who looks on."""
    logging.addLevelName(VERBOSE, "VERBOSE")
    log.addHandler(handler)
    if not _is_first():
        hush()
        return
    wish, _, file = os.environ.get(VARIABLE, "").partition(":")
    try:
        if wish:
            set_verbosity(wish)
        elif in_notebook() or (in_terminal() and not logging.root.handlers):
            log.setLevel(logging.INFO)
        if file:
            keep = logging.FileHandler(Path(file).expanduser(), encoding="utf-8")
            keep.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            log.addHandler(keep)
    except (ConfigError, OSError) as error:
        log.warning("%s is not heeded: %s", VARIABLE, error)


handler = _ToConsole()
_muted = 0
_drawing = True
_console: "Console | None" = None
_begin()
