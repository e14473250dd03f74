import json
import sys

import psutil
import pytest

from benchmarks import growth


@pytest.fixture
def measured(tmp_path, monkeypatch, capsys):
    """Measure three steps of little surveys, whose commands the test gives, by size and step."""

    def run(commands):
        done = []

        def command(folder, step):
            size = int(folder.name.partition("-")[2])
            done.append((size, step))
            return [sys.executable, "-c", commands.get((size, step), "")]

        monkeypatch.setattr(growth, "command", command)
        words = ["growth", "--out", str(tmp_path), "--base", "10", "--sizes", "20", "30"]
        monkeypatch.setattr(
            sys, "argv", [*words, "--steps", "import", "check", "embed", "--limit", "20"]
        )
        code = growth.main()
        return code, done, capsys.readouterr().out

    run.rows = lambda: json.loads((tmp_path / "growth.json").read_text())
    return run


def test_a_failed_step_is_told_and_counted_and_the_others_go_on(measured):
    code, done, out = measured(
        {(20, "check"): "import sys; sys.exit('the disk is full')", (30, "import"): "raise OSError"}
    )
    assert code == 1
    assert done == [(n, step) for n in (10, 20, 30) for step in ("import", "check", "embed")]
    assert "2 steps failed:" in out
    assert "20 check: it ended with 1 (the disk is full)" in out
    assert "30 import: it ended with 1 (OSError)" in out
    rows = measured.rows()
    assert len(rows) == 9
    assert set(growth.an_object(rows, "seconds")["check"]) == {30}  # no number of a failed step
    assert set(growth.an_object(rows, "seconds")["embed"]) == {20, 30}


def test_what_failed_is_tried_again_and_nothing_else(measured):
    measured({(20, "check"): "raise SystemExit(2)"})
    code, done, out = measured({})
    assert (code, done) == (0, [(20, "check")])
    assert "failed" not in out
    assert [row["status"] for row in measured.rows()] == [0] * 9
    assert measured({})[1] == []


def test_a_survey_that_cannot_be_made_leaves_the_others(measured, monkeypatch):
    make = growth.make

    def fails(folder, objects, light_curves):
        if objects == 20:
            raise OSError("no space")
        make(folder, objects, light_curves)

    monkeypatch.setattr(growth, "make", fails)
    code, done, out = measured({})
    assert code == 1
    assert (30, "embed") in done
    assert "20 make: no space" in out


def test_the_memory_of_a_process_that_forks_is_counted_once():
    forks = """
import os, time
held = bytearray(300_000_000)
for _ in range(10):
    if not (child := os.fork()):
        time.sleep(0.1)
        os._exit(0)
    os.waitpid(child, 0)
"""
    resident, own = growth.watch(psutil.Popen([sys.executable, "-c", forks]), 60)
    assert 300e6 < own <= resident < 400e6
