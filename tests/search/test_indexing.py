"""`skybind index`, and searches by what it makes."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from skybind.cli import app
from skybind.data.cone import Cone
from skybind.data.dataset import Dataset
from skybind.embeddings.store import Embeddings
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.record import write_sealed
from skybind.search import engine
from skybind.search.index import index_folder, open_index
from skybind.search.search import SearchOptions, search
from skybind.study.check import check_folder


@pytest.fixture(scope="module")
def indexed(trained, stars, tmp_path_factory):
    """Embeddings with an index that was made in shards, and what the command said."""
    pytest.importorskip("faiss")
    folder = tmp_path_factory.mktemp("indexed") / "embeddings"
    shutil.copytree(trained / "embeddings", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skybind.search.index_train.SAMPLE", 50)
        told = [
            run("index", folder, "--to", "photometry", "--data", stars, "--shard", k)
            for k in ("2/2", "1/2")
        ]
        told.append(run("index", folder, "--to", "photometry", "--data", stars))
    return folder, told


def run(*words):
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert not done.exit_code, done.output
    return done.output


def test_it_says_what_it_made(indexed, stars):
    folder, (first, second, last) = indexed
    assert "Shard 2/2 is in" in first
    assert "Shard 1/2 is in" in second
    n = Embeddings.read(folder).present["photometry"].sum()
    assert f"{n:,} objects are in {index_folder(folder, ['photometry'])}: nprobe" in last
    assert "Recall of the 10 nearest" in last
    ra = Dataset.open(stars).numbers("ra")
    assert f"positions of {np.isfinite(ra).sum():,} objects are sorted" in last
    assert not list(folder.parent.glob("**/*.shards"))


def test_a_search_in_a_cone_is_exact_and_the_same_by_index(indexed, stars):
    folder, _ = indexed
    dataset = Dataset.open(stars)
    ra, dec = dataset.numbers("ra"), dataset.numbers("dec")
    name = str(dataset.object_ids[0])
    cone = Cone(float(ra[0]), float(dec[0]), 40.0)
    options = {"source": ["photometry"], "cone": f"{ra[0]} {dec[0]} 40", "k": 500}
    by_index = search(folder, [name], SearchOptions(**options, index=True), data=stars)
    exact = search(folder, [name], SearchOptions(**options, index=False), data=stars)
    np.testing.assert_array_equal(by_index.object_id, exact.object_id)
    np.testing.assert_array_equal(by_index.cosine, exact.cosine)
    assert by_index.recall is None
    there = set(dataset.object_ids[cone.holds(ra, dec)]) - {name}
    assert 0 < len(by_index) < len(dataset) - 1
    assert set(by_index.object_id) <= there
    shown = run(
        "search",
        folder,
        name,
        "--from",
        "photometry",
        "--cone",
        options["cone"],
        "--data",
        stars,
        "--index",
    )
    assert "exact" in shown


def test_an_approximate_search_says_so(indexed, stars, monkeypatch):
    folder, _ = indexed
    name = str(Dataset.open(stars).object_ids[0])
    note = json.loads((index_folder(folder, ["photometry"]) / "index.json").read_text())
    shown = run("search", folder, name, "--from", "photometry", "--index")
    part = f"nprobe {note['probes']} of {note['lists']} lists"
    assert f"approximate, by index: {part}, recall {note['recall']['photometry']:.3f}" in " ".join(
        shown.split()
    )
    # without being asked it is used where objects are many, and with --exact nowhere
    options = SearchOptions(source=["photometry"])
    assert search(folder, [name], options).recall is None
    monkeypatch.setattr(engine, "LARGE", 100)
    found = search(folder, [name], options)
    assert (found.recall, found.probes) == (note["recall"]["photometry"], note["probes"])
    assert "approximate" in found.told[-1]
    assert "exact" in run("search", folder, name, "--from", "photometry", "--exact")
    assert search(folder, [name], SearchOptions(source=["spectrum"])).recall is None


def test_what_is_alike_is_told_of_whom_it_was_measured(indexed, stars, monkeypatch):
    """An index knows of all objects what is usual; a search of all in a filter of these alone."""
    folder, _ = indexed
    monkeypatch.setattr(engine, "least_alike", lambda *_: 2.0)
    name = str(Dataset.open(stars).object_ids[0])
    options = {"source": ["photometry"], "where": "dec > 0"}
    exact = search(folder, [name], SearchOptions(**options), data=stars).notes
    assert any("of the objects searched all but one" in note for note in exact)
    note = replace(open_index(EmbeddingStream.open(folder), ["photometry"]).note)
    monkeypatch.setitem(note.alike, "photometry", 2.0)
    monkeypatch.setattr("skybind.search.index.read_note", lambda _: note)
    found = search(folder, [name], SearchOptions(**options, index=True), data=stars).notes
    assert any("of all objects all but one" in said for said in found)
    found = search(folder, [name], SearchOptions(source=["photometry"], index=True)).notes
    assert any("of the objects searched all but one" in said for said in found)


def test_many_objects_in_a_filter_are_searched_by_the_index(indexed, stars, monkeypatch):
    folder, _ = indexed
    monkeypatch.setattr("skybind.search.index.FEW", 5)
    monkeypatch.setattr(engine, "FEW", 5)
    name = str(Dataset.open(stars).object_ids[0])
    options = {"source": ["photometry"], "where": "dec > 0", "columns": ["dec"]}
    found = search(folder, [name], SearchOptions(**options, index=True), data=stars)
    exact = search(folder, [name], SearchOptions(**options), data=stars)
    assert (found.columns["dec"] > 0).all()
    assert np.isin(exact.object_id, found.object_id).mean() >= 0.8
    assert found.recall is not None
    assert any("measured without conditions" in note for note in found.notes)


def test_what_was_made_is_checked_in_a_run_and_alone(indexed):
    folder, _ = indexed
    (folder.parent / "status.json").write_text("{}")
    damaged = [damage.file for damage in check_folder(folder.parent).damages]
    (folder.parent / "status.json").unlink()
    assert not [name for name in damaged if "index" in name or "positions" in name]
    for ending, kind in (("index", "folder of indices"), ("positions", "folder of positions")):
        found = check_folder(folder.with_name(f"{folder.name}.{ending}"))
        assert (found.kind, found.damages, found.verified > 0) == (kind, [], True)


def test_an_index_of_before_is_told_and_built_again(indexed, stars, monkeypatch, tmp_path):
    folder = tmp_path / "embeddings"
    shutil.copytree(indexed[0], folder)
    name = str(Dataset.open(stars).object_ids[0])
    place = index_folder(folder, ["photometry"])
    place.mkdir(parents=True)
    write_sealed(place / "index.json", {"version": 1, "lists": 8, "fingerprint": "f"})
    monkeypatch.setattr(engine, "LARGE", 100)
    options = SearchOptions(source=["photometry"])
    told = search(folder, [name], options).notes
    assert any("Every object was compared" in note and "version 1" in note for note in told)
    monkeypatch.setattr("skybind.search.index_train.SAMPLE", 50)
    assert search(folder, [name], SearchOptions(source=["photometry"], index=True)).recall


@pytest.mark.parametrize(
    ("options", "message"), [({"to": "photo"}, "photometry"), ({"recall": "2"}, "impossible")]
)
def test_what_cannot_be_is_one_sentence(indexed, options, message):
    words = [text for key, value in options.items() for text in (f"--{key}", value)]
    done = CliRunner().invoke(app, ["index", str(indexed[0]), *words])
    assert isinstance(done.exception, DataError)
    assert message in str(done.exception)
