"""Work shared among processes: in order, not read far ahead, and a killed process is named."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from skybind import processes
from skybind.errors import ConfigError, DataError, ProcessError
from skybind.processes import in_order
from tests.children import children_of, end_within


def square(number):
    return number * number


def killed(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_one_process_reads_a_task_when_it_is_due():
    read = []
    tasks = (read.append(number) or number for number in range(100))
    results = in_order(square, tasks, 1)
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert len(read) == 3


@pytest.mark.slow
def test_two_processes_give_the_same_in_order_and_read_little_ahead():
    read = []
    tasks = (read.append(number) or number for number in range(40))
    results = in_order(square, tasks, 2)
    assert next(results) == 0
    assert len(read) <= 4
    assert list(results) == [number * number for number in range(1, 40)]


@pytest.mark.slow
def test_a_process_that_was_killed_is_named():
    with pytest.raises(ProcessError, match="was killed"):
        list(in_order(killed, range(10), 2))


def test_there_is_at_least_one():
    with pytest.raises(ConfigError, match="starts at 1"):
        list(in_order(square, [1], 0))


def _note(place, folder):
    name = "OMP_NUM_THREADS"
    (folder / str(place)).write_text(f"{os.environ[name]} {processes.allowed()}")


def _fail(place, folder):
    if place == 1:
        raise DataError("number 1 cannot.")
    _note(place, folder)


def _die(place, folder):
    if place == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    _note(place, folder)


def _break(place, folder):
    raise ValueError("a fault of the program")


def _sleep(place, folder):
    _note(place, folder)
    time.sleep(600)


def test_processes_side_by_side_divide_the_cores(tmp_path):
    before = dict(os.environ)
    processes.side_by_side(partial(_note, folder=tmp_path), 2)
    share = str(max(1, processes.cores() // 2))
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == [f"{share} {share}"] * 2
    assert dict(os.environ) == before


def test_of_processes_side_by_side_one_that_fails_stops_no_other(tmp_path):
    with pytest.raises(DataError, match="number 1 cannot"):
        processes.side_by_side(partial(_fail, folder=tmp_path), 2)
    assert [path.name for path in tmp_path.iterdir()] == ["0"]
    with pytest.raises(ProcessError, match="failed, as told above"):
        processes.side_by_side(partial(_break, folder=tmp_path), 1)
    with pytest.raises(ProcessError, match="was killed"):
        processes.side_by_side(partial(_die, folder=tmp_path), 2)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_processes_side_by_side_end_with_the_one_that_started_them(tmp_path):
    code = (
        "from functools import partial; from pathlib import Path; import tests.test_processes as t;"
        "from skybind.processes import side_by_side;"
        f"side_by_side(partial(t._sleep, folder=Path({str(tmp_path)!r})), 1)"
    )
    first = subprocess.Popen([sys.executable, "-c", code])
    lock = tmp_path / "0"
    deadline = time.monotonic() + 60
    while not lock.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    children = children_of(first.pid)
    first.kill()
    first.wait()
    assert children
    assert end_within(children, deadline - time.monotonic())
