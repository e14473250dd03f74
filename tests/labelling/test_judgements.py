import csv
import json
import threading

import numpy as np
import pytest

from skybind.errors import DataError
from skybind.labelling import judgements
from skybind.labelling.answers import read_answers, take_answers
from skybind.labelling.judgements import Judgements
from skybind.runs.run import Run

SEEN = {"queue": "label", "map": "photometry", "period": "0.5"}


@pytest.fixture
def run(trained):
    """The run without any answer."""
    opened = Run.open(trained)
    yield opened
    for path in sorted((trained / "labels").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


@pytest.fixture
def names(run):
    """Training objects of a class."""
    rows = run.rows("train")
    return run.dataset.object_ids[rows[run.labels[rows] >= 0]].tolist()


def lines(run):
    return [json.loads(line) for line in run.paths.labels.judgements.read_bytes().splitlines()]


def test_a_class_is_an_answer_that_the_command_line_knows(run, names, tmp_path):
    made = Judgements(run).judge(names[0], "class", "EW", "Leavitt", SEEN)
    assert read_answers(run.folder) == {names[0]: "EW"}
    (line,) = lines(run)
    assert (line["who"], line["seen"], line["label"]) == ("Leavitt", SEEN, "EW")
    assert line["when"] == made.when
    with (tmp_path / "own.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("object_id", "label"), (names[0], "EW"), (names[1], "")])
    assert take_answers(run, tmp_path / "own.csv", override=True).same == 1


def test_undone_step_by_step_by_whoever_judged(run, names):
    desk = Judgements(run)
    desk.judge(names[0], "class", "EW", "Leavitt", SEEN)
    desk.judge(names[0], "class", "EA", "Leavitt", SEEN)
    desk.judge(names[1], "class", "EB", "Payne", SEEN)
    assert desk.undo("Leavitt").label == "EA"
    assert read_answers(run.folder) == {names[0]: "EW", names[1]: "EB"}
    assert desk.standing()[names[0]].label == "EW"
    assert desk.undo("Leavitt").label == "EW"
    with pytest.raises(DataError, match="no judgement by Leavitt"):
        desk.undo("Leavitt")
    assert read_answers(run.folder) == {names[1]: "EB"}
    assert list(desk.standing()) == [names[1]]
    assert len(lines(run)) == 5  # nothing is taken out


@pytest.mark.parametrize("verdict", ["artefact", "unsure"])
def test_what_is_no_class_is_no_answer(run, names, verdict):
    desk = Judgements(run)
    desk.judge(names[0], "class", "EW", "x", {})
    desk.judge(names[0], verdict, None, "x", {})
    assert read_answers(run.folder) == {}
    assert Judgements(run).standing()[names[0]].verdict == verdict
    desk.undo("x")
    assert read_answers(run.folder) == {names[0]: "EW"}


def test_labels_that_measure_are_kept_beside(run):
    rows = run.rows("test")
    row = int(rows[run.labels[rows] >= 0][0])
    name, own = str(run.dataset.object_ids[row]), str(run.class_names[row])
    other = next(label for label in run.classes if label != own)
    made = Judgements(run).judge(name, "class", other, "x", {})
    assert "not changed" in made.note
    assert read_answers(run.folder) == {}
    assert Judgements(run).standing()[name].label == other
    assert Judgements(run).judge(name, "class", own, "x", {}).note == ""


@pytest.mark.parametrize(
    ("name", "verdict", "label", "says"),
    [
        (None, "class", "ew", "did you mean 'EW'"),
        (None, "class", None, "is missing"),
        (None, "sure", "EW", "no verdict 'sure'"),
        ("nobody", "class", "EW", "no such object"),
        ("nobody", "unsure", None, "no such object"),
    ],
)
def test_what_is_not_known_is_refused_and_nothing_kept(run, names, name, verdict, label, says):
    with pytest.raises(DataError, match=says):
        Judgements(run).judge(name or names[0], verdict, label, "x", {})
    assert not run.paths.labels.judgements.exists()
    assert not run.paths.labels.answers.exists()


def test_a_new_class_has_to_be_named_as_new(run, names):
    desk = Judgements(run)
    desk.judge(names[0], "class", "NOVA", "x", {}, new_classes=("NOVA",))
    desk.judge(names[1], "class", "NOVA", "x", {})
    assert read_answers(run.folder) == {names[0]: "NOVA", names[1]: "NOVA"}
    assert "NOVA" in Judgements(run).classes


def test_killed_before_the_answer_stands_it_is_brought_there(run, names, monkeypatch):
    Judgements(run).judge(names[0], "class", "EA", "x", {})

    def killed(*_):
        raise KeyboardInterrupt

    desk = Judgements(run)
    with monkeypatch.context() as patch:
        patch.setattr(judgements, "write_answers", killed)
        with pytest.raises(KeyboardInterrupt):
            desk.judge(names[1], "class", "EB", "x", {})
    assert names[1] not in read_answers(run.folder)
    Judgements(run).judge(names[2], "unsure", None, "x", {})
    assert read_answers(run.folder) == {names[0]: "EA", names[1]: "EB"}


def test_an_answer_that_was_taken_since_stays(run, names, tmp_path):
    desk = Judgements(run)
    desk.judge(names[0], "class", "EA", "x", {})
    (tmp_path / "own.csv").write_text(f"object_id,label\n{names[0]},EB\n")
    take_answers(run, tmp_path / "own.csv", override=True)
    with pytest.raises(DataError, match="was changed after"):
        desk.undo("x")
    desk.judge(names[1], "unsure", None, "x", {})
    assert read_answers(run.folder) == {names[0]: "EB"}


def test_a_torn_line_is_no_judgement(run, names, caplog):
    caplog.set_level("INFO", logger="skybind")
    Judgements(run).judge(names[0], "class", "EA", "x", {})
    with run.paths.labels.judgements.open("ab") as file:
        file.write(b'{"number": 2, "object_id": "SI')
    desk = Judgements(run)
    assert list(desk.standing()) == [names[0]]
    desk.judge(names[1], "class", "EB", "x", {})
    assert [line["number"] for line in lines(run)] == [1, 2]
    assert '{"number": 2, "object_id": "SI' in caplog.text


def test_a_whole_last_line_counts_without_its_newline(run, names):
    """As an editor leaves a file, which ends it where it likes."""
    Judgements(run).judge(names[0], "class", "EA", "x", {})
    Judgements(run).judge(names[1], "class", "EB", "x", {})
    path = run.paths.labels.judgements
    path.write_bytes(path.read_bytes().replace(b"\n", b"\n\n").rstrip(b"\n"))
    desk = Judgements(run)
    assert list(desk.standing()) == names[:2]
    desk.judge(names[2], "unsure", None, "x", {})
    assert list(Judgements(run).standing()) == names[:3]
    assert path.read_bytes().endswith(b"}\n")


def test_a_damaged_line_is_told_with_its_number(run, names):
    Judgements(run).judge(names[0], "class", "EA", "x", {})
    path = run.paths.labels.judgements
    path.write_bytes(path.read_bytes() + b'{"number": 2}\n')
    with pytest.raises(DataError, match=r"judgements\.jsonl, line 2, is damaged"):
        Judgements(run).standing()


def test_several_at_once_lose_nothing(run, names):
    def work(who, some):
        desk = Judgements(Run.open(run.folder))
        for name in some:
            desk.judge(name, "class", "EW", who, {})

    threads = [
        threading.Thread(target=work, args=(str(i), names[10 * i : 10 * i + 10])) for i in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_answers(run.folder) == dict.fromkeys(names[:30], "EW")
    assert [line["number"] for line in lines(run)] == list(range(1, 31))


@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_is_as_a_stack_of_answers_says(run, names, seed):
    rng = np.random.default_rng(seed)
    desk, stack = Judgements(run), [({}, None)]
    for _ in range(40):
        if rng.random() < 0.35 and len(stack) > 1:
            desk.undo("x")
            stack.pop()
        else:
            name = names[rng.integers(4)]
            label = rng.choice([*run.classes[:3], ""])
            desk.judge(name, "class" if label else "unsure", str(label) or None, "x", {})
            known = {k: v for k, v in stack[-1][0].items() if k != name}
            stack.append(({**known, name: str(label)} if label else known, name))
        assert read_answers(run.folder) == stack[-1][0]
        assert Judgements(run).standing().keys() == {name for _, name in stack[1:]}


def test_a_page_takes_its_own_judgement_back_where_two_judge_under_one_name(run, names):
    desk, other = Judgements(run), Judgements(run)
    own = desk.judge(names[0], "class", "EW", "x", {})
    other.judge(names[1], "class", "EA", "x", {})
    assert desk.undo("x", own.number).object_id == names[0]
    assert read_answers(run.folder) == {names[1]: "EA"}
    with pytest.raises(DataError, match=f"no judgement {own.number} that"):
        desk.undo("x", own.number)


@pytest.mark.parametrize("verdict", ["class", "unsure"])
def test_what_another_judged_again_stays(run, names, verdict):
    desk = Judgements(run)
    label = "EW" if verdict == "class" else None
    desk.judge(names[0], verdict, label, "Leavitt", {})
    desk.judge(names[0], verdict, label, "Payne", {})
    answers = read_answers(run.folder)
    with pytest.raises(DataError, match="was changed after"):
        desk.undo("Leavitt")
    assert read_answers(run.folder) == answers
    assert desk.standing()[names[0]].who == "Payne"
    desk.undo("Payne")
    assert desk.undo("Leavitt").who == "Leavitt"
    assert read_answers(run.folder) == {}


def test_new_classes_come_after_those_that_have_keys(run, names):
    desk = Judgements(run)
    first = desk.classes
    Judgements(run).judge(names[0], "class", "AAA", "x", {}, new_classes=("AAA",))
    assert desk.classes == [*first, "AAA"]


def test_blanks_around_a_class_are_none_of_it(run, names):
    assert Judgements(run).judge(names[0], "class", " EW\t", "x", {}).label == "EW"
    with pytest.raises(DataError, match="is missing"):
        Judgements(run).judge(names[1], "class", " \t", "x", {}, new_classes=(" \t",))
    assert read_answers(run.folder) == {names[0]: "EW"}
