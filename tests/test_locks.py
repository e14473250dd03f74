import errno
import threading

import pytest

from skybind.errors import DataError
from skybind.locks import alone


def never():
    pytest.fail("the lock was free")


def test_a_second_one_is_refused_while_the_first_is_there(tmp_path):
    def refuse():
        raise DataError("busy")

    first = alone(tmp_path / "lock", otherwise=never)
    second = alone(tmp_path / "lock", otherwise=refuse)
    with first, pytest.raises(DataError, match="busy"), second:
        pytest.fail("two at once")
    with alone(tmp_path / "lock", otherwise=never):
        pass


def test_a_second_one_waits_if_it_is_not_refused(tmp_path):
    told, done = threading.Event(), []

    def second():
        with alone(tmp_path / "lock", otherwise=told.set):
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
    def lost_terminal():
        raise OSError(errno.EIO, "no terminal")

    first = alone(tmp_path / "lock", otherwise=never)
    second = alone(tmp_path / "lock", otherwise=lost_terminal)
    with first, pytest.raises(OSError, match="no terminal"), second:
        pytest.fail("two at once")
