"""The gate before anything is measured, on a run that was made once for all tests of faults."""

import shutil
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from skybind.cli.options import open_to_measure
from skybind.config import load_config
from skybind.data.places import packed
from skybind.data.seen import PLACE, Seen, hash_ids
from skybind.data.splits import Split
from skybind.errors import DataError, LeakError
from skybind.evaluation.evaluate import evaluate_run
from skybind.evaluation.predict import predict_table
from skybind.evaluation.records import read_metrics
from skybind.models.build import build_modalities
from skybind.models.leaks import held
from skybind.models.model import Model
from skybind.report.from_run import report_data
from skybind.runs.cases import finished_cases
from skybind.runs.classify import classify_anything
from skybind.runs.measured import allows_twins, refuse_backbone_twins, refuse_measuring, run_hashes
from skybind.runs.run import Run
from skybind.runs.starting import find_start
from tests.faults.made import CASE, SETS, copied, made


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
        "training object under another name, with the same data or at the same place"
    }
    told = predict_table(run, "period", data, allow_twins=True)
    assert told.known > 0
    assert any("told their own numbers" in note for note in told.notes)


def as_catalogue(run, rows, without=(), shift=0.0):
    """Some objects of a run as rows of a catalogue under other names."""
    features = build_modalities(run.config, run.dataset.schema)["metadata"].columns
    table = Table(
        {"object_id": [f"Gaia {i}" for i in rows]}
        | {name: run.dataset.numbers(name)[rows] for name in ("ra", "dec", *features)},
        units={name: run.dataset.schema.columns[name].unit for name in features},
    )
    table["dec"] += shift / 3600
    table.remove_columns(list(without))
    return table


@pytest.mark.parametrize(
    ("without", "shift"),
    [((), 0), ((), 0.8), (("ra", "dec"), 0), (("phot_g_mean_mag", "parallax"), 0.5)],
)
def test_renamed_rows_of_a_catalogue_are_told_nothing_of_their_own(without, shift):
    """Known by their position, by their numbers, or by either where the other is another."""
    run = Run.open(made() / "run")
    train = np.intersect1d(run.rows("train"), np.flatnonzero(run.dataset.present("metadata")))
    period = run.dataset.numbers("period")
    train = train[np.isfinite(period[train])][:8]
    found = predict_table(run, "period", as_catalogue(run, train, without, shift))
    assert found.known == 0
    assert any("8 objects" in note and "another name" in note for note in found.notes)
    told = predict_table(run, "period", as_catalogue(run, train, without, shift), allow_twins=True)
    assert told.known == 8
    test = np.intersect1d(run.rows("test"), np.flatnonzero(run.dataset.present("metadata")))
    found = predict_table(run, "period", as_catalogue(run, test, without, shift))
    assert found.known == len(test)
    assert not any("another name" in note for note in found.notes)


def test_rows_of_training_objects_at_another_place_get_a_number_and_are_told():
    run = Run.open(made() / "run")
    known = run.dataset.present("metadata") & np.isfinite(run.dataset.numbers("period"))
    train = np.intersect1d(run.rows("train"), np.flatnonzero(known))[:8]
    found = predict_table(run, "period", as_catalogue(run, train, (), 30))
    assert found.known == 8
    assert any(
        note.startswith(f"8 of the 8 objects for a prediction (such as 'Gaia {train[0]}')")
        and "catalogue row elsewhere" in note
        for note in found.notes
    )


def test_training_objects_under_other_names_are_classified_and_told(tmp_path, caplog):
    run = Run.open(made() / "run")
    train = np.intersect1d(run.rows("train"), np.flatnonzero(run.labels >= 0))
    seen = Model.open(run.paths.case(CASE.name).model).seen.trained_on
    train = train[np.isin(hash_ids(run.dataset.object_ids[train]), seen)][:5]
    test = run.rows("test")[:2]
    rows = as_catalogue(run, np.concatenate([train, test]))
    made_of = classify_anything(run.folder, rows, tmp_path / "classes.csv")
    said = "5 of 7 objects (such as 'Gaia"
    assert any(note.startswith(said) and "knows them better" in note for note in made_of.notes)
    caplog.set_level("INFO", logger="skybind")
    Model.open(run.paths.case(CASE.name).model).classify(rows)
    assert said in caplog.text


def moved_to(run, row, onto):
    """Put an object of a run at the place of another, 0.5 arcsec beside it."""
    places = run.observed["@place 0"]
    at = SkyCoord(*(run.dataset.numbers(name)[onto] for name in ("ra", "dec")), unit="deg")
    near = at.directional_offset_by(0.3 * u.rad, 0.5 * u.arcsec)
    places[row] = packed(np.array([near.ra.deg]), np.array([near.dec.deg]))[0]


def test_a_test_star_beside_a_training_star_is_told_and_a_second_row_of_it_refused(caplog):
    caplog.set_level("INFO", logger="skybind")
    run, model = Run.open(made() / "run"), Model.open(made() / "run" / "pretrain" / "model")
    known = held(hash_ids(run.dataset.object_ids), model.trained_on)
    rows = np.flatnonzero(known & (run.observed["@row 1"] != 0))
    test, train = run.rows("test")[0], rows[0]
    refuse_measuring(run, model, run.rows("test"))
    assert not caplog.text
    moved_to(run, test, train)
    refuse_measuring(run, model, run.rows("test"))
    assert "are within 1 arcsec of an object that this model has seen" in caplog.text
    found = predict_table(run, "period")
    assert any("within 1 arcsec of an object that the run's" in note for note in found.notes)
    name = str(run.dataset.object_ids[test])
    assert found.table["period"].to_pylist()[test] is not None
    run.observed["@row 1"][test] = run.observed["@row 1"][train]
    with pytest.raises(LeakError, match=rf"\(such as '{name}'\) .* catalogue row or position"):
        refuse_measuring(run, model, run.rows("test"))
    # of another survey the place is enough
    run.observed["@row 1"][test] = 0
    model.identity["dataset"] = "another"
    with pytest.raises(LeakError, match="catalogue row or position"):
        refuse_measuring(run, model, run.rows("test"))


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


def test_a_backbone_of_an_older_skybind_says_that_it_keeps_no_positions(caplog):
    caplog.set_level("INFO", logger="skybind")
    run = Run.open(made() / "run")
    ids = np.array(["of another survey"])
    for seen in (Seen(), Seen.of(ids, observed={"trained": [(PLACE, np.zeros(1, np.uint64))]})):
        encoder = SimpleNamespace(seen=seen, dataset="")
        refuse_backbone_twins(run, SimpleNamespace(backboned={"spectrum": encoder}))
    assert not caplog.text
    encoder.seen = Seen.of(ids)
    refuse_backbone_twins(run, SimpleNamespace(backboned={"spectrum": encoder}))
    assert "The backbone of 'spectrum' is of an older skybind and keeps neither" in caplog.text
