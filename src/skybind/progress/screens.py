"""Bars of the work that is under way: in a terminal by rich, in a notebook by its own display."""

import html
import sys
import time
from collections.abc import Sequence
from typing import Any, Protocol

from skybind.progress.messages import console, in_notebook

#: Terminals from this width on have room for notes [characters].
WIDE = 100


class Shown(Protocol):
    """What a bar shows."""

    title: str
    total: int | None
    done: int
    note: str

    @property
    def count(self) -> str:
        """How many of how many are done."""

    @property
    def left(self) -> str:
        """The time left, in words."""

    @property
    def elapsed(self) -> str:
        """How long it lasts, in words."""


class Screen(Protocol):
    """Where bars are drawn."""

    def draw(self, works: Sequence[Shown]) -> None:
        """Draw a bar for each."""

    def close(self) -> None:
        """Take everything away."""


def make_screen() -> Screen:
    """Make the screen that suits where this runs."""
    return _Notebook() if in_notebook() else _Terminal()


class _Terminal:
    """Bars below the lines of a terminal."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._wide = console().width >= WIDE
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20 if self._wide else 8),
            TextColumn("{task.fields[count]}", markup=False),
            TextColumn("{task.fields[note]}", markup=False),
            TextColumn("{task.fields[time]}", markup=False),
            console=console(),
            transient=True,
            # what is printed for a pipe must not go to the terminal
            redirect_stdout=sys.stdout.isatty(),
        )
        self._tasks: dict[int, Any] = {}
        self._bars.start()

    def draw(self, works: Sequence[Shown]) -> None:
        """Draw a bar for each."""
        for gone in self._tasks.keys() - {id(work) for work in works}:
            self._bars.remove_task(self._tasks.pop(gone))
        for work in works:
            shown: dict[str, Any] = {
                "count": work.count,
                "note": work.note if self._wide else "",
                "time": work.left or work.elapsed,
            }
            if id(work) not in self._tasks:
                self._tasks[id(work)] = self._bars.add_task(work.title, total=None, **shown)
            self._bars.update(
                self._tasks[id(work)],
                description=work.title,
                total=work.total,
                completed=work.done,
                **shown,
            )

    def close(self) -> None:
        """Take everything away."""
        self._bars.stop()


class _Notebook:
    """Bars in the output of a notebook's cell, which need no widgets."""

    EVERY = 0.3  # seconds

    def __init__(self) -> None:
        self._drawn = 0.0
        self._shown: list[str] = []
        self._handle: Any = None

    def draw(self, works: Sequence[Shown]) -> None:
        """Draw a bar for each."""
        titles = [work.title for work in works]
        if titles == self._shown and time.monotonic() - self._drawn < self.EVERY:
            return
        self._drawn, self._shown = time.monotonic(), titles
        self._display("".join(_bar(work) for work in works))

    def close(self) -> None:
        """Take everything away."""
        self._display("")

    def _display(self, text: str) -> None:
        from IPython.display import display

        bundle = {"text/html": text, "text/plain": ""}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def _bar(work: Shown) -> str:
    value = "" if work.total is None else f' value="{work.done}" max="{max(work.total, 1)}"'
    words = [work.count, work.note, work.left or work.elapsed]
    said = ", ".join(word for word in words if word)
    return f"<div>{html.escape(work.title)} <progress{value}></progress> {html.escape(said)}</div>"
