"""What long work that is not training tells: one progress bar, and single lines."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(title: str, total: int, show: bool = True) -> Iterator[Callable[[int], None]]:
    """Show a bar with the time left on a terminal; elsewhere print one line at the end.

    Parameters
    ----------
    title : str
        What is done.
    total : int
        Number of objects.
    show : bool
        False: print nothing.

    Yields
    ------
    callable
        To be called with the number done so far.
    """
    if not show:
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not sys.stderr.isatty():
        yield lambda done: None
        console.print(f"{title}: {total} objects")
        return
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)


def say(text: str, show: bool = True) -> None:
    """Print one line beside the progress bars, unless nothing shall be shown."""
    if show:
        from rich.console import Console

        Console(stderr=True).print(text, highlight=False)
