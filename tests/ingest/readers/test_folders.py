"""Folders of one file an object: what is wrong in all of them, and what in some."""

import json

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import SkybindError
from skybind.ingest.readers.folders import ending_of
from skybind.ingest.survey import import_dataset

IDS = ["a", "b", "c"]


def curve(**columns):
    k = np.arange(9.0)
    return Table({"t": k, "m": 12 + 0.1 * k, **columns})


def survey(tmp_path, files, ending="csv", **more):
    """Write files of one object each, by `files(id)`, and a mapping that asks for `magerr`."""
    (tmp_path / "lc").mkdir()
    for name in IDS:
        path = tmp_path / f"lc/{name}.{ending}"
        table = files(name)
        if ending == "parquet":
            pq.write_table(pa.table({c: table[c].tolist() for c in table.colnames}), path)
        else:
            table.write(path, format={"dat": "ascii.basic", "vot": "votable"}.get(ending))
    (tmp_path / "o.csv").write_text("id\n" + "\n".join(IDS) + "\n")
    mapping = {
        "objects": {"file": "o.csv", "id": "id"},
        "photometry": {
            "folder": "lc",
            "pattern": "{id}." + ending,
            "time": {"column": "t", "unit": "d"},
            "magnitude": {"column": "m", "unit": "mag"},
            "magnitude_err": "magerr",
            **more,
        },
    }
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    return tmp_path / "m.yaml"


@pytest.mark.parametrize("ending", ["csv", "dat", "fits", "vot", "parquet"])
def test_a_column_that_no_file_has_stops_the_import(tmp_path, ending):
    path = survey(tmp_path, lambda _: curve(mag_err=np.full(9, 0.02)), ending)
    with pytest.raises(
        SkybindError, match=r"no file of 3 in lc .*no column 'magerr': did you mean 'mag_err'"
    ):
        import_dataset(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("lacking", [["a"], ["a", "b"], ["c"]])
def test_a_column_that_some_files_lack_sets_these_aside(tmp_path, lacking):
    path = survey(
        tmp_path,
        lambda name: curve(**{"e" if name in lacking else "magerr": np.full(9, 0.02)}),
    )
    summary = import_dataset(path, tmp_path / "out")
    assert summary.observed == {"photometry": 3 - len(lacking)}
    rows = read_quarantine(tmp_path / "out")
    assert [row["object_id"] for row in rows] == lacking
    assert all("no column 'magerr'" in row["reason"] for row in rows)


def test_files_that_are_all_of_another_format_stop_the_import(tmp_path):
    path = survey(tmp_path, lambda _: curve(), "fits", format="parquet")
    with pytest.raises(SkybindError, match=r"no file of 3 in lc .*cannot be read as parquet"):
        import_dataset(path, tmp_path / "out")


def test_an_optional_column_may_be_in_none(tmp_path):
    optional = {"column": "magerr", "optional": True}
    path = survey(tmp_path, lambda _: curve(), magnitude_err=optional)
    assert import_dataset(path, tmp_path / "out").observed == {"photometry": 3}


def test_rows_of_files_that_are_lost_are_counted_with_their_lines(tmp_path):
    path = survey(tmp_path, lambda _: curve(magerr=np.full(9, 0.02)))
    lines = (tmp_path / "lc/b.csv").read_text().splitlines()
    lines[3] += ",7"
    (tmp_path / "lc/b.csv").write_text("\n".join(lines) + "\n")
    import_dataset(path, tmp_path / "out")
    assert Dataset.open(tmp_path / "out").ragged("photometry").lengths.tolist() == [9, 8, 9]
    (row,) = read_quarantine(tmp_path / "out")
    assert row["object_id"] == "b"
    assert row["reason"] == "a row has the wrong number of columns (line 4: 4 instead of 3)"
    counted = json.loads((tmp_path / "out/import.json").read_text())["quarantined"]
    assert counted == {"a row has the wrong number of columns": 1}


@pytest.mark.parametrize("ending", ["npz", "h5"])
def test_an_array_that_is_not_there_stops_the_import(tmp_path, ending):
    arrays = {"t": np.tile(np.arange(9.0), (3, 1)), "m": np.random.default_rng(0).random((3, 9))}
    arrays["mag_err"] = np.full((3, 9), 0.02)
    if ending == "npz":
        np.savez(tmp_path / "lc.npz", **arrays)
    else:
        with h5py.File(tmp_path / "lc.h5", "w") as file:
            for name, values in arrays.items():
                file[name] = values
    path = survey(tmp_path, lambda _: curve())
    mapping = yaml.safe_load(path.read_text())
    for key in ("folder", "pattern"):
        del mapping["photometry"][key]
    mapping["photometry"]["file"] = f"lc.{ending}"
    path.write_text(yaml.safe_dump(mapping))
    with pytest.raises(SkybindError, match=r"no array 'magerr': did you mean 'mag_err'"):
        import_dataset(path, tmp_path / "out")


def test_the_case_of_endings_hides_no_file(tmp_path):
    """One is read whose ending is in capitals, and one of no object is told."""
    path = survey(tmp_path, lambda _: curve(magerr=np.full(9, 0.02)))
    (tmp_path / "lc/b.csv").rename(tmp_path / "lc/b.CSV")
    (tmp_path / "lc/x.CSV").write_bytes((tmp_path / "lc/a.csv").read_bytes())
    import_dataset(path, tmp_path / "out")
    assert Dataset.open(tmp_path / "out").ragged("photometry").lengths.tolist() == [9, 9, 9]
    assert [row["source"] for row in read_quarantine(tmp_path / "out")] == ["lc/x.CSV"]


def test_the_case_of_endings_hides_no_file_under_names_in_a_column(tmp_path):
    survey(tmp_path, lambda _: curve(magerr=np.full(9, 0.02)))
    mapping = yaml.safe_load((tmp_path / "m.yaml").read_text())
    mapping["photometry"]["pattern"] = "{file}"
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    (tmp_path / "o.csv").write_text("id,file\na,a.csv\nb,b.csv\n")
    (tmp_path / "lc/c.csv").rename(tmp_path / "lc/c.CSV")
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert [row["source"] for row in read_quarantine(tmp_path / "out")] == ["lc/c.CSV"]


@pytest.mark.parametrize(
    ("name", "ending"),
    [("a.FITS", ".fits"), ("x/a.b.Csv.GZ", ".csv"), ("a", ""), ("x.y/a", ""), ("a.csv.gz", ".csv")],
)
def test_endings_are_told_without_their_case(name, ending):
    assert ending_of(name) == ending
