import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.embeddings.store import STATE, Embeddings
from skybind.ingest.append import append_dataset
from skybind.runs import embedding
from skybind.runs.embedding import embed_anything, run_embedding, stored_embeddings
from skybind.runs.run import Run
from skybind.runs.steps import find_pretrained
from skybind.scale.export import export_hats
from skybind.search.search import SearchOptions, search
from skybind.shards import Shard
from tests.growing import piece

FILES = Path(__file__).parents[1] / "data" / "v0.1"


@pytest.fixture
def place(tmp_path):
    """A run of 60 stars, and its dataset."""
    for name in ("stars", "stars-run"):
        shutil.copytree(FILES / name, tmp_path / name)
    status = tmp_path / "stars-run" / "status.json"
    note = json.loads(status.read_text())
    status.write_text(json.dumps({**note, "data": str(tmp_path / "stars")}))
    return tmp_path


def _outside(place):
    """Embeddings of a dataset outside of its run, by every way that makes some."""
    run, stars = place / "stars-run", place / "stars"
    embed_anything(run, out=place / "own")
    assert not (run / "embeddings" / STATE).exists()  # an older version made them
    yield place / "own"
    shutil.rmtree(run / "embeddings")
    run_embedding(Run.open(run))
    yield shutil.copytree(run / "embeddings", place / "copied")
    embed_anything(run, stars, place / "whole")
    yield place / "whole"
    for shard in (Shard(1, 2), Shard(2, 2), None):
        embed_anything(run, stars, place / "merged", shard=shard)
    yield place / "merged"
    export_hats(stars, place / "hats", rows=25)
    embed_anything(run, place / "hats", place / "of_hats")
    yield place / "of_hats"
    model = find_pretrained(run)
    for number, data in enumerate((stars, Dataset.open(stars))):
        model.embed(data).write(place / f"python-{number}")
        yield place / f"python-{number}"


def test_a_search_says_that_embeddings_outside_a_run_are_older(place, capsys, talking):
    stars = place / "stars"
    made = list(_outside(place))
    data = Dataset.open(stars)
    name, state = data.object_ids[0], data.fingerprint
    for folder in made:
        assert Embeddings.read(folder).state == state, folder
        search(folder, [name], SearchOptions(k=2), data=stars)
    assert "older state" not in capsys.readouterr().err
    new = piece(stars, place / "new", np.arange(2), names=["new", "newer"])
    append_dataset(stars, new)
    for folder in made:
        search(folder, [name], SearchOptions(k=2), data=stars)
        said = capsys.readouterr().err
        assert f"The embeddings in {folder} are of an older state of {stars}" in said
        assert f"'skybind embed' with --data {stars} makes them anew" in said
    embed_anything(place / "stars-run", stars, made[-1])
    (made[0] / STATE).unlink()  # as an older version wrote them
    for folder in (made[-1], made[0]):
        search(folder, [name], SearchOptions(k=2), data=stars)
    assert "older state" not in capsys.readouterr().err


def test_a_table_in_memory_is_of_no_state(place):
    table = Dataset.open(place / "stars").table(["object_id", "photometry"])
    made = find_pretrained(place / "stars-run").embed(table)
    made.write(place / "table")
    assert Embeddings.read(place / "table").state == made.state == ""


def test_of_two_programs_one_embeds_and_the_other_takes_what_it_made(place, monkeypatch):
    shutil.rmtree(place / "stars-run" / "embeddings")
    make, made = embedding.embed_source, []

    def slowly(*args, **options):
        made.append(1)
        time.sleep(0.5)
        return make(*args, **options)

    monkeypatch.setattr(embedding, "embed_source", slowly)
    runs = [Run.open(place / "stars-run") for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(run_embedding, runs)
    assert len(made) == 1
    np.testing.assert_array_equal(one.mean(), other.mean())
    runs.append(Run.open(place / "stars-run"))
    for run, found in zip(runs, [one, other, stored_embeddings(runs[-1])], strict=True):
        assert found.object_id is run.dataset.object_ids  # names and parts are held once
        assert found.split is run.split.part
    assert not list((place / "stars-run").glob(".*lock*"))
