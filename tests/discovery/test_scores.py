import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from skybind.cli import app
from skybind.config import load_config
from skybind.discovery import periods
from skybind.discovery.discover import DiscoverOptions, discover, discover_shard
from skybind.discovery.scores import neighbour_scores
from skybind.errors import AlreadyDone, DataError
from skybind.record import SEAL
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import run_pretraining
from skybind.shards import Shard
from skybind.simulate.write import write_stars

QUICK = ["training.epochs=1", "training.batch_size=64", "evaluation.targets=[period]"]
#: What is another in every run, and a hash of it.
TIMES = ("seconds", SEAL)
OPTIONS = DiscoverOptions(permutations=2, map_method="pca", top=2)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of one epoch on 120 stars in row groups of 17, embedded."""
    folder = tmp_path_factory.mktemp("scores")
    write_stars(folder / "data", 120, seed=3, missing=0.2)
    (part,) = (folder / "data" / "objects").glob("*.parquet")
    pq.write_table(pq.read_table(part), part, row_group_size=17)
    run = Run.start(load_config("stars-small", QUICK), folder / "data", folder / "run")
    run_pretraining(run)
    run_embedding(run)
    return folder


def opened(made, place):
    """A copy of the run that nothing was discovered in."""
    shutil.copytree(made / "run", place)
    return Run.open(place)


def contents(run):
    """All that discover wrote but times."""
    found = {}
    for path in sorted((run.folder / "discover").rglob("*")):
        name = path.relative_to(run.folder / "discover").as_posix()
        if path.suffix == ".json":
            note = json.loads(path.read_text())
            known = isinstance(note, dict)
            kept = {k: v for k, v in note.items() if k not in TIMES} if known else note
            found[name] = json.dumps(kept)
        elif path.suffix == ".npz":
            found[name] = np.load(path)["values"].tobytes()
        elif path.suffix == ".vot":
            found[name] = path.read_text().partition("<RESOURCE")[2]
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def test_shards_in_any_order_give_all_bytes_of_one_piece(made, tmp_path, monkeypatch):
    whole, run = opened(made, tmp_path / "whole"), opened(made, tmp_path / "run")
    discover(whole, OPTIONS, page=False)
    order = np.random.default_rng(0).permutation(10) + 1  # of eight groups: some have nothing
    counts = [discover_shard(run, Shard(k, 10))[1] for k in order[1:].tolist()]
    with pytest.raises(DataError, match=rf"1 of 10 shards .*\({order[0]}\)"):
        discover(run, OPTIONS, page=False)
    assert not (run.folder / "discover" / "outliers.parquet").exists()
    counts.append(discover_shard(run, Shard(int(order[0]), 10))[1])
    assert sum(counts) == 120

    def forbidden(*_):
        raise AssertionError("it is done again")

    monkeypatch.setattr(periods, "refold", forbidden)
    monkeypatch.setattr("skybind.discovery.scores._ask", forbidden)
    discover(run, OPTIONS, page=False)
    one, other = contents(whole), contents(run)
    assert list(one) == list(other)
    assert [name for name in one if one[name] != other[name]] == []
    names = set(neighbour_scores(run, run_embedding(run)))
    assert {"votes", "medians all period", "typical 0.25", "density all"} <= names
    assert len(list((run.folder / "discover" / "refolded").iterdir())) == 4
    assert not list((run.folder / "discover").glob("*.shards"))
    with pytest.raises(AlreadyDone, match="in place"):
        discover_shard(run, Shard(2, 10))
    assert not list((run.folder / "discover").glob("*.shards"))


def test_shards_of_other_labels_and_damaged_ones_are_refused(made, tmp_path):
    run = opened(made, tmp_path / "run")
    for number in (1, 2):
        place, _ = discover_shard(run, Shard(number, 2))
    table = place / "scores.parquet"
    whole = table.read_bytes()
    table.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cannot be read .*: delete .*2-of-2 to make it anew"):
        discover(run, OPTIONS, page=False)
    table.write_bytes(whole)
    run.labels[run.rows("train")[0]] = -1
    for does in (lambda: discover_shard(run, Shard(1, 2)), lambda: discover(run, OPTIONS)):
        with pytest.raises(DataError, match="another model, other data"):
            does()


def test_the_training_objects_are_compared_with_each_other_once(made, tmp_path, monkeypatch):
    from skybind.discovery import scores

    run, compare, asked = opened(made, tmp_path / "run"), scores.reference_reach, []

    def counted(*args):
        asked.append(1)
        return compare(*args)

    monkeypatch.setattr(scores, "reference_reach", counted)
    for number in (2, 1, 3):
        discover_shard(run, Shard(number, 3))
    assert len(asked) == 4  # three modalities and all together


def test_the_command_line_does_shards(made, tmp_path):
    run = opened(made, tmp_path / "run")
    command = ["discover", str(run.folder), "--map", "pca", "--permutations", "2", "--top", "0"]
    for shard in ("2/2", "1/2"):
        done = CliRunner().invoke(app, [*command, "--shard", shard])
        assert done.exit_code == 0, done.output
        assert "scores.shards" in done.stdout.replace("\n", "")
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert (run.folder / "discover.html").exists()
