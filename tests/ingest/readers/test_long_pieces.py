"""Long tables read in pieces: the same comes out as when they are read whole."""

import gc
import gzip
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import from_table, writeto
from astropy.table import Table
from astropy.time import Time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skybind import memory
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import DataError, SkybindError
from skybind.ingest import survey
from skybind.ingest.observation_spec import PhotometrySpec, SpectrumSpec
from skybind.ingest.readers import long, long_pieces, pieces
from skybind.ingest.readers.long import LongTable
from skybind.ingest.readers.long_pieces import LongPieces, open_long
from skybind.ingest.survey import import_dataset

OBJECTS = np.asarray(["7", "a", "b", "007", "c d", "none at all"], object)
IDS = st.sampled_from(["a", "b", "007", "7", "c d", "elsewhere", "", "nan"])
MAGNITUDES = st.sampled_from(["14.25", "15", "99.99", "", "nan", ">16.5", "9.999e1", "bad", "1e40"])
TIMES = st.sampled_from(["58000.5", "58001", "", "-2409998", "58003.25", "x"])
CURVES = {
    "time": {"column": "t", "unit": "JD - 2400000.5"},
    "magnitude": {"column": "m", "unit": "mag", "missing": [99.99]},
    "magnitude_err": {"column": "e", "optional": True},
    "band": "f",
    "mask": {"column": "q", "bits": [1, 3]},
}
MORE = [{}, {"upper_limit": "m > 15"}, {"upper_limit": "u"}, {"good": "q != 4"}]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Pieces of some rows, parts of some objects."""
    monkeypatch.setattr(pieces, "LARGE", 0)
    monkeypatch.setattr(pieces, "PIECE", 256)
    monkeypatch.setattr(pieces, "MARKED_PIECE", 256)
    monkeypatch.setattr(pieces, "HEAD", 5)
    monkeypatch.setattr(long_pieces, "PART", 400)


def both(spec, folder, aside=True):
    """Give what the whole and the pieces bring, or the error of each."""
    made = []
    for read in (LongTable, open_long):
        more = (folder / "aside",) if read is open_long and aside else ()
        try:
            table = read(spec, folder, "curves", OBJECTS, *more)
            found = [table.read(rows, OBJECTS) for rows in (np.arange(4), np.array([4, 5]))]
        except SkybindError as error:
            made.append(str(error))
            continue
        lost = [*table.quarantine, *(row for _, lost in found for row in lost)]
        lost = sorted(tuple(row.values()) for row in lost)
        made.append((table, [ragged for ragged, _ in found], lost))
    return made


def assert_same(whole, piecewise):
    if isinstance(whole, str) or isinstance(piecewise, str):
        assert whole == piecewise
        return
    assert piecewise[0].stored == whole[0].stored
    assert piecewise[2] == whole[2]
    for one, other in zip(whole[1], piecewise[1], strict=True):
        np.testing.assert_array_equal(one.offsets, other.offsets)
        np.testing.assert_array_equal(one.present, other.present)
        assert list(one.fields) == list(other.fields)
        for name, values in one.fields.items():
            assert values.dtype == other.fields[name].dtype
            np.testing.assert_array_equal(values, other.fields[name], err_msg=name)


def test_parts_are_smaller_where_memory_is_short(tmp_path, monkeypatch):
    """And what is read is the same."""
    monkeypatch.setattr(long_pieces, "PART", 1 << 26)
    monkeypatch.setattr(long_pieces, "LEAST", 100)
    rows = [f"{name},{58000 + n},{14 + n / 10},0.1,V,0,0" for n in range(20) for name in OBJECTS]
    (tmp_path / "c.csv").write_text("\n".join(["id,t,m,e,f,q,u", *rows]) + "\n")
    spec = PhotometrySpec(file="c.csv", id="id", **CURVES)
    made = []
    for share in (memory.BLOCK, 1800 / memory.DEFAULT):
        monkeypatch.setattr(memory, "BLOCK", share)
        whole, piecewise = both(spec, tmp_path)
        assert_same(whole, piecewise)
        made.append(len(np.unique(piecewise[0]._parts)))
        assert piecewise[0].sizes.sum() > 2000
    assert made[0] == 1 < made[1]


ERRORS = st.sampled_from(["0.1", "", "99.99"])
BANDS = st.sampled_from(["V", "1", "", "2.0", "g"])
FLAGS = st.sampled_from(["0", "2", "4", "", "n"])
LIMITS = st.sampled_from(["0", "1", "", "U", "n"])
ROWS = st.lists(
    st.tuples(IDS, TIMES, MAGNITUDES, ERRORS, BANDS, FLAGS, LIMITS), min_size=1, max_size=90
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ROWS, st.sampled_from(MORE), st.sampled_from([",", "\t", ";"]), st.booleans(), st.data())
def test_text_in_pieces_is_the_whole(tmp_path_factory, rows, more, delimiter, kept, data):
    folder = tmp_path_factory.mktemp("table")
    header = delimiter.join(["id", "t", "m", "e", "f", "q", "u"])
    lines = [header, *(delimiter.join(row) for row in rows)]
    for at in data.draw(st.lists(st.integers(1, len(lines)), max_size=2)):
        lines.insert(at, data.draw(st.sampled_from(["a" + delimiter + "1", delimiter * 9 + "x"])))
    (folder / "c.csv").write_text("\n".join(lines) + "\n")
    spec = PhotometrySpec(file="c.csv", id="id", delimiter=delimiter, **CURVES, **more)
    assert_same(*both(spec, folder, kept))


def typed_table(rows, generator, order):
    """Columns of numbers with nulls and NaN, flags and text, in some order."""
    n = len(rows)
    names = [name or None for name in rows]
    null = generator.random(n) < 0.2
    table = pa.table(
        {
            "id": pa.array(names, pa.string()),
            "t": pa.array(58000 + generator.random(n), mask=null),
            "m": pa.array(generator.choice([14, 15.5, 99.99], n).astype(np.float32)),
            "e": generator.random(n),
            "f": pa.array(generator.choice(["V", "g", ""], n)).dictionary_encode(),
            "q": pa.array(generator.integers(0, 16, n).astype(np.int16), mask=null),
            "u": pa.array(generator.random(n) < 0.3),
        }
    )
    return table.take(generator.permutation(n)) if order == "any" else table.sort_by("id")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(IDS, min_size=1, max_size=120),
    st.sampled_from(MORE),
    st.sampled_from(
        [
            "parquet",
            "parts",
            "fits",
            "fits.gz",
            "jsonl",
            "jsonl.gz",
            "ecsv",
            "ecsv.gz",
            "vot",
            "vot.gz",
        ]
    ),
    st.sampled_from(["any", "sorted"]),
    st.integers(0, 1000),
)
def test_tables_of_types_in_pieces_are_the_whole(tmp_path_factory, rows, more, format, order, seed):
    folder = tmp_path_factory.mktemp("table")
    table = typed_table(rows, np.random.default_rng(seed), order)
    file = "c.parquet" if format == "parts" else f"c.{format}"
    if format.startswith("jsonl"):
        lines = [json.dumps(row) for row in table.to_pylist()]
        data = ("\n".join(lines) + "\n").encode()
        (folder / file).write_bytes(gzip.compress(data) if file.endswith(".gz") else data)
    elif format.startswith(("fits", "ecsv", "vot", "binary")):
        columns = {name: table[name].to_pylist() for name in ("id", "f")}
        columns = {name: ["" if v is None else v for v in cells] for name, cells in columns.items()}
        columns |= {name: table[name].to_numpy() for name in ("t", "m", "e", "u")}
        columns["q"] = np.ma.masked_array(table["q"].fill_null(0), table["q"].is_null())
        form = format.removesuffix(".gz")
        file = file.replace(form, "vot") if form.startswith("binary") else file
        kind = {"ecsv": "ascii.ecsv", "vot": "votable"}.get(form, "fits")
        plain = folder / file.removesuffix(".gz")
        if form.startswith("binary"):
            Table(columns).write(plain, format="votable", tabledata_format=form)
        else:
            Table(columns).write(plain, format=kind)
        if file.endswith(".gz"):
            (folder / file).write_bytes(gzip.compress(plain.read_bytes()))
    elif format == "parts":
        file = "parts"
        (folder / file).mkdir()
        half = len(table) // 2
        pq.write_table(table[:half], folder / file / "1.parquet")
        pq.write_table(table[half:], folder / file / "2.parquet")
    else:
        pq.write_table(table, folder / file, row_group_size=50)
    spec = PhotometrySpec(file=file, id="id", **CURVES, **more)
    assert_same(*both(spec, folder))


@pytest.mark.parametrize("nested", [False, True])
def test_lists_in_pieces_are_the_whole(tmp_path, nested):
    generator = np.random.default_rng(1)
    names = ["a", "b", "elsewhere", "a", "7", None, "c d", "b"] * 20
    sizes = generator.integers(0, 30, len(names))
    lists = [generator.random(n).tolist() for n in sizes]
    lists[8] = None
    flux = [[1.0] if i == 3 else values for i, values in enumerate(lists)]
    columns = {"w": lists, "f": flux}
    if nested:
        records = [{"w": a, "f": b} for a, b in zip(lists, flux, strict=True)]
        columns = {"s": records}
    pq.write_table(pa.table({"id": names, **columns}), tmp_path / "s.parquet")
    prefix = "s." if nested else ""
    spec = SpectrumSpec(
        file="s.parquet",
        id="id",
        wavelength={"column": f"{prefix}w", "unit": "nm"},
        flux=f"{prefix}f",
    )
    whole, piecewise = both(spec, tmp_path)
    assert isinstance(piecewise[0], LongPieces)
    assert any("second spectrum" in row[-1] for row in whole[2])
    assert any("different length" in row[-1] for row in whole[2])
    assert_same(whole, piecewise)


@pytest.mark.parametrize("brackets", [False, True])
def test_lists_as_text_in_pieces_are_the_whole(tmp_path, brackets):
    rows = ["id,t,m"]
    for i in range(60):
        cells = " ".join(str(58000.5 + k) for k in range(1 if i > 20 else 3))
        cells = f"[{cells.replace(' ', ';')}]" if brackets else cells
        rows.append(f"{OBJECTS[i % 3]},{cells},{cells}")
    (tmp_path / "c.csv").write_text("\n".join(rows))
    curve = {"time": {"column": "t", "unit": "d"}, "magnitude": {"column": "m", "unit": "mag"}}
    spec = PhotometrySpec(file="c.csv", id="id", **curve)
    whole, piecewise = both(spec, tmp_path)
    assert isinstance(piecewise[0], LongPieces)
    assert_same(whole, piecewise)


@pytest.mark.parametrize("odd", ["", "n3"])
def test_visits_in_pieces_are_the_whole(tmp_path, odd):
    visits = [110, 9, 100, 20]
    lines = [
        f"{name},{odd if name == 'b' and visit == 20 and odd else visit},{4000 + pixel},{visit}"
        for pixel in range(40)
        for name in ("a", "b", "7")
        for visit in visits
    ]
    (tmp_path / "s.csv").write_text("\n".join(["id,night,w,f", *lines]))
    wave = {"column": "w", "unit": "Angstrom"}
    spec = SpectrumSpec(file="s.csv", id="id", wavelength=wave, flux="f", visit="night")
    whole, piecewise = both(spec, tmp_path)
    assert isinstance(piecewise[0], LongPieces)
    order = ["100", "110", "20", "9"] if odd else ["9", "20", "100", "110"]  # as text, or numbers
    assert piecewise[1][0].name[:4].tolist() == order
    first = piecewise[1][0].first()
    assert set(first.fields["flux"][:40].tolist()) == {int(order[0])}
    assert_same(
        *((table, [v.ragged for v in found], lost) for table, found, lost in (whole, piecewise))
    )
    for one, other in zip(whole[1], piecewise[1], strict=True):
        assert one.name.tolist() == other.name.tolist()
        np.testing.assert_array_equal(one.offsets, other.offsets)


def test_names_with_a_point_zero_are_judged_by_all_rows(tmp_path):
    """123.0 is 123 only where all names are written so."""
    for last, found in (("7.0", 1), ("b", 0)):
        rows = [f"7.0,{58000 + i},14" for i in range(40)] + [f"{last},58000,14"]
        (tmp_path / "c.csv").write_text("\n".join(["id,t,m", *rows]))
        curve = {"time": {"column": "t", "unit": "d"}, "magnitude": {"column": "m", "unit": "mag"}}
        spec = PhotometrySpec(file="c.csv", id="id", **curve)
        whole, piecewise = both(spec, tmp_path)
        assert piecewise[1][0].present[0] == bool(found)
        assert_same(whole, piecewise)


@pytest.mark.parametrize("order", ["sorted", "mixed"])
def test_of_a_whole_survey_beside_a_few_objects_not_all_names_are_kept(
    tmp_path, monkeypatch, order
):
    """The rows of the names that are not listed are counted, and none is counted twice."""
    monkeypatch.setattr(long, "NAMED", 3)
    names = ["a", *[f"x{i:02d}" for i in range(40)]] * 2
    names = sorted(names) if order == "sorted" else names
    rows = [f"{name},{58000 + i},14" for i, name in enumerate([*names, ""])]
    (tmp_path / "c.csv").write_text("\n".join(["id,t,m", *rows]))
    curve = {"time": {"column": "t", "unit": "d"}, "magnitude": {"column": "m", "unit": "mag"}}
    whole, piecewise = both(PhotometrySpec(file="c.csv", id="id", **curve), tmp_path)
    assert_same(whole, piecewise)
    told = [(row["object_id"], row["reason"]) for row in piecewise[0].quarantine]
    unknown = "no such object in the table of objects"
    assert told == [
        ("x00", f"{unknown} (2 rows)"),
        ("x01", f"{unknown} (2 rows)"),
        ("x02", f"{unknown} (2 rows)"),
        ("", "1 row without an id"),
        ("", f"{unknown}: 74 rows of more names than are listed"),
    ]


def test_what_is_assumed_of_a_table_in_pieces_is_told(tmp_path):
    columns = {"id": ["a", "b"] * 30, "t": 58000 + np.arange(60.0), "m": np.full(60, 14.0)}
    hdus = [fits.PrimaryHDU(), *(fits.table_to_hdu(Table(columns)) for _ in range(2))]
    fits.HDUList(hdus).writeto(tmp_path / "c.fits")
    curve = {"time": {"column": "t", "unit": "d"}, "magnitude": {"column": "m", "unit": "mag"}}
    whole, piecewise = both(PhotometrySpec(file="c.fits", id="id", **curve), tmp_path)
    assert isinstance(piecewise[0], LongPieces)
    assert "it holds 2 tables" in piecewise[0].stored.notes[0]
    assert_same(whole, piecewise)


VOTABLE = """<?xml version="1.0"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<RESOURCE type="results"><TABLE name="one"><DESCRIPTION>a &lt;TR&gt;</DESCRIPTION>
<FIELD name="id" datatype="char" arraysize="*"/><FIELD name="t" datatype="double" unit="d"/>
<FIELD name="m" datatype="float" unit="mag"/>
<DATA><TABLEDATA>%s</TABLEDATA></DATA></TABLE>%s</RESOURCE></VOTABLE>
"""
VOROW = "<TR><TD>%s</TD><TD>%r</TD>\n<TD>%s</TD></TR>\n"
VOROWS = "".join(VOROW % ("ab"[i % 2], 58000.0 + i, 14 + i % 7) for i in range(90))


@pytest.mark.parametrize(
    ("form", "cut"),
    [
        ("plain", True), ("prefixed", True), ("spaced", True), ("second table", True),
        ("comment", False), ("comment before", True), ("tag in a comment", True),
        ("cdata", False), ("second is asked for", False), ("utf-16", False),
        ("no row", True), ("empty rows", True),
    ],
)  # fmt: skip
def test_votables_however_they_are_written(tmp_path, form, cut):
    text = VOTABLE % (VOROWS, "")
    if form == "prefixed":
        text = re.sub(r"<(/?)(?=[A-Z])", r"<\1vot:", text).replace("xmlns=", "xmlns:vot=")
    elif form == "spaced":
        text = text.replace("<TABLEDATA>", "<TABLEDATA >\n").replace("</TR>\n", "</TR>\n\n ")
    elif form.startswith("second"):
        two = VOTABLE % (VOROW % ("b", 1.5, 3), "")
        text = VOTABLE % (VOROWS, two[two.index("<TABLE name") : two.index("</RESOURCE")])
    elif form == "comment":
        text = text.replace("</TR>", "</TR><!-- </TR> -->", 1)
    elif form == "comment before":
        text = text.replace("<RESOURCE", "<!-- by hand -->\n<RESOURCE")
    elif form == "tag in a comment":
        text = text.replace("<RESOURCE", "<!-- before <TABLEDATA> -->\n<RESOURCE")
    elif form == "cdata":
        text = text.replace("<TD>a</TD>", "<TD><![CDATA[a]]></TD>", 9)
    elif form == "no row":
        text = VOTABLE % ("\n", "")
    elif form == "empty rows":
        text = text.replace("<TD>14</TD>", "<TD/>")
    code = "utf-16" if form == "utf-16" else "utf-8"
    (tmp_path / "c.vot").write_bytes(text.encode(code))
    more = {"hdu": 2} if form == "second is asked for" else {}
    curve = {"time": {"column": "t", "unit": "d"}, "magnitude": {"column": "m", "unit": "mag"}}
    spec = PhotometrySpec(file="c.vot", id="id", format="votable", **curve, **more)
    whole, piecewise = both(spec, tmp_path)
    if not isinstance(whole, str):
        assert isinstance(piecewise[0], LongPieces) == cut
        assert any("it holds 2 tables" in n for n in piecewise[0].stored.notes) == (
            form == "second table"
        )
    assert_same(whole, piecewise)


@pytest.mark.parametrize("form", ["binary", "binary2"])
def test_votables_of_bytes_with_columns_of_every_type(tmp_path, form):
    """Lists of known and of any length, text, flags, missing cells: cut where rows end."""
    n = 90
    rng = np.random.default_rng(4)
    many = np.empty(n, object)
    for i in range(n):
        many[i] = np.ma.masked_array(rng.random(1 + i % 4), False)
    table = Table(
        {
            "id": ["a b"[: 1 + 2 * (i % 2)] for i in range(n)],
            "t": 58000.0 + np.arange(n),
            "m": np.ma.masked_array(14 + np.arange(n) % 7, np.arange(n) % 9 == 0, dtype="f4"),
            "flag": rng.random(n) < 0.5,
            "pair": rng.random((n, 2)),
            "small": np.arange(n, dtype=np.int16),
            "many": many,
        }
    )
    votable = from_table(table)
    writeto(votable, str(tmp_path / "c.vot"), tabledata_format=form)
    assert b"<BINARY" in (tmp_path / "c.vot").read_bytes()
    curve = {"time": {"column": "t", "unit": "d"}, "magnitude": {"column": "m", "unit": "mag"}}
    spec = PhotometrySpec(file="c.vot", id="id", format="votable", **curve)
    whole, piecewise = both(spec, tmp_path)
    assert isinstance(piecewise[0], LongPieces)
    assert len(list(piecewise[0].pieces)) > 3
    assert_same(whole, piecewise)


def test_a_votable_of_bytes_that_is_cut_off_is_refused_as_when_it_is_read_whole(tmp_path):
    table = Table({"id": ["a"] * 90, "t": np.arange(90.0), "m": 14 + np.arange(90) % 7.0})
    table.write(tmp_path / "w.vot", format="votable", tabledata_format="binary2")
    data = (tmp_path / "w.vot").read_bytes()
    (tmp_path / "c.vot").write_bytes(data[: data.index(b"<STREAM") + 900])
    curve = {"time": {"column": "t", "unit": "d"}, "magnitude": {"column": "m", "unit": "mag"}}
    whole, piecewise = both(PhotometrySpec(file="c.vot", id="id", **curve), tmp_path)
    assert isinstance(whole, str)
    assert whole == piecewise


def test_ecsv_as_astropy_writes_it(tmp_path):
    """Quoted text over two lines, times of its own, missing cells, integers too long for floats."""
    n = 60
    table = Table(
        {
            "id": np.where(np.arange(n) % 2, "c d", "a"),
            "t": Time(2458000.5 + np.arange(n), format="jd", scale="tdb"),
            "m": np.ma.masked_array(14 + np.arange(n) % 7.0, np.arange(n) % 9 == 0),
            "say": [f"two\nlines, {i}" for i in range(n)],
        }
    )
    table["m"].unit = "mag"
    table.write(tmp_path / "c.ecsv", format="ascii.ecsv", delimiter=",")
    curve = {"time": "t", "magnitude": "m"}
    whole, piecewise = both(PhotometrySpec(file="c.ecsv", id="id", **curve), tmp_path)
    assert isinstance(piecewise[0], LongPieces)
    assert whole[1][0].fields["time"][0] >= 2458000.5
    assert any("in TDB" in note for note in piecewise[0].stored.notes)
    assert_same(whole, piecewise)


@pytest.mark.parametrize("form", ["fits", "vot", "ecsv"])
def test_long_integers_among_missing_ones_keep_their_digits(tmp_path, form):
    number = 2**60 + np.arange(400)
    table = Table({"id": [str(i) for i in range(400)]})
    table["gaia"] = np.ma.masked_array(number, np.arange(400) % 150 == 7)
    kind = {"ecsv": "ascii.ecsv", "vot": "votable"}.get(form, form)
    table.write(tmp_path / f"o.{form}", format=kind)
    (tmp_path / "e.csv").write_text("id,t,m\n3,1,2\n3,2,3\n3,3,2.5\n")
    (tmp_path / "m.yaml").write_text(
        f"objects: {{file: o.{form}, id: id, info: {{gaia: gaia}}}}\n"
        "photometry: {file: e.csv, id: id, time: {column: t, unit: d}, "
        "magnitude: {column: m, unit: mag}}\n"
    )
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    found = [None if row["gaia"] in ("", None) else int(row["gaia"])
             for row in Dataset.open(tmp_path / "out").table(["gaia"]).to_pylist()]  # fmt: skip
    assert found == [None if i % 150 == 7 else n for i, n in enumerate(number.tolist())]


def survey_of(folder, n=40):
    generator = np.random.default_rng(2)
    names = [f"star {i}" for i in range(n)]
    (folder / "o.csv").write_text("\n".join(["id", *names]))
    rows = [f"{names[i]},{58000 + generator.random()},{14 + generator.random()}"
            for i in generator.integers(0, n, 40 * n)]  # fmt: skip
    (folder / "c.csv").write_text("\n".join(["id,t,m", *rows]))
    (folder / "m.yaml").write_text(
        "objects: {file: o.csv, id: id}\n"
        "photometry: {file: c.csv, id: id, time: {column: t, unit: d}, "
        "magnitude: {column: m, unit: mag}}\n"
    )
    return folder / "m.yaml"


def test_an_import_goes_on_where_it_was_interrupted(tmp_path, monkeypatch):
    mapping = survey_of(tmp_path)
    monkeypatch.setattr(pieces, "LARGE", 1 << 30)
    import_dataset(mapping, tmp_path / "whole")
    monkeypatch.setattr(pieces, "LARGE", 0)
    monkeypatch.setattr(survey, "CHUNK_BYTES", 2000)
    written = []
    fill, read = LongPieces._write, LongPieces.read

    def interrupted(self, rows, object_id):
        if rows[0] > 20 and len(written) == 1:
            raise KeyboardInterrupt
        return read(self, rows, object_id)

    def noted(self, workplace):
        written.append(workplace)
        fill(self, workplace)

    monkeypatch.setattr(LongPieces, "_write", noted)
    monkeypatch.setattr(LongPieces, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        import_dataset(mapping, tmp_path / "out")
    parts = list((tmp_path / ".out.pieces").rglob("*.arrow"))
    assert len(parts) > 5
    monkeypatch.setattr(LongPieces, "read", read)
    import_dataset(mapping, tmp_path / "out")
    assert len(written) == 1  # the parts were there
    assert not (tmp_path / ".out.pieces").exists()
    whole, out = (Dataset.open(tmp_path / name) for name in ("whole", "out"))
    for name, values in whole.ragged("photometry").fields.items():
        np.testing.assert_array_equal(values, out.ragged("photometry").fields[name])
    assert read_quarantine(tmp_path / "whole") == read_quarantine(tmp_path / "out")


def test_nothing_is_left_of_an_import_that_fails(tmp_path):
    mapping = survey_of(tmp_path)
    mapping.write_text(
        mapping.read_text() + "spectrum: {file: gone.csv, id: id, wavelength: w, flux: f}\n"
    )
    with pytest.raises(DataError, match="gone"):
        import_dataset(mapping, tmp_path / "out")
    assert not (tmp_path / ".out.pieces").exists()


def test_a_place_that_is_taken_is_refused_before_the_table_is_read(tmp_path, monkeypatch):
    mapping = survey_of(tmp_path)
    import_dataset(mapping, tmp_path / "out")
    monkeypatch.setattr(LongPieces, "_survey", None)
    with pytest.raises(DataError, match="already a dataset"):
        import_dataset(mapping, tmp_path / "out")
    assert not (tmp_path / ".out.pieces").exists()


def test_packed_tables_and_json_lines_are_read_in_pieces(tmp_path):
    """What is unpacked for it lies in a temporary folder, and is gone with the table."""
    n = 200
    columns = {"id": ["a", "b"] * (n // 2), "t": 58000.0 + np.arange(n), "m": 14 + np.arange(n) % 7}
    Table(columns).write(tmp_path / "c.fits")
    (tmp_path / "c.fits.gz").write_bytes(gzip.compress((tmp_path / "c.fits").read_bytes()))
    rows = [json.dumps(row) for row in pa.table(columns).to_pylist()]
    (tmp_path / "c.jsonl").write_text("\n".join(rows))
    curves = {name: CURVES[name] for name in ("time", "magnitude")}
    for name in ("c.fits.gz", "c.jsonl"):
        spec = PhotometrySpec(file=name, id="id", **curves)
        found = open_long(spec, tmp_path, "curves", OBJECTS)
        assert isinstance(found, LongPieces)
        aside = found.pieces._aside
        assert (aside is not None) == name.endswith(".gz")
        assert_same(*both(spec, tmp_path))
        if aside is not None:
            folder = Path(aside.name)
            assert folder.is_dir()
            del found, aside
            gc.collect()
            assert not folder.exists()


@pytest.mark.parametrize("name", ["c.fits.gz", "c.jsonl.gz"])
def test_a_damaged_packed_table_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(bytes(9000))[:-9])
    curves = {name: CURVES[name] for name in ("time", "magnitude")}
    whole, piecewise = both(PhotometrySpec(file=name, id="id", **curves), tmp_path)
    assert "damaged gzip file" in whole
    assert "gzip" in piecewise or "end-of-stream" in piecewise


def test_json_lines_whose_fields_differ_are_read_whole(tmp_path):
    rows = [{"id": "a", "t": 58000 + i, "m": 14 + i % 5} for i in range(60)]
    rows[40]["e"] = 0.5
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, rows)))
    curves = {name: CURVES[name] for name in ("time", "magnitude", "magnitude_err")}
    spec = PhotometrySpec(file="c.jsonl", id="id", **curves)
    assert isinstance(open_long(spec, tmp_path, "curves", OBJECTS), LongTable)
    assert_same(*both(spec, tmp_path))


@pytest.mark.parametrize("form", ["votable", "survey", "text"])
def test_a_large_table_that_is_read_whole_is_told(tmp_path, monkeypatch, caplog, form):
    caplog.set_level("INFO", "skybind")
    monkeypatch.setattr(pieces, "TOLD", 100)
    curve = {"time": {"column": "t", "unit": "d"}, "magnitude": {"column": "m", "unit": "mag"}}
    if form == "survey":
        point = {"oid": "a", "fid": 1, "magpsf": 18, "sigmapsf": 0.1, "isdiffpos": 1}
        points = [{**point, "mjd": 58000.5 + i} for i in range(30)]
        (tmp_path / "c.json").write_text(json.dumps(points))
        spec = PhotometrySpec(file="c.json", id="oid", format="alerce")
    elif form == "votable":
        table = Table({"id": ["a"] * 90, "t": np.arange(90.0), "m": 14 + np.arange(90) % 7.0})
        table.write(tmp_path / "c", format="votable")
        text = (tmp_path / "c").read_text()
        (tmp_path / "c").write_text(text.replace("</TR>", "</TR><!-- one -->"))
        spec = PhotometrySpec(file="c", id="id", format="votable", **curve)
    else:
        lines = ["id t    m", *(f"a  {i:<4} {14 + i % 7}" for i in range(60)), "a       3"]
        (tmp_path / "c").write_text("\n".join(lines))
        spec = PhotometrySpec(file="c", id="id", format="text", **curve)
    assert isinstance(open_long(spec, tmp_path, "curves", OBJECTS), LongTable)
    assert "is read whole, which takes 0.0 GB of memory and more" in caplog.text
    assert "convert it to Parquet or CSV" in caplog.text
