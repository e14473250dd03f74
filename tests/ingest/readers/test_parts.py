"""Tables in parts: however they are named, they are one table."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import SkybindError
from skybind.ingest.survey import import_dataset

IDS = ["007", "b", "c"]


def epochs(part):
    """Six epochs; those of an object lie in both parts."""
    k = np.arange(6) + 6.0 * part
    return {"id": ["007", "b"] * 3, "t": k, "f": 1 + k % 5}


def write(folder, ending, table, part):
    path = folder / f"part-{part}.{ending}"
    if ending == "parquet":
        pq.write_table(pa.table(table), path)
    else:
        Table(table).write(path)
    return path


def run(tmp_path, files, objects="o.csv", **more):
    (tmp_path / "o.csv").write_text("id\n" + "\n".join(IDS) + "\n")
    mapping = {
        "objects": {"file": objects, "id": "id"},
        "photometry": {
            "file": files,
            "id": "id",
            "time": {"column": "t", "unit": "d"},
            "flux": {"column": "f", "unit": "mJy"},
            **more,
        },
    }
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    return import_dataset(tmp_path / "m.yaml", tmp_path / "out")


@pytest.mark.parametrize("ending", ["csv", "fits", "parquet", "ecsv"])
@pytest.mark.parametrize("how", ["list", "glob", "folder"])
def test_parts_are_one_table(tmp_path, ending, how):
    (tmp_path / "e").mkdir()
    names = [write(tmp_path / "e", ending, epochs(part), part).name for part in (0, 1)]
    (tmp_path / "e/README").write_text("no table")
    files = {"list": [f"e/{name}" for name in names], "glob": "e/part-*", "folder": "e"}[how]
    summary = run(tmp_path, files)
    assert summary.observed == {"photometry": 2}
    d = Dataset.open(tmp_path / "out")
    assert d["007"].photometry.time.value.tolist() == [0, 2, 4, 6, 8, 10]
    assert d["b"].photometry.flux.value.tolist() == [1 + k % 5 for k in (1, 3, 5, 7, 9, 11)]


def test_the_table_of_objects_in_parts(tmp_path):
    write(tmp_path, "csv", epochs(0), 0)
    for part, names in enumerate((["007", "b"], ["c", "b"])):
        (tmp_path / f"stars-{part}.csv").write_text("id\n" + "\n".join(names) + "\n")
    run(tmp_path, "part-0.csv", objects="stars-*.csv")
    assert Dataset.open(tmp_path / "out").object_ids.tolist() == IDS
    (row,) = read_quarantine(tmp_path / "out")
    assert "occurs twice" in row["reason"]


def test_lists_in_parts(tmp_path):
    for part, (name, n) in enumerate((("007", 3), ("b", 4))):
        k = np.arange(float(n)) + 1
        table = {"id": [name, "x"], "t": [k, k[:2]], "f": [k**2, k[:2]]}
        write(tmp_path, "parquet", table, part)
    run(tmp_path, "part-*.parquet")
    d = Dataset.open(tmp_path / "out")
    assert [len(d[name].photometry.time) for name in ("007", "b")] == [3, 4]


def test_a_row_that_is_lost_names_its_part(tmp_path):
    write(tmp_path, "csv", epochs(0), 0)
    path = write(tmp_path, "csv", epochs(1), 1)
    path.write_text(path.read_text().replace("b,7.0", "b,7.0,9"))
    run(tmp_path, "part-*.csv")
    (row,) = read_quarantine(tmp_path / "out")
    assert row["reason"] == (
        "part-1.csv: a row has the wrong number of columns (line 3: 4 instead of 3)"
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"f": "flux"}, r"part-1.csv has no column 'f'"),
        ({"id": "ID"}, r"part-1.csv has no column 'id', which part-0.csv has: known are ID"),
    ],
)
def test_a_part_with_other_columns_is_named(tmp_path, change, sentence):
    write(tmp_path, "csv", epochs(0), 0)
    other = {change.get(name, name): values for name, values in epochs(1).items()}
    write(tmp_path, "csv", other, 1)
    with pytest.raises(SkybindError, match=sentence):
        run(tmp_path, ["part-0.csv", "part-1.csv"])


def test_a_part_in_another_unit_is_named(tmp_path):
    for part, unit in enumerate(("d", "h")):
        table = Table(epochs(part))
        table["t"].unit = unit
        table.write(tmp_path / f"part-{part}.ecsv")
    with pytest.raises(SkybindError, match=r"part-1.ecsv has 't' in 'h' where part-0.ecsv has 'd'"):
        run(tmp_path, "part-*.ecsv", time="t")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [("none-*.csv", "No file is called as in"), ("empty", "holds no table"),
     ([], "list of files is empty"), (["part-0.csv", "not.csv"], "There is no file .*not.csv")],
)  # fmt: skip
def test_parts_that_are_not_there(tmp_path, files, sentence):
    (tmp_path / "empty").mkdir()
    write(tmp_path, "csv", epochs(0), 0)
    with pytest.raises(SkybindError, match=sentence):
        run(tmp_path, files)
