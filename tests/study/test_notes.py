"""Notes of steps, studies and exports: what is damaged in one is a sentence that names it."""

import json
from functools import partial

import pytest

from skybind.discovery.written import FILES
from skybind.errors import ConfigError, DataError
from skybind.ingest.hats_dataset import Stored
from skybind.ingest.resumable import STEPS, read_steps
from skybind.labelling.train import ROUNDS, Round, read_rounds
from skybind.record import plain, read_record, write_sealed
from skybind.shards import Shard, ShardFolder
from skybind.study.chosen import Chosen, read_chosen, write_chosen
from skybind.study.forecast import Speed
from skybind.study.merge import Study
from skybind.study.options import StudyOptions
from skybind.study.units import Notes, Unit, UnitNote
from tests.broken import expect_one_sentence

ROUND = Round(case="photometry", n_answers=3, n_train=12, test=None)
LANDING = {"name": "M", "n": 3, "classes": ["EW"], "share": [1.0], "lonely": 0.5}
CHOSEN = Chosen(
    values={"training.learning_rate": 1.25e-4},
    best={"training.learning_rate": 1.25e-4},
    value=0.75,
    measure="validation loss",
    trials=[0.75, None],
    run="trials/abc",
)
UNIT = Unit("a/seed-1/embed", "embed")
NOTE = UnitNote(True, "k", 3.5)


def unit(folder):
    Notes(folder).write(UNIT, NOTE)
    return folder / f"{UNIT.id}.json", lambda: Notes(folder).read(UNIT)


def chosen(folder):
    write_chosen(folder / "chosen.json", CHOSEN)
    return folder / "chosen.json", lambda: read_chosen(folder / "chosen.json")


def labels(folder):
    write_sealed(folder / "result.json", {"rounds": plain([ROUND])})
    return folder / "result.json", lambda: read_rounds(folder / "result.json")


def stored(folder):
    (folder / "skybind").mkdir()
    Stored(["object_id"], [("part-00000.parquet", 5, 2)]).write(folder / "skybind")
    return folder / "skybind/stored.json", lambda: Stored.read(folder)


def steps(folder):
    step = {"entry": {"objects": 5}, "file": None, "size": 0}
    write_sealed(folder / STEPS, {"steps": [step]})
    return folder / STEPS, lambda: read_steps(folder, "make it again")


def agreed(folder):
    shards = ShardFolder(folder / "out", "key", "work")
    shards.do(Shard(1, 1), lambda into: {"n": 1})
    return shards.path / "of.json", lambda: [note for _, note in shards.whole()]


def signature(folder):
    shards = ShardFolder(folder / "out", "key", "work")
    shards.do(Shard(1, 1), lambda into: {"n": 1})
    with shards.together():
        shards.out.write_text("whole")
        shards.sign()
    return folder / ".out.shards.json", lambda: shards._signed() or pytest.fail("not signed")


def speed(folder):
    write_sealed(folder / "s.json", vars(Speed(1, 2, 3, 4, {"a": 5}, {})))
    return folder / "s.json", lambda: read_record(folder / "s.json", Speed, "delete it")


FORMS = [unit, chosen, labels, stored, steps, agreed, signature, speed]
WRONG = ["", "{}", "[]", "3", "null", '"x"', "[1]", '{"steps": [3]}', '{"parts": [[1]]}']


def refused(read, right):
    """What is said of a file; None where it is read as it was."""
    try:
        assert read() == right
    except DataError as error:
        expect_one_sentence(error)
        return str(error)
    return None


@pytest.mark.parametrize("form", FORMS)
def test_every_bit_counts(form, tmp_path):
    path, read = form(tmp_path)
    right, whole = read(), path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        said = refused(read, right)
        assert said is None or path.name in said


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", WRONG)
def test_what_it_cannot_be_is_a_sentence_that_names_the_file(form, text, tmp_path):
    path, read = form(tmp_path)
    path.write_text(text)
    with pytest.raises(DataError) as told:
        read()
    expect_one_sentence(told.value)
    assert path.name in str(told.value)


@pytest.mark.parametrize("form", FORMS)
def test_of_an_older_skybind_it_is_read_without_a_checksum(form, tmp_path):
    path, read = form(tmp_path)
    right, content = read(), json.loads(path.read_text())
    del content["checksum"]
    path.write_text(json.dumps(content))
    assert read() == right


def test_lists_of_an_older_skybind_are_read_but_no_empty_ones(tmp_path):
    for name, kind, entry in [
        ("result.json", ROUNDS, ROUND.plain()),
        ("new_classes.json", FILES["new_classes.json"], LANDING),
    ]:
        read = partial(read_record, tmp_path / name, kind, "make it again")
        (tmp_path / name).write_text(json.dumps([entry]))
        (known,) = read()
        assert known.plain() == entry
        (tmp_path / name).write_text("[]")
        with pytest.raises(DataError, match=f"{name} is damaged"):
            read()
    for name in FILES:
        (tmp_path / name).write_text("[]")
        with pytest.raises(DataError, match=f"{name} is damaged"):
            read_record(tmp_path / name, FILES[name], "make it again")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"name: a\nname: b", b"a: [", b"\xff", b"\0"]
)
def test_a_damaged_question_of_a_study_is_one_sentence(content, tmp_path):
    raw = {
        "name": "a",
        "simulate": {"survey": "stars", "objects": 50},
        "configurations": {"small": {"config": "stars-small"}},
    }
    study = Study.begin(StudyOptions.model_validate(raw), tmp_path)
    assert Study.open(tmp_path).options == study.options
    study.paths.options.write_bytes(content)
    with pytest.raises(ConfigError, match=r"study\.yaml"):
        Study.open(tmp_path)


def test_a_shard_without_its_note_is_one_sentence(tmp_path):
    shards = ShardFolder(tmp_path / "out", "key", "work")
    shards.do(Shard(1, 1), lambda into: {"n": 1})
    (shards.path / "1-of-1" / "note.json").unlink()
    with pytest.raises(DataError, match=r"1-of-1 has lost its note.json: delete .* make it anew"):
        shards.whole()
