"""The quick reading of small plain files: the same values and complaints as the careful one."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.errors import SkybindError
from skybind.ingest.readers import text, text_arrow
from skybind.ingest.readers.text import as_utf8, astropy_format, read_text, unix_lines
from skybind.ingest.readers.text_layout import TextOptions, find_layout, plain_layout

NUMBERS = ["14.5", "15", "99.99", "-1e-3", "+2.", "58000", "0", "1", "0x10", "9007199254740993"]
WORDS = ["", "nan", "NA", "true", "V", "2020-01-01", "12:30", " 3.5", "a b", "_", "-", "inf"]
ODD = [
    '"7.5"',
    '"a,b"',
    '"a""b"',
    "# 3",
    "--",
    "-- --",
    "|",
    "a;b",
    "1,5",
    "1\t2",
    "é",
    "x=3",
    "[1, 2]",
]
UNITS = ["mag", "d", "[mag]", "(d)", "mJy"]
CELL = st.one_of(*(st.sampled_from(cells) for cells in (NUMBERS, NUMBERS, WORDS, ODD)))
NAMES = [
    "t",
    "m",
    "e",
    "band",
    "# t",
    '"m"',
    '"a b"',
    " m ",
    "",
    "1",
    "m",
    "--",
    "a=b",
    "Byte-by-byte",
]
LINES = ["", "1", "1,2,3,4,5", ",", "1,2,", "# end", "  ", "1 2 3", "--,--"]
OPTIONS = st.builds(
    TextOptions,
    text=st.sampled_from([(), ("band",), ("m", "band")]),
    columns=st.sampled_from([None, ["t", "m"], ["m", "band", "nothing"]]),
    delimiter=st.sampled_from([None, None, ",", ";"]),
    skip_lines=st.sampled_from([0, 0, 0, 1]),
    usual=st.sampled_from([",", ",", "\t", " "]),
)


@st.composite
def files(draw):
    """Some files of one survey: mostly plain, with whatever people write among it."""
    names = draw(st.lists(st.sampled_from(NAMES[:4]), min_size=1, max_size=4, unique=True))
    if draw(st.integers(0, 3)) == 0:
        names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4))
    made = []
    for _ in range(draw(st.integers(1, 4))):
        odd = draw(st.booleans())
        cell = CELL if odd else st.sampled_from(NUMBERS[: draw(st.sampled_from([2, 3, 6]))])
        row = st.lists(cell, min_size=len(names), max_size=len(names))
        lines = [",".join(cells) for cells in draw(st.lists(row, max_size=6))]
        first = draw(st.sampled_from([[], [], [], ["units"], ["comment"], ["blank"], ["rule"]]))
        made_first = {"units": ",".join(UNITS[: len(names)]), "comment": "# by hand", "blank": "",
                      "rule": "---- ----"}  # fmt: skip
        lines = [",".join(names), *(made_first[each] for each in first), *lines]
        if odd:
            more = st.tuples(st.integers(0, 7), st.sampled_from(LINES))
            for at, line in draw(st.lists(more, max_size=2)):
                lines.insert(min(at, len(lines)), line)
        ending = draw(st.sampled_from(["\n", "\n", "\r\n"]))
        code = draw(st.sampled_from(["utf-8", "utf-8-sig", "latin-1"])) if odd else "utf-8"
        last = draw(st.sampled_from(["", ending]))
        made.append((ending.join(lines) + last).encode(code))
    return made


def outcome(data, options):
    try:
        found = read_text(data, "a.csv", options)
    except (SkybindError, pa.ArrowException) as error:
        return str(error)
    return found.table.to_pydict(), found.table.schema, vars(found) | {"table": None}


#: Files that are not as plain as they look.
TRICKY = [
    b"# t,m\n1,2\n3,4\n",
    b"t,m\n1,2\n# 3,4\n5,6\n",
    b"t,m\n1,2\n---- ----\n3,4\n",
    b"t,m\n1,2\n== ==\n3,4\n",
    b"t,m\nd,mag\n1,2\n",
    b"t;x,m\n1;5,2\n3;4,5\n",
    b"t,m,\n1,2,\n3,4,\n",
    b"t,m\n\n1,2\n",
    b"t,m\n1,2\n3\n4,5\n",
    b"t,m\n1.5,2\n3,4,5\n",
    b"t,m\n1.5,2\r\n3,4\r\n",
    b't,m\n1.5,"2\n3"\n4,5\n',
    b"t,m,m\n1,2,3\n",
    b"t,m",
    b"t,m\n",
    b"\xef\xbb\xbft,m\n1,2\n",
    b"t,m\n1,\xe9\n",
    b"|t,m|\n1,2\n",
    *(b"t;x,m\n1;5,2\n3;4\n5;6\n7;8\n".replace(b";", other) for other in (b";", b"\t", b"|")),
    "t,m\n1,2\n".encode("utf-16"),
]


@pytest.mark.parametrize("options", [TextOptions(), TextOptions(text=["m"], columns=["m"])])
@pytest.mark.parametrize("data", TRICKY)
def test_files_that_look_plain(data, options):
    assert_careful([b"t,m\n1.5,2.5\n", data, data], options)


@settings(max_examples=300, deadline=None)
@given(files(), OPTIONS)
def test_quick_reading_is_careful_reading(made, options):
    assert_careful(made, options)


def assert_careful(made, options):
    text_arrow._fractions_of.cache_clear()
    quick = [outcome(data, options) for data in made]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_arrow, "SMALL", 0)
        patch.setattr(text, "plain_layout", lambda data, options: None)
        careful = [outcome(data, options) for data in made]
    assert repr(quick) == repr(careful)  # NaN among them


@settings(max_examples=300, deadline=None)
@given(files(), OPTIONS)
def test_a_plain_layout_is_the_layout(made, options):
    for data in made:
        plain = plain_layout(data, options)
        if plain is not None:
            assert plain == find_layout(unix_lines(as_utf8(data)), options)
            assert astropy_format(data) is None


def test_files_that_are_plain_are_read_quickly(monkeypatch):
    """Else the properties above would hold of nothing."""
    monkeypatch.setattr(text, "find_layout", None)
    monkeypatch.setattr(text_arrow.pcsv, "read_csv", None)
    data = b'"t","m",band\n1.5,14.25,V\n2.5,15,V\n'
    found = read_text(data, "a.csv", TextOptions(text=["band"]))
    assert found.table.to_pydict() == {"t": [1.5, 2.5], "m": [14.25, 15], "band": ["V", "V"]}
    assert found.known == ["t", "m", "band"]


def test_a_column_of_whole_numbers_stays_one_after_fractions():
    """Flags that are whole in one file and not in another: bits are of whole numbers."""
    types = []
    for cell in ("0.5", "3", "x", "", "2.25"):
        body = f"1.5,{cell}\n2.5,{cell}\n".encode()
        table = text_arrow.arrow_rows(body, ["t", "flag"], ",", TextOptions())
        types.append(str(table["flag"].type))
    assert types == ["double", "int64", "string", "null", "double"]
