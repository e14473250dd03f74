"""Text tables as people write them: each has a right value, or a row that is told with its line."""

import io

import numpy as np
import pytest
from astropy.io import ascii as astropy_ascii
from astropy.table import MaskedColumn, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.errors import DataError
from skybind.ingest.readers.tables import format_of_content, read_table

NAN = float("nan")


def columns(content, name="x.dat", **options):
    data = content if isinstance(content, bytes) else content.encode()
    table = read_table(data, name, **options)
    return {key: values.tolist() for key, values in table.columns.items()}, table


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.dat", 'id cls\n"V1 Cyg" "RR Lyr"\na EW\n'),
        ("x.txt", '# id cls\n"V1 Cyg"   "RR Lyr"\n  a \t EW\n'),
        ("x.csv", 'id,cls\n"V1 Cyg","RR Lyr"\na,EW\n'),
        ("x.csv", "id;cls\nV1 Cyg;RR Lyr\na;EW\n"),
        ("x.csv", "id|cls\nV1 Cyg|RR Lyr\na|EW\n"),
        ("x.dat", "id\tcls\nV1 Cyg\tRR Lyr\na\tEW\n"),
        ("x.dat", "id, cls\nV1 Cyg, RR Lyr\na, EW\n"),
        ("x.dat", "| id     | cls    |\n| V1 Cyg | RR Lyr |\n| a      | EW     |\n"),
        ("x.tsv", "id\tcls\nV1 Cyg\tRR Lyr\na\tEW\n"),
        ("x.dat", "id     cls   \n------ ------\nV1 Cyg RR Lyr\na      EW\n"),
        ("x.dat", "====== ======\nid     cls   \n====== ======\nV1 Cyg RR Lyr\na      EW\n"),
        ("x.csv", "# made today, by hand\nid,cls\nV1 Cyg,RR Lyr\na,EW\n"),
        ("x.csv", "#id,cls\nV1 Cyg,RR Lyr\na,EW\n"),
        ("x.csv", "\ufeffid,cls\r\nV1 Cyg,RR Lyr\r\na,EW\r\n"),
        ("x.csv", "id,cls\rV1 Cyg,RR Lyr\ra,EW\r"),
        ("x.csv", "id,cls\nV1 Cyg,RR Lyr\na,EW\n".encode("utf-16")),
        ("x.dat", "id     cls\nV1 Cyg RR Lyr\na      EW\nlonger Mira\n"),
    ],
)  # fmt: skip
def test_text_with_blanks_in_it_stays_together(name, text):
    found, table = columns(text, name, text=("id", "cls"))
    assert [value.strip() for value in found["id"]][:2] == ["V1 Cyg", "a"]
    assert [value.strip() for value in found["cls"]][:2] == ["RR Lyr", "EW"]
    assert table.bad_rows == []


def test_latin_1():
    found, _ = columns("id,x\nKöln,1\n".encode("latin-1"), "x.csv")
    assert found == {"id": ["Köln"], "x": [1]}


@pytest.mark.parametrize(
    "text",
    [
        "hjd mag err\n2451234.5 12.10  0.02\n2451235.5        0.03\n2451236.5 12.30  0.02\n",
        "hjd       mag    err\n--------- ------ ----\n2451234.5 12.10  0.02\n"
        "2451235.5        0.03\n"
        "2451236.5 12.30  0.02\n",
        "|hjd|mag|err|\n|2451234.5|12.10|0.02|\n|2451235.5||0.03|\n|2451236.5|12.30|0.02|\n",
        "hjd\tmag\terr\n2451234.5\t12.10\t0.02\n2451235.5\t\t0.03\n2451236.5\t12.30\t0.02\n",
    ],
)  # fmt: skip
def test_a_blank_cell_is_missing_and_shifts_nothing(text):
    found, table = columns(text)
    np.testing.assert_array_equal(found["mag"], [12.1, NAN, 12.3])
    assert found["err"] == [0.02, 0.03, 0.02]
    assert table.bad_rows == []


def test_where_columns_cannot_be_told_apart_the_row_is_counted_with_its_line():
    found, table = columns("# a comment\nhjd mag err\n1 12.1 0.02\n22.55 0.03\n3 12.3 0.02\n")
    assert found == {"hjd": [1, 3], "mag": [12.1, 12.3], "err": [0.02, 0.02]}
    assert table.bad_rows == ["a row has the wrong number of columns (line 4: 2 instead of 3)"]


@pytest.mark.parametrize("name", ["x.csv", "x.dat"])
def test_a_field_too_many(name):
    sep = "," if name == "x.csv" else " "
    rows = [f"{k}{sep}{12 + k}" + (f"{sep}9" if k % 3 == 0 else "") for k in range(9)]
    found, table = columns("\n".join([f"t{sep}m", *rows]), name)
    assert found == {"t": [1, 2, 4, 5, 7, 8], "m": [13, 14, 16, 17, 19, 20]}
    assert [row.split("line ")[1] for row in table.bad_rows] == [
        f"{line}: 3 instead of 2)" for line in (2, 5, 8)
    ]


@pytest.mark.parametrize("some", [[0, 4, 8], range(9)])
def test_trailing_commas_lose_no_row(some):
    rows = [f"{k},{12 + k}" + ("," if k in some else "") for k in range(9)]
    found, table = columns("\n".join(["t,m", *rows, ""]), "x.csv")
    assert found["m"] == list(range(12, 21))
    assert table.bad_rows == []


@pytest.mark.parametrize("tail", [",", ",,"])
def test_a_comma_in_a_comment_shifts_nothing_before_blank_columns(tail):
    """The row is one cell too long, and blank there, for its last columns are blank."""
    rows = [f"{k},fine,V,{k}{tail}" for k in range(4)]
    rows[2] = f"2,clouds, moon,T,2{tail}"
    names = ["t", "said", "flag", "n", *"ab"[: len(tail)]]
    found, table = columns("\n".join([",".join(names), *rows, ""]), "x.csv")
    assert (found["t"], found["flag"]) == ([0, 1, 3], ["V"] * 3)
    assert len(table.bad_rows) == 1


def test_a_header_with_a_trailing_comma():
    assert columns("t,m,\n1,2\n3,4,\n", "x.csv")[0] == {"t": [1, 3], "m": [2, 4]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.dat", "hjd mag err\nd mag mag\n1 12.5 0.1\n2 12.6 0.1\n"),
        ("x.dat", "# hjd mag err\n# d mag mag\n1 12.5 0.1\n2 12.6 0.1\n"),
        ("x.csv", "hjd,mag,err\n(d),(mag),(mag)\n1,12.5,0.1\n2,12.6,0.1\n"),
        ("x.csv", "name,hjd,mag,err\n,[d],[mag],[mag]\na,1,12.5,0.1\na,2,12.6,0.1\n"),
    ],
)
def test_a_line_of_units(name, text):
    found, table = columns(text, name)
    assert found["mag"] == [12.5, 12.6]
    assert {k: table.units[k] for k in ("hjd", "mag", "err")} == {
        "hjd": "d",
        "mag": "mag",
        "err": "mag",
    }


@pytest.mark.parametrize("second", ["a,EW,1.5", "m,EW,", "d,RR,2"])
def test_a_row_of_names_and_classes_is_no_line_of_units(second):
    found, table = columns(f"id,cls,x\n{second}\n007,EA,2.5\n012,EB,3.5\n", "x.csv", text=("id",))
    assert len(found["id"]) == 3
    assert table.units == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [("x.csv", "t;m\n1,5;12,1\n2,5;12,2\n"), ("x.dat", "t m\n1,5 12,1\n2,5 12,2\n"),
     ("x.csv", 't,m\n"1,5","12,1"\n')],
)  # fmt: skip
def test_decimal_commas_are_refused(name, text):
    with pytest.raises(DataError, match=r"column 't': '1,5' has a decimal comma: write points\."):
        columns(text, name)


def test_no_row_that_fits_is_an_error():
    with pytest.raises(DataError, match=r"no row has the 2 fields .*line 2: 3 instead of 2"):
        columns("id cls\nV1 Cyg RR\nV22 Cygni EW\nV3 C E\n")


PEERS = ["basic", "csv", "tab", "fixed_width", "fixed_width_two_line", "commented_header", "ecsv",
         "ipac", "mrt", "rst"]  # fmt: skip


@pytest.mark.parametrize("form", PEERS)
def test_what_astropy_writes_is_read_as_it_was(form):
    table = Table(
        {
            "id": ["V1 Cyg", "b", "c"],
            "t": [2451234.5, 2451235.5, 2451236.5],
            "m": MaskedColumn([12.125, 0, 12.5], mask=[False, True, False]),
            "n": [3, 4, 5],
        }
    )
    if form in ("basic", "commented_header"):
        table["m"].fill_value = NAN
        table = table.filled()
    out = io.StringIO()
    astropy_ascii.write(table, out, format=form)
    found, read = columns(out.getvalue(), "x.dat" if form not in ("csv",) else "x.csv")
    assert [value.strip() for value in found["id"]] == ["V1 Cyg", "b", "c"]
    np.testing.assert_allclose(found["t"], table["t"])
    np.testing.assert_array_equal(np.asarray(found["m"], float), [12.125, NAN, 12.5])
    assert read.bad_rows == []


def test_units_of_a_machine_readable_table():
    table = Table({"t": [1.5, 2.5], "m": [12.1, 12.2]}, units={"t": "d", "m": "mag"})
    out = io.StringIO()
    astropy_ascii.write(table, out, format="mrt")
    _, read = columns(out.getvalue(), "x.txt")
    assert read.units == {"t": "d", "m": "mag"}


def test_a_file_is_what_it_begins_with(tmp_path):
    table = Table({"t": [1.0, 2.0]}, units={"t": "d"})
    for form, ending in (("fits", "dat"), ("votable", "txt"), ("ascii.ecsv", "csv")):
        table.write(tmp_path / f"x.{ending}", format=form)
        read = read_table((tmp_path / f"x.{ending}").read_bytes(), f"x.{ending}")
        assert (read["t"].tolist(), read.units) == ([1, 2], {"t": "d"})
    assert format_of_content(b"PAR1....", "x") == "parquet"
    with pytest.raises(DataError, match="cannot be told from its name"):
        format_of_content(b"a b\n", "x.lc")


number = st.floats(-1e6, 1e6).map(lambda x: round(x, 4))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(number, st.one_of(st.none(), number), number), min_size=2, max_size=8),
    st.sampled_from(",;|\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_a_table_written_in_any_way_is_the_same(rows, delimiter, end, trailing):
    lines = [["t", "m", "e"], *([("" if x is None else repr(x)) for x in row] for row in rows)]
    text = end.join(delimiter.join(line) + delimiter * trailing for line in lines) + end
    found, table = columns(text, "x.csv")
    truth = np.asarray([[NAN if x is None else x for x in row] for row in rows])
    for place, name in enumerate("tme"):
        np.testing.assert_array_equal(np.asarray(found[name], float), truth[:, place])
    assert table.bad_rows == []
