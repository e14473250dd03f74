"""What long work tells: messages through the standard `logging`, and progress bars.

Every message is a record of the logger `skybind`; one console on standard error prints it. How
much is said is one level for the whole library (`set_verbosity`), so that no function takes an
argument for it.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from skybind.errors import ConfigError
from skybind.words import nearest

if TYPE_CHECKING:
    from rich.console import Console

#: The logger of all messages.
log = logging.getLogger("skybind")

#: Between INFO and DEBUG: what was chosen and found, for those who want to know.
VERBOSE = 15

#: Words for how much is said.
LEVELS = {
    "quiet": logging.WARNING,
    "normal": logging.INFO,
    "verbose": VERBOSE,
    "debug": logging.DEBUG,
}

_VARIABLE = "SKYBIND_LOG"


class _ToConsole(logging.Handler):
    """Prints records beside the progress bars, unless the program has its own logging."""

    #: The level was asked for, by `set_verbosity`, the command line or the environment.
    asked = False

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        if not self.asked and logging.root.handlers:
            return
        try:
            text = self.format(record)
            if record.levelno >= logging.WARNING:
                text = f"{record.levelname.lower()}: {text}"
            screen = console()
            screen.print(text, markup=False, highlight=False, overflow="ignore", crop=False,
                          soft_wrap=not screen.is_terminal)  # fmt: skip
        except Exception:
            self.handleError(record)


def set_verbosity(level: str | int) -> None:
    """Set how much skybind says.

    Parameters
    ----------
    level : str or int
        `"quiet"` (warnings only), `"normal"` (steps and their progress), `"verbose"` (what was
        chosen and found, too), `"debug"`, or a level of `logging`.

    Raises
    ------
    ConfigError
        If there is no such level.
    """
    log.setLevel(_number(level))
    _handler.asked = True


def verbosity() -> int:
    """Return the level that is in force, as a number of `logging`."""
    return log.getEffectiveLevel()


def speaking() -> bool:
    """Return whether progress is told."""
    return not _muted and log.isEnabledFor(logging.INFO)


@contextmanager
def muted() -> Iterator[None]:
    """Tell what goes on inside only to those who want to know more: it is a part of a step."""
    global _muted
    _muted += 1
    try:
        yield
    finally:
        _muted -= 1


def hush() -> None:
    """Say nothing from this process any more: another one speaks for it."""
    log.disabled = True


def say(text: str, level: int = logging.INFO) -> None:
    """Log one line."""
    log.log(min(level, VERBOSE) if _muted else level, "%s", text)


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar with the time left on a terminal; elsewhere log one line at the end.

    Parameters
    ----------
    title : str
        What is done.
    total : int
        Number of objects.

    Yields
    ------
    callable
        To be called with the number done so far.
    """
    if not speaking():
        yield lambda done: None
        return
    screen = console()
    if not screen.is_terminal:
        yield lambda done: None
        say(f"{title}: {total} objects")
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=screen) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def preparing(name: str, total: int, folder: Path) -> Iterator[Callable[[int], None]]:
    """Show the progress of preparing a modality, unless `folder` shows that it was done."""
    if folder.exists():
        yield lambda done: None
        return
    with progress_bar(f"preparing {name}", total) as report:
        yield report


def console() -> "Console":
    """Return the one console, on what standard error is now."""
    global _console
    if _console is None:
        from rich.console import Console

        _console = Console(stderr=True)
    return _console


def _number(level: str | int) -> int:
    if isinstance(level, int):
        return level
    if level.lower() in LEVELS:
        return LEVELS[level.lower()]
    number = logging.getLevelName(level.upper())
    if isinstance(number, int):
        return number
    raise ConfigError(f"There is no level of messages '{level}': {nearest(level, list(LEVELS))}")


def _interactive() -> bool:
    """Whether somebody looks on: a terminal, or a notebook."""
    if "ipykernel" in sys.modules:
        return True
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


def _begin() -> None:
    """Attach the console and take the level from the environment, else from who looks on."""
    logging.addLevelName(VERBOSE, "VERBOSE")
    log.addHandler(_handler)
    wish, _, file = os.environ.get(_VARIABLE, "").partition(":")
    try:
        if wish:
            set_verbosity(wish)
        elif _interactive() and not logging.root.handlers:
            log.setLevel(logging.INFO)
        if file:
            keep = logging.FileHandler(Path(file).expanduser(), encoding="utf-8")
            keep.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            log.addHandler(keep)
    except (ConfigError, OSError) as error:
        log.warning("%s is not heeded: %s", _VARIABLE, error)


_handler = _ToConsole()
_muted = 0
_console: "Console | None" = None
_begin()
