"""Tables for people: no spreadsheet runs a cell, and our own reader gives the text back."""

import csv
import io
import itertools
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import example, given
from hypothesis import strategies as st

from skybind.astropy_tables import to_astropy
from skybind.errors import DataError
from skybind.ingest.names import object_names
from skybind.ingest.readers.tables import read_table
from skybind.parquet import read_parquet
from skybind.tables import (
    legible,
    plain_cell,
    safe_cell,
    to_pandas,
    write_csv,
    write_table,
    write_tables,
)

RUN = ("=", "+", "-", "@", "\t", "\r")
NUMBERS = ["-12.5", "+3", "-1e-30", "-.5", "+inf", "-nan", "-12345678901234567890"]


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_stay_numbers(text):
    assert safe_cell(text) == plain_cell(text) == text


@given(st.text())
@example("=cmd|' /C calc'!A0")
@example("'=1")
@example("''-5")
@example("'-5")
@example("-5")
@example("-5-5")
def test_nothing_is_run_and_everything_comes_back(text):
    safe = safe_cell(text)
    assert plain_cell(safe) == text
    if safe.startswith(RUN):
        float(safe)


@pytest.mark.parametrize("large", [False, True])
def test_tables_of_arrow(tmp_path, large):
    kind = pa.large_string() if large else pa.string()
    names = ["=1+1", "@x", "-1", "V1", None]
    table = pa.table({"id": pa.array(names, kind), "=n": [-1.0, 2, 3, 4, 5]})
    write_table(table, tmp_path / "a.csv")
    rows = list(csv.reader((tmp_path / "a.csv").read_text().splitlines()))
    assert rows[0] == ["id", "'=n"]
    assert [row[0] for row in rows[1:]] == ["'=1+1", "'@x", "-1", "V1", ""]
    assert [float(row[1]) for row in rows[1:]] == [-1, 2, 3, 4, 5]
    write_table(table, tmp_path / "a.parquet")  # which no spreadsheet runs


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8))
def test_a_file_does_not_tell_in_what_pieces_its_rows_came(tmp_path_factory, lengths):
    folder = tmp_path_factory.mktemp("tables")
    n = sum(lengths)
    whole = pa.table({"id": [f"s{i % 3}" for i in range(n)], "n": np.arange(n) / 7})
    ends = np.cumsum([0, *lengths]).tolist()
    pieces = [whole.slice(a, b - a) for a, b in itertools.pairwise(ends)]
    with mock.patch("skybind.tables.GROUP", 4):
        for ending in (".parquet", ".csv"):
            write_tables(iter([whole]), folder / f"one{ending}")
            assert write_tables(iter(pieces), folder / f"some{ending}") == n
            one, some = ((folder / f"{name}{ending}").read_bytes() for name in ("one", "some"))
            assert one == some


def test_text_of_any_length_is_read_by_astropy_from_a_table_of_several_groups(tmp_path):
    names = ["a"] * 5 + ["longer than those of the first group"]
    with mock.patch("skybind.tables.GROUP", 4):
        write_table(pa.table({"id": names}), tmp_path / "a.parquet")
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 2
    assert Table.read(tmp_path / "a.parquet")["id"].tolist() == names


def test_missing_integers_of_a_dictionary_are_masked_in_astropy():
    numbers = pa.array([5, None, 6, 5]).dictionary_encode()
    shown = to_astropy(pa.table({"n": numbers}))["n"]
    assert shown.tolist() == [5, None, 6, 5]


def test_rows_of_python(tmp_path):
    out = io.StringIO()
    rows = [("id", "n"), ("=1", -1.5), ("-2", None), ("+x", "@y")]
    write_csv(out, rows, end="\n")
    assert out.getvalue() == "id,n\n'=1,-1.5\n-2,\n'+x,'@y\n"
    write_csv(tmp_path / "a.csv", rows)
    assert (tmp_path / "a.csv").read_bytes() == out.getvalue().replace("\n", "\r\n").encode()


def test_names_are_read_as_they_were():
    given_names = ["=1", "+x", "-2", "'nova'", "'=a", "V1"]
    written = np.asarray([safe_cell(name) for name in given_names], object)
    assert object_names(written, "id").tolist() == given_names


def test_fits_tells_what_its_columns_are(tmp_path):
    """As TOPCAT reads it: TCOMM and TUCD, not only astropy's own comments."""
    said = {
        "unit": "deg",
        "description": "Right ascension, ICRS,\n of the \u00c5ngstr\u00f6m survey",
    }
    ra = pa.field("ra", pa.float64(), metadata=said)
    table = pa.table({"n": [1, 2], "ra": [10.5, 11.5]}, schema=pa.schema([("n", pa.int64()), ra]))
    write_table(table, tmp_path / "x.fits")
    header = fits.getheader(tmp_path / "x.fits", 1)
    assert header["TCOMM2"] == "Right ascension, ICRS, of the \\xc5ngstr\\xf6m survey"
    assert (header["TUNIT2"], header["TUCD2"]) == ("deg", "pos.eq.ra;meta.main")
    assert "TCOMM1" not in header
    assert Table.read(tmp_path / "x.fits")["ra"].tolist() == [10.5, 11.5]


DEG = {"unit": "deg", "description": "Right ascension, \u00c5"}
SCHEMA = pa.schema(
    [
        ("object_id", pa.string()),
        pa.field("ra", pa.float64(), metadata=DEG),
        pa.field("t", pa.float32(), metadata={"unit": "HJD - 2450000", "description": "Maximum"}),
        ("label", pa.dictionary(pa.int32(), pa.string())),
        pa.field("flux", pa.list_(pa.float32()), metadata={"unit": "mJy"}),
    ]
)
ROWS = {
    "object_id": ["V1", "\u03b2 Lyrae", None],
    "ra": [1.5, None, 3.5],
    "t": [1.0, 2.0, 3.0],
    "label": [None, "EW", "ROT"],
    "flux": [[1.0], [2.0, 3.0], []],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [3, 0])
def test_astropy_reads_units_and_descriptions_of_parquet(tmp_path, n):
    path = tmp_path / "a.parquet"
    write_table(pa.table(ROWS, schema=SCHEMA).slice(0, n), path)
    found = Table.read(path)
    assert (str(found["ra"].unit), found["ra"].description) == ("deg", DEG["description"])
    assert (str(found["t"].unit), found["t"].description) == ("d", "Maximum [HJD - 2450000]")
    assert (str(found["flux"].unit), found["label"].description) == ("mJy", None)
    assert found["ra"].info.meta["ucd"] == "pos.eq.ra;meta.main"
    assert found["object_id"].tolist() == ["V1", "\u03b2 Lyrae", ""][:n]  # not the word None
    assert found["label"].tolist() == ["", "EW", "ROT"][:n]
    assert [np.asarray(cell).tolist() for cell in found["flux"]] == ROWS["flux"][:n]
    field = read_parquet(path).schema.field("ra")
    assert field.metadata == {key.encode(): text.encode() for key, text in DEG.items()}


@pytest.mark.filterwarnings("ignore:No table..len")
def test_astropy_reads_parquet_that_came_in_pieces(tmp_path):
    """Names of a later piece, longer than those of the first, are whole."""
    table = pa.table(ROWS, schema=SCHEMA)
    write_table(table.slice(0, 1), tmp_path / "first.parquet")
    first = read_parquet(tmp_path / "first.parquet")
    rest = table.slice(1).cast(first.schema)
    write_tables(iter([first, rest]), tmp_path / "all.parquet")
    found = Table.read(tmp_path / "all.parquet")
    assert found["object_id"].tolist() == ["V1", "\u03b2 Lyrae", ""]
    assert str(found["ra"].unit) == "deg"


def test_text_that_fits_cannot_hold_is_refused(tmp_path):
    table = pa.table({"object_id": ["V1", "\u03b2 Lyr"]})
    with pytest.raises(DataError, match="ASCII text only, and 'object_id' has '\u03b2 Lyr'"):
        write_table(table, tmp_path / "x.fits")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".vot", ".ecsv"])
def test_a_control_character_is_refused_where_no_program_could_read_it(tmp_path, ending):
    table = pa.table({"n": [1], "object_id": ["V1\x0b"]})
    with pytest.raises(DataError, match="no control characters, and 'object_id' has"):
        write_table(table, tmp_path / f"x{ending}")
    assert not list(tmp_path.iterdir())
    write_table(pa.table({"object_id": ["V\u00e4\u03b2 <&>\t'"]}), tmp_path / f"x{ending}")
    names = {".vot": "votable", ".ecsv": "ascii.ecsv"}
    assert Table.read(tmp_path / f"x{ending}", format=names[ending])["object_id"][0].strip()


@pytest.mark.parametrize("ending", ["vot", "ecsv"])
def test_a_table_that_nobody_chose_the_format_of_is_written_with_them_in_letters(tmp_path, ending):
    table = pa.table({"object_id": ["a", None], "label": ["E\rW", "x\ty"], "n": [1, 2]})
    write_table(legible(table), tmp_path / f"t.{ending}")
    names = {"vot": "votable", "ecsv": "ascii.ecsv"}
    read = Table.read(tmp_path / f"t.{ending}", format=names[ending])
    assert read["label"].tolist() == ["E\\rW", "x\ty"]
    assert legible(table)["object_id"].to_pylist() == ["a", None]


def test_a_first_cell_with_a_hash_is_no_comment(tmp_path):
    rows = [("object_id", "label"), ("#7", "EW"), ("V1 Cyg", "#new"), ("#8", "=1")]
    write_csv(tmp_path / "a.csv", rows)
    table = read_table((tmp_path / "a.csv").read_bytes(), "a.csv", text=("object_id", "label"))
    assert table["object_id"].tolist() == ["#7", "V1 Cyg", "#8"]
    assert table["label"].tolist() == ["EW", "#new", "'=1"]
    assert not table.bad_rows


@pytest.mark.filterwarnings("error")
def test_a_unit_that_votable_does_not_know_is_written_without_a_warning(tmp_path):
    field = pa.field("log_mass", pa.float64(), metadata={"unit": "dex(solMass)"})
    write_table(pa.table([[10.5]], schema=pa.schema([field])), tmp_path / "x.vot")
    assert 'unit="dex(solMass)"' in (tmp_path / "x.vot").read_text()


def test_pandas_has_all_digits_of_integers_of_which_some_are_missing():
    source = 5853498713190525697
    table = pa.table(
        {"source_id": pa.array([source, None]), "flag": pa.array([None, 3], pa.uint8())}
    )
    frame = to_pandas(table)
    assert int(frame["source_id"][0]) == source
    assert frame["source_id"].isna().tolist() == [False, True]
    assert str(frame["flag"].dtype) == "UInt8"
