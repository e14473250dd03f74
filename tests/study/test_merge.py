"""The folder of a study: begun, interrupted while it is begun, moved, grown."""

import shutil

import pyarrow.parquet as pq
import pytest

from skybind.errors import ConfigError, DataError
from skybind.study import Study, do_study, merge
from skybind.study.do import foresee
from skybind.study.plan import make_plan
from skybind.study.work import DONE, states_of


def test_a_study_that_was_killed_while_it_was_begun_goes_on(tiny, tmp_path, monkeypatch):
    def killed(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(merge, "_dump", killed)
    with pytest.raises(KeyboardInterrupt):
        Study.begin(tiny, tmp_path / "study")
    monkeypatch.undo()
    assert (tmp_path / "study" / "configurations" / "small.yaml").exists()
    assert Study.begin(tiny, tmp_path / "study").seeds == [42, 7]


def test_a_command_that_could_not_begin_can_be_corrected(tiny, tmp_path):
    """A folder that is no dataset, then the right one: nothing was done with the first."""
    wrong = tiny.model_copy(update={"simulate": None, "data": str(tmp_path / "nothing")})
    with pytest.raises(DataError, match="no dataset"):
        do_study(wrong, tmp_path / "study")
    study = Study.begin(tiny, tmp_path / "study")
    assert Study.open(study.folder).options == tiny


def test_other_files_are_left_alone(tiny, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigError, match="holds other files"):
        Study.begin(tiny, tmp_path)


def test_what_a_study_has_not_is_said_with_the_way_out(tiny, tmp_path):
    study = Study.begin(tiny, tmp_path / "study")
    with pytest.raises(ConfigError, match=r"no configuration 'smal': did you mean 'small'\?"):
        study.runs("smal")
    with pytest.raises(
        DataError, match=r"No run of small .*: go on with the study \('skybind study"
    ):
        study.metrics("small")


def test_a_dry_run_changes_nothing_of_what_a_study_was_asked(done, tiny):
    folder = done.study.folder

    def written():
        return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    before = written()
    larger = tiny.model_copy(update={"seeds": [42, 7, 8]})
    told = dict(line.partition(": ")[::2] for line in foresee(larger, folder)[:-1])
    assert told["small/seed-8/prepare"].startswith("to do, 150 objects, about ")
    assert told["small/seed-7/prepare"].startswith("done, 150 objects, took ")
    assert written() == before


def test_the_seeds_of_before_stay_first(done, tiny, tmp_path):
    """Figures show the first seed, and searches are judged by its validation objects."""
    folder = tmp_path / "study"
    shutil.copytree(done.study.folder, folder, symlinks=True)
    larger = tiny.model_copy(update={"seeds": [8, 7, 42]})
    assert Study.begin(larger, folder).seeds == [42, 7, 8]
    assert Study.open(folder).seeds == [42, 7, 8]


def test_data_may_be_moved_but_not_changed(done, tiny, tmp_path):
    first = tmp_path / "data"
    shutil.copytree(done.study.paths.data, first)
    options = tiny.model_copy(update={"simulate": None, "data": str(first), "seeds": [42]})
    options = options.model_copy(update={"subsets": ["full"], "steps": []})
    do_study(options, tmp_path / "study", chapters=lambda study: [])
    moved = options.model_copy(update={"data": str(first.rename(tmp_path / "elsewhere"))})
    study = Study.begin(moved, tmp_path / "study")
    states = states_of(study, make_plan(study))
    assert {state.state for state in states.values()} == {DONE}
    assert study.runs("small")[0].run.dataset.path == tmp_path / "elsewhere"
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "elsewhere", other)
    part = next((other / "objects").glob("*.parquet"))
    pq.write_table(pq.read_table(part)[:-1], part)
    with pytest.raises(ConfigError, match="differ in data"):
        Study.begin(moved.model_copy(update={"data": str(other)}), tmp_path / "study")


def test_prepared_arrays_can_be_deleted_at_any_time(done, tiny, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(done.study.folder, folder, symlinks=True)
    shutil.rmtree(folder / "prepared")
    run = Study.open(folder).paths.run("small", 42)
    shutil.rmtree(run / "finetune" / "metadata-full-pretrained")
    result = do_study(tiny, folder, chapters=lambda study: [])
    assert not result.failed
    assert not result.missing
    assert any((folder / "prepared").iterdir())
