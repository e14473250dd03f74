"""Columns that a run reads of light curves: computed first, and afterwards what they were."""

import json
import re

import numpy as np
import pytest

from skybind.config.backbone import BackboneConfig
from skybind.config.schema import Config
from skybind.data.computed import ComputedTable, write_computed
from skybind.errors import ConfigError, DataError
from skybind.lightcurves import stored
from skybind.lightcurves.stored import compute_features
from skybind.runs.backbones import pretrain_backbone
from skybind.runs.run import Run
from tests.lightcurves.made_up import sines, write_curves

PERIODS = np.geomspace(0.3, 9, 60)
TABLE = "features/photometry.parquet"


def config(encoder="folded", **preprocessing):
    modality = {
        "preprocessing": {"length": 60, "phase": True, **preprocessing},
        "encoder": {"name": encoder, "bins": 32, "width": 8, "blocks": 1, "hidden": 8},
    }
    return Config.model_validate(
        {"modalities": {"photometry": modality}, "model": {"dimension": 8}}
    )


@pytest.fixture
def survey(tmp_path):
    return write_curves(tmp_path / "survey", sines(PERIODS))


@pytest.fixture
def told(caplog):
    caplog.set_level("INFO", "skybind")
    return caplog


@pytest.fixture
def read_only(monkeypatch):
    """No dataset can be written."""
    for module in ("skybind.runs.columns", "skybind.lightcurves.stored"):
        monkeypatch.setattr(f"{module}.is_writable", lambda folder: folder.name == "features")


def test_a_run_that_folds_computes_what_is_lacking_and_says_so(survey, tmp_path, told):
    run = Run.start(config(), survey, tmp_path / "run")
    sentence = "modalities.photometry folds its light curves, and .* lacks periods and features"
    assert any(re.search(sentence, text) for text in told.messages)
    assert "preprocessing.periods=none does without" in told.text
    assert (survey / TABLE).exists()
    photometry = run.modalities["photometry"]
    assert photometry.period_column == "photometry_period"
    assert "photometry_amplitude" in photometry.features
    assert run.source.prepared["photometry"].arrays["has_phase"].all()
    again = Run.open(tmp_path / "run")
    assert again.modalities["photometry"].columns == photometry.columns
    told.clear()
    Run.start(config(), survey, tmp_path / "other")
    assert "lacks periods" not in told.text


def test_a_run_can_do_without_knowingly(survey, tmp_path, told):
    run = Run.start(config(periods="none"), survey, tmp_path / "run")
    assert not (survey / "features").exists()
    assert run.modalities["photometry"].columns == ["photometry"]
    assert not run.source.prepared["photometry"].arrays["has_phase"].any()
    assert "lacks" not in told.text


def test_where_the_dataset_cannot_be_written_the_columns_stand_with_the_run(
    survey, tmp_path, told, read_only
):
    run = Run.start(config(), survey, tmp_path / "run")
    assert not (survey / "features").exists()
    assert (tmp_path / "run" / TABLE).exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "survey"]
    assert np.isfinite(run.dataset.column("photometry_period")).all()
    (tmp_path / "run").rename(tmp_path / "moved")
    moved = Run.open(tmp_path / "moved")
    assert moved.source.prepared["photometry"].arrays["has_phase"].all()
    assert Run.start(config(), survey, tmp_path / "moved").status == moved.status


def test_what_was_computed_before_a_kill_is_not_lost(survey, tmp_path, monkeypatch, read_only):
    def failing(*arguments):
        raise KeyboardInterrupt

    written = stored.write_computed
    monkeypatch.setattr(stored, "write_computed", failing)
    with pytest.raises(KeyboardInterrupt):
        Run.start(config(), survey, tmp_path / "run")
    monkeypatch.setattr(stored, "write_computed", written)
    monkeypatch.setattr(stored, "compute_columns", None)  # would raise if anything was computed
    run = Run.start(config(), survey, tmp_path / "run")
    assert np.isfinite(run.dataset.column("photometry_period")).all()


def test_what_is_wrong_is_found_before_anything_is_computed(survey, tmp_path):
    with pytest.raises(ConfigError, match="encoder"):
        Run.start(config("folde"), survey, tmp_path / "run")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds other files"):
        Run.start(config(), survey, tmp_path / "full")
    assert not (survey / "features").exists()


def test_a_run_sees_the_columns_that_were_there_when_it_started(survey, tmp_path):
    folder = tmp_path / "run"
    before = Run.start(config(periods="none"), survey, folder)
    note = json.loads((folder / "status.json").read_text())
    assert note.pop("computed") == {}
    del note["checksum"]
    (folder / "status.json").write_text(json.dumps(note))  # as skybind 0.1 wrote it
    compute_features(survey)
    for run in (Run.open(folder), Run.start(config(periods="none"), survey, folder)):
        assert run.dataset.computed == []
        assert run.dataset.fingerprint == before.dataset.fingerprint
        assert run.modalities["photometry"].columns == ["photometry"]


def test_more_columns_change_nothing_for_a_run_that_had_fewer(survey, tmp_path):
    compute_features(survey, periods_only=True)
    run = Run.start(config(periods="none"), survey, tmp_path / "run")
    names = list(run.dataset.computed[0].columns)
    compute_features(survey)
    again = Run.open(tmp_path / "run")
    assert list(again.dataset.computed[0].columns) == names
    assert "photometry_std" not in again.dataset.schema.columns
    complete = Run.start(config(), survey, tmp_path / "other")
    assert "photometry_std" in complete.dataset.schema.columns


def test_features_are_added_to_periods_without_another_search(survey, tmp_path, monkeypatch):
    compute_features(survey, periods_only=True)
    monkeypatch.setattr("skybind.lightcurves.columns.find_periods", None)  # would raise
    run = Run.start(config(), survey, tmp_path / "run")
    assert "photometry_std" in run.modalities["photometry"].features


def test_columns_of_another_definition_are_refused(survey, tmp_path):
    Run.start(config(), survey, tmp_path / "run")
    table = ComputedTable.open(survey / TABLE)
    changed = dict(table.columns)
    period = changed["photometry_period"]
    attributes = period.attributes | {"version": 99}
    changed["photometry_period"] = type(period)(**{**vars(period), "attributes": attributes})
    values = table.source.table(["object_id", *changed])
    write_computed(survey / TABLE, "photometry", table.fingerprint, changed, [values])
    with pytest.raises(DataError, match="not any more by the same definition"):
        Run.open(tmp_path / "run")
    (survey / TABLE).unlink()
    with pytest.raises(DataError, match="compute them with"):
        Run.open(tmp_path / "run")
    compute_features(survey)
    assert Run.open(tmp_path / "run").dataset.computed


@pytest.mark.parametrize(
    ("known", "computed", "sentence"),
    [
        (60, False, ""),
        (40, False, "33% of the light curves have no 'period' in the catalogue"),
        (0, True, "lacks periods and features"),
    ],
)
def test_a_catalogues_periods_are_used_where_there_are_any(
    tmp_path, told, known, computed, sentence
):
    period = np.where(np.arange(60) < known, PERIODS, np.nan)
    survey = write_curves(tmp_path / "survey", sines(PERIODS), period=period)
    run = Run.start(config(), survey, tmp_path / "run")
    assert run.modalities["photometry"].period_column == (
        "photometry_period" if computed else "period"
    )
    assert (survey / "features").exists() == computed
    assert (sentence or "preparing") in told.text
    assert ("periods" in told.text) == bool(sentence)
    chosen = Run.start(config(periods="computed"), survey, tmp_path / "chosen")
    assert chosen.modalities["photometry"].period_column == "photometry_period"


def test_features_that_are_named_are_computed(survey, tmp_path):
    named = config(features=["amplitude", "photometry_std"])
    run = Run.start(named, survey, tmp_path / "run")
    expected = ["photometry_amplitude", "photometry_std"]
    assert run.modalities["photometry"].features == expected


BACKBONE = {
    "modality": {
        "kind": "photometry",
        "preprocessing": {"length": 60, "phase": True, "drop": 0.3, "features": ["amplitude"]},
        "encoder": {"name": "folded", "bins": 32, "width": 8, "blocks": 1, "hidden": 8},
    },
    "moco": {"queue": 16},
    "training": {"epochs": 1, "batch_size": 16, "warmup_epochs": 0},
}


def test_a_backbone_of_light_curves_has_its_columns_computed_and_keeps_to_them(
    survey, tmp_path, told, read_only
):
    made = BackboneConfig.model_validate(BACKBONE)
    pretrain_backbone(made, survey, tmp_path / "backbone")
    assert "modality folds its light curves" in told.text
    assert (tmp_path / "backbone" / TABLE).exists()
    note = json.loads((tmp_path / "backbone" / "dataset.json").read_text())
    assert "photometry_period" in note["computed"]["photometry"]["columns"]
    told.clear()
    pretrain_backbone(made, survey, tmp_path / "backbone")  # done already
    assert "lacks" not in told.text
