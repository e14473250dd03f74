import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from skybind.cli import app
from skybind.data.dataset import Dataset
from skybind.errors import ConfigError, DataError, LeakError
from skybind.labelling.answers import ANSWERED, LABELLED, labelled_run, read_answers, take_answers
from skybind.labelling.propose import propose_labels, write_proposals
from skybind.labelling.train import read_rounds, train_with_answers
from skybind.models.stored import note_files
from skybind.runs.run import Run


@pytest.fixture
def run(trained, stars):
    """The run without any answer."""
    opened = Run.open(trained)
    yield opened
    for path in sorted((trained / "labels").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def some(run, part, n=1, skip=0):
    """Objects of a part of the split whose class is in use: their ids and classes."""
    rows = run.rows(part)
    rows = rows[run.labels[rows] >= 0][skip : skip + n]
    return run.dataset.object_ids[rows].tolist(), run.class_names[rows].tolist()


def another(run, label):
    return next(name for name in run.classes if name != label)


def table(path, rows, header=("object_id", "label")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def answer_all(run, proposals, path):
    """What the catalogue says of the objects proposed."""
    rows = zip(proposals.object_id, run.catalogue_names[proposals.rows], strict=True)
    return table(path, [r for r in rows if r[1] in run.classes])


def test_nothing_is_proposed_that_is_labelled_or_measures(run):
    with pytest.raises(DataError, match="--only-answers"):
        propose_labels(run, 5)
    proposals = propose_labels(run, 1000, only_answers=True)
    parts = run.split.part[proposals.rows]
    assert set(parts) <= {"train", ""}
    seen = np.logical_or.reduce([run.source.present(name) for name in run.modalities])
    every = np.flatnonzero(np.isin(run.split.part, ["train", ""]) & seen)
    assert sorted(proposals.rows.tolist()) == every.tolist()
    assert len(set(proposals.object_id)) == len(proposals)
    for part in ("validation", "test"):
        with pytest.raises(DataError, match="nothing to propose"):
            propose_labels(run, 5, part=part)


def test_a_cold_start_proposes_typical_objects_and_says_so(run):
    proposals = propose_labels(run, 6, only_answers=True)
    assert proposals.strategy == "typical"
    assert not proposals.beliefs.known
    assert {proposals.guess(i) for i in range(6)} == {""}
    assert all("typical of a crowd" in reason for reason in proposals.reasons)
    assert any("two classes" in note for note in proposals.notes)
    again = propose_labels(run, 6, only_answers=True)
    assert again.object_id.tolist() == proposals.object_id.tolist()


def test_a_round_of_answers_changes_what_is_proposed(run, tmp_path):
    joined = labelled_run(run)
    first = propose_labels(run, 30, only_answers=True)
    taken = take_answers(run, answer_all(joined, first, tmp_path / "a.csv"))
    assert taken.new == taken.total == len(read_answers(run.folder)) > 20
    assert not taken.refused
    second = propose_labels(run, 10, only_answers=True)
    assert second.strategy == "combined"
    answered = set(read_answers(run.folder))
    assert not answered & set(second.object_id)
    np.testing.assert_allclose(second.beliefs.probability.sum(axis=1), 1)
    for place, reason in enumerate(second.reasons):
        assert reason.startswith(f"undecided between {second.guess(place)} (")
        known = second.neighbours[place]
        assert len(known) == 5
        assert {name for name, *_ in known} <= answered
        cosines = [cosine for *_, cosine in known]
        assert cosines == sorted(cosines, reverse=True)
    for strategy in ("margin", "random"):
        assert propose_labels(run, 4, only_answers=True, strategy=strategy).strategy == strategy


def test_of_very_many_objects_some_are_judged_and_some_teach_which_is_said(
    run, tmp_path, monkeypatch
):
    first = propose_labels(run, 60, only_answers=True)
    take_answers(run, answer_all(labelled_run(run), first, tmp_path / "a.csv"))
    every = propose_labels(run, 10, only_answers=True, strategy="margin")
    monkeypatch.setattr("skybind.labelling.strategies.POOL", 40)
    monkeypatch.setattr("skybind.evaluation.samples.OF_A_CLASS", 2)
    few = run.config.evaluation.model_copy(update={"taught_objects": 25})
    config = run.config.model_copy(update={"evaluation": few})
    monkeypatch.setattr(run, "config", config)
    some = propose_labels(run, 10, only_answers=True, strategy="margin")
    assert len(some) == 10
    assert some.object_id.tolist() != every.object_id.tolist()
    assert some.notes[1] == "Of these 40 were drawn at random."
    known = len(read_answers(run.folder))
    (said,) = [note for note in some.notes if "labelled objects" in note]
    assert said.startswith(f"Of {known} labelled objects 2")
    assert len(every.notes) == 1


def test_the_table_and_the_pages_hold_all_and_tell_no_answer(run, tmp_path):
    joined = labelled_run(run)
    first = propose_labels(run, 30, only_answers=True)
    take_answers(run, answer_all(joined, first, tmp_path / "a.csv"))
    proposals = propose_labels(run, 4, only_answers=True)
    written, page = write_proposals(run, proposals, tmp_path / "out")
    rows = list(csv.DictReader(written.open()))
    assert [row["object_id"] for row in rows] == proposals.object_id.tolist()
    assert {row["label"] for row in rows} == {""}
    for place, row in enumerate(rows):
        p = {name: float(row[f"p_{name}"]) for name in run.classes}
        assert max(p, key=p.get) == row["guess"] == proposals.guess(place)
        assert sum(p.values()) == pytest.approx(1, abs=1e-3)
        assert row["reason"] == proposals.reasons[place]
    text = page.read_text()
    assert text.count('src="data:image/png;base64,') == 4
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "Simulated data" in text
    assert all(str(name) in text for name in proposals.object_id)
    with pytest.raises(DataError, match="there already"):
        write_proposals(run, proposals, tmp_path / "out")


def test_each_answer_that_is_not_taken_is_told_with_its_reason(run, tmp_path):
    (a, b, c, d), (label, *_) = some(run, "train", 4)
    (t,), (test_label,) = some(run, "test")
    names = dict(zip(run.dataset.object_ids, run.class_names, strict=True))
    rows = [
        (a, label),
        (a, label),
        (b, names[b].lower()),
        (c, another(run, names[c])),
        (d, ""),
        ("nobody", "EW"),
        (t, another(run, test_label)),
        ("", "EW"),
    ]
    taken = take_answers(run, table(tmp_path / "a.csv", rows))
    assert (taken.new, taken.same, taken.empty, taken.total) == (1, 1, 1, 1)
    told = {name: why for name, _, why in taken.refused}
    assert f"did you mean '{names[b]}'" in told[b]
    assert f"the catalogue says {names[c]}; --override" in told[c]
    assert "no such object" in told["nobody"]
    assert "labels of test objects are not changed" in told[t]
    assert "no object_id" in told[""]
    assert taken.new + taken.same + taken.empty + len(taken.refused) == len(rows)
    assert len(taken.sentences) == 3 + len(taken.refused)
    assert read_answers(run.folder) == {a: label}


def test_contradictions_need_override(run, tmp_path):
    (a, b), (label, _) = some(run, "train", 2)
    other = another(run, label)
    both = table(tmp_path / "a.csv", [(a, label), (a, other), (b, "")])
    taken = take_answers(run, both, override=True)
    assert len(taken.refused) == 2
    assert taken.total == 0
    assert not (run.folder / "labels" / "answers.csv").exists()
    assert take_answers(run, table(tmp_path / "b.csv", [(a, other)]), override=True).new == 1
    back = table(tmp_path / "c.csv", [(a, label)])
    assert "an earlier answer" in take_answers(run, back).refused[0][2]
    taken = take_answers(run, back, override=True)
    assert (taken.new, taken.replaced, taken.total) == (0, 1, 1)
    assert take_answers(run, back).same == 1


def test_a_new_class_must_be_named(run, tmp_path):
    (a,), _ = some(run, "train")
    answers = table(tmp_path / "a.csv", [(a, "NOVA")])
    assert "--new-class" in take_answers(run, answers, override=True).refused[0][2]
    taken = take_answers(run, answers, override=True, new_classes=["NOVA"])
    assert taken.new == 1
    joined = labelled_run(run)
    assert "NOVA" in joined.classes
    assert "NOVA" not in run.classes
    row = joined.dataset.object_ids.tolist().index(a)
    assert joined.class_names[row] == "NOVA"
    assert joined.classes[joined.labels[row]] == "NOVA"


def test_answers_are_subsets_of_the_training_objects_and_change_no_measure(run, tmp_path):
    ids, labels = some(run, "train", 12)
    wrong = another(run, labels[0])
    rows = [(ids[0], wrong), *zip(ids[1:], labels[1:], strict=True)]
    take_answers(run, table(tmp_path / "a.csv", rows), override=True)
    joined = labelled_run(run)
    answered = joined.rows("train", ANSWERED)
    assert set(joined.dataset.object_ids[answered]) == set(ids)
    assert set(answered) <= set(joined.rows("train", LABELLED))
    assert (joined.labels[joined.rows("train", LABELLED)] >= 0).all()
    for part in ("validation", "test"):
        rows = joined.rows(part, LABELLED)
        assert rows.tolist() == run.rows(part).tolist()
        np.testing.assert_array_equal(joined.class_names[rows], run.class_names[rows])
    assert joined.class_names[joined.dataset.object_ids == ids[0]] == [wrong]
    np.testing.assert_array_equal(
        joined.class_names != run.class_names, run.dataset.object_ids == ids[0]
    )


def test_training_with_answers_uses_them_and_leaves_the_study_alone(run, tmp_path):
    with pytest.raises(DataError, match="no answers yet"):
        train_with_answers(run)
    ids, labels = some(run, "train", 60)
    take_answers(run, table(tmp_path / "a.csv", list(zip(ids, labels, strict=True))))
    before = sorted(p.name for p in run.folder.iterdir())
    result = train_with_answers(run, modalities="metadata", only_answers=True)
    assert sorted(p.name for p in run.folder.iterdir()) == before
    joined = labelled_run(run)
    own = joined.rows("train", ANSWERED)
    assert result.n_train == joined.source.present("metadata")[own].sum()
    assert result.test.n_test <= len(run.rows("test"))
    classes = pq.read_table(result.classes_file)
    assert classes["object_id"].to_pylist() == run.dataset.object_ids.tolist()
    there = run.source.present("metadata")
    assert ([name != "" for name in classes["class"].to_pylist()] == there).all()
    p = np.stack([classes[f"p_{name}"].to_numpy() for name in run.classes], axis=1)[there]
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    test = run.rows("test")
    test = test[there[test] & (run.labels[test] >= 0)]
    right = np.asarray(classes["class"].to_pylist(), dtype=object)[test] == run.class_names[test]
    assert right.mean() == pytest.approx(result.test.accuracy)
    # again without news: the same; with an answer more: trained anew
    log = result.classes_file.parent / result.case.name / "log.csv"
    stamp = log.stat().st_mtime_ns
    same = train_with_answers(run, modalities="metadata", only_answers=True)
    assert same.sentences == result.sentences
    assert log.stat().st_mtime_ns == stamp
    more, names = some(run, "train", 40, skip=60)
    take_answers(run, table(tmp_path / "b.csv", list(zip(more, names, strict=True))))
    again = train_with_answers(run, modalities="metadata", only_answers=True)
    assert again.n_train > result.n_train
    history = read_rounds(run.folder / "labels" / "result.json")
    assert [entry.n_train for entry in history] == [result.n_train, again.n_train]


def test_training_says_what_cannot_be(run, tmp_path):
    ids, labels = some(run, "train", 20)
    take_answers(run, table(tmp_path / "a.csv", list(zip(ids, labels, strict=True))))
    with pytest.raises(ConfigError, match="did you mean 'spectrum'"):
        train_with_answers(run, modalities="spectra")
    with pytest.raises(DataError, match="leave out --start scratch"):
        train_with_answers(run, start="scratch", frozen=True)


@pytest.fixture(scope="module")
def unlabelled(stars, trained, tmp_path_factory):
    """A run on the same survey without any label, and what the labels would be."""
    import shutil

    import pyarrow as pa

    folder = tmp_path_factory.mktemp("unlabelled")
    shutil.copytree(stars, folder / "data")
    for path in (folder / "data" / "objects").glob("*.parquet"):
        whole = pq.read_table(path)
        place = whole.schema.get_field_index("label")
        nothing = pa.nulls(len(whole), whole.schema.field(place).type)
        pq.write_table(whole.set_column(place, whole.schema.field(place), nothing), path)
    shutil.copytree(trained, folder / "run", ignore=shutil.ignore_patterns("prepared"))
    status = json.loads((folder / "run" / "status.json").read_text())
    status["data"] = str(folder / "data")
    status["fingerprint"] = Dataset.open(folder / "data").fingerprint
    del status["checksum"]
    (folder / "run" / "status.json").write_text(json.dumps(status))
    model = folder / "run" / "pretrain" / "model"
    note = json.loads((model / "model.json").read_text())
    note["identity"]["dataset"] = status["fingerprint"]
    (model / "model.json").write_text(json.dumps(note))
    note_files(model, ())
    text = (folder / "run" / "config.yaml").read_text()
    listed = text[text.index("  classes:") : text.index("  min_objects:")]
    (folder / "run" / "config.yaml").write_text(text.replace(listed, "  classes: null\n"))
    return Run.open(folder / "run"), Dataset.open(stars).labels()


def test_a_survey_without_labels_learns_its_classes_from_the_answers(unlabelled, tmp_path):
    run, truth = unlabelled
    assert run.classes == []
    for part, n in (("train", 60), ("validation", 12)):
        proposals = propose_labels(run, n, part=part)
        assert set(run.split.part[proposals.rows]) <= ({part, ""} if part == "train" else {part})
        rows = [
            (name, truth[row])
            for name, row in zip(proposals.object_id, proposals.rows, strict=True)
        ]
        if part == "train":
            written, page = write_proposals(run, propose_labels(run, 2), tmp_path / "first")
            assert "There are no classes yet." in page.read_text()
            assert csv.DictReader(written.open()).fieldnames == [
                "object_id",
                "label",
                "guess",
                "reason",
            ]
            with pytest.raises(DataError, match="no answers yet"):
                train_with_answers(run)
        # the first answers make the classes, later ones have to name new ones
        new = sorted(set(truth)) if part == "validation" else ()
        taken = take_answers(run, table(tmp_path / f"{part}.csv", rows), new_classes=new)
        assert not taken.refused
        if part == "train":
            with pytest.raises(DataError, match="--part validation"):
                train_with_answers(run)
        else:
            assert any("never train it" in note for note in taken.notes)
    result = train_with_answers(run, modalities="metadata")
    assert result.test is None
    assert any("--part test" in sentence for sentence in result.sentences)
    joined = labelled_run(run)
    assert set(joined.classes) == set(read_answers(run.folder).values())
    train = joined.rows("train", LABELLED)
    assert not (joined.split.part[train] == "validation").any()


def test_a_model_that_saw_the_test_objects_is_refused(run, tmp_path):
    ids, labels = some(run, "train", 20)
    take_answers(run, table(tmp_path / "a.csv", list(zip(ids, labels, strict=True))))
    part = run.split.part.copy()
    part[run.rows("train")[20:40]] = "test"
    run.split.part = part
    with pytest.raises(LeakError, match="was trained with the split"):
        train_with_answers(run, modalities="metadata")


def test_the_commands_go_round(run, tmp_path, monkeypatch):
    def call(*arguments):
        return CliRunner().invoke(app, ["label", *(str(a) for a in arguments)])

    done = call("propose", run.folder, "-n", 3, "--only-answers", "-o", tmp_path / "out", "-q")
    assert done.exit_code == 0, done.output
    assert "skybind label take" in done.output
    with monkeypatch.context() as patch:
        patch.setattr("skybind.labelling.propose.propose_labels", pytest.fail)
        again = call("propose", run.folder, "-n", 3, "-o", tmp_path / "out", "-q")
    assert isinstance(again.exception, DataError)  # before any is chosen
    rows = list(csv.DictReader((tmp_path / "out" / "to_label.csv").open()))
    truth = dict(zip(run.dataset.object_ids, run.dataset.labels(), strict=True))
    answers = [(row["object_id"], truth[row["object_id"]]) for row in rows]
    done = call("take", run.folder, table(tmp_path / "a.csv", answers))
    assert done.exit_code == 0
    assert "answers taken" in done.output
    done = call("train", run.folder, "-m", "metadata", "-q")
    assert done.exit_code == 0, done.output
    assert "balanced" in done.output
    for command in ("propose", "take", "train"):
        assert "Example" in call(command, "--help").output
    assert isinstance(
        call("propose", run.folder, "-o", tmp_path / "x", "--strategy", "clever").exception,
        DataError,
    )
