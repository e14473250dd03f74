import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from skybind import files
from skybind.cli import app
from skybind.data.dataset import Dataset
from skybind.discovery.update import CHANGED, STRANGE, UNLIKE, append_to_run, update_run
from skybind.drawing.blocks import Block
from skybind.embeddings.store import Embeddings, read_state
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError, ModelError
from skybind.ingest.append import append_dataset
from skybind.modalities.store import open_prepared
from skybind.runs.cases import finished_cases
from skybind.runs.classes import case_classes
from skybind.runs.classify import best_case
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.status import read_status, write_status
from skybind.search.index import open_index
from skybind.search.index_build import build_index
from tests.growing import KEPT, correct, opened, piece


@pytest.fixture
def grown(begun, tmp_path):
    """The run and its dataset, to which 12 new stars and new epochs of ten are appended."""
    for name in ("stars", "run"):
        shutil.copytree(begun / name, tmp_path / name)
    rows = np.concatenate([np.arange(10), np.arange(KEPT, KEPT + 12)])
    append_dataset(tmp_path / "stars", piece(begun / "all", tmp_path / "new", rows))
    return tmp_path


def test_new_and_changed_objects_are_told(grown):
    run = opened(grown)
    done = update_run(run)
    table = done.table()
    changed = len(run.growth.changed["photometry"])
    assert done.record.new == 12
    assert done.record.changed == changed
    assert len(table) == 12 + changed
    names = np.asarray(table["object_id"].to_pylist())
    new = np.asarray(table["what"].to_pylist()) == "new"
    assert set(names[new]) == set(run.dataset.object_ids[KEPT:].tolist())
    assert {"ra", "class", "probability", "margin", "novelty"} <= set(table.column_names)
    far = table["isolation"].to_numpy()
    flagged = np.asarray([UNLIKE in text for text in table["reasons"].to_pylist()])
    np.testing.assert_array_equal(flagged, far >= STRANGE)
    was, is_now = table["class_before"].to_pylist(), table["class"].to_pylist()
    other = [a is not None and a != b for a, b in zip(was, is_now, strict=True)]
    assert other == [CHANGED in text for text in table["reasons"].to_pylist()]
    assert any(name is not None for name in was)
    page = (done.folder / "update.html").read_text()
    assert "12" in page
    assert (done.folder / "new.csv").exists()


def test_a_star_unlike_all_others_is_strange(begun, grown):
    noise = piece(begun / "all", grown / "odd", np.arange(KEPT + 12, KEPT + 14), ["odd1", "odd2"])
    append_dataset(grown / "stars", noise)
    run = opened(grown)
    embeddings = run_embedding(run)
    rows = run.rows("train")
    away = -embeddings.mean()[rows].mean(axis=0)
    last = len(embeddings) - 1
    for name in embeddings.modalities:
        embeddings.vectors[name][last] = away / np.linalg.norm(away)
        embeddings.present[name][last] = True
    embeddings.write(run.paths.embeddings)
    first = update_run(opened(grown)).table().slice(0, 1).to_pylist()[0]
    assert first["object_id"] == "odd2"
    assert first["isolation"] >= STRANGE
    assert UNLIKE in first["reasons"]


def test_twice_is_once_and_each_update_tells_its_own(begun, grown):
    first = update_run(opened(grown))
    files = {p: p.stat().st_mtime_ns for p in first.folder.rglob("*")}
    again = update_run(opened(grown))
    assert again.done_before
    assert again.record == first.record
    assert {p: p.stat().st_mtime_ns for p in first.folder.rglob("*")} == files
    append_dataset(
        grown / "stars", piece(begun / "all", grown / "more", np.arange(KEPT + 12, KEPT + 15))
    )
    second = update_run(opened(grown))
    assert (second.record.new, second.record.changed) == (3, 0)
    assert second.record.since == first.record.state
    assert second.folder != first.folder
    names = [path.name for path in (grown / "run" / "prepared").glob("photometry-*")]
    assert len(names) == 1  # those of older states are gone


def test_classes_before_are_known_where_another_command_classified_in_between(begun, grown):
    was = opened(begun)
    before = case_classes(was, best_case(finished_cases(was))).table
    known = dict(zip(before["object_id"].to_pylist(), before["class"].to_pylist(), strict=True))
    run = opened(grown)
    case_classes(run, best_case(finished_cases(run)))  # as 'skybind classify' before the update
    append_dataset(
        grown / "stars", piece(begun / "all", grown / "more", np.arange(KEPT + 12, KEPT + 15))
    )
    run = opened(grown)
    case_classes(run, best_case(finished_cases(run)))  # and once more
    done = update_run(opened(grown))
    assert done.record.changed
    told = done.table()
    told = dict(zip(told["object_id"].to_pylist(), told["class_before"].to_pylist(), strict=True))
    assert told == {name: known.get(name) for name in told}
    assert any(told.values())
    assert not list((grown / "run").glob("finetune/*/classes-*"))  # they have been told


def test_classes_that_nobody_computed_before_are_not_told(grown, capsys, talking):
    run = opened(grown)
    case = best_case(finished_cases(run))
    run.paths.case(case.name).classes.unlink()
    case_classes(run, case)
    done = update_run(opened(grown))
    assert done.record.changed
    assert set(done.table()["class_before"].to_pylist()) == {None}
    assert "had before is not known" in "".join(capsys.readouterr())


def test_an_index_is_added_to(begun, grown):
    pytest.importorskip("faiss")
    embeddings = grown / "run" / "embeddings"
    run_embedding(opened(grown))  # the run's folder holds those of before
    build_index(EmbeddingStream.open(embeddings), ["photometry"])
    append_dataset(
        grown / "stars", piece(begun / "all", grown / "more", np.arange(KEPT + 12, KEPT + 20))
    )
    done = update_run(opened(grown))
    assert done.record.indexed == ["photometry"]
    index = open_index(EmbeddingStream.open(embeddings), ["photometry"])
    assert index.note.rows == KEPT + 20
    assert index.note.trained < index.note.n  # added to, not built anew


def test_a_correction_comes_and_goes(begun, grown):
    first = update_run(opened(grown))
    files = {p: p.stat().st_mtime_ns for p in first.folder.rglob("*")}
    kept = sorted(path.name for path in (grown / "run" / "prepared").iterdir())
    was = correct(grown / "stars", grown / "wrong", 99.0)
    run_embedding(opened(grown))  # as 'skybind embed', and no update
    correct(grown / "stars", grown / "right", was)
    again = update_run(opened(grown))
    assert again.done_before
    assert (again.folder, again.record) == (first.folder, first.record)
    assert read_state(grown / "run" / "embeddings") == first.record.state
    assert sorted(path.name for path in (grown / "run" / "prepared").iterdir()) == kept
    assert not list((grown / "run").glob("finetune/*/classes-*"))
    correct(grown / "stars", grown / "wrong2", 99.0)
    wrong = update_run(opened(grown))
    correct(grown / "stars", grown / "right2", was)
    right = update_run(opened(grown))
    for done, since in ((wrong, first), (right, wrong)):
        assert (done.record.new, done.record.changed) == (0, 1)
        assert done.record.since == since.record.state
    assert right.record.state == first.record.state
    assert right.folder != first.folder
    assert {p: p.stat().st_mtime_ns for p in first.folder.rglob("*")} == files
    assert update_run(opened(grown)).folder == right.folder


def test_an_update_tells_of_a_way_back_to_what_the_run_was_started_on(begun, tmp_path):
    for name in ("stars", "run"):
        shutil.copytree(begun / name, tmp_path / name)
    state = opened(tmp_path).status.fingerprint
    was = correct(tmp_path / "stars", tmp_path / "wrong", 99.0)
    run_embedding(opened(tmp_path))
    correct(tmp_path / "stars", tmp_path / "right", was)
    run = opened(tmp_path)
    assert update_run(run).folder is None  # no update told of the wrong number
    assert (read_state(run.paths.embeddings) or state) == run.dataset.fingerprint == state
    correct(tmp_path / "stars", tmp_path / "wrong2", 99.0)
    wrong = update_run(opened(tmp_path))
    correct(tmp_path / "stars", tmp_path / "right2", was)
    right = update_run(opened(tmp_path))
    assert (wrong.record.since, right.record.since) == (state, wrong.record.state)
    assert wrong.record.changed == right.record.changed == 1


def test_nothing_new_is_said(begun):
    done = update_run(opened(begun))
    assert done.folder is None
    assert "Nothing is new" in done.text


def test_a_run_without_a_model_is_refused(stars, config, tmp_path):
    run = Run.start(config, stars, tmp_path / "run")
    with pytest.raises(ModelError, match="no pre-trained model yet"):
        update_run(run)


@pytest.fixture
def nightly(begun, tmp_path):
    """A run on a dataset of its own, and what shall be appended to it."""
    for name in ("stars", "run"):
        shutil.copytree(begun / name, tmp_path / name)
    run = tmp_path / "run"
    write_status(run, replace(read_status(run), data=str(tmp_path / "stars")))
    return run, piece(begun / "all", tmp_path / "new", np.arange(KEPT, KEPT + 12))


def test_appended_and_updated_by_one_command(nightly):
    run, new = nightly
    done = CliRunner().invoke(app, ["update", str(run), "--append", str(new)])
    assert "12 objects are new" in done.output
    assert "New objects: 12;" in done.output


@pytest.mark.parametrize("broken", ["pretrain/model", "finetune/*/model"])
def test_nothing_is_appended_for_a_run_that_cannot_be_updated(nightly, broken):
    run, new = nightly
    (model,) = run.glob(broken)
    weights = model / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"odd!")
    with pytest.raises(ModelError):
        append_to_run(run, new)
    shutil.rmtree(model)
    if "pretrain" in broken:
        with pytest.raises(ModelError, match="no pre-trained model yet"):
            append_to_run(run, new)
    assert len(Dataset.open(run.parent / "stars")) == KEPT
    assert not (run.parent / "stars" / "lineage.json").exists()


def test_nothing_is_appended_for_a_run_that_cannot_be_written(nightly, monkeypatch):
    run, new = nightly
    monkeypatch.setattr("skybind.discovery.update.is_writable", lambda folder: False)
    with pytest.raises(DataError, match="so nothing was appended"):
        append_to_run(run, new)
    assert len(Dataset.open(run.parent / "stars")) == KEPT


def test_killed_before_it_removed_what_is_older_the_same_command_does(grown, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(
            "skybind.discovery.update.forget_older", lambda _: exec("raise KeyboardInterrupt")
        )
        with pytest.raises(KeyboardInterrupt):
            update_run(opened(grown))
    prepared = grown / "run" / "prepared"
    assert len(list(prepared.glob("photometry-*"))) == 2
    assert update_run(opened(grown)).done_before
    assert len(list(prepared.glob("photometry-*"))) == 1


LOCKS = (".lock", ".holder")


class Moments:
    """Copies of a folder as a killed process leaves it: one before each change of its files."""

    def __init__(self, folder, copies):
        self.folder, self.copies = folder, copies
        self.seen, self.taken = set(), []

    def watch(self, patch):
        for module, name in ((os, "replace"), (os, "unlink"), (files, "_exchange")):
            patch.setattr(module, name, self.before(getattr(module, name)))

    def before(self, change):
        def watched(path, *given, **options):
            inside = "dir_fd" in options and str(path).endswith((".bin", ".parquet"))
            alone = os.path.lexists(path) and not str(path).endswith(LOCKS)
            if inside or alone:  # otherwise nothing of worth is changed
                self.take()
            return change(path, *given, **options)

        return watched

    def take(self):
        stood = frozenset(
            (str(path), path.stat().st_size, path.stat().st_mtime_ns)
            for path in self.folder.rglob("*")
            if path.suffix not in LOCKS
        )
        if stood in self.seen:
            return
        self.seen.add(stood)
        copy = self.copies / str(len(self.taken))
        shutil.copytree(self.folder, copy)
        mine = f"-{os.getpid()}-"
        for path in sorted(copy.rglob(f"*{mine}*"), reverse=True):
            path.rename(path.with_name(path.name.replace(mine, "-999999999-")))
        self.taken.append(copy)


def outcome(run, done):
    """All that an update leaves in a run's folder."""
    embeddings = Embeddings.read(run / "embeddings")
    (classes,) = run.glob("finetune/*/classes.parquet")
    stands = {path.relative_to(run).as_posix() for path in run.rglob("*")}
    return {
        "record": done.record,
        "page": done.folder.name,
        "csv": (done.folder / "new.csv").read_text(),
        "tables": [pq.read_table(done.folder / f"{n}.parquet") for n in ("new", "before")],
        "classes": pq.read_table(classes),
        "state": read_state(run / "embeddings"),
        "names": embeddings.object_id.tolist(),
        "vectors": {name: values.tobytes() for name, values in embeddings.vectors.items()},
        "stands": {name for name in stands if not name.endswith(LOCKS)},
    }


def test_killed_at_every_moment_nothing_is_lost_or_doubled(grown, tmp_path, monkeypatch):
    drawn = Block("No figure: it takes longer than all the rest.")
    monkeypatch.setattr("skybind.discovery.update_page.drawn_block", lambda *given: drawn)
    run = opened(grown)
    moments = Moments(grown / "run", tmp_path / "killed")
    with monkeypatch.context() as patch:
        moments.watch(patch)
        done = update_run(run)
    expected = outcome(grown / "run", done)
    assert len(moments.taken) > 30
    for copy in moments.taken:
        for folder in (copy / "prepared").glob("[!.]*-*/"):
            open_prepared(folder, whole=True)
        again = update_run(Run.open(copy, data=grown / "stars"))
        assert outcome(copy, again) == expected


KILLED = """
import sys
from skybind.discovery.update import update_run
from skybind.runs.run import Run
run = Run.open(sys.argv[1], data=sys.argv[2])
print("ready", flush=True)
update_run(run)
"""


def test_killed_the_same_command_goes_on(grown):
    place = grown / "run"
    command = [sys.executable, "-c", KILLED, str(place), str(grown / "stars")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.read(5)
        time.sleep(0.7)
        process.send_signal(signal.SIGKILL)
    done = update_run(opened(grown))
    table = done.table()
    assert done.record.new == 12
    assert any(name is not None for name in table["class_before"].to_pylist())
    assert len(set(table["object_id"].to_pylist())) == len(table)
    assert len(Dataset.open(grown / "stars")) == KEPT + 12
