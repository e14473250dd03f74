import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skybind import files
from skybind.errors import ConfigError
from skybind.files import (
    atomic_path,
    check_known_name,
    check_name,
    json_hash,
    link_or_copy,
    read_array,
    write_array,
    write_json,
    write_text,
)


def test_a_file_appears_whole(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("x")
        assert not target.exists()
    assert target.read_text() == "x"
    assert [p.name for p in target.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write_half():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_replaces_a_folder(tmp_path):
    target = tmp_path / "d"
    target.mkdir()
    (target / "old").touch()
    with atomic_path(target) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert [p.name for p in target.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path, what):
    disk, here = tmp_path / "disk", tmp_path / "here"
    disk.mkdir()
    here.mkdir()
    target, link = disk / "target", here / "link"
    if what == "folder":
        target.mkdir()
        (target / "old").touch()
    link.symlink_to("../disk/target")  # leads to nothing yet where it is a file
    for content in ("one", "two"):
        with atomic_path(link) as temporary:
            assert temporary.parent == disk  # one that is renamed has to be on the same disk
            if what == "folder":
                temporary.mkdir()
            (temporary / content if what == "folder" else temporary).write_text(content)
        assert link.is_symlink()
        if what == "folder":
            assert [path.name for path in target.iterdir()] == [content]
        else:
            assert target.read_text() == content
    assert [path.name for path in disk.iterdir()] == ["target"]
    assert [path.name for path in here.iterdir()] == ["link"]


def test_a_failed_folder_leaves_the_old_one(tmp_path):
    target = tmp_path / "d"
    target.mkdir()
    (target / "old").touch()

    def write_half():
        with atomic_path(target) as temporary:
            temporary.mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert [p.name for p in target.iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_json_of_numpy_and_of_what_is_not_finite(tmp_path):
    value = {"a": np.float32(1.5), 2: np.arange(2), "c": [float("nan"), np.inf], "ü": (None, True)}
    write_json(tmp_path / "x.json", value)
    assert json.loads((tmp_path / "x.json").read_text("utf-8")) == {
        "a": 1.5,
        "2": [0, 1],
        "c": [None, None],
        "ü": [None, True],
    }


def test_text_is_utf8(tmp_path):
    write_text(tmp_path / "x", "λ Å")
    assert (tmp_path / "x").read_bytes() == "λ Å".encode()


def test_hash_knows_content_not_order():
    assert json_hash({"a": 1, "b": [2]}) == json_hash({"b": [2], "a": 1})
    assert json_hash({"a": 1}) != json_hash({"a": 2})
    assert len(json_hash({}, 8)) == 8


@pytest.mark.parametrize("name", ["x", "G-band", "10.5+a", "_", "console", "com", "a" * 100])
def test_names_that_may_be_those_of_files(name):
    check_name(name, "The name")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".x", "x.", "a/b", "a\\b", "a b", "a\nb", "a\0b", "é", "a" * 101, "x\n"],
)
def test_names_that_may_not(name):
    with pytest.raises(ConfigError, match=r"^The name .* becomes the name of a file: use letters"):
        check_name(name, "The name")


@pytest.mark.parametrize("name", ["con", "NUL", "Aux.txt", "com1", "LPT9.tar.gz", "prn.x"])
def test_devices_are_no_names(name):
    with pytest.raises(ConfigError, match="that of a device on Windows"):
        check_name(name, "The name")


@pytest.mark.parametrize("name", ["aux", "con", "x", "x.", "a b", "é", "a" * 100])
def test_names_of_before_are_still_known(name):
    check_known_name(name, "The name")


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".x", "a/b", "a\\b", "c:x", "a\nb", "a\0b", "a" * 101]
)
def test_no_name_leads_elsewhere(name):
    with pytest.raises(
        ConfigError, match=r"^The name .* becomes the name of a file: it may have no /"
    ):
        check_known_name(name, "The name")


DIES = """
import os, signal, sys
from skybind.files import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.mkdir() if sys.argv[2] == "folder" else temporary.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path, kind):
    target = tmp_path / "x"
    subprocess.run([sys.executable, "-c", DIES, str(target), kind], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with atomic_path(tmp_path / "y") as temporary:  # that of another file stays
        temporary.touch()
    assert len(list(tmp_path.iterdir())) == 2
    write_text(target, "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x", "y"]


def test_what_another_process_is_writing_stays(tmp_path):
    target = tmp_path / "x"
    with atomic_path(target) as one:
        one.write_text("one")
        write_text(target, "two")
        assert one.exists()
    assert target.read_text() == "one"


@pytest.mark.parametrize("at_once", [True, False])
def test_a_folder_is_replaced_where_the_system_cannot_exchange_two(tmp_path, monkeypatch, at_once):
    if not at_once:
        monkeypatch.setattr(files, "_exchange", lambda one, two: False)
    target = tmp_path / "d"
    for text in ("old", "new"):
        with atomic_path(target) as temporary:
            temporary.mkdir()
            (temporary / text).touch()
    assert [p.name for p in target.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_a_folder_that_was_moved_aside_by_a_killed_process_is_brought_back(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = files._mark().partition("-")[0]
    aside = tmp_path / f".d.{host}-{ended.pid}-01234567.old"
    aside.mkdir()
    (aside / "old").touch()
    files.remove_leftovers(tmp_path / "d")
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_all_is_on_the_disk_before_the_name_appears(tmp_path, monkeypatch):
    done = []
    monkeypatch.setenv(files.SYNC, "1")
    monkeypatch.setattr(
        os, "fsync", lambda handle: done.append(os.readlink(f"/proc/self/fd/{handle}"))
    )
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("rename"), replace(a, b)))
    with atomic_path(tmp_path / "d") as temporary:
        temporary.mkdir()
        (temporary / "a").touch()
    assert [name.rpartition("/")[2] for name in done] == [
        "a",
        temporary.name,
        "rename",
        tmp_path.name,
    ]
    monkeypatch.setenv(files.SYNC, "0")
    done.clear()
    write_text(tmp_path / "x", "y")
    assert done == ["rename"]


def test_a_file_is_copied_where_it_cannot_have_a_second_name(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("whole")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").samefile(tmp_path / "a")

    def refuse(self, target):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    link_or_copy(tmp_path / "a", tmp_path / "c")
    assert not (tmp_path / "c").samefile(tmp_path / "a")
    assert (tmp_path / "c").read_text() == "whole"


def test_an_array_with_any_bit_flipped_is_as_it_was_or_none(tmp_path):
    path = tmp_path / "a.npz"
    write_array(path, np.arange(3.0))
    data = path.read_bytes()
    for place in range(8 * len(data)):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        found = read_array(path)
        assert found is None or (found.dtype == float and found.tolist() == [0, 1, 2])
