import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skybind.data.computed import ComputedTable
from skybind.data.dataset import Dataset
from skybind.data.lineage import lineage_of
from skybind.data.places import near
from skybind.data.seen import PLACE, ROW, TRAINED
from skybind.embeddings.grown import write_grown
from skybind.embeddings.store import Embeddings
from skybind.errors import DataError, LeakError
from skybind.ingest.append import append_dataset
from skybind.lightcurves.stored import compute_features
from skybind.modalities.photometry import Photometry
from skybind.models.leaks import held
from skybind.models.model import Model
from skybind.runs.cases import choose_cases
from skybind.runs.classes import case_classes
from skybind.runs.embedding import run_embedding
from skybind.runs.grown import grow_beside, touched_rows
from skybind.runs.measured import as_grown, refuse_measuring
from skybind.runs.run import Run
from skybind.runs.status import read_status, write_status
from skybind.runs.steps import run_model
from skybind.search.places import Places
from tests.growing import KEPT, correct_and_take_back, opened, piece, replace_values


@pytest.fixture(scope="module")
def grown(begun, tmp_path_factory):
    """The run again, and its dataset with ten changed and 40 new stars."""
    folder = tmp_path_factory.mktemp("appended")
    for name in ("stars", "run"):
        shutil.copytree(begun / name, folder / name)
    rows = np.concatenate([np.arange(10), np.arange(KEPT, 200)])
    append_dataset(folder / "stars", piece(begun / "all", folder / "new", rows))
    return folder


def test_a_run_opens_on_the_grown_dataset_and_says_so(begun, grown, capsys, talking):
    was, now = opened(begun), opened(grown)
    assert "40 objects are new" in capsys.readouterr().err
    assert now.split.part[KEPT:].tolist() == [""] * 40
    np.testing.assert_array_equal(now.split.part[:KEPT], was.split.part)
    assert now.split.hash == was.split.hash == now.status.split_hash
    assert now.classes == was.classes
    again = Run.start(was.config, grown / "stars", grown / "run")
    assert again.split.hash == was.split.hash


def test_only_what_is_touched_is_prepared_and_embedded(begun, grown, monkeypatch, tmp_path):
    before = run_embedding(opened(begun))
    seen = []
    prepare = Photometry.prepare
    monkeypatch.setattr(
        Photometry,
        "prepare",
        lambda self, table: (seen.append(len(table)), prepare(self, table))[1],
    )
    run = opened(grown)
    after = run_embedding(run)
    rows = touched_rows(run.dataset, run.growth, run_model(run).modalities.values())
    changed = run.growth.changed["photometry"]
    assert set(changed.tolist()) <= set(range(10))
    assert rows.tolist() == [*changed.tolist(), *range(KEPT, 200)]
    assert sum(seen) == len(rows)
    same = np.setdiff1d(np.arange(KEPT), changed)
    np.testing.assert_array_equal(after["photometry"][same], before["photometry"][same])
    assert np.abs(after["photometry"][changed] - before["photometry"][changed]).max() > 1e-4
    monkeypatch.undo()
    before.write(tmp_path / "cut", shard_rows=100)
    files = {p.name: p.stat().st_ino for p in (tmp_path / "cut").glob("part-*")}
    write_grown(after, tmp_path / "cut", rows, KEPT)
    same = {
        p.name for p in (tmp_path / "cut").glob("part-*") if files.get(p.name) == p.stat().st_ino
    }
    assert same == {"part-00001.parquet"}  # in the first file some changed, the third is new
    np.testing.assert_array_equal(
        Embeddings.read(tmp_path / "cut")["photometry"], after["photometry"]
    )
    again = run_embedding(opened(grown))  # read as it was written
    assert len(again) == 200
    assert again.state == run.dataset.fingerprint


def test_the_same_as_in_one_piece(begun, grown):
    """Embeddings and classes of the same model, of all objects imported at once."""
    run = opened(grown)
    (case,) = choose_cases(run, ["photometry"], ["full"], ["pretrained"], False)
    table = case_classes(run, case)
    whole = Dataset.open(begun / "all", computed=())
    expected = run_model(run).embed(whole)
    found = run_embedding(run)
    for name in ("photometry", "spectrum"):
        there = expected.present[name]
        np.testing.assert_array_equal(found.present[name], there)
        np.testing.assert_allclose(found[name], expected[name], atol=2e-5)
    saved = Model.open(run.paths.case(case.name).model)
    classes = saved.classify(whole)
    known = [name is not None for name in table.table["class"].to_pylist()]
    assert sum(known) > 100
    got = np.asarray(table.table["probability"].to_numpy())[known]
    np.testing.assert_allclose(got, np.asarray(classes["probability"])[known], atol=1e-4)


def test_classes_of_other_objects_are_taken_over(begun, grown):
    was, now = opened(begun), opened(grown)
    (case,) = choose_cases(was, ["photometry"], ["full"], ["pretrained"], False)
    old, new = case_classes(was, case).table, case_classes(now, case).table
    same = np.setdiff1d(np.arange(KEPT), now.growth.any_changed)
    for name in ("class", "probability", "novelty"):
        assert new[name].take(pa.array(same)).equals(old[name].take(pa.array(same)))
    assert len(new) == 200


def test_what_came_before_a_correction_that_was_taken_back_is_computed(begun, tmp_path):
    for name in ("stars", "run"):
        shutil.copytree(begun / name, tmp_path / name)
    append_dataset(tmp_path / "stars", piece(begun / "all", tmp_path / "new", np.arange(10)))
    came = opened(tmp_path).growth.changed["photometry"]
    assert len(came)
    correct_and_take_back(tmp_path / "stars", tmp_path, 99.0)
    run = opened(tmp_path)
    assert run.growth.changed["photometry"].tolist() == came.tolist()
    before, found = run_embedding(opened(begun)), run_embedding(run)
    expected = run_model(run).embed(Dataset.open(tmp_path / "stars"))
    for name in found.modalities:
        there = expected.present[name]
        np.testing.assert_allclose(found[name][there], expected[name][there], atol=2e-5)
    assert np.abs(found["photometry"][came] - before["photometry"][came]).max() > 1e-4


def test_observations_are_known_again_after_they_grew(begun, grown):
    run = opened(grown)
    model = run_model(run)
    lineage = lineage_of(run.dataset)
    changes = lineage.changes(len(lineage.states) - 1)["photometry"]
    trained = np.isin(changes.rows, run.rows("train")) & (changes.before != 0)
    assert trained.any()
    known = model.seen.hashes[TRAINED, "photometry"]
    assert np.isin(changes.before[trained], known).all()
    assert not np.isin(changes.after[trained], known).any()
    seen = lineage.grown(model.seen, run.dataset.schema.kinds)
    assert np.isin(changes.after[trained], seen.hashes[TRAINED, "photometry"]).all()


def test_a_renamed_copy_of_a_grown_training_object_is_no_test_object(begun, grown, tmp_path):
    run = opened(grown)
    lineage = lineage_of(run.dataset)
    rows = lineage.changes(len(lineage.states) - 1)["photometry"].rows
    row = int(np.intersect1d(rows, run.rows("train"))[0])
    shutil.copytree(grown / "stars", tmp_path / "stars")
    shutil.copytree(begun / "run", tmp_path / "run")
    copy = piece(begun / "all", tmp_path / "copy", np.asarray([row]), ["copy"])
    append_dataset(tmp_path / "stars", copy)
    run = opened(tmp_path)
    last = np.asarray([len(run.dataset) - 1])
    assert run.dataset.object_ids[last] == ["copy"]
    refuse_measuring(run, run_model(run), run.rows("test"))
    with pytest.raises(LeakError, match="under another name"):
        refuse_measuring(run, run_model(run), last)


def test_a_training_object_is_known_by_its_new_place_and_row(begun, tmp_path):
    for name in ("stars", "run"):
        shutil.copytree(begun / name, tmp_path / name)
    run = opened(tmp_path)
    seen, stars = run_model(run).seen, run.dataset
    columns = run_model(run).modalities["metadata"].columns
    known = np.flatnonzero(run.observed[f"{ROW} 1"])
    row = int(np.intersect1d(run.rows("train"), known)[-1])
    values = {name: 1.1 * stars.numbers(name)[row] for name in columns}
    values |= {"dec": stars.numbers("dec")[row] + 5 / 3600}
    replace_values(tmp_path / "stars", tmp_path / "new", row, values)
    run = opened(tmp_path)
    place, code = (run.observed[name][[row]] for name in (f"{PLACE} 0", f"{ROW} 1"))
    for same in (False, True):
        now = as_grown(run, seen, same)
        assert near(place, now.hashes[TRAINED, PLACE]).tolist() == [same]
        assert held(code, now.hashes[TRAINED, ROW]).tolist() == [same]
    copy = piece(tmp_path / "stars", tmp_path / "copy", np.asarray([row]), ["copy"])
    append_dataset(tmp_path / "stars", copy)
    run = opened(tmp_path)
    refuse_measuring(run, run_model(run), run.rows("test"))
    with pytest.raises(LeakError, match="under another name"):
        refuse_measuring(run, run_model(run), np.asarray([len(run.dataset) - 1]))


def test_another_dataset_is_refused_still(begun, grown, tmp_path):
    shutil.copytree(grown / "stars", tmp_path / "stars")
    (tmp_path / "stars" / "lineage.json").unlink()
    with pytest.raises(DataError, match="is not the one that the run"):
        Run.open(begun / "run", data=tmp_path / "stars")
    with pytest.raises(DataError, match="is not the one that the run"):
        Run.open(begun / "run", data=begun / "all")


def test_columns_beside_a_run_grow_with_the_dataset(begun, tmp_path):
    """Where the dataset's folder cannot be written, periods and features stand in the run's."""
    piece(begun / "all", tmp_path / "stars", np.arange(4))
    (summary,) = compute_features(tmp_path / "stars", periods_only=True, out=tmp_path / "features")
    before = ComputedTable.open(summary.path).source.table(["photometry_period"])
    append_dataset(tmp_path / "stars", piece(begun / "all", tmp_path / "new", np.arange(4, 6)))
    data = Dataset.open(tmp_path / "stars", computed=())
    grow_beside(tmp_path / "features", data)
    table = ComputedTable.open(summary.path)
    assert table.fingerprint == data.fingerprint
    after = table.source.table(["photometry_period"])
    assert after.slice(0, 4).equals(before)
    assert len(after) == 6
    assert [path.name for path in (tmp_path / "features").iterdir()] == ["photometry.parquet"]


def test_a_search_says_that_its_embeddings_are_older(begun, grown, tmp_path, capsys, talking):
    for name in ("stars", "run"):
        shutil.copytree((grown if name == "stars" else begun) / name, tmp_path / name)
    assert Places(tmp_path / "run", tmp_path / "stars", None).dataset is not None
    assert "are of an older state of" in capsys.readouterr().err
    run_embedding(opened(tmp_path))
    capsys.readouterr()
    assert Places(tmp_path / "run", tmp_path / "stars", None).dataset is not None
    assert "older state" not in capsys.readouterr().err


def test_classes_stay_those_of_the_classifiers_when_labels_come(begun, tmp_path):
    for name in ("stars", "run"):
        shutil.copytree(begun / name, tmp_path / name)
    column = opened(begun).config.labels.column
    labelled = piece(begun / "all", tmp_path / "new", np.arange(80))
    part = labelled / "objects" / "part-00000.parquet"
    table = pq.read_table(part)
    place = table.column_names.index(column)
    other = pa.array(["A new class"] * 80, table.schema.field(column).type)
    pq.write_table(table.set_column(place, table.schema.field(column), other), part)
    append_dataset(tmp_path / "stars", labelled, replacing=True)
    status = read_status(tmp_path / "run")
    assert status.classes == opened(begun).classes
    write_status(tmp_path / "run", replace(status, classes=None))  # of an older skybind
    assert opened(tmp_path).classes == status.classes
