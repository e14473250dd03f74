"""The gate before anything is measured, on a run that was made once for all tests of faults."""

import shutil
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from skybind.cli.options import open_to_measure
from skybind.config import load_config
from skybind.data.seen import Seen
from skybind.data.splits import Split
from skybind.errors import DataError, LeakError
from skybind.evaluation.evaluate import evaluate_run
from skybind.evaluation.predict import predict_table
from skybind.evaluation.records import read_metrics
from skybind.models.model import Model
from skybind.report.from_run import report_data
from skybind.runs.cases import finished_cases
from skybind.runs.measured import allows_twins, refuse_measuring, run_hashes
from skybind.runs.run import Run
from skybind.runs.starting import find_start
from tests.faults.made import SETS, copied, made


def own_split(folder):
    return Split.read(folder / "run" / "split.parquet")


def exchanged(split, one, two):
    """A split with two parts exchanged."""
    part = split.part.copy()
    part[split.part == one], part[split.part == two] = two, one
    return Split(split.object_id, part)


def test_the_metrics_state_the_split_that_was_used():
    run = Run.open(made() / "run")
    assert read_metrics(run.paths.metrics).split.hash == run.split.hash


def test_another_split_in_the_runs_folder_is_refused(tmp_path):
    copied(tmp_path)
    exchanged(own_split(tmp_path), "train", "test").write(tmp_path / "run" / "split.parquet")
    with pytest.raises(DataError, match="is not the one that the run was started on"):
        Run.open(tmp_path / "run")


def test_subsets_may_be_drawn_later_and_the_run_still_opens(tmp_path):
    copied(tmp_path)
    run = Run.open(tmp_path / "run")
    run.draw_subsets(["20", "3-each"])
    again = Run.open(tmp_path / "run")
    assert {"20", "3-each"} <= set(again.split.subsets)
    assert again.split.grew_from(again.status.split_hash)
    assert again.split.hash != again.status.split_hash


def test_the_pre_training_of_another_split_is_refused_in_its_place(tmp_path):
    split = exchanged(own_split(made()), "train", "test")
    config = load_config("stars-small", SETS)
    other = Run.start(config, made() / "stars", tmp_path / "other", split=split)
    shutil.copytree(made() / "run" / "pretrain", tmp_path / "other" / "pretrain")
    with pytest.raises(LeakError, match=r"was trained with the split .* it is not this run's"):
        Run.open(other.folder)
    with pytest.raises(LeakError, match="it is not this run's"):
        evaluate_run(other, [])


def test_objects_that_chose_the_epoch_are_no_test_objects_of_what_begins_there(tmp_path):
    split = exchanged(own_split(made()), "validation", "test")
    config = load_config("stars-small", SETS)
    other = Run.start(config, made() / "stars", tmp_path / "other", split=split)
    with pytest.raises(LeakError, match="chose the epoch of this model"):
        find_start(other, made() / "run")


def renamed(run, rows, name):
    """Some objects of a run as a table, under other names and in another order."""
    columns = ["object_id", *run.dataset.schema.columns]
    table = run.dataset.table(list(dict.fromkeys(columns)), rows[::-1])
    names = pa.array([name(old) for old in table["object_id"].to_pylist()])
    return table.set_column(0, "object_id", names)


@pytest.mark.parametrize(
    "name", [str.lower, lambda old: f"{old[:3]} {old[3:]}", lambda old: f"other{old[-4:]}"]
)
def test_copies_of_training_objects_under_other_names_are_told_nothing(name):
    run = Run.open(made() / "run")
    seen = run.observed["photometry"] != 0
    rows = np.intersect1d(run.rows("train"), np.flatnonzero(seen))[:6]
    data = renamed(run, rows, name)
    found = predict_table(run, "period", data)
    assert found.known == 0
    assert any("6 objects" in note and "another name" in note for note in found.notes)
    assert set(found.table["reason"].to_pylist()) == {
        "training object under another name, or with the same data"
    }
    told = predict_table(run, "period", data, allow_twins=True)
    assert told.known > 0
    assert any("told their own numbers" in note for note in told.notes)


def test_twins_of_a_split_of_ones_own_are_refused_or_told(tmp_path, caplog):
    """Two names of one star, one to train and one to test."""
    run = Run.open(copied(tmp_path) / "run")
    seen = np.flatnonzero(run.observed["photometry"] != 0)
    known = Model.open(run.paths.model).seen.hashes["trained", "photometry"]
    train = np.flatnonzero(np.isin(run.observed["photometry"], known))[0]
    test = np.intersect1d(run.rows("test"), seen)[0]
    run.observed["photometry"][test] = run.observed["photometry"][train]
    name = str(run.dataset.object_ids[test])
    with pytest.raises(LeakError, match=rf"1 of the .* for testing \(such as '{name}'\)"):
        evaluate_run(run, finished_cases(run))
    run.allow_twins = True
    assert not Run.open(run.folder).allow_twins
    caplog.set_level("INFO", logger="skybind")
    refuse_measuring(run, Model.open(run.paths.model), run.rows("test"))
    assert f"(such as '{name}') are objects that this model has seen" in caplog.text


def test_observations_of_a_modality_of_another_name_are_known():
    run = Run.open(made() / "run")
    entry = run.config.modalities["photometry"]
    assert entry.column is None
    named = run.config.model_copy(
        update={"modalities": {"hires": entry.model_copy(update={"kind": "photometry"})}}
    )
    other = SimpleNamespace(config=named, dataset=run.dataset, paths=run.paths)
    np.testing.assert_array_equal(run_hashes(other)["photometry"], run_hashes(run)["photometry"])


def test_no_observation_is_read_for_a_model_that_knows_names_alone(monkeypatch):
    run, model = Run.open(made() / "run"), Model.open(made() / "run" / "pretrain" / "model")

    def read(run):
        raise RuntimeError("observations are read")

    monkeypatch.setattr("skybind.runs.run.run_hashes", read)
    with pytest.raises(RuntimeError, match="observations are read"):
        refuse_measuring(run, model, run.rows("test"))
    model.seen = Seen({("trained", "id"): model.trained_on})
    refuse_measuring(run, model, run.rows("test"))
    with pytest.raises(LeakError, match="were training objects"):
        refuse_measuring(run, model, run.rows("train"))


def test_a_report_of_other_numbers_or_embeddings_is_refused(tmp_path):
    copied(tmp_path)
    run = Run.open(tmp_path / "run")
    run.split = exchanged(run.split, "train", "test")
    with pytest.raises(DataError, match="was measured with the split"):
        report_data(run)


def test_twins_are_allowed_for_one_command_alone():
    config = made() / "run" / "config.yaml"
    before = config.read_text()
    assert "allow_twins: false" in before
    assert allows_twins(open_to_measure(made() / "run", True))
    assert config.read_text() == before
    assert not allows_twins(open_to_measure(made() / "run", False))
