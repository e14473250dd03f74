import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from skybind.cli import app
from skybind.errors import ConfigError, DataError
from skybind.evaluation.predict import predict_anything
from skybind.runs.run import Run
from skybind.shards import Shard

FILES = Path(__file__).parents[1] / "data" / "v0.1"
TWINS = "training object under another name, with the same data or at the same place"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run of 60 stars, and its dataset under other names in row groups of seven.

    The names of the first and the last object that is not for training differ from that of a
    training object in case alone; two training objects have a new name.
    """
    folder = tmp_path_factory.mktemp("predict")
    for name in ("stars", "stars-run"):
        shutil.copytree(FILES / name, folder / name)
    status = folder / "stars-run" / "status.json"
    note = json.loads(status.read_text())
    status.write_text(json.dumps({**note, "data": str(folder / "stars")}))
    run = Run.open(folder / "stars-run")
    ids = run.dataset.object_ids.astype(object)
    train, rest = run.rows("train"), np.flatnonzero(run.split.part != "train")
    ids[rest[0]], ids[rest[-1]] = ids[train[0]].lower(), ids[train[0]].title()
    assert ids[rest[0]] != ids[rest[-1]]
    ids[train[0]] = "another"
    curves = np.intersect1d(train[1:], np.flatnonzero(run.observed["photometry"] != 0))
    ids[curves[[0, -1]]] = "one more", "and one more"
    shutil.copytree(folder / "stars", folder / "new")
    (part,) = (folder / "new" / "objects").glob("*.parquet")
    table = pq.read_table(part)
    at = table.schema.get_field_index("object_id")
    table = table.set_column(at, table.schema.field(at), pa.array(ids.tolist(), pa.string()))
    pq.write_table(table, part, row_group_size=7)
    return folder


def predict(place, out, **options):
    run = Run.open(place / "stars-run")
    return predict_anything(run, "period", out, data=place / "new", **options)


@pytest.mark.parametrize("allow", [False, True])
def test_shards_in_any_order_give_the_file_of_one_piece(place, tmp_path, allow):
    whole = predict(place, tmp_path / "whole.parquet", allow_twins=allow)
    out = tmp_path / "shards.parquet"
    order = np.random.default_rng(0).permutation(12) + 1  # of nine groups: some have nothing
    made = [predict(place, out, allow_twins=allow, shard=Shard(k, 12)) for k in order[1:].tolist()]
    with pytest.raises(DataError, match=rf"1 of 12 shards .*\({order[0]}\)"):
        predict(place, out, allow_twins=allow)
    assert not out.exists()
    made.append(predict(place, out, allow_twins=allow, shard=Shard(int(order[0]), 12)))
    together = predict(place, out, allow_twins=allow)
    assert out.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert together.notes == whole.notes
    for name in ("n", "known", "taught"):
        assert getattr(together, name) == getattr(whole, name)
        assert sum(getattr(one, name) for one in made) == getattr(whole, name)
    reasons = together.table["reason"].to_pylist()
    assert whole.known > 0 < whole.taught
    # names that only case tells apart are two objects, in whichever shards they are
    assert reasons.count(TWINS) == (0 if allow else 3)
    assert any(note.startswith("3 objects (such as '") for note in whole.notes)
    assert not (tmp_path / "shards.parquet.shards").exists()


def test_shards_of_another_question_are_refused(place, tmp_path):
    out = tmp_path / "z.parquet"
    predict(place, out, shard=Shard(1, 2))
    for options in ({"fit": ["photometry"]}, {"allow_twins": True}):
        with pytest.raises(DataError, match="another model, other data"):
            predict(place, out, shard=Shard(2, 2), **options)
        with pytest.raises(DataError, match="another model, other data"):
            predict(place, out, **options)
    with pytest.raises(DataError, match="--shard K/2"):
        predict(place, out, shard=Shard(1, 3))


def test_a_damaged_shard_is_named_and_nothing_is_written(place, tmp_path):
    out = tmp_path / "z.csv"
    for number in (2, 1):
        predict(place, out, shard=Shard(number, 2))
    table = tmp_path / "z.csv.shards" / "2-of-2" / "predicted.parquet"
    whole = table.read_bytes()
    table.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cannot be read .*: delete .*2-of-2 to make it anew"):
        predict(place, out)
    assert not out.exists()
    table.write_bytes(whole)
    assert predict(place, out).n == 60


def test_the_command_line_does_shards_of_a_dataset_alone(place, tmp_path):
    run, out = place / "stars-run", tmp_path / "z.csv"
    with pytest.raises(ConfigError, match="needs --data"):
        predict_anything(Run.open(run), "period", out, shard=Shard(1, 2))
    command = ["predict", str(run), "-t", "period", "-d", str(place / "new"), "-o", str(out)]
    for shard in ("2/2", "1/2"):
        done = CliRunner().invoke(app, [*command, "--shard", shard])
        assert done.exit_code == 0, done.output
        assert f"Shard {shard} is in {out}.shards" in done.stdout.replace("\n", "")
    done = CliRunner().invoke(app, command)
    assert f"of 60 objects have a predicted period in {out}" in done.stdout.replace("\n", "")
    assert len(out.read_text().splitlines()) == 61
    for again in ([*command, "--shard", "1/2"], command):
        done = CliRunner().invoke(app, again)
        assert done.exit_code == 0
        assert "All is in place in" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [".z.csv.shards.json", "z.csv"]
