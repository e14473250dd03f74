import re
import threading
import time

import pytest

from skybind.progress import (
    Work,
    muted,
    preparing,
    progress_bar,
    set_verbosity,
    step,
    task,
    told_elsewhere,
    work,
)


@pytest.fixture
def impatient(monkeypatch):
    """Silences of a twentieth of a second are long."""
    monkeypatch.setattr(work, "SILENCE", 0.05)
    monkeypatch.setattr(work, "TICK", 0.01)


def lines(capsys):
    return capsys.readouterr().err.splitlines()


def test_the_silence_is_shorter_than_ten_seconds():
    assert work.SILENCE + work.TICK < 10


def test_a_line_at_the_beginning_and_at_the_end(capsys, talking):
    with progress_bar("embedding", 4000) as report:
        for done in range(0, 4001, 500):
            report(done)
    first, last = lines(capsys)
    assert first == "embedding: 4,000 objects"
    assert last.startswith("embedding: 4,000 objects in 0.")
    with step("drawing the report"):
        pass
    first, last = lines(capsys)
    assert first == "drawing the report"
    assert last.startswith("drawing the report: done in 0.")


def test_no_silence_however_little_the_work_says(capsys, talking, impatient):
    began = time.monotonic()
    with progress_bar("embedding", 400) as report:
        report(100)
        time.sleep(0.08)
        report(300)
        time.sleep(0.3)
    between = lines(capsys)[1:-1]
    assert 3 <= len(between) <= (time.monotonic() - began) / work.SILENCE  # once in a silence
    assert between[-1].startswith("embedding: 300 of 400 objects, left ")
    with step("drawing the report"):
        time.sleep(0.2)
    assert re.fullmatch(r"drawing the report: for \d s", lines(capsys)[1])


def test_the_time_left_does_not_count_what_was_done_before(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(work.time, "monotonic", lambda: clock[0])
    resumed = Work("importing", 1000, "objects")
    clock[0] = 105.0
    resumed.update(900)
    assert resumed.left == ""
    clock[0] = 110.0
    resumed.update(910)  # ten objects in five seconds
    assert resumed.left == "left 45 s"
    assert resumed.line == "importing: 910 of 1,000 objects, left 45 s"


def test_work_inside_of_work_is_named_but_does_not_begin_and_end(capsys, talking, impatient):
    with step("evaluating"), progress_bar("random forest", 30, "trees") as report:
        report(10)
        time.sleep(0.1)
    told = lines(capsys)
    assert told[0] == "evaluating"
    assert told[1].startswith("evaluating, random forest: 10 of 30 trees")
    assert told[-1].startswith("evaluating: done in")
    assert not any(line.startswith("random forest") for line in told)
    set_verbosity("verbose")
    with step("evaluating"), progress_bar("random forest", 30, "trees"):
        pass
    assert "random forest: 30 trees" in [line.split(" ", 1)[1] for line in lines(capsys)]


def test_an_error_says_how_far_it_came_and_leaves_nothing_behind(capsys, talking):
    before = threading.active_count()

    def stop_early():
        with progress_bar("embedding", 400) as report:
            report(100)
            assert threading.active_count() == before + 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_early()
    assert lines(capsys)[-1] == "embedding: stopped after 100 of 400 objects"
    assert threading.active_count() == before


def test_nothing_and_no_thread_where_nothing_is_told(capsys):
    before = threading.active_count()
    with step("evaluating"), progress_bar("embedding", 400) as report:
        report(100)
        assert threading.active_count() == before
    assert lines(capsys) == []


def test_a_step_decorates_a_function(capsys, talking):
    @step("drawing")
    def draw(n):
        return n + 1

    assert [draw(1), draw(2)] == [2, 3]
    assert [line.split()[0] for line in lines(capsys)] == ["drawing", "drawing:"] * 2


def test_what_was_prepared_before_is_not_prepared(capsys, talking, tmp_path):
    with preparing("photometry", 5, tmp_path / "new") as report:
        report(5)
    assert len(lines(capsys)) == 2
    with preparing("photometry", 5, tmp_path) as report:
        report(5)
    assert lines(capsys) == []


def test_what_is_mostly_short_is_told_only_when_it_is_long(capsys, talking, impatient):
    with step("searching", told=False), step("reading"):
        pass
    told = lines(capsys)
    assert told[0] == "reading"
    assert told[1].startswith("reading: done in")
    assert len(told) == 2
    with step("searching", told=False):
        time.sleep(0.08)
    assert re.fullmatch(r"searching: for \d s", lines(capsys)[0])


def test_one_of_them(capsys, talking):
    with progress_bar("classifying", 1) as report:
        report(1)
    assert lines(capsys)[0] == "classifying: 1 object"


def test_the_parts_of_a_muted_step_are_named_while_they_last(capsys, talking, impatient):
    with step("trial 1", told=False), muted(), progress_bar("embedding", 400) as report:
        report(100)
        time.sleep(0.08)
    told = lines(capsys)
    assert told
    assert {line.split(", left")[0] for line in told} == {"trial 1, embedding: 100 of 400 objects"}


def test_what_is_not_drawn_is_told_where_nothing_else_is(capsys, talking, impatient):
    with task("at work", told=False, drawn=False):
        time.sleep(0.08)
        with step("evaluating"):
            time.sleep(0.08)
    told = lines(capsys)
    assert list(dict.fromkeys(re.sub(r"[\d.]+ s", "N s", line) for line in told)) == [
        "at work: for N s",
        "evaluating",
        "evaluating: for N s",
        "evaluating: done in N s",
    ]


def test_the_time_that_it_lasts(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(work.time, "monotonic", lambda: clock[0])
    drawing = Work("drawing", None, "objects")
    clock[0] = 112.3
    assert drawing.line == "drawing: for 12 s"
    clock[0] = 168.0
    assert drawing.line == "drawing: for 1 min 08 s"


def test_another_process_tells_it(capsys, talking, impatient):
    with step("a trial", told=False):
        with told_elsewhere():
            time.sleep(0.1)
        assert lines(capsys) == []
        time.sleep(0.08)
    assert lines(capsys)[0].startswith("a trial: for")
