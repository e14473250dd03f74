"""What ends a command: in one sentence where a user can do something about it."""

import errno
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from skybind import cli, stops
from skybind.errors import ProcessError
from skybind.files import atomic_path
from skybind.progress import set_verbosity


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.setattr(cli.atexit, "register", lambda _: None)
    monkeypatch.setattr(cli, "allow", lambda: None)  # tests after these take one process
    monkeypatch.setattr(stops, "_ending", False)
    yield
    set_verbosity("quiet")


def ends(monkeypatch, capsys, command, status=2):
    monkeypatch.setattr(cli, "app", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == status
    return capsys.readouterr().err


def test_a_place_that_the_file_system_refuses_is_told(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()

    def write():
        with atomic_path(tmp_path / "file" / "out") as temporary:
            temporary.mkdir()

    said = ends(monkeypatch, capsys, write)
    assert said.count("\n") == 1
    assert "file exists: remove it, or choose another place." in said


def test_a_full_disk_is_told(monkeypatch, capsys):
    def write():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert "skybind: no space left on device" in ends(monkeypatch, capsys, write)


def test_what_is_a_fault_of_the_program_keeps_its_trace(monkeypatch):
    monkeypatch.setattr(cli, "app", lambda: {}["nothing"])
    with pytest.raises(KeyError):
        cli.main()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: Path("nowhere-at-all").read_text(), "nowhere-at-all: no such file or directory"),
        (lambda: np.zeros(1 << 55), "not enough memory"),
    ],
)
def test_what_the_machine_refuses_is_told(monkeypatch, capsys, ask, said):
    assert f"skybind: {said}" in ends(monkeypatch, capsys, ask)


def test_ctrl_c_that_a_library_took_is_told(monkeypatch, capsys):
    def command():
        raise SystemExit(130)  # as Typer does of a KeyboardInterrupt

    assert "interrupted; the same command goes on" in ends(monkeypatch, capsys, command, 130)


def test_what_a_signal_did_to_other_processes_is_told_as_the_signal(monkeypatch, capsys):
    def command():
        raise ProcessError("A process that shared the work was killed.")

    monkeypatch.setattr(stops, "_asked", signal.SIGTERM)
    assert "ended by SIGTERM" in ends(monkeypatch, capsys, command, 143)
