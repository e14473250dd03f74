"""Work shared among processes: results in order, and little more in memory than is under way."""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from skybind.errors import ConfigError, ProcessError

Task = TypeVar("Task")
Result = TypeVar("Result")

_allowed = 1


def allow(number: int | None = None) -> None:
    """Set how many processes long work may take where it is not told: all cores by default.

    One until this is called, as a script whose main part is not guarded by
    `if __name__ == "__main__"` cannot start others.
    """
    global _allowed
    _allowed = cores() if number is None else max(1, number)


def allowed() -> int:
    """Return how many processes long work may take."""
    return _allowed


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    work: Callable[[Task], Result], tasks: Iterable[Task], processes: int
) -> Iterator[Result]:
    """Work through tasks in this process or in several, and yield the results in order.

    Parameters
    ----------
    work : callable
        With more than one process it and the tasks must be picklable.
    tasks : iterable
        Read as it is needed, at most two tasks a process ahead.
    processes : int

    Raises
    ------
    ConfigError
        If `processes` is below one.
    ProcessError
        If one of the processes was killed.
    """
    if processes < 1:
        raise ConfigError(f"The number of processes is {processes}: it starts at 1.")
    if processes == 1:
        yield from map(work, tasks)
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), _start) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(work, task))
                if len(waiting) >= 2 * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise ProcessError(
                "A process that shared the work was killed, perhaps for want of memory: give the "
                "same command again, with fewer processes, and it goes on where it stopped."
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _start() -> None:
    """Leave Ctrl-C to the first process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
