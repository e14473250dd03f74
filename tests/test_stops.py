"""Signals end a program with a sentence and its status, whatever swallows the first of them."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skybind import stops
from skybind.processes import in_order
from skybind.stops import Stopped
from tests.children import children_of, end_within

# begins to import skybind only when a signal has come, as in the first moments of a command
EARLY = """
import os, signal, sys
import skybind.__main__ as program
class Finder:
    def find_spec(self, name, *rest):
        if name == "skybind.cli":
            os.kill(os.getpid(), signal.{name})
sys.meta_path.insert(0, Finder())
program.main()
"""
# what is loaded when the first signal is heeded, beyond what the command's own script imports
LOADED = """
import os, re, signal, sys
before = set(sys.modules)
def told(*ignored):
    print(*sorted(set(sys.modules) - before), flush=True)
    os._exit(0)
signal.signal = told
from skybind.__main__ import main
main()
"""
# a library's callback swallows the exception; the next report of progress raises it again
SWALLOWED = """
import os, signal
from skybind import stops
from skybind.progress.work import Work
stops.heed()
class Deaf:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(100): pass
try:
    Deaf()
    print("swallowed", stops.asked())
    Work("work", 2, "objects").update(1)
    print("never")
except stops.Stopped as stop:
    print(*stops.ending(stop.number))
"""


def run(code, **settings):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, **settings
    )


def as_in_a_terminal():
    """Heed signals: a shell starts background jobs with Ctrl-C ignored, nohup with SIGHUP."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_in_the_first_moment_ends_with_the_sentence(name, status):
    done = run(EARLY.format(name=name), preexec_fn=as_in_a_terminal)
    how = "interrupted" if name == "SIGINT" else f"ended by {name}"
    assert done.returncode == status
    assert done.stderr == f"skybind: {how}; the same command goes on where it stopped.\n"


def test_next_to_nothing_is_imported_before_signals_are_heeded():
    loaded = set(run(LOADED, preexec_fn=as_in_a_terminal).stdout.split())
    assert "skybind.stops" in loaded
    assert loaded <= {"_thread", "atexit", "skybind"} | {
        f"skybind.{name}" for name in ("__main__", "stops", "version")
    }


def test_what_swallows_a_signal_is_asked_again_by_the_next_report():
    done = run(SWALLOWED)
    assert done.stdout.splitlines() == [
        "swallowed 15",
        "ended by SIGTERM; the same command goes on where it stopped. 143",
    ]
    assert done.stderr == ""


def test_what_swallows_a_signal_is_asked_again_by_the_clock():
    code = SWALLOWED.replace("stops.heed()", "stops.AGAIN = 0.1; stops.heed(); import time")
    code = code.replace('Work("work", 2, "objects").update(1)', "time.sleep(60)")
    began = time.monotonic()
    done = run(code)
    assert done.stdout.splitlines()[1].endswith("143")
    assert time.monotonic() - began < 50


def test_the_clock_does_not_cut_a_long_clean_up():
    code = (
        "import os, signal, time\n"
        "from skybind import stops\n"
        "stops.AGAIN = 0.1; stops.heed()\n"
        "try:\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)\n"
        "    finally:\n"
        "        time.sleep(1); print('cleaned')\n"
        "except stops.Stopped as stop:\n"
        "    print(stops.ending(stop.number)[1])\n"
    )
    assert run(code).stdout.split() == ["cleaned", "143"]


def test_a_signal_that_was_set_to_be_ignored_stays_so():
    code = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
        "from skybind import stops; stops.heed(); os.kill(os.getpid(), signal.SIGHUP);"
        "print(stops.asked())"
    )
    assert run(code).stdout == "None\n"


def test_a_reminder_does_not_disturb_the_clean_up(monkeypatch):
    monkeypatch.setattr(stops, "_asked", signal.SIGTERM)
    with pytest.raises(Stopped):
        stops.remind()
    cleaned = []
    try:
        raise Stopped(signal.SIGTERM)
    except Stopped:
        stops.remind()  # what is cleaned up may report its progress
        cleaned.append(True)
    assert cleaned


def slow(seconds):
    time.sleep(seconds)
    return seconds


def test_processes_that_share_work_end_where_it_is_given_up():
    results = in_order(slow, [0.0, *[600.0] * 3], 2)
    assert next(results) == 0.0
    began = time.monotonic()
    results.close()
    assert time.monotonic() - began < 60


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_processes_that_share_work_end_with_a_program_that_is_stopped(tmp_path):
    code = (
        "from skybind import stops; from skybind.processes import in_order;"
        "from tests.test_stops import slow; stops.heed();"
        "work = in_order(slow, [0.0, *[600.0] * 3], 2); next(work); print('on', flush=True);"
        "next(work)"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert program.stdout.readline() == "on\n"
    children = children_of(program.pid)
    program.terminate()
    program.wait(60)
    assert children
    assert end_within(children, 30)


def test_a_signal_after_the_work_ends_with_the_sentence_and_no_traceback():
    code = (
        "import atexit, os, signal, sys\n"
        "from skybind import __main__, stops\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGTERM))\n"
        "sys.argv = ['skybind', '--version']\n"
        "__main__.main()\n"
    )
    done = run(code)
    assert done.returncode == 143
    assert done.stderr == "skybind: ended by SIGTERM; the same command goes on where it stopped.\n"


def test_a_signal_while_modules_are_taken_down_says_nothing_of_a_work_that_is_done():
    code = (
        "import os\n"
        "from skybind import stops\n"
        "stops.heed()\n"
        "class Late:\n"
        "    def __del__(self, kill=os.kill, write=os.write, own=os.getpid()):\n"
        "        kill(own, {number:d})\n"
        "        write(1, b'sent')\n"
        "late = Late()\n"
        "stops.over()\n"
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        done = run(code.format(number=number), preexec_fn=as_in_a_terminal)
        assert (done.returncode, done.stdout, done.stderr) == (0, "sent", "")


def test_another_error_that_nobody_can_catch_is_told():
    code = (
        "from skybind import stops\n"
        "stops.heed()\n"
        "class Bad:\n"
        "    def __del__(self): raise ValueError('bad')\n"
        "Bad()\n"
    )
    assert "ValueError: bad" in run(code).stderr
