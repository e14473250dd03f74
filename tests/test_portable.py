"""Columns of every kind in every format: astropy and our own reader give the values back."""

import datetime as dt
import decimal
import json

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import Table

from skybind.ingest.readers.tables import read_table
from skybind.portable import portable
from skybind.tables import write_table

FORMATS = {".csv": "ascii.csv", ".vot": "votable", ".fits": "fits", ".ecsv": "ascii.ecsv"}
#: Those whose tables have types; of CSV all is what its text looks like.
TYPED = (".vot", ".fits", ".ecsv")
#: A name of Gaia's, whose last digits no float keeps.
SOURCE = 5853498713190525697
WHEN = dt.datetime(2020, 1, 2, 3, 4, 5, 123456)
INTEGERS = {
    pa.int8(): [-128, None, 127],
    pa.uint8(): [0, None, 255],
    pa.int16(): [-(2**15), None, 2**15 - 1],
    pa.uint16(): [0, None, 2**16 - 1],
    pa.int32(): [-(2**31), None, 2**31 - 1],
    pa.uint32(): [0, None, 2**32 - 1],
    pa.int64(): [-(2**63), None, SOURCE],
    pa.uint64(): [0, None, SOURCE],
}


def written(folder, values, ending, unit=None):
    """Write a column, and give it as astropy reads it."""
    said = {"unit": unit} if unit else None
    schema = pa.schema([("object_id", pa.string()), pa.field("x", values.type, metadata=said)])
    names = [f"s{i}" for i in range(len(values))]
    write_table(pa.table([pa.array(names), values], schema=schema), folder / f"t{ending}")
    return Table.read(folder / f"t{ending}", format=FORMATS[ending])["x"]


def read_by_us(folder, ending):
    return read_table((folder / f"t{ending}").read_bytes(), f"t{ending}")["x"]


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("kind", INTEGERS, ids=str)
def test_no_digit_of_integers_of_which_some_are_missing_is_lost(tmp_path, kind, ending):
    """Whatever stands in a file for the missing one, it is none of the others."""
    values = pa.array([*INTEGERS[kind], 999999 % 128, 63], kind)
    assert written(tmp_path, values, ending).tolist() == values.to_pylist()
    ours = read_by_us(tmp_path, ending)
    assert [None if v is None or v != v else int(v) for v in ours] == values.to_pylist()


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("kind", INTEGERS, ids=str)
def test_integers_stay_integers(tmp_path, kind, ending):
    """Astropy takes int8 for truth values in FITS, and VOTable has few types."""
    known = [value for value in INTEGERS[kind] if value is not None]
    column = written(tmp_path, pa.array(known, kind), ending)
    assert column.tolist() == known
    assert column.dtype.kind in "iu"


@pytest.mark.parametrize("ending", FORMATS)
def test_integers_beyond_64_bits_with_a_sign_keep_their_digits(tmp_path, ending):
    column = written(tmp_path, pa.array([2**64 - 1, None, 2**63], pa.uint64()), ending)
    assert [str(v) if v else None for v in column.tolist()] == [str(2**64 - 1), None, str(2**63)]


@pytest.mark.parametrize("ending", TYPED)
def test_truth_values_of_which_some_are_missing(tmp_path, ending):
    column = written(tmp_path, pa.array([True, None, False]), ending)
    assert column.tolist() == [1, None, 0]
    known = written(tmp_path, pa.array([True, False]), ending)
    assert (known.tolist(), known.dtype) == ([True, False], bool)


@pytest.mark.parametrize("ending", TYPED)
@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (pa.timestamp("us"), WHEN, "2020-01-02T03:04:05.123456"),
        (pa.timestamp("ns", "Europe/Vienna"), WHEN, "2020-01-02T03:04:05.123456000"),
        (pa.date32(), WHEN.date(), "2020-01-02"),
        (pa.date64(), WHEN.date(), "2020-01-02"),
        (pa.time64("us"), WHEN.time(), "03:04:05.123456"),
    ],
)
def test_times_are_text(tmp_path, ending, kind, value, text):
    """Arrow takes the time given for UTC, whatever the zone of the column."""
    column = written(tmp_path, pa.array([value, None], kind), ending, unit="d")
    assert [str(v or "") for v in column.tolist()] == [text, ""]
    assert "ISO 8601" in column.description
    assert column.unit is None  # text has none
    ours = [str(cell or "") for cell in read_by_us(tmp_path, ending).tolist()]
    assert ours == [text, ""]


@pytest.mark.parametrize("ending", FORMATS)
def test_durations_are_days(tmp_path, ending):
    values = pa.array([dt.timedelta(days=1, hours=12), None], pa.duration("us"))
    column = written(tmp_path, values, ending, unit="s")
    assert float(column[0]) == 1.5
    assert ending == ".csv" or str(column.unit) == "d"


@pytest.mark.parametrize("ending", TYPED)
def test_decimals_are_numbers_where_these_keep_the_digits(tmp_path, ending):
    short = pa.array([decimal.Decimal("1.23"), None], pa.decimal128(15, 2))
    assert written(tmp_path, short, ending)[0] == 1.23
    long = pa.array([decimal.Decimal("12345678901234567.89"), None], pa.decimal128(30, 2))
    column = written(tmp_path, long, ending, unit="mJy")
    assert str(column[0]) == "12345678901234567.89"
    assert (column.unit, "in full, as text" in column.description) == (None, True)


@pytest.mark.parametrize("ending", TYPED)
@pytest.mark.parametrize("kind", [pa.float32(), pa.int8(), pa.int64(), pa.uint16()], ids=str)
def test_lists_of_numbers_are_such(tmp_path, ending, kind):
    cells = [[1, 2], None, [3]]
    column = written(tmp_path, pa.array(cells, pa.list_(kind)), ending, unit="mJy")
    assert (str(column.unit), "missing list is empty" in column.description) == ("mJy", True)
    assert [np.asarray(cell).tolist() for cell in column] == [[1, 2], [], [3]]


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(
    "cells",
    [[["a"], None, ["b", "c"]], [{"a": 1}, None, {"a": 2}], [[1, None], None, []], [[[1]], None]],
    ids=str,
)
def test_anything_else_is_json(tmp_path, ending, cells):
    column = written(tmp_path, pa.array(cells), ending)
    assert [json.loads(str(v)) if v else None for v in column.tolist()] == cells


@pytest.mark.parametrize("ending", FORMATS)
def test_bytes_are_hexadecimal_digits(tmp_path, ending):
    column = written(tmp_path, pa.array([b"\xff\x0a", None]), ending)
    assert str(column[0]) == "ff0a"


@pytest.mark.parametrize("ending", TYPED)
def test_a_column_of_nothing_is_written(tmp_path, ending):
    assert [str(v or "") for v in written(tmp_path, pa.nulls(2), ending).tolist()] == ["", ""]


def test_what_is_written_otherwise_is_said():
    fields = [
        pa.field("seen", pa.bool_(), metadata={"description": "Was seen"}),
        pa.field("t", pa.timestamp("s", "UTC"), metadata={"description": "Time", "unit": "JD"}),
        pa.field("x", pa.float64(), metadata={"description": "As it is", "unit": "mag"}),
    ]
    table = pa.table([[True, None], [WHEN, None], [1.0, 2.0]], schema=pa.schema(fields))
    said = [field.metadata for field in portable(table).schema]
    assert said == [
        {b"description": b"Was seen [1: true, 0: false]"},
        {b"description": b"Time [ISO 8601, UTC]"},
        {b"description": b"As it is", b"unit": b"mag"},
    ]
    assert portable(portable(table)).equals(portable(table), check_metadata=True)
