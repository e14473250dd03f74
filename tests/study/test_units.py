import pytest

from skybind.errors import DataError
from skybind.locks import free, myself
from skybind.study.units import Notes, Unit, UnitNote

UNIT = Unit("a/seed-1/pretrain", "pretrain")


def test_a_note_is_read_as_it_was_written(tmp_path):
    notes = Notes(tmp_path)
    assert notes.read(UNIT) is None
    note = UnitNote(False, "k", 3.5, "why", "host", 12, "2026-11-28T12:00:00+00:00", 2)
    notes.write(UNIT, note)
    assert notes.read(UNIT) == note
    assert [path.name for path in (tmp_path / "a/seed-1").iterdir()] == ["pretrain.json"]
    (tmp_path / "a/seed-1/pretrain.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        notes.read(UNIT)


def test_a_unit_is_held_by_one_at_a_time_who_is_known(tmp_path):
    first, second = Notes(tmp_path), Notes(tmp_path)
    with first.held(UNIT) as mine:
        assert mine
        with second.held(UNIT) as theirs:
            assert not theirs
        holder = second.holder(UNIT)
        assert (holder.host, holder.pid) == (myself().host, myself().pid)
    assert second.holder(UNIT) is None
    with second.held(UNIT) as theirs:
        assert theirs


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    """Its words stay, its lock does not."""
    notes = Notes(tmp_path)
    (tmp_path / "a/seed-1").mkdir(parents=True)
    (tmp_path / "a/seed-1/pretrain.holder").write_text('{"host": "h", "pid": 1, "since": ""}')
    (tmp_path / "a/seed-1/pretrain.lock").touch()
    assert notes.holder(UNIT) is None
    assert free(tmp_path / "a/seed-1/pretrain.lock")
