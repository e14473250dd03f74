"""Columns kept with a dataset: all or nothing, continued when stopped, and no harm to the rest."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.stored_splits import split_dataset
from skybind.data.where import fulfilled
from skybind.errors import AlreadyDone, DataError
from skybind.lightcurves import stored
from skybind.lightcurves.columns import compute_columns
from skybind.lightcurves.stored import compute_features
from skybind.shards import Shard, ShardFolder
from tests.lightcurves.made_up import sines, write_curves

PERIODS = [0.6, None, 2.2, 9.0] * 30  # 120 curves in chunks of 50


def contents(folder):
    return {
        p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and "features" not in p.parts
    }


@pytest.fixture
def survey(tmp_path):
    return write_curves(tmp_path / "survey", sines(PERIODS))


@pytest.fixture
def count(monkeypatch):
    """Count the light curves that are searched."""
    searched = []

    def counted(curves, definitions, **options):
        if options.get("periods") is None:
            searched.append(len(curves))
        return compute_columns(curves, definitions, **options)

    monkeypatch.setattr(stored, "compute_columns", counted)
    return searched


def test_columns_are_joined_and_all_else_stays(survey):
    split_dataset(survey, "main", fractions=[0.5, 0.25, 0.25])
    before, fingerprint = contents(survey), Dataset.open(survey).fingerprint
    (summary,) = compute_features(survey)
    assert (summary.curves, summary.periods, summary.significant) == (90, 90, 90)
    assert contents(survey) == before
    dataset = Dataset.open(survey)
    assert dataset.fingerprint == fingerprint
    assert check_dataset(survey) == []
    period = dataset.column("photometry_period")
    truth = np.array([np.nan if p is None else p for p in PERIODS])
    np.testing.assert_allclose(period, truth, rtol=0.01)
    assert fulfilled(dataset, "photometry_period < 1").sum() == 30
    column = dataset.schema.columns["photometry_period"]
    assert (column.role, column.unit, column.modality) == ("feature", "d", "photometry")
    assert "computed from the light curve 'photometry'" in column.description
    assert dataset.schema.columns["photometry_period_log10_fap"].role == "info"
    one = compute_columns(dataset.ragged("photometry", np.array([2])), {
        name: c.attributes for name, c in dataset.schema.columns.items() if c.attributes
    })  # fmt: skip
    for name, values in one.columns.items():
        assert dataset.numbers(name)[2] == pytest.approx(values[0], rel=1e-9, nan_ok=True), name


def test_what_is_there_is_not_computed_again(survey, count):
    compute_features(survey)
    before = (survey / "features" / "photometry.parquet").read_bytes()
    assert sum(count) == 120
    assert compute_features(survey)[0].computed == 0
    assert (survey / "features" / "photometry.parquet").read_bytes() == before
    assert compute_features(survey, again=True)[0].computed == 120
    assert sum(count) == 240


def test_periods_alone_and_then_features_without_another_search(survey, count):
    (first,) = compute_features(survey, periods_only=True)
    assert first.columns == 9
    assert "photometry_std" not in Dataset.open(survey).schema.columns
    periods = Dataset.open(survey).column("photometry_period")
    (then,) = compute_features(survey)
    assert then.columns == 53
    assert sum(count) == 120
    searched = Dataset.open(survey)
    np.testing.assert_array_equal(searched.column("photometry_period"), periods)
    fresh = {n: searched.numbers(n) for n in searched.computed[0].columns}
    compute_features(survey, again=True)
    for name, values in fresh.items():
        np.testing.assert_allclose(Dataset.open(survey).numbers(name), values, rtol=1e-12)
    assert compute_features(survey, periods_only=True)[0].computed == 0


def test_stopped_work_goes_on(survey, count, monkeypatch):
    class Stop(BaseException):
        pass

    def stopping(curves, definitions, **options):
        if len(count) == 2:
            raise Stop
        return counted(curves, definitions, **options)

    counted = stored.compute_columns
    monkeypatch.setattr(stored, "compute_columns", stopping)
    with pytest.raises(Stop):
        compute_features(survey)
    assert Dataset.open(survey).computed == []
    monkeypatch.setattr(stored, "compute_columns", counted)
    assert compute_features(survey)[0].computed == 20
    assert sum(count) == 120
    resumed = Dataset.open(survey).table(["object_id", "photometry_period", "photometry_std"])
    assert [p.name for p in (survey / "features").iterdir() if p.is_dir()] == []
    compute_features(survey, again=True)
    assert Dataset.open(survey).table(resumed.column_names) == resumed


def test_a_damaged_chunk_is_computed_again(survey, count, monkeypatch):
    def failing(*arguments):
        raise OSError("no space left on device")

    written = stored.write_computed
    monkeypatch.setattr(stored, "write_computed", failing)
    with pytest.raises(OSError, match="no space"):
        compute_features(survey)
    chunks = sorted((survey / "features" / ".photometry.unfinished" / "work").iterdir())
    assert len(chunks) == 3
    chunks[1].write_bytes(chunks[1].read_bytes()[:100])
    monkeypatch.setattr(stored, "write_computed", written)
    assert compute_features(survey)[0].computed == 70  # it and what comes after it


KILLED = """
import sys
from skybind.lightcurves.stored import compute_features
if __name__ == "__main__":
    compute_features(sys.argv[1], processes=2)
"""


@pytest.mark.slow
def test_killed_with_two_processes_it_goes_on_and_gives_the_same(survey, tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    running = subprocess.Popen([sys.executable, script, survey], start_new_session=True)
    place = survey / "features" / ".photometry.unfinished" / "journal"
    limit = time.monotonic() + 60
    while not list(place.glob("*.json")) and time.monotonic() < limit:
        time.sleep(0.005)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    done = len(list(place.glob("*.json")))
    assert done
    assert Dataset.open(survey).computed == []
    left = 120 - sum([50, 50, 20][:done])
    assert compute_features(survey, processes=2)[0].computed == left
    two = Dataset.open(survey).table(["photometry_period", "photometry_std"])
    compute_features(survey, again=True)
    assert Dataset.open(survey).table(two.column_names) == two


def test_columns_of_another_state_of_the_dataset_are_refused(survey, tmp_path):
    compute_features(survey, periods_only=True)
    other = write_curves(tmp_path / "other", sines(PERIODS, seed=4))
    (other / "features").mkdir()
    target = other / "features" / "photometry.parquet"
    target.write_bytes((survey / "features" / "photometry.parquet").read_bytes())
    with pytest.raises(DataError, match="of another state of the dataset"):
        Dataset.open(other)
    assert compute_features(other, periods_only=True)[0].computed == 120
    assert len(Dataset.open(other).computed) == 1


def test_a_damaged_table_is_named_and_made_anew(survey):
    compute_features(survey, periods_only=True)
    target = survey / "features" / "photometry.parquet"
    target.write_bytes(target.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"computed columns in .* cannot be read"):
        Dataset.open(survey)
    compute_features(survey, periods_only=True)
    assert len(Dataset.open(survey).computed) == 1


def test_tables_may_stand_elsewhere(survey, tmp_path):
    (summary,) = compute_features(survey, periods_only=True, out=tmp_path / "run" / "features")
    assert not (survey / "features").exists()
    assert Dataset.open(survey).computed == []
    joined = Dataset.open(survey, [summary.path])
    assert np.isfinite(joined.column("photometry_period")).sum() == 90


def test_what_cannot_be_done_is_said(survey, tmp_path):
    with pytest.raises(DataError, match="did you mean 'photometry'"):
        compute_features(survey, ["photometrie"])
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        compute_features(survey, out=tmp_path / "file")
    named = write_curves(tmp_path / "named", sines([1.0]), photometry_period=[1.0])
    with pytest.raises(DataError, match="has a column 'photometry_period' of its own"):
        compute_features(named)


def test_bands_that_many_objects_have_get_columns(tmp_path):
    curves = sines([0.6] * 30, number=40)
    band = np.where(np.arange(1200) % 2, "V", "I").astype(object)
    band[:3] = "u"  # in one of thirty curves
    curves.fields["band"] = band
    survey = write_curves(tmp_path / "survey", curves)
    (summary,) = compute_features(survey)
    assert (summary.bands, summary.rare) == (("I", "V"), ("u",))
    columns = Dataset.open(survey).schema.columns
    assert columns["photometry_V_std"].attributes["band"] == "V"
    assert not [name for name in columns if "_u_" in name]
    assert Dataset.open(survey).column("photometry_V_n_obs")[1] == 20


def test_shards_give_the_columns_of_one_piece(survey, tmp_path, count):
    (part,) = (survey / "objects").glob("*.parquet")
    pq.write_table(pq.read_table(part), part, row_group_size=11)
    compute_features(survey, out=tmp_path / "whole")
    for number in (5, 2, 1, 4):
        (summary,) = compute_features(survey, shard=Shard(number, 5))
        assert "photometry_period" not in Dataset.open(survey).columns
    with pytest.raises(DataError, match=r"1 of 5 shards .*\(3\)"):
        compute_features(survey)
    compute_features(survey, shard=Shard(3, 5))
    count.clear()
    (summary,) = compute_features(survey)
    assert count == []  # nothing is searched again
    assert (summary.curves, summary.periods, summary.significant) == (90, 90, 90)
    one, other = (
        pq.read_table(folder / "photometry.parquet")
        for folder in (tmp_path / "whole", summary.path.parent)
    )
    assert one.equals(other, check_metadata=True)
    assert [p.name for p in (survey / "features").iterdir()] == ["photometry.parquet"]


def merge_killed_before_the_end(survey, monkeypatch, **options):
    """As it leaves the shards that is killed when the columns have appeared."""
    for number in (1, 2):
        compute_features(survey, shard=Shard(number, 2), **options)
    with monkeypatch.context() as patch:
        patch.setattr(ShardFolder, "discard", lambda self: exec("raise KeyboardInterrupt"))
        with pytest.raises(KeyboardInterrupt):
            compute_features(survey, **options)
    assert (survey / "features" / "photometry.shards").exists()


@pytest.mark.parametrize("shard", [None, Shard(1, 2)])
def test_shards_left_when_the_columns_are_there_are_removed(survey, count, monkeypatch, shard):
    merge_killed_before_the_end(survey, monkeypatch)
    count.clear()
    if shard is None:
        assert compute_features(survey)[0].computed == 0
    else:
        with pytest.raises(AlreadyDone, match="in place"):
            compute_features(survey, shard=shard)
    assert count == []
    assert [p.name for p in (survey / "features").iterdir()] == ["photometry.parquet"]


def test_again_takes_no_shards_of_what_is_there(survey, count, monkeypatch):
    merge_killed_before_the_end(survey, monkeypatch)
    count.clear()
    assert compute_features(survey, again=True)[0].computed == 120
    assert sum(count) == 120
    for number in (1, 2):  # but those of a computation that is asked for again
        compute_features(survey, again=True, shard=Shard(number, 2))
    assert compute_features(survey)[0].computed == 0
    assert sum(count) == 240
    compute_features(survey, again=True)
    assert sum(count) == 240
    assert [p.name for p in (survey / "features").iterdir()] == ["photometry.parquet"]
