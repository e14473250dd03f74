import sys
import time

import numpy as np
import pyarrow as pa
import pytest

from skybind.errors import DataError
from skybind.explore.retraining import Retraining
from skybind.explore.survey import Survey
from skybind.parquet import read_parquet, write_parquet
from skybind.runs.run import Run

#: Tells of its progress as a training does, then writes its classes or waits to be stopped.
PROGRAM = """#!{python}
import sys, time
print("fine-tuning epoch 3/12  loss 1.2  left 4 s", file=sys.stderr, flush=True)
if {end!r} == "wait":
    time.sleep(60)
elif {end!r} == "fail":
    sys.exit("the disk is full")
else:
    import shutil
    shutil.copy({end!r}, sys.argv[5] + "/labels/classes.parquet")
    print("On 40 test objects: accuracy 90 %.")
"""


@pytest.fixture
def survey(suspect_run):
    opened = Survey(Run.open(suspect_run))
    name = str(opened.run.dataset.object_ids[opened.run.rows("train")[0]])
    opened.judgements.judge(name, "class", opened.run.classes[0], "x", {})
    yield opened
    opened.close()
    for path in (suspect_run / "labels").iterdir():
        path.unlink()


@pytest.fixture
def program(tmp_path, monkeypatch):
    def made(end):
        path = tmp_path / "train"
        path.write_text(PROGRAM.format(python=sys.executable, end=str(end)))
        path.chmod(0o755)
        monkeypatch.setattr("skybind.explore.retraining.sys.executable", str(path))

    return made


def until(training, state):
    for _ in range(400):
        if training.state()["state"] == state:
            return training.state()
        time.sleep(0.05)
    raise AssertionError(training.state())


def test_its_progress_is_told_and_it_can_be_stopped(survey, program):
    program("wait")
    training = Retraining(survey)
    assert training.state()["state"] == "never"
    training.start(frozen=True)
    for _ in range(400):
        if training.state()["share"]:
            break
        time.sleep(0.05)
    told = training.state()
    assert (told["state"], told["share"]) == ("running", 0.25)
    with pytest.raises(DataError, match="is under way"):
        training.start(frozen=True)
    process = training._process
    training.stop()
    assert process.poll() is not None
    assert training.state()["state"] == "stopped"
    with pytest.raises(DataError, match="Nothing was trained"):
        training.changed  # noqa: B018


def test_it_ends_with_the_explorer(survey, program):
    program("wait")
    training = Retraining(survey)
    training.start(frozen=True)
    process = training._process
    survey.close()
    assert process.poll() is not None


def test_a_failure_is_told_in_its_own_words(survey, program):
    program("fail")
    training = Retraining(survey)
    training.start(frozen=False)
    assert until(training, "failed")["line"] == "the disk is full"


def test_what_changed_is_known(survey, program, tmp_path):
    table = survey.classes.for_people
    names = table["class"].to_pylist()
    other = [n if row not in (3, 8) else "changed" for row, n in enumerate(names)]
    place = table.schema.get_field_index("class")
    write_parquet(table.set_column(place, "class", pa.array(other)), tmp_path / "new.parquet")
    program(tmp_path / "new.parquet")
    training = Retraining(survey)
    assert survey.answered is None
    training.start(frozen=True)
    told = until(training, "done")
    assert told["sentences"] == ["On 40 test objects: accuracy 90 %."]
    assert (told["changed"], told["compared"]) == (2, "the run's classifier")
    np.testing.assert_array_equal(training.changed, [3, 8])
    assert survey.answered["class"][3].as_py() == "changed"
    # also where another program trained
    write_parquet(table, survey.run.paths.labels.classes)
    assert survey.answered["class"][3].as_py() == names[3]
    write_parquet(read_parquet(tmp_path / "new.parquet"), survey.run.paths.labels.classes)
    # and from there nothing changes
    training.start(frozen=True)
    told = until(training, "done")
    assert (told["changed"], told["compared"]) == (0, "the classifier of the answers before")


def test_without_answers_or_read_only_nothing_is_trained(survey, suspect_run):
    looked = Survey(Run.open(suspect_run), read_only=True)
    with pytest.raises(DataError, match="--read-only"):
        Retraining(looked).start(frozen=True)
    looked.close()
    survey.judgements.undo("x")
    with pytest.raises(DataError, match="no answers to train with yet"):
        Retraining(survey).start(frozen=True)
