"""A dataset comes back from a HATS catalogue, few objects at a time, in one piece or in shards."""

import json
import shutil
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from skybind.cli import app
from skybind.data import row_blocks, spread
from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.spread import Spread
from skybind.data.stored_splits import split_dataset
from skybind.data.write import DatasetWriter, shards_key
from skybind.errors import AlreadyDone, DataError
from skybind.ingest import hats_restored
from skybind.ingest.hats_dataset import ROW
from skybind.ingest.hats_restored import restore
from skybind.ingest.readers.hats import hats_files
from skybind.ingest.survey import import_files
from skybind.parquet import TableWriter
from skybind.ragged import Ragged
from skybind.record import read_record, write_sealed
from skybind.scale.export import export_hats
from skybind.shards import Shard
from tests.ingest.test_in_shards import everything

EPOCHS = 100


def write_survey(folder, n, part=500, lost=10):
    """Light curves in files of `part` objects; one of `lost` without a position."""
    rng = np.random.default_rng(n)
    columns = {
        "photometry": Column(
            "observation", modality="photometry", fields={"time": "d", "magnitude": "mag"}
        ),
        "label": Column("label"),
    }
    with DatasetWriter(folder, columns) as writer:
        for start in range(0, n, part):
            number = np.arange(start, min(start + part, n))
            fields = {
                "time": rng.normal(58000, 100, len(number) * EPOCHS),
                "magnitude": rng.normal(15, 1, len(number) * EPOCHS).astype(np.float32),
            }
            offsets = np.arange(len(number) + 1) * EPOCHS
            writer.append({
                "object_id": np.array([f"s{i}" for i in number]),
                "ra": np.where(number % lost == 0, np.nan, rng.uniform(0, 360, len(number))),
                "dec": rng.uniform(-90, 90, len(number)),
                "photometry": Ragged(fields, offsets, number % 7 > 0),
                "label": np.where(number % 2, "A", "B"),
            })  # fmt: skip


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """A catalogue of many partitions, and beside it the dataset that was exported."""
    folder = tmp_path_factory.mktemp("hats")
    write_survey(folder / "survey", 700, 90)
    split_dataset(folder / "survey", "mine", kind="random", label="label", seed=1)
    export_hats(folder / "survey", folder / "hats", rows=40)
    assert len(hats_files(folder / "hats")) > 16
    return folder / "hats"


def held(work):
    """The most bytes that Arrow holds while rows are sent to their parts, sorted, and written."""
    places = [(Spread, "add"), (spread, "_one_batch"), (TableWriter, "write_table")]
    before, most = pa.total_allocated_bytes(), [0]

    def looking(real):
        def call(*words, **more):
            most[0] = max(most[0], pa.total_allocated_bytes() - before)
            return real(*words, **more)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for place, name in places:
            patch.setattr(place, name, looking(getattr(place, name)))
        work()
    return most[0]


def test_few_objects_are_in_memory(tmp_path, monkeypatch):
    """Neither where it is read and sorted, nor where it is written; nor in the export."""
    monkeypatch.setattr(row_blocks, "BLOCK", 2**20)
    monkeypatch.setattr(spread, "WAITING", 2**20)
    monkeypatch.setattr(hats_restored, "STRETCH", 2**20)
    n = 8000
    write_survey(tmp_path / "survey", n, lost=100)
    hats = tmp_path / "hats"
    peaks = [
        held(partial(export_hats, tmp_path / "survey", hats, rows=300)),
        held(partial(restore, hats, tmp_path / "back")),
        held(partial(restore, hats, tmp_path / "shard", shard=Shard(1, 1))),
        held(partial(restore, hats, tmp_path / "shard")),
    ]
    names = ("survey", "back", "shard")
    assert len({Dataset.open(tmp_path / name).fingerprint for name in names}) == 1
    assert min(peaks) > 200_000
    # a quarter is usual; half allows for a block that Arrow has read ahead
    assert max(peaks) < n * EPOCHS * 12 / 2, peaks


def test_files_are_written_some_at_a_time(catalogue, tmp_path, monkeypatch):
    whole = 700 * EPOCHS * 12
    lengths = []
    for share in (0.5, 2.5, 100):
        monkeypatch.setattr(hats_restored, "STRETCH", int(whole / share))
        work = hats_restored._Restoring(catalogue)
        lengths.append([len(stretch) for stretch in work.stretches])
        restore(catalogue, tmp_path / str(share))
        made = Dataset.open(tmp_path / str(share))
        assert made.fingerprint == Dataset.open(catalogue.parent / "survey").fingerprint
    assert len(lengths[0]) < len(lengths[1]) < len(lengths[2])
    assert lengths[2] == [1] * 8  # a file is written at once, however large
    assert all(sum(one) == 8 for one in lengths)


def test_shards_in_any_order_give_all_bytes_of_one_piece(catalogue, tmp_path, monkeypatch):
    whole, out = restore(catalogue, tmp_path / "whole"), tmp_path / "out"
    read, real = [], hats_restored.WeighedParquet
    monkeypatch.setattr(
        hats_restored,
        "WeighedParquet",
        lambda path, name: (read.append(path), real(path, name))[1],
    )
    made = [restore(catalogue, out, shard=Shard(k, 5)) for k in (4, 2, 5, 1)]
    with pytest.raises(DataError, match=r"1 of 5 shards of .* are missing \(3\)"):
        restore(catalogue, out)
    assert not out.exists()
    made.append(restore(catalogue, out, shard=Shard(3, 5)))
    files = {*hats_files(catalogue), catalogue / "skybind" / "unplaced.parquet"}
    assert sorted(read) == sorted(files)  # each by one shard
    restore(catalogue, out, shard=Shard(2, 5))  # it is there
    assert restore(catalogue, out) == whole
    assert len(read) == len(files)
    assert everything(out) == everything(tmp_path / "whole")
    assert sum(one.objects for one in made) == whole.objects == 700
    counts = [one.observed["photometry"] for one in made]
    assert min(counts) > 0
    assert sum(counts) == whole.observed["photometry"] == 600
    assert not list(tmp_path.glob("*.shards"))
    assert not list(tmp_path.glob(".*"))


def test_an_interrupted_shard_and_merging_are_done_again(catalogue, tmp_path, monkeypatch):
    out, left = tmp_path / "out", [3]
    real = hats_restored.part_writer

    def dies(*words):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return real(*words)

    with monkeypatch.context() as patch:
        patch.setattr(Spread, "add", dies)
        left[0] = 1
        with pytest.raises(KeyboardInterrupt):
            restore(catalogue, out, shard=Shard(1, 2))
    assert not list((tmp_path / "out.shards").glob("[!.]*-of-*"))
    for number in (2, 1):
        restore(catalogue, out, shard=Shard(number, 2))
    left[0] = 3
    with monkeypatch.context() as patch:
        patch.setattr(hats_restored, "part_writer", dies)
        with pytest.raises(KeyboardInterrupt):
            restore(catalogue, out)
    assert not out.exists()
    restore(catalogue, out)
    restore(catalogue, tmp_path / "whole")
    assert everything(out) == everything(tmp_path / "whole")


def test_more_shards_than_partitions_leave_some_empty(catalogue, tmp_path):
    made = [restore(catalogue, tmp_path / "out", shard=Shard(k, 40)) for k in range(40, 0, -1)]
    assert min(one.objects for one in made) == 0
    restore(catalogue, tmp_path / "out")
    survey = Dataset.open(catalogue.parent / "survey")
    assert Dataset.open(tmp_path / "out").fingerprint == survey.fingerprint


def test_shards_of_another_catalogue_and_damaged_ones_are_refused(catalogue, tmp_path):
    hats, out = tmp_path / "hats", tmp_path / "out"
    shutil.copytree(catalogue, hats)
    for number in (1, 2):
        restore(hats, out, shard=Shard(number, 2))
    rows = tmp_path / "out.shards" / "2-of-2" / "rows.arrow"
    content = rows.read_bytes()
    rows.write_bytes(content[:-8])
    with pytest.raises(DataError, match=r"is damaged.*: delete .*2-of-2 to make it anew"):
        restore(hats, out)
    rows.write_bytes(content)
    with pytest.raises(DataError, match="--shard K/2"):
        restore(hats, out, shard=Shard(1, 3))
    part = hats_files(hats)[0]
    shutil.copyfile(part, tmp_path / "copy")
    part.unlink()
    shutil.copyfile(tmp_path / "copy", part)
    with pytest.raises(DataError, match="other data"):
        restore(hats, out)
    part.unlink()
    with pytest.raises(DataError, match="lacks 1 of its"):
        restore(hats, out)
    assert not out.exists()


@pytest.mark.parametrize("change", ["above", "absolute", "twice", "order", "negative"])
def test_a_note_that_was_changed_writes_nothing_elsewhere(catalogue, tmp_path, change):
    hats, outside = tmp_path / "hats", tmp_path / "outside.parquet"
    shutil.copytree(catalogue, hats)
    path = hats / "skybind" / "stored.json"
    note = read_record(path, dict[str, Any], "")
    parts = note["parts"]
    if change == "order":
        parts.reverse()
    elif change == "negative":
        parts[0][1], parts[1][1] = -5, parts[1][1] + parts[0][1] + 5
    else:
        first = {"above": "../../outside.parquet", "absolute": str(outside), "twice": parts[1][0]}
        parts[0][0] = first[change]
    write_sealed(path, note)
    with pytest.raises(DataError, match=r"stored.json is damaged .*export the dataset again"):
        restore(hats, tmp_path / "out")
    assert not outside.exists()


def test_the_command_line_imports_in_shards(catalogue, tmp_path):
    out = tmp_path / "out"
    command = ["data", "import", str(catalogue), "--reader", "hats", "--out", str(out)]
    for shard in ("2/2", "1/2"):
        done = CliRunner().invoke(app, [*command, "--shard", shard])
        assert done.exit_code == 0, done.output
        assert f"Shard {shard} is in" in done.stdout
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert len(import_files("hats", catalogue, tmp_path / "whole").observed) > 0
    assert everything(out) == everything(tmp_path / "whole")
    (tmp_path / ".out.shards.gone" / "1-of-2").mkdir(parents=True)  # of a killed process
    for again in (command, [*command, "--shard", "1/2"]):
        done = CliRunner().invoke(app, again)
        assert done.exit_code == 0, done.output
        assert "All is in place in" in done.stdout
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "whole"]


def test_a_dataset_of_shards_that_comes_back_is_known_as_made_of_them(catalogue, tmp_path):
    """Its own shards where it came back in shards; else those of which it was made first."""
    for number in (1, 2):
        restore(catalogue, tmp_path / "a", shard=Shard(number, 2))
    restore(catalogue, tmp_path / "a")
    export_hats(tmp_path / "a", tmp_path / "hats")
    restore(tmp_path / "hats", tmp_path / "b")
    assert shards_key(tmp_path / "b") == shards_key(tmp_path / "a") is not None
    for number in (1, 2):
        restore(tmp_path / "hats", tmp_path / "c", shard=Shard(number, 2))
    restore(tmp_path / "hats", tmp_path / "c")
    with pytest.raises(AlreadyDone, match="in place"):
        restore(tmp_path / "hats", tmp_path / "c", shard=Shard(1, 2))


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("dec", lambda old: [str(v) for v in old], "not as it was exported: dec: is string"),
        (ROW, lambda old: ["x"] * len(old), "cannot be read as parquet"),
        ("label", lambda old: [[v] for v in old], "not as it was exported: label"),
    ],
)
def test_a_partition_whose_columns_are_others_is_refused(catalogue, tmp_path, column, values, said):
    hats = shutil.copytree(catalogue, tmp_path / "hats")
    part = hats_files(hats)[0]
    table = pq.read_table(part, partitioning=None)
    place = table.column_names.index(column)
    new = pa.array(values(table[column].to_pylist()))
    pq.write_table(table.set_column(place, column, new), part)
    with pytest.raises(DataError, match=said):
        restore(hats, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", [3, {}, ["object_id", 3], ["object_id"], None])
def test_a_note_that_was_changed_is_refused(catalogue, tmp_path, value):
    hats = shutil.copytree(catalogue, tmp_path / "hats")
    path = hats / "skybind" / "stored.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"columns": value}))
    with pytest.raises(DataError, match=r"stored\.json is damaged"):
        restore(hats, tmp_path / "out")
