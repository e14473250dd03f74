import json

import numpy as np
import pytest

from skybind.errors import ConfigError
from skybind.files import atomic_path, check_name, json_hash, write_json, write_text


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
