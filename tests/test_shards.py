import itertools
import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skybind.errors import AlreadyDone, ConfigError, DataError
from skybind.shards import Shard, ShardFolder


@pytest.mark.parametrize("text", ["3", "0/3", "4/3", "a/b", "1/0", "-1/3"])
def test_a_shard_is_one_of_so_many(text):
    with pytest.raises(ConfigError, match="write 3/8"):
        Shard.read(text)
    assert Shard.read("3/8") == Shard(3, 8)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(1, 40))
def test_stretches_are_whole_groups_and_each_row_is_in_one(groups, of):
    starts, n = np.r_[0, np.cumsum(groups)][:-1], sum(groups)
    found = [Shard(k, of).stretch(starts, n) for k in range(1, of + 1)]
    assert found[0][0] == 0
    assert found[-1][1] == n
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))
    assert {start for start, _ in found} <= {*starts.tolist(), n}
    # as even as the groups allow
    assert max(stop - start for start, stop in found) < n / of + max(groups)


def write(text):
    def make(folder):
        (folder / "file").write_text(text)
        return {"letters": len(text)}

    return make


def test_shards_are_made_once_in_any_order_and_given_in_theirs(tmp_path):
    shards = ShardFolder(tmp_path / "out", "key", "work")
    assert shards.whole() == []
    for number in (2, 3, 1, 2):
        shards.do(Shard(number, 3), write(f"{number}" * number))
    again = shards.do(Shard(2, 3), pytest.fail)
    assert again["letters"] == 2
    found = shards.whole()
    assert [(folder / "file").read_text() for folder, _ in found] == ["1", "22", "333"]
    assert [note["letters"] for _, note in found] == [1, 2, 3]
    shards.discard()
    assert list(tmp_path.iterdir()) == []


def test_they_are_put_together_by_one_program_and_then_gone(tmp_path):
    shards = ShardFolder(tmp_path / "out", "key", "work")
    with shards.together() as parts:
        assert parts == []
    for number in (2, 1):
        shards.do(Shard(number, 2), write(f"{number}"))

    def fails():
        with shards.together():
            raise DataError("no space")

    with pytest.raises(DataError, match="no space"):
        fails()
    assert len(shards.whole()) == 2
    with shards.together() as parts:
        assert [(folder / "file").read_text() for folder, _ in parts] == ["1", "2"]
        with pytest.raises(DataError, match=r"putting the shards of .*out together: wait"):
            ShardFolder(tmp_path / "out", "key", "work").together().__enter__()
    assert list(tmp_path.iterdir()) == []


def put_together(shards, text="whole"):
    for number in (2, 1):
        shards.do(Shard(number, 2), write(f"{number}"))
    with shards.together():
        shards.out.write_text(text)
        shards.sign()


def test_none_is_made_again_after_they_were_put_together(tmp_path):
    shards = ShardFolder(tmp_path / "out", "key", "work")
    put_together(shards)
    there = sorted(path.name for path in tmp_path.iterdir())
    for again in (Shard(2, 2), Shard(1, 3)):  # of another number they would give the same
        with pytest.raises(AlreadyDone, match=r"in place in .*out: nothing"):
            shards.do(again, pytest.fail)
    assert sorted(path.name for path in tmp_path.iterdir()) == there
    assert not shards.path.exists()


@pytest.mark.parametrize("change", ["gone", "another", "other key"])
def test_they_are_made_again_where_something_else_is_in_the_place(tmp_path, change):
    shards = ShardFolder(tmp_path / "out", "key", "work")
    put_together(shards)
    if change == "gone":
        shards.out.unlink()
    elif change == "another":
        shards.out.write_text("of somebody else")
    else:
        shards = ShardFolder(tmp_path / "out", "another", "work")
    assert shards.do(Shard(2, 2), write("anew"))["letters"] == 4


def test_what_a_killed_process_left_of_them_is_removed(tmp_path):
    shards = ShardFolder(tmp_path / "out", "key", "work")
    assert not shards.finish()
    shards.do(Shard(1, 1), write("a"))
    assert not ShardFolder(tmp_path / "out", "another", "work").finish()
    assert len(shards.whole()) == 1
    assert shards.finish()
    for left in (".out.shards.lock", ".out.shards.holder"):
        (tmp_path / left).touch()
        assert shards.finish()
    (tmp_path / ".out.shards.gone" / "1-of-1").mkdir(parents=True)
    assert shards.finish()
    assert list(tmp_path.iterdir()) == []


def test_killed_when_all_was_in_place_nothing_is_done_again(tmp_path, monkeypatch):
    shards = ShardFolder(tmp_path / "out", "key", "work")
    shards.path.with_name(".out.shards.gone").mkdir()
    with shards.together() as parts:  # of what is not in its place
        assert parts == []
    put_together(shards)
    shards.path.with_name(".out.shards.gone").mkdir()
    with pytest.raises(AlreadyDone), shards.together():
        pytest.fail("it is done again")
    assert [p.name for p in tmp_path.iterdir() if "gone" in p.name] == []
    with pytest.raises(AlreadyDone), shards.together():
        pytest.fail("asked for once more, it is done anew")
    shards.out.unlink()
    with shards.together() as parts:
        assert parts == []


@pytest.mark.parametrize("left", ["shards", "gone"])
def test_what_another_program_removes_is_left_to_it(tmp_path, left):
    """As a shard finds it that is started again while the others are put together."""
    shards = ShardFolder(tmp_path / "out", "key", "import")
    shards.do(Shard(1, 1), write("a"))
    with shards.together():
        shards.out.write_text("whole")
        if left == "gone":
            shards.path.rename(tmp_path / ".out.shards.gone")
        there = sorted(tmp_path.rglob("*"))
        assert ShardFolder(tmp_path / "out", "key", "import").finish()
        assert sorted(tmp_path.rglob("*")) == there
        if left == "gone":
            (tmp_path / ".out.shards.gone").rename(shards.path)


def test_a_copy_counts_and_a_change_without_another_time_does_not(tmp_path):
    shards = ShardFolder(tmp_path / "out", "key", "work")
    put_together(shards)
    time = shards.out.stat().st_mtime_ns
    os.utime(shards.out, ns=(time, time + 10**9))
    with pytest.raises(AlreadyDone):
        shards.do(Shard(1, 2), pytest.fail)
    shards.out.write_text("other")  # as long
    os.utime(shards.out, ns=(time, time))
    assert shards.do(Shard(1, 2), write("anew"))["letters"] == 4


def test_killed_while_they_are_removed_none_is_missed(tmp_path, monkeypatch):
    shards = ShardFolder(tmp_path / "out", "key", "work")
    for number in (1, 2):
        shards.do(Shard(number, 2), write("a"))

    def some(path, ignore_errors):
        if path.exists():
            next(path.glob("*-of-*/file")).unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("skybind.shards.shutil.rmtree", some)
        with pytest.raises(KeyboardInterrupt):
            shards.discard()
    with shards.together() as parts:
        assert parts == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_or_half_made_is_named(tmp_path):
    shards = ShardFolder(tmp_path / "out", "key", "classify")

    def dies(folder):
        (folder / "file").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shards.do(Shard(2, 20), dies)
    shards.do(Shard(1, 20), write(""))
    with pytest.raises(DataError, match=r"19 of 20 shards .* missing \(2, 3, .* 11 and more"):
        shards.whole()
    for number in range(2, 20):
        shards.do(Shard(number, 20), write(""))
    with pytest.raises(DataError, match=r"1 of 20 .*\(20\).*--shard 20/20 .* to classify in one"):
        shards.whole()


def test_other_work_and_other_numbers_of_shards_are_refused(tmp_path):
    shards = ShardFolder(tmp_path / "out", "key", "work")
    shards.do(Shard(1, 2), write("a"))
    with pytest.raises(DataError, match="--shard K/2"):
        shards.do(Shard(1, 3), write("a"))
    other = ShardFolder(tmp_path / "out", "another", "work")
    for does in (lambda: other.do(Shard(2, 2), write("b")), other.whole):
        with pytest.raises(DataError, match="another model, other data"):
            does()


def test_a_damaged_note_is_told(tmp_path):
    shards = ShardFolder(tmp_path / "out", "key", "work")
    shards.do(Shard(1, 1), write("a"))
    note = shards.path / "1-of-1" / "note.json"
    said = json.loads(note.read_text())
    for text in ("{", json.dumps({**said, "letters": 7}), "[]"):
        note.write_text(text)
        with pytest.raises(DataError, match=r"1-of-1.* make it anew"):
            shards.whole()
