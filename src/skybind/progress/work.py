"""Work that is under way: bars where somebody looks on, and a line at least every ten seconds."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from skybind.printable import printable
from skybind.progress.messages import VERBOSE, draws, handler, log, say, speaking
from skybind.progress.screens import Screen, make_screen
from skybind.stops import remind
from skybind.words import about, duration

#: Longest silence [s]; with the time between two looks at the clock less than ten.
SILENCE = 9.0

#: What takes less than this is not told afterwards where somebody looks on [s].
SHORT = 1.0

#: Time between two looks at the clock [s].
TICK = 0.5


class Work:
    """One piece of work that is under way.

    Attributes
    ----------
    title : str
        What is done.
    total : int or None
        How many there are to do; None where that cannot be counted.
    unit : str
        Of what.
    done : int
    note : str
        More about it, such as the loss so far.
    told : bool
        Whether its beginning and end are told.
    drawn : bool
        Whether it has a bar.
    """

    def __init__(
        self, title: str, total: int | None, unit: str, *, told: bool = True, drawn: bool = True
    ) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.told, self.drawn = told, drawn
        self.done, self.note = 0, ""
        self.began = time.monotonic()
        self._first: tuple[float, int] | None = None

    def update(
        self, done: int, *, total: int | None = None, title: str | None = None, note: str = ""
    ) -> None:
        """Take down that `done` are done."""
        if self._first is None:  # what was done before this program began is no measure of speed
            self._first = time.monotonic(), done
        self.done, self.note = done, note
        self.total = self.total if total is None else total
        self.title = title or self.title
        _draw()
        remind()

    @property
    def count(self) -> str:
        """How many of how many are done; nothing where that cannot be counted."""
        return "" if self.total is None else f"{self.done:,} of {self.amount}"

    @property
    def amount(self) -> str:
        """How many there are to do; nothing where that cannot be counted."""
        unit = self.unit.removesuffix("s") if self.total == 1 else self.unit
        return "" if self.total is None else f"{self.total:,} {unit}"

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began

    @property
    def elapsed(self) -> str:
        """How long it lasts, in words."""
        seconds = self.seconds
        return f"for {about(seconds) if seconds < 60 else duration(seconds)}"

    @property
    def left(self) -> str:
        """The time left, in words; nothing where it is not known yet."""
        if self._first is None or self.total is None or self.done <= self._first[1]:
            return ""
        began, before = self._first
        rate = (time.monotonic() - began) / (self.done - before)
        return f"left {about(rate * (self.total - self.done))}"

    @property
    def line(self) -> str:
        """How it goes, as a line."""
        if self.total is None:
            return f"{self.title}: {self.elapsed}"
        return f"{self.title}: " + ", ".join(
            part for part in (self.count, self.note, self.left) if part
        )


@contextmanager
def task(
    title: str,
    total: int | None = None,
    unit: str = "objects",
    *,
    told: bool = True,
    drawn: bool = True,
) -> Iterator[Work]:
    """Show work that is under way, until the context ends.

    In a terminal and in a notebook there is a bar. A line is logged at the beginning and at the
    end, and whenever nothing else was logged for nearly ten seconds, however seldom the work
    reports. Work inside of other work is named in those lines and has a bar, but its
    beginning and end are told to those only who want to know more.

    Parameters
    ----------
    title : str
        What is done, such as "embedding".
    total : int, optional
        How many there are to do; None where that cannot be counted.
    unit : str
        Of what.
    told : bool
        False: its beginning and end are told otherwise.
    drawn : bool
        False: it has no bar, only lines where it is long.

    Yields
    ------
    Work
        Its `update` is to be called with the number done so far.
    """
    work = Work(title, total, unit, told=told, drawn=drawn)
    level = VERBOSE if any(other.told for other in _under_way) else logging.INFO
    if not speaking():
        yield work
        return
    _open(work)
    if told:
        say(": ".join(filter(None, (title, work.amount))), level, shown=_screen is not None)
    try:
        yield work
    except BaseException:
        _close(work)
        if told and work.count:
            say(f"{title}: stopped after {work.count}", level)
        raise
    if _screen is not None and work.seconds < SHORT:
        level = VERBOSE
    _close(work)
    if told:
        say(f"{title}: {work.amount or 'done'} in {duration(work.seconds)}", level)


@contextmanager
def step(title: str, *, told: bool = True) -> Iterator[Work]:
    """Show work that cannot be counted, until the context ends: a `task` without a number.

    Parameters
    ----------
    title : str
        What is done.
    told : bool
        False: its beginning and end are not told, as it is mostly short.
    """
    with task(title, told=told) as work:
        yield work


@contextmanager
def progress_bar(title: str, total: int, unit: str = "objects") -> Iterator[Callable[[int], None]]:
    """Show a `task`; yields what is to be called with the number done so far."""
    with task(title, total, unit) as work:
        yield work.update


@contextmanager
def preparing(name: str, total: int, folder: Path) -> Iterator[Callable[[int], None]]:
    """Show the progress of preparing a modality, unless `folder` shows that it was done."""
    if folder.exists():
        say(f"prepared before: {name}, in {folder}", VERBOSE)
        yield lambda done: None
        return
    with progress_bar(f"preparing {name}", total) as report:
        yield report


@contextmanager
def told_elsewhere() -> Iterator[None]:
    """Be silent while a process that this one has started tells how it goes."""
    global _elsewhere, _screen
    with _lock:
        _elsewhere += 1
        if _screen is not None:
            _screen.close()
            _screen = None
    try:
        yield
    finally:
        with _lock:
            _elsewhere -= 1
            handler.last = time.monotonic()
            _open_screen()


class _Ticker(threading.Thread):
    """Looks at the clock while anything is under way."""

    def __init__(self) -> None:
        super().__init__(name="skybind-progress", daemon=True)
        self._end = threading.Event()

    def run(self) -> None:
        """Break silences, and let the time on the screen go on."""
        while not self._end.wait(TICK):
            works = _drawn() or list(_under_way)
            if not works or _elsewhere:
                continue
            if time.monotonic() - handler.last >= SILENCE:
                outer = f"{works[0].title}, " if len(works) > 1 else ""
                log.info(
                    "%s", printable(outer + works[-1].line), extra={"shown": _screen is not None}
                )
            _draw()

    def end(self) -> None:
        """End, and wait for it."""
        self._end.set()
        self.join()


def _open(work: Work) -> None:
    global _ticker
    with _lock:
        _under_way.append(work)
        if _ticker is None:
            handler.last = time.monotonic()
            _ticker = _Ticker()
            _ticker.start()
        _open_screen()


def _open_screen() -> None:
    global _screen
    if _screen is None and not _elsewhere and _drawn() and draws():
        _screen = make_screen()
    if _screen is not None:
        _screen.draw(_drawn())


def _close(work: Work) -> None:
    global _ticker, _screen
    with _lock:
        _under_way.remove(work)
        ended = None
        if not _under_way:
            ended, _ticker = _ticker, None
        if _screen is not None:
            _screen.draw(_drawn())
            if not _drawn():
                _screen.close()
                _screen = None
    if ended is not None:
        ended.end()


def _draw() -> None:
    """Draw the bars as they are now; a screen that was closed stays empty."""
    with _lock:
        if _screen is not None:
            _screen.draw(_drawn())


def _drawn() -> list[Work]:
    return [work for work in _under_way if work.drawn]


_lock = threading.Lock()
_under_way: list[Work] = []
_elsewhere = 0
_ticker: _Ticker | None = None
_screen: Screen | None = None
