"""Work shared among processes: in order, not read far ahead, and a killed process is named."""

import os
import signal

import pytest

from skybind.errors import ConfigError, ProcessError
from skybind.processes import in_order


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
