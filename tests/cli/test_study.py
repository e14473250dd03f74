"""`skybind study`."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from skybind.cli import app
from skybind.locks import now
from skybind.study import Study
from skybind.study.plan import make_plan
from skybind.study.units import Unit, UnitNote
from skybind.study.work import keys_of

#: So little work that no time is lost on a forecast.
SHORT = ["training.epochs=1", "finetuning.training.epochs=1", "finetuning.overrides={}"]

TINY = {
    "simulate": {"survey": "stars", "objects": 150},
    "configurations": {"small": {"config": "stars-small", "set": SHORT}},
    "seeds": [1, 2],
    "subsets": ["full"],
}


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments), "-q"])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


@pytest.mark.parametrize("words", [["study"], ["study", "run"]])
def test_a_file_needs_no_word_before_it(words, file, tmp_path):
    out = tmp_path / "study"
    done = run(*words, file, "--out", out, "--dry-run")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "survey: to do, 150 objects"
    assert any(line.startswith("small/seed-2/finetune/photometry-full-pretrained: to do, ")
               for line in lines)  # fmt: skip
    assert lines[-1].startswith(f"{len(lines) - 1} of {len(lines) - 1} units")
    assert not out.exists()


def test_options_may_stand_before_the_file_and_a_shard_is_a_part(file, tmp_path):
    done = run("study", "--out", tmp_path / "study", "--shard", "2/2", file, "--dry-run")
    assert done.exit_code == 0, done.output
    assert all("seed-2" in line for line in done.output.splitlines()[:-1])
    wrong = run("study", file, "--out", tmp_path / "study", "--shard", "5/2")
    assert "write 3/8" in str(wrong.exception)


def test_the_status_is_a_table_or_json(file, tmp_path):
    from skybind.study.options import read_options

    study = Study.begin(read_options(file), tmp_path / "study")
    plan = make_plan(study)
    prepare = next(unit for unit in plan if unit.kind == "prepare")
    key = keys_of(study, plan)[prepare.id]
    study.notes.write(prepare, UnitNote(False, key, 12.0, "The disk is full.", "h", 1, now()))
    pretrain: Unit = next(unit for unit in plan if unit.kind == "pretrain")
    with study.notes.held(pretrain):
        shown = run("study", "status", study.folder)
        status = json.loads(run("study", "status", study.folder, "--json").output)
    assert shown.exit_code == 0, shown.output
    assert f"failed: {prepare.id}: The disk is full." in shown.output
    assert f"under way: {pretrain.id} on" in shown.output
    counts = {entry["kind"]: entry for entry in status["counts"]}
    assert (counts["prepare"]["failed"], counts["prepare"]["to_do"]) == (1, 1)
    assert (counts["pretrain"]["under_way"], counts["pretrain"]["to_do"]) == (1, 1)
    assert status["spent"] == 12.0
    assert status["failed"] == {prepare.id: "The disk is full."}
    assert list(status["holders"]) == [pretrain.id]


def test_where_no_study_stands_that_is_said(tmp_path):
    assert "There is no study" in str(run("study", "status", tmp_path).exception)
    assert "There is no file" in str(run("study", tmp_path / "no.yaml", "-o", "x").exception)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seed", "3"], "--seed and --seeds contradict"),
        (["--split", "a.parquet"], "set split.name"),
        ([], "give whole numbers"),
    ],
)
def test_seeds_of_a_run_are_numbers_and_given_once(options, said, tmp_path):
    done = run("run", "stars-small", "-d", tmp_path, "-o", "x", "--seeds", "1,b", *options)
    assert said in str(done.exception)
