"""Work shared among processes: results in order, and little more in memory than is under way."""

import os
import platform
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import Any, TypeVar

from skybind.errors import ConfigError, ProcessError, SkybindError
from skybind.stops import leave_to_parent

Task = TypeVar("Task")
Result = TypeVar("Result")

# Who asks the environment how many threads to take.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

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


def about_machine() -> dict[str, str | int | None]:
    """Return what results are computed on: system, processor, cores, and threads of PyTorch.

    The last digits of sums depend on the processor and on the threads. With a graphics card
    there is `accelerator`, too.
    """
    import torch

    about = {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    if torch.cuda.is_available():
        about["accelerator"] = torch.cuda.get_device_name()
    return about


def _processor() -> str:
    """Return the processor's name, or its architecture where the system does not tell it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        text = ""
    names = (line.partition(":")[2] for line in text.splitlines() if line.startswith("model name"))
    return next(names, "").strip() or platform.processor() or platform.machine()


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
    with (
        ProcessPoolExecutor(processes, get_context("spawn"), leave_to_parent) as pool,
        ended_by_error(),
    ):
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


@contextmanager
def ended_by_error() -> Iterator[None]:
    """End the processes that are started inside where the block ends early, whatever they do."""
    before = set(active_children())
    try:
        yield
    except BaseException:
        for child in set(active_children()) - before:
            child.terminate()
        raise


def side_by_side(work: Callable[[int], None], number: int) -> None:
    """Let several processes do the same work, which they divide among themselves.

    The cores are divided among them. They end when this one ends, however it ends.

    Parameters
    ----------
    work : callable
        Given the number of the process, from 0; it must be picklable.
    number : int

    Raises
    ------
    SkybindError
        That of the first process that raised one, when the others are done.
    ProcessError
        If one of them was killed, or failed otherwise.
    """
    share = max(1, cores() // number)
    context = get_context("spawn")
    found = context.SimpleQueue()
    beside = [
        context.Process(target=_beside, args=(work, place, share, found)) for place in range(number)
    ]
    with ended_by_error():
        with _threads(share):
            for process in beside:
                process.start()
        for process in beside:
            process.join()
    if not found.empty():
        raise found.get()
    if any((process.exitcode or 0) > 0 for process in beside):
        raise ProcessError(
            "A process that shared the work failed, as told above: the same command goes on where "
            "it stopped."
        )
    if any(process.exitcode for process in beside):
        raise ProcessError(
            "A process that shared the work was killed, perhaps for want of memory: give the same "
            "command again, with fewer processes, and it goes on where it stopped."
        )


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Tell the processes that are started inside how many threads each may take."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(number)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _beside(work: Callable[[int], None], place: int, share: int, found: Any) -> None:
    """Do the work in a process of its own."""
    leave_to_parent()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    allow(share)
    try:
        work(place)
    except SkybindError as error:
        found.put(error)
        sys.exit(1)


def _end_with_parent() -> None:
    """End at once when the process that started this one is gone."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
