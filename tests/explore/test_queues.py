import numpy as np
import pyarrow as pa
import pytest

from skybind.discovery.table import SURE_PERIOD, read_discovery
from skybind.errors import DataError
from skybind.explore.kept import Kept
from skybind.explore.labels import Desk
from skybind.explore.queues import UNDECIDED, find_queue, next_queue, queues_of
from skybind.explore.survey import Survey
from skybind.labelling.answers import labelled_run
from skybind.runs.run import Run
from skybind.tables import write_table


@pytest.fixture(scope="module")
def survey(suspect_run):
    opened = Survey(Run.open(suspect_run), read_only=True)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def queues(survey):
    return queues_of(survey)


@pytest.fixture
def desk(suspect_run):
    opened = Survey(Run.open(suspect_run))
    yield Desk(opened)
    for path in opened.run.paths.selections.glob("*"):
        path.unlink()
    opened.close()


def test_a_kept_selection_is_a_queue_as_it_is_kept_now(desk):
    kept = Kept(desk.survey)
    kept.keep("some", np.arange(5), "")
    assert [item["row"] for item in desk.queue("kept:some")["items"]] == [0, 1, 2, 3, 4]
    kept.forget("some")
    with pytest.raises(DataError, match="no kept selection 'some'"):
        desk.queue("kept:some")
    kept.keep("some", np.arange(3, 9), "")
    queue = desk.queue("kept:some")
    assert [item["row"] for item in queue["items"]] == [3, 4, 5, 6, 7, 8]
    (told,) = [one for one in desk.overview()["queues"] if one["name"] == "kept:some"]
    assert (told["title"], told["total"]) == ("Selection some", 6)
    classes = desk.survey.classes.table["class"].to_pylist()
    assert [item["suggested"] for item in queue["items"]] == classes[3:9]


def test_a_damaged_selection_does_not_hide_the_other_queues(desk):
    kept = Kept(desk.survey)
    for name in ("a", "b", "c"):
        kept.keep(name, np.arange(5), "")
    (kept.folder / "b.parquet").write_bytes(b"PAR1")
    told = desk.overview()
    assert {"kept:a", "kept:c"} <= {queue["name"] for queue in told["queues"]}
    assert "b.parquet" in str(told)
    for name in ("a", "c"):
        kept.forget(name)
    (kept.folder / "b.parquet").unlink()


def names(survey, queue):
    return survey.run.dataset.object_ids[queue.rows].tolist()


def test_suspects_stand_in_the_order_of_the_discoveries(survey, queues):
    table = survey.suspects
    doubted = table.filter(pa.compute.greater(table["label_doubt"], 0))
    doubted = doubted.sort_by([("label_doubt", "descending"), ("rank", "ascending")])
    assert names(survey, queues["label"]) == doubted["object_id"].to_pylist()
    assert queues["label"].suggested == doubted["suggested_label"].to_pylist()
    assert all(queues["label"].suggested)
    every = table.filter(pa.compute.not_equal(table["reasons"], ""))
    assert names(survey, queues["suspects"]) == every["object_id"].to_pylist()
    assert queues["suspects"].why == every["reasons"].to_pylist()
    # a label can be doubted by less than half of the votes, of which the reasons do not speak
    said = dict(zip(table["object_id"].to_pylist(), table["reasons"].to_pylist(), strict=True))
    for name, why in zip(names(survey, queues["label"]), queues["label"].why, strict=True):
        assert why.startswith("labelled ")
        assert "of the neighbours' votes say" in why
        assert said[name] in why


def test_every_kind_of_doubt_holds_what_its_sentence_says(survey, queues):
    """The reasons in words, made by the discoveries, tell the same objects."""
    words = {
        "disagreement": "do not fit together",
        "loner": ("unlike any other object", "in no cluster of the whole survey"),
    }
    table = survey.suspects
    for name, phrases in words.items():
        told = {
            n
            for n, reason in zip(
                table["object_id"].to_pylist(), table["reasons"].to_pylist(), strict=True
            )
            if any(p in reason for p in ([phrases] if isinstance(phrases, str) else phrases))
        }
        assert set(names(survey, queues[name])) == told
    doubt = table["period_doubt"].to_numpy()
    assert len(queues["period"].rows) == (doubt > SURE_PERIOD).sum()


def test_undecided_are_those_without_a_likely_class(survey, queues):
    probability = survey.classes.probability
    rows = queues["undecided"].rows
    assert set(rows) == set(np.flatnonzero(probability.max(axis=1) < UNDECIDED))
    top = np.sort(probability[rows], axis=1)
    assert (np.diff(top[:, -1] - top[:, -2]) >= 0).all()
    assert queues["undecided"].suggested[0] == survey.classes.table["class"][int(rows[0])].as_py()


def test_doubted_redshifts_have_a_queue_of_their_own(survey, suspect_run, monkeypatch):
    table = read_discovery(survey.run.paths.discover.outliers())
    n = len(table)
    doubt = np.where(np.arange(n) == 7, 9.0, 1.0)
    for name, values in {"redshift_expected": doubt, "redshift_doubt": doubt}.items():
        table = table.append_column(name, pa.array(values))
    monkeypatch.setitem(survey.__dict__, "suspects", table)
    queue = queues_of(survey)["redshift"]
    assert names(survey, queue) == [table["object_id"][7].as_py()]


def test_objects_of_no_class_come_with_their_suggestion(survey, tmp_path, monkeypatch):
    ids = survey.run.dataset.object_ids[:3].tolist()
    columns = {
        "object_id": ids,
        "label": ["VAR", "", "E"],
        "suggested": ["EA", "EB", "EW"],
        "probability": [0.9, 0.6, 0.4],
    }
    folder = survey.run.paths.discover.folder
    write_table(pa.table(columns), folder / "labels.parquet")
    try:
        queue = queues_of(survey)["unlabelled"]
    finally:
        (folder / "labels.parquet").unlink()
    assert names(survey, queue) == ids
    assert queue.suggested == ["EA", "EB", "EW"]
    assert queue.why[0] == "labelled VAR, which is no class in use; EA with 90 %"
    assert queue.why[1].startswith("without a label")


def test_what_to_label_next_never_measures(survey):
    queue = next_queue(survey)
    parts = labelled_run(survey.run).split.part[queue.rows]
    assert set(parts) <= {"train", ""}
    assert "as if its labels were not known" in queue.notes[0]


def test_an_unknown_queue_is_named(queues):
    with pytest.raises(DataError, match="did you mean 'label'"):
        find_queue(queues, "labels", "run")
    with pytest.raises(DataError, match="skybind discover run"):
        find_queue({}, "label", "run")
