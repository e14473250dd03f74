import errno
import json
import os
import socket
import threading

import pytest

from skybind.errors import DataError
from skybind.locks import alone, holder, myself


def never(who):
    pytest.fail("the lock was free")


def test_a_second_one_is_refused_while_the_first_is_there(tmp_path):
    def refuse(who):
        raise DataError(f"taken by {who}")

    first = alone(tmp_path / "lock", otherwise=never)
    second = alone(tmp_path / "lock", otherwise=refuse)
    wanted = rf"another program \(process {os.getpid()} on {socket.gethostname()}, since 20.* UTC"
    with first, pytest.raises(DataError, match=wanted), second:
        pytest.fail("two at once")
    assert holder(tmp_path / "lock") is None
    with alone(tmp_path / "lock", otherwise=never):
        pass


def test_a_second_one_waits_if_it_is_not_refused(tmp_path):
    told, done = threading.Event(), []

    def second():
        with alone(tmp_path / "lock", otherwise=lambda who: told.set()):
            done.append("second")

    with alone(tmp_path / "lock", otherwise=never):
        thread = threading.Thread(target=second)
        thread.start()
        assert told.wait(30)
        done.append("first")
    thread.join(30)
    assert done == ["first", "second"]


def test_it_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ValueError, match="in the block"), alone(tmp_path / "l", otherwise=never):
        raise ValueError("in the block")
    with alone(tmp_path / "l", otherwise=never):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_stops_nobody(tmp_path, monkeypatch, number):
    fcntl = pytest.importorskip("fcntl")

    def no_locks(*arguments):
        raise OSError(number, "no locks here")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    ran = []
    with alone(tmp_path / "lock", otherwise=never):
        ran.append(True)
    assert ran


def test_a_file_that_cannot_be_used_stops_with_a_sentence(tmp_path):
    (tmp_path / "lock").mkdir()
    refused = pytest.raises(DataError, match="cannot be locked")
    with refused, alone(tmp_path / "lock", otherwise=never):
        pytest.fail("without the lock")


def test_an_error_while_telling_does_not_open_the_lock(tmp_path):
    def lost_terminal(who):
        raise OSError(errno.EIO, "no terminal")

    first = alone(tmp_path / "lock", otherwise=never)
    second = alone(tmp_path / "lock", otherwise=lost_terminal)
    with first, pytest.raises(OSError, match="no terminal"), second:
        pytest.fail("two at once")


def test_who_holds_a_lock_is_known_only_while_it_is_held(tmp_path):
    lock = tmp_path / ".run.lock"
    with alone(lock, otherwise=never):
        assert holder(lock).pid == myself().pid
    assert holder(lock) is None
    (tmp_path / ".run.holder").write_text(json.dumps(vars(myself())))  # left by a killed program
    assert holder(lock) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "host": "h", "since": ""}'])
def test_a_damaged_note_of_who_holds_a_lock_costs_only_the_words(tmp_path, text):
    said = []
    first = alone(tmp_path / "lock", otherwise=never)

    def refuse(who):
        said.append(who)
        raise DataError("busy")

    second = alone(tmp_path / "lock", otherwise=refuse)
    with first:
        (tmp_path / "lock.holder").write_text(text)
        with pytest.raises(DataError, match="busy"), second:
            pytest.fail("two at once")
    assert said == ["another program"]
