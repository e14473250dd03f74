"""Names of objects keep their digits, and tables that share none are refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.errors import DataError
from skybind.ingest.names import object_names, refuse_no_common_name
from skybind.ingest.survey import import_dataset

GAIA = [5853498713190525696, 5853498713190525697]
CURVES = {"time": {"column": "t", "unit": "d"}, "magnitude": {"column": "m", "unit": "mag"}}


def imported(folder, objects="o.csv", curves="e.csv"):
    mapping = {
        "objects": {"file": objects, "id": "id"},
        "photometry": {"file": curves, "id": "id", **CURVES},
    }
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping))
    import_dataset(folder / "m.yaml", folder / "out", overwrite=True)
    return Dataset.open(folder / "out")


def epochs(*names):
    rows = (f"{name},{k},{12 + 0.1 * k}\n" for name in names for k in range(4))
    return "id,t,m\n" + "".join(rows)


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (np.array([1.0, 2.0, np.nan]), ["1", "2", ""]),
        (np.array(["1.0", "23.0", ""], object), ["1", "23", ""]),
        (np.array(["1.0", "V1"], object), ["1.0", "V1"]),
        (np.array(["007", " x ", None, "NaN", "--", "NA"], object), ["007", "x", "", "", "", "NA"]),
        (np.array(GAIA), [str(name) for name in GAIA]),
    ],
)
def test_names_are_text_to_the_last_digit(raw, read):
    assert object_names(raw, "here").tolist() == read


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (np.array(GAIA, float), "here: names such as 5.8535e.18 are floating-point numbers"),
        (np.array([1e9], "f4"), r"above 2\^24"),
        (np.array([1.5, 2.0]), "a number with a fraction"),
        (np.array(["5.853498713190526e+18", ""], object), "lost digits when they were written"),
    ],
)
def test_names_that_lost_digits_are_refused(raw, sentence):
    with pytest.raises(DataError, match=sentence):
        object_names(raw, "here")


@pytest.mark.parametrize("form", ["fits", "parquet", "vot", "csv"])
def test_floats_as_names_stop_an_import_wherever_they_are(tmp_path, form):
    table = Table({"id": np.array(GAIA, float), "x": [1.0, 2.0]})
    names = {"vot": "votable", "csv": "ascii.csv"}
    if form == "parquet":
        pq.write_table(pa.table({"id": np.array(GAIA, float)}), tmp_path / "o.parquet")
    else:
        table.write(tmp_path / f"o.{form}", format=names.get(form, form))
    (tmp_path / "e.csv").write_text(epochs(*GAIA))
    with pytest.raises(DataError, match=r"could become one|may have become one"):
        imported(tmp_path, f"o.{form}")
    (tmp_path / "o.csv").write_text("id\n" + "\n".join(map(str, GAIA)))
    Table(
        {"id": np.repeat(np.array(GAIA, float), 2), "t": [1.0, 2, 1, 2], "m": [1.0, 2, 3, 4]}
    ).write(tmp_path / "e.fits")
    with pytest.raises(DataError, match=r"e\.fits, column 'id': names such as"):
        imported(tmp_path, "o.csv", "e.fits")


def test_whole_numbers_join_whatever_they_are_written_as(tmp_path):
    (tmp_path / "o.csv").write_text("id\n123.0\n7.0\n")
    Table({"id": [123] * 4 + [7] * 4, "t": [0.0, 1, 2, 3] * 2, "m": np.arange(8.0)}).write(
        tmp_path / "e.fits"
    )
    d = imported(tmp_path, "o.csv", "e.fits")
    assert d.object_ids.tolist() == ["123", "7"]
    assert d.present("photometry").all()


@pytest.mark.parametrize(
    ("names", "ids", "own", "other"),
    [
        (["sim02", "sim01"], ["SIM01"], "SIM01", "sim01"),
        (["123", "124"], ["00124", "00999"], "00124", "124"),
        (["Gaia DR3 17"], ["Gaia DR3 00017"], "Gaia DR3 00017", "Gaia DR3 17"),
        (["a", "b"], ["x"], "x", "a"),
    ],
)
def test_tables_without_a_common_name_are_refused_with_the_nearest(names, ids, own, other):
    with pytest.raises(DataError, match=f"an object is '{own}', a row '{other}'"):
        refuse_no_common_name("photometry, e.csv", np.array(names), np.array(ids))


def test_an_import_that_observes_nothing_stops_and_leaves_nothing(tmp_path):
    (tmp_path / "o.csv").write_text("id\nSIM01\nSIM02\n")
    (tmp_path / "e.csv").write_text(epochs("sim01", "sim02"))
    with pytest.raises(DataError, match=r"photometry, e\.csv: no row belongs to any of 2 objects"):
        imported(tmp_path)
    (tmp_path / "e.csv").write_text("id,t,m\nSIM01,1,12\nSIM02,1,13\n")
    with pytest.raises(DataError, match=r"is observed in photometry, .* names: one epoch"):
        imported(tmp_path)
    assert not (tmp_path / "out").exists()


def test_stacks_without_a_common_name_are_refused(tmp_path):
    np.savez(
        tmp_path / "s.npz",
        names=["b-1", "b-2"],
        wave=np.arange(4000.0, 4010),
        flux=np.ones((2, 10)),
    )
    (tmp_path / "o.csv").write_text("id\nB1\nB2\n")
    spectrum = {
        "file": "s.npz",
        "id": "names",
        "wavelength": {"column": "wave", "unit": "Angstrom"},
        "flux": "flux",
    }
    mapping = {"objects": {"file": "o.csv", "id": "id"}, "spectrum": spectrum}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    with pytest.raises(DataError, match="an object is 'B1', a row 'b-1'"):
        import_dataset(tmp_path / "m.yaml", tmp_path / "out")
