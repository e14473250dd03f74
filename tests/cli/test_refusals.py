"""What ends a command: in one sentence where a user can do something about it."""

import errno
import os
from pathlib import Path

import pytest

from skybind import cli
from skybind.files import atomic_path
from skybind.progress import set_verbosity


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.setattr(cli.atexit, "register", lambda _: None)
    yield
    set_verbosity("quiet")


def ends(monkeypatch, capsys, command):
    monkeypatch.setattr(cli, "app", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_a_place_that_the_file_system_refuses_is_told(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()

    def write():
        with atomic_path(tmp_path / "file" / "out") as temporary:
            temporary.mkdir()

    said = ends(monkeypatch, capsys, write)
    assert said.count("\n") == 1
    assert "file: file exists: give another place" in said


def test_a_full_disk_is_told(monkeypatch, capsys):
    def write():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert "skybind: no space left on device" in ends(monkeypatch, capsys, write)


def test_what_is_a_fault_of_the_program_keeps_its_trace(monkeypatch):
    monkeypatch.setattr(cli, "app", lambda: Path("nowhere-at-all").read_text())
    with pytest.raises(FileNotFoundError):
        cli.main()
