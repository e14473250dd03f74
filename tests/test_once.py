import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind import once as module
from skybind.errors import DataError
from skybind.locks import alone
from skybind.once import (
    NOTE,
    Workplace,
    fill_once,
    forget,
    forget_alone,
    forget_made,
    lock_of,
    note_of,
    once,
    result_of,
)

KEY = {"weights": "abc"}


def never(who=None):
    pytest.fail("nothing had to be done")


class Step:
    """Three parts; each adds a line to a file, and the work may be cut before any of them."""

    def __init__(self, folder, dies_at=None):
        self.folder, self.dies_at, self.did = folder, dies_at, []

    def __call__(self):
        log = self.folder / "log"
        parts = log.read_text().split() if log.exists() else []
        for part in ("one", "two", "three")[len(parts) :]:
            if part == self.dies_at:
                raise KeyboardInterrupt
            self.did.append(part)
            parts.append(part)
            log.write_text(" ".join(parts))
        return {"n": len(parts), "nested": {"x": [1, 2.5, None]}}


def test_what_is_done_is_read_and_not_done_again(tmp_path):
    made = once(tmp_path / "a", KEY, Step(tmp_path / "a"))
    assert made == {"n": 3, "nested": {"x": [1, 2.5, None]}, "finished": True, **KEY}
    assert once(tmp_path / "a", KEY, never) == made == result_of(tmp_path / "a")


@pytest.mark.parametrize("dies_at", ["one", "two", "three"])
def test_what_was_interrupted_goes_on(tmp_path, dies_at):
    folder = tmp_path / "a"
    with pytest.raises(KeyboardInterrupt):
        once(folder, KEY, first := Step(folder, dies_at))
    assert result_of(folder) is None
    assert note_of(folder) == {**KEY, "finished": False}
    made = once(folder, KEY, second := Step(folder))
    assert first.did + second.did == ["one", "two", "three"]
    assert made["n"] == 3


@pytest.mark.parametrize("other", [{"weights": "other"}, {"weights": None}, {"weights": [1]}])
@pytest.mark.parametrize("dies_at", [None, "two"])
def test_what_was_made_from_something_else_is_made_anew(tmp_path, other, dies_at):
    folder = tmp_path / "a"
    if dies_at is None:
        once(folder, KEY, Step(folder))
    else:
        with pytest.raises(KeyboardInterrupt):
            once(folder, KEY, Step(folder, dies_at))
    (folder / "left over").touch()
    again = Step(folder)
    assert once(folder, other, again)["weights"] == other["weights"]
    assert again.did == ["one", "two", "three"]
    assert not (folder / "left over").exists()


def test_a_key_that_the_note_does_not_tell_is_another_one(tmp_path):
    once(tmp_path / "a", KEY, Step(tmp_path / "a"))
    once(tmp_path / "a", {**KEY, "labels": None}, again := Step(tmp_path / "a"))
    assert again.did


def test_work_whose_time_was_over_is_kept_and_gone_on_with(tmp_path):
    folder = tmp_path / "a"
    assert once(folder, {}, lambda: {"epochs": 2, "finished": False})["epochs"] == 2
    assert result_of(folder) is None
    assert note_of(folder) == {"epochs": 2, "finished": False}
    assert once(folder, {}, lambda: {"epochs": 3, "finished": True})["epochs"] == 3
    assert once(folder, {}, never)["epochs"] == 3


def test_a_note_of_version_0_1_counts(tmp_path):
    (tmp_path / NOTE).write_text(json.dumps({"pretrained_weights": "w", "n_train": 5}))
    assert once(tmp_path, {"pretrained_weights": "w"}, never)["n_train"] == 5


@pytest.mark.parametrize("text", ["{", "[1]", "null"])
def test_a_damaged_note_is_said(tmp_path, text):
    (tmp_path / NOTE).write_text(text)
    with pytest.raises(DataError, match="is damaged"):
        once(tmp_path, {}, never)


def test_a_step_that_is_half_removed_is_not_taken_for_done(tmp_path, monkeypatch):
    folder = tmp_path / "a"
    once(folder, KEY, Step(folder))

    def killed(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        forget(folder)
    monkeypatch.undo()
    assert (folder / "log").exists()
    assert result_of(folder) is None
    forget(folder)
    forget(folder)  # of nothing: no matter
    assert not folder.exists()


WORKER = """
import os, signal, sys
from pathlib import Path
from skybind.once import once
folder = Path(sys.argv[1])
def make():
    log = folder / "log"
    parts = log.read_text().split() if log.exists() else []
    while len(parts) < 4:
        parts.append(str(len(parts)))
        log.write_text(" ".join(parts))
        print("part", flush=True)
        sys.stdin.readline()
    return {"parts": parts}
print(once(folder, {"a": 1}, make)["parts"])
"""


def test_a_killed_process_is_continued(tmp_path):
    def begin():
        command = [sys.executable, "-c", WORKER, str(tmp_path / "a")]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    for _ in range(2):  # killed twice, each time in the middle of a new part
        worker = begin()
        assert worker.stdout.readline() == "part\n"
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
        assert result_of(tmp_path / "a") is None
    written, _ = begin().communicate("\n" * 9)
    assert written.splitlines() == ["part", "part", "['0', '1', '2', '3']"]
    assert begin().communicate()[0] == "['0', '1', '2', '3']\n"


class Folder:
    """Files 0 to 4, in steps; may be cut before or after one is recorded."""

    def __init__(self, cut=None, after=False):
        self.cut, self.after, self.wrote = cut, after, []

    def __call__(self, place: Workplace):
        for number in range(len(place.entries), 5):
            if number == self.cut and not self.after:
                raise KeyboardInterrupt
            (place.work / f"{number}").write_text("x" * number)
            self.wrote.append(number)
            if number == self.cut:
                raise KeyboardInterrupt
            place.record({"files": [f"{number}"]})


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=4))
def test_a_folder_is_whole_or_not_there(tmp_path_factory, cuts):
    root = tmp_path_factory.mktemp("folder")
    target = root / "name-key"
    wrote = []
    for cut, after in cuts:
        try:
            fill_once(target, fill := Folder(cut, after), never)
        except KeyboardInterrupt:
            assert not target.exists()
        wrote += fill.wrote
    fill_once(target, last := Folder(), never)
    assert {path.name: len(path.read_text()) for path in target.iterdir()} == {
        str(number): number for number in range(5)
    }
    assert [path.name for path in root.iterdir()] == ["name-key"]
    # only what was not recorded when it was cut was written twice
    for number in range(5):
        times = (wrote + last.wrote).count(number)
        assert 1 <= times <= 1 + sum(cut == number and after for cut, after in cuts)


def interrupted(target):
    with pytest.raises(KeyboardInterrupt):
        fill_once(target, Folder(cut=4), never)
    return target.parent / f".{target.name}.unfinished"


WRONG = ["", "{}", "[]", "3", "null", '"x"', "[1]", '{"files": 3}', '{"files": {"3": "x"}}']


@pytest.mark.parametrize("text", WRONG)
@pytest.mark.parametrize("name", ["key.json", "journal/00002.json"])
def test_work_whose_note_is_damaged_is_done_anew(tmp_path, name, text):
    left = interrupted(tmp_path / "name-key")
    (left / name).write_text(text)
    fill_once(tmp_path / "name-key", last := Folder(), never)
    assert last.wrote == ([0, 1, 2, 3, 4] if name == "key.json" else [2, 3, 4])
    assert len(list((tmp_path / "name-key").iterdir())) == 5


def test_every_bit_of_a_journal_counts(tmp_path):
    """Counts in it become those of the import."""
    place = Workplace(tmp_path / "a", "key", never)
    with suppress(KeyboardInterrupt), place:
        (place.work / "one").write_text("x")
        place.record({"files": ["one"], "objects": 5})
        raise KeyboardInterrupt
    entry = place.path / "journal" / "00000.json"
    kept, whole = place.path.with_name("kept"), entry.read_bytes()
    shutil.copytree(place.path, kept)
    for at in range(len(whole)):
        entry.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        again = Workplace(tmp_path / "a", "key", never)
        with suppress(KeyboardInterrupt), again:
            assert again.entries in ([], [{"files": {"one": 1}, "objects": 5}])
            raise KeyboardInterrupt
        shutil.rmtree(place.path)
        shutil.copytree(kept, place.path)


def test_an_entry_in_the_place_of_another_does_not_count(tmp_path):
    left = interrupted(tmp_path / "name-key") / "journal"
    (left / "00002.json").write_bytes((left / "00001.json").read_bytes())
    fill_once(tmp_path / "name-key", last := Folder(), never)
    assert last.wrote == [2, 3, 4]


def test_a_journal_of_an_older_skybind_is_gone_on_with(tmp_path):
    left = interrupted(tmp_path / "name-key")
    for number in range(4):
        entry = json.dumps({"files": {str(number): number}})
        (left / "journal" / f"{number:05d}.json").write_text(entry)
    (left / "key.json").write_text(json.dumps({"key": "name-key"}))
    fill_once(tmp_path / "name-key", last := Folder(), never)
    assert last.wrote == [4]


def test_of_two_programs_one_fills_a_folder_and_the_other_waits(tmp_path):
    told, begun, may_end, filled = (threading.Event() for _ in range(4))
    target = tmp_path / "a" / "folder"

    def slow(place):
        begun.set()
        may_end.wait(30)
        (place.work / "file").write_text("first")

    first = threading.Thread(target=fill_once, args=(target, slow, never))
    first.start()
    assert begun.wait(30)
    second = threading.Thread(
        target=fill_once, args=(target, lambda place: filled.set(), lambda who: told.set())
    )
    second.start()
    assert told.wait(30)
    may_end.set()
    first.join(30)
    second.join(30)
    assert not filled.is_set()
    assert (target / "file").read_text() == "first"
    time.sleep(0.1)
    assert [path.name for path in target.parent.iterdir()] == ["folder"]


def left_beside(target):
    """What a process leaves that was killed after it put a folder in its place."""
    unfinished = target.parent / f".{target.name}.unfinished"
    (unfinished / "journal").mkdir(parents=True)
    lock_of(target).touch()
    lock_of(target).with_suffix(".holder").write_text("{}")
    return unfinished


def test_what_a_killed_process_left_beside_a_folder_is_removed(tmp_path):
    target = tmp_path / "folder"
    fill_once(target, Folder(), never)
    unfinished = left_beside(target)
    with alone(lock_of(target), otherwise=never):  # as long as another program is at work there
        fill_once(target, never, never)
        assert unfinished.is_dir()
    fill_once(target, never, never)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_folder_is_removed_whole_with_what_is_left_of_its_making(tmp_path, monkeypatch):
    target = tmp_path / "folder"
    fill_once(target, Folder(), never)
    left_beside(target)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *given, **options: exec("raise KeyboardInterrupt"))
        with pytest.raises(KeyboardInterrupt):
            forget_made(target)
    assert not target.exists()  # killed while its files were removed
    for path in tmp_path.glob("*.tmp"):  # as of a process that is gone
        path.rename(path.with_name(path.name.replace(f"-{os.getpid()}-", "-999999999-")))
    forget_made(target)
    assert list(tmp_path.iterdir()) == []


def test_of_two_programs_one_does_a_step_and_the_other_waits_and_reads_it(tmp_path, monkeypatch):
    told, begun, may_end = (threading.Event() for _ in range(3))
    said, made = [], []
    folder = tmp_path / "run" / "step"

    def wait(who):
        said.append(who)
        told.set()

    monkeypatch.setattr(module, "waiting_for", lambda what: wait)

    def slow():
        begun.set()
        may_end.wait(30)
        return {"n": 1}

    first = threading.Thread(target=once, args=(folder, KEY, slow))
    first.start()
    assert begun.wait(30)
    second = threading.Thread(target=lambda: made.append(once(folder, KEY, never)))
    second.start()
    assert told.wait(30)
    may_end.set()
    first.join(30)
    second.join(30)
    assert made == [{"n": 1, "finished": True, **KEY}]
    assert "process" in said[0]
    assert [path.name for path in folder.parent.iterdir()] == ["step"]


def test_a_step_that_is_done_is_read_without_writing_anything(tmp_path, monkeypatch):
    folder = tmp_path / "step"
    once(folder, KEY, Step(folder))
    before = {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]}

    def no_writing(*arguments, **settings):
        pytest.fail("the folder may be one that cannot be written")

    monkeypatch.setattr(module, "write_sealed", no_writing)
    monkeypatch.setattr(module, "alone", no_writing)
    assert once(folder, KEY, never)["n"] == 3
    assert before == {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]}


def test_a_step_that_another_program_does_is_not_removed_under_it(tmp_path):
    folder = tmp_path / "step"
    once(folder, {}, lambda: {"n": 1})
    thread = threading.Thread(target=forget_alone, args=[folder])
    with alone(lock_of(folder), otherwise=lambda who: None):
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert result_of(folder)["n"] == 1
    thread.join(30)
    assert not folder.exists()
    forget_alone(tmp_path / "none" / "step")
    assert not list(tmp_path.iterdir())
