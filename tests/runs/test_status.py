import json

import pytest

from skybind.errors import DataError
from skybind.runs.status import RUN_VERSION, RunStatus, read_status, write_status

STATUS = RunStatus("survey", "abc", "def", {"image": "0123"})


def test_it_is_read_as_it_was_written(tmp_path):
    write_status(tmp_path, STATUS)
    assert read_status(tmp_path) == STATUS
    note = json.loads((tmp_path / "status.json").read_text())
    assert note["run_version"] == RUN_VERSION


def test_that_of_version_0_1_is_read(tmp_path):
    """It has no number of a version, may lack backbones, and lists steps."""
    old = {"data": "survey", "fingerprint": "abc", "split_hash": "def"}
    (tmp_path / "status.json").write_text(json.dumps({**old, "steps": {"pretrain": {}}}))
    assert read_status(tmp_path) == RunStatus("survey", "abc", "def", {})


def test_one_of_a_newer_skybind_is_refused(tmp_path):
    newer = {"run_version": RUN_VERSION + 1, "something": "else"}
    (tmp_path / "status.json").write_text(json.dumps(newer))
    with pytest.raises(DataError, match=r"made by a newer skybind.*update skybind\.$"):
        read_status(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"data": "survey"}', '{"run_version": "two"}'])
def test_a_damaged_one_is_said(tmp_path, text):
    (tmp_path / "status.json").write_text(text)
    with pytest.raises(DataError, match=r"status\.json is damaged"):
        read_status(tmp_path)


def test_a_folder_without_one_is_no_run(tmp_path):
    with pytest.raises(DataError, match="There is no run in"):
        read_status(tmp_path)
