"""Large tables of objects, whose columns stand on disk: the same dataset comes out."""

import gc

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.ingest import name_column
from skybind.ingest.plan import Chunk
from skybind.ingest.readers import pieces
from skybind.ingest.readers.spilled import DiskColumn, Spilled
from skybind.ingest.survey import import_dataset, survey_plan

N = 300
MAPPING = """\
objects:
  file: a.{format}
  id: id
  ra: ra
  dec: dec
  label: cls
  info: {{note: note, seen: seen}}
  features:
    optical:
      g_mag: {{column: g, unit: mag, missing: [99.99]}}
      parallax: {{column: plx, unit: arcsec}}
    infrared: {{w1: w1, k: k}}
  join: [{{file: b.{format}, id: source}}, {{file: c.{format}, near: {{radius: 1}}, prefix: c_}}]
"""


def written(folder, format):
    """Write a catalogue of objects, some twice and some nameless, and two tables to join."""
    rng = np.random.default_rng(3)
    number = np.arange(N) + 5_853_498_713_190_525_696
    names = [str(i) for i in number]
    names[7], names[40], names[41] = names[3], "", names[3]
    ra, dec = rng.uniform(0, 360, N), rng.uniform(-80, 80, N)
    g = np.round(rng.uniform(8, 20, N), 4)
    g[5:9] = 99.99
    a = {
        "id": names,
        "ra": ra,
        "dec": dec,
        "cls": rng.choice(["RR", "EW", "none", ""], N),
        "note": rng.choice(["007", "x y", ""], N),
        "seen": rng.integers(0, 9, N),
        "g": g,
        "plx": pa.array(rng.normal(1e-3, 1e-4, N), mask=rng.random(N) < 0.2),
        "other": rng.random(N),
    }
    some = rng.permutation(N)[: N // 2]
    b = {"source": [names[i] for i in some], "w1": rng.normal(12, 1, len(some))}
    c = {"ra": ra[some] + 1e-5, "dec": dec[some], "k": rng.integers(1, 99, len(some))}
    for name, columns in (("a", a), ("b", b), ("c", c)):
        table = pa.table(columns)
        if format == "csv":
            pcsv.write_csv(table, folder / f"{name}.csv")
        else:
            pq.write_table(table, folder / f"{name}.parquet")
    text = MAPPING.format(format=format).replace("k: k", "k: c_k")
    (folder / "m.yaml").write_text(text)
    return folder / "m.yaml"


def rows(folder):
    dataset = Dataset.open(folder)
    made = {name: dataset.column(name) for name in dataset.schema.columns}
    lost = [tuple(row.values()) for row in read_quarantine(folder)]
    return dataset.schema.columns, made, sorted(lost)


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_table_on_disk_gives_the_same_objects(tmp_path, monkeypatch, format):
    mapping = written(tmp_path, format)
    whole = import_dataset(mapping, tmp_path / "whole")
    monkeypatch.setattr(pieces, "LARGE", 0)
    monkeypatch.setattr(pieces, "PIECE", 2000)
    monkeypatch.setattr(pieces, "HEAD", 2)
    monkeypatch.setattr(name_column, "ROWS", 7)
    spilled = import_dataset(mapping, tmp_path / "spilled")
    assert vars(spilled) == vars(whole)
    (schema, one, lost), (other_schema, other, other_lost) = (
        rows(tmp_path / name) for name in ("whole", "spilled")
    )
    assert schema == other_schema
    assert lost == other_lost
    assert len(one["object_id"]) == N - 3
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def test_the_folder_goes_with_the_table(tmp_path, monkeypatch):
    mapping = written(tmp_path, "csv")
    monkeypatch.setattr(pieces, "LARGE", 0)
    made = []
    start = Spilled.__init__

    def noted(self, folder):
        start(self, folder)
        made.append(self.folder.name)

    monkeypatch.setattr(Spilled, "__init__", noted)
    plan = survey_plan(mapping)
    chunks = [read() for _, read in plan.steps]
    assert isinstance(chunks[0], Chunk)
    assert isinstance(plan.known.flat["g_mag"], DiskColumn)
    np.testing.assert_array_equal(plan.known.flat["g_mag"][:9], chunks[0].columns["g_mag"][:9])
    folders = [name for name in made if (tmp_path / name).exists()]
    assert folders
    del plan, chunks
    gc.collect()
    assert not [name for name in folders if (tmp_path / name).exists()]


def test_columns_are_read_by_rows(tmp_path):
    values = np.random.default_rng(0).random(1000)
    column = DiskColumn(tmp_path / "c", values)
    for chosen in ([], [5], [999, 0, 5, 5], range(100, 120)):
        rows_ = np.asarray(chosen, np.int64)
        np.testing.assert_array_equal(column[rows_], values[rows_])
    np.testing.assert_array_equal(column[3:9], values[3:9])
    np.testing.assert_array_equal(np.asarray(column), values)
    assert (column[7], len(column)) == (values[7], 1000)


def test_ids_take_the_room_of_their_letters(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "LARGE", 0)
    mapping = survey_plan(written(tmp_path, "csv"))
    names = mapping.known.flat["object_id"]
    assert names.cells.nbytes < 30 * len(names)
