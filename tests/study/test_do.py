"""A whole study, in one go."""

import json
import shutil

import numpy as np
import pytest

import skybind as sb
from skybind.errors import ConfigError, DataError, LeakError
from skybind.runs.run import Run
from skybind.study import Study, do_study, work
from skybind.study.plan import make_plan
from skybind.study.work import DONE, states_of


def test_a_study_is_done_with_every_unit_and_a_page(done):
    study = Study.open(done.study.folder)
    plan = make_plan(study)
    kinds = [unit.kind for unit in plan if unit.seed == 7]
    assert kinds == ["prepare", "pretrain", *["finetune"] * 4, "embed", "evaluate", "report"]
    assert {state.state for state in states_of(study, plan).values()} == {DONE}
    assert done.page.exists()
    assert not done.failed
    assert not done.missing


def test_its_runs_are_ordinary_runs_of_their_seeds(done):
    study = Study.open(done.study.folder)
    runs = study.runs("small")
    assert [run.seed for run in runs] == [42, 7]
    opened = [Run.open(run.run.folder) for run in runs]
    assert [run.config.seed for run in opened] == [42, 7]
    assert not opened[0].split.agrees(opened[1].split)
    assert all(run.paths.report.exists() for run in opened)


def test_results_of_all_seeds_are_one_record(done):
    metrics = done.study.metrics("small")
    assert [case.seed for case in metrics.classification] == [42] * 4 + [7] * 4
    assert {entry.seed for entry in metrics.retrieval} == {42, 7}
    # what is of one run alone is not taken for that of all
    assert (metrics.seed, metrics.split, metrics.pretraining) == (None, None, None)


def test_from_python_a_study_is_its_page_and_its_tables(done, tiny):
    again = sb.run_study(tiny, done.study.folder)
    assert again.page == done.page
    assert again.failed == {}
    assert {"small-accuracy", "small-gains", "small-runs"} <= set(again.tables)
    table = again["small-accuracy"]
    cases = done.study.metrics("small").classification
    own = [c.accuracy for c in cases if (c.subset, c.start) == ("full", "Pre-trained")]
    row = table["Start"].to_pylist().index("Pre-trained")
    name = next(name for name in table.column_names[2:] if "deviation" not in name)
    assert table[name][row].as_py() == pytest.approx(100 * np.mean(own))
    deviation = table[f"{name}, standard deviation"][row].as_py()
    assert deviation == pytest.approx(100 * np.std(own, ddof=1), abs=1e-6)
    assert again.figures["small-training"].suffix == ".pdf"
    assert str(done.page) in repr(again)
    with pytest.raises(DataError, match="no table 'small-acuracy': did you mean 'small-accuracy'"):
        again["small-acuracy"]


def test_from_python_options_are_those_of_the_file(tmp_path):
    with pytest.raises(ConfigError, match="configuration"):
        sb.run_study({"data": "stars/", "configuration": {}}, tmp_path / "study")
    with pytest.raises(ConfigError, match="did you mean 'astrom3'"):
        sb.reproduce_paper("astrom", tmp_path / "study")
    with pytest.raises(ConfigError, match="of a simulated survey"):
        sb.reproduce_paper("astrom3", tmp_path / "study", data="stars/", objects=10)
    assert not (tmp_path / "study").exists()


def test_another_study_is_refused_and_a_larger_one_is_not(done, tiny):
    folder = done.study.folder
    fewer = tiny.model_copy(update={"seeds": [42]})
    with pytest.raises(ConfigError, match=r"another study .its seeds have 7"):
        Study.begin(fewer, folder)
    other = tiny.model_copy(update={"simulate": tiny.simulate.model_copy(update={"seed": 6})})
    with pytest.raises(ConfigError, match="differ in simulate"):
        Study.begin(other, folder)


def test_a_larger_study_does_what_is_new_alone(done, tiny, tmp_path):
    """Another subset: two classifiers a seed are added, and the results made anew."""
    folder = tmp_path / "study"
    shutil.copytree(done.study.folder, folder, symlinks=True)
    before = {path: path.read_bytes() for path in (folder / "units").rglob("*.json")}
    assert len(before) == 19
    larger = tiny.model_copy(update={"subsets": ["full", "50", "25"]})
    again = do_study(larger, folder)
    changed = {p.relative_to(folder / "units") for p, b in before.items() if p.read_bytes() != b}
    assert {path.stem for path in changed} == {"prepare", "evaluate", "report"}
    assert len(again.study.metrics("small").classification) == 2 * 6


def changed_units(folder, before):
    return {p.relative_to(folder / "units").as_posix().removesuffix(".json")
            for p, b in before.items() if p.read_bytes() != b}  # fmt: skip


def test_what_is_made_of_something_that_was_made_anew_is_current_by_its_content(
    done, tiny, tmp_path
):
    """A pre-training is deleted: made again the same nothing else is done; otherwise all of it."""
    folder = tmp_path / "study"
    shutil.copytree(done.study.folder, folder, symlinks=True)
    study = Study.open(folder)
    plan = make_plan(study)
    assert {state.state for state in states_of(study, plan).values()} == {DONE}
    run = folder / "runs/small/seed-7"
    notes = {path: path.read_bytes() for path in (folder / "units").rglob("*.json")}
    page = (folder / "index.html").read_bytes()
    shutil.rmtree(run / "pretrain")
    missing = {name for name, one in states_of(study, plan).items() if one.state != DONE}
    assert {"small/seed-7/pretrain", "small/seed-7/embed", "small/seed-7/report"} <= missing
    assert not any("seed-42" in name or "scratch" in name for name in missing)
    do_study(tiny, folder)
    assert changed_units(folder, notes) == {"small/seed-7/pretrain"}
    assert len(page) == len((folder / "index.html").read_bytes())
    # the weights of another seed, as another machine might have made them
    shutil.rmtree(run / "pretrain")
    shutil.copytree(folder / "runs/small/seed-42/pretrain", run / "pretrain")
    stale = {name for name, one in states_of(study, plan).items() if one.state != DONE}
    cases = [f"small/seed-7/finetune/metadata-{n}-pretrained" for n in ("full", "50")]
    assert stale == {*cases, *(f"small/seed-7/{kind}" for kind in ("embed", "evaluate", "report"))}
    before = {path: path.read_bytes() for path in (folder / "units").rglob("*.json")}
    # weights that were trained with another split are not this run's, and it is told
    with pytest.raises(LeakError, match=r"seed-7/pretrain/model was trained with the split"):
        do_study(tiny, folder)
    assert not any(
        json.loads((folder / "units" / f"{name}.json").read_text())["done"]
        for name in changed_units(folder, before)
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DataError("It cannot be."), "It cannot be."),
        (RuntimeError("CUDA out\nof memory."), "RuntimeError: CUDA out of memory."),
    ],
)
def test_a_unit_that_fails_stops_no_other_and_is_told(tiny, tmp_path, monkeypatch, error, reason):
    def fail(run, case, **more):
        if case.start == "pretrained" and run.config.seed == 7:
            raise error
        return run_finetuning(run, case, **more)

    run_finetuning = work.run_finetuning
    monkeypatch.setattr(work, "run_finetuning", fail)
    result = do_study(tiny.model_copy(update={"subsets": ["full"]}), tmp_path / "study")
    name = "small/seed-7/finetune/metadata-full-pretrained"
    assert result.failed == {name: reason}
    assert not result.missing
    starts = [(case.seed, case.start) for case in result.study.metrics("small").classification]
    assert starts == [(42, "From scratch"), (42, "Pre-trained"), (7, "From scratch")]
    page = result.page.read_text()
    assert reason in page
    monkeypatch.undo()
    mended = do_study(tiny.model_copy(update={"subsets": ["full"]}), tmp_path / "study")
    assert not mended.failed
    assert len(mended.study.metrics("small").classification) == 4
    assert reason not in mended.page.read_text()
