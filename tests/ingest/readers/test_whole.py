"""Tables of objects that are large are read in pieces: the same comes out."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table as AstropyTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skybind.errors import SkybindError
from skybind.ingest.mapping import ObjectsSpec
from skybind.ingest.readers import pieces, whole
from skybind.ingest.readers.parts import read_parts

SPEC = {"id": "id", "label": "kind", "features": {"metadata": {"g": "g"}}}
OPTIONS = {"text": ["id", "kind"], "columns": ["id", "kind", "g", "flag"], "nested": False}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(pieces, "LARGE", 0)
    monkeypatch.setattr(pieces, "PIECE", 200)


def both(spec, folder):
    found = []
    for read in (whole.read_whole, read_parts):
        try:
            found.append(read(spec, folder, **OPTIONS))
        except SkybindError as error:
            found.append(str(error))
    return found


def assert_same(one, other):
    if isinstance(one, str) or isinstance(other, str):
        assert one == other
        return
    assert list(one.columns) == list(other.columns)
    for name, values in one.columns.items():
        assert values.dtype.kind == other.columns[name].dtype.kind
        np.testing.assert_array_equal(values, other.columns[name], err_msg=name)
    for key in ("units", "bad_rows", "known", "notes", "inferred"):
        assert getattr(one, key) == getattr(other, key), key


CELLS = {
    "id": st.sampled_from(["007", "7", "a b", "", "5853498713190525696", "nan"]),
    "kind": st.sampled_from(["EW", "", "None", "NA", "Sé"]),
    "g": st.sampled_from(["14.5", "15", "", "99.99", "1e40", "bad", "nan"]),
    "flag": st.sampled_from(["true", "false", "", "1"]),
    "more": st.sampled_from(["1", "x,y", ""]),
}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(*CELLS.values()), min_size=1, max_size=30),
    st.sampled_from([";", "\t", "|"]),
    st.sampled_from(["utf-8", "latin-1"]),
    st.booleans(),
    st.lists(st.integers(1, 150), max_size=2),
)
def test_text_in_pieces_is_the_whole(tmp_path_factory, rows, delimiter, code, units, ragged):
    """The layout is that of the first lines in either way, types are those of all rows."""
    folder = tmp_path_factory.mktemp("table")
    lines = [delimiter.join(CELLS), *([delimiter.join(["", "", "mag", "", ""])] * units)]
    rest = [("7", "EW", "14.5", "true", "1")] * 90
    lines += [delimiter.join(row) for row in [*rest, *rows, *rest]]
    for at in ragged:
        lines.insert(min(at + 2, len(lines)), delimiter.join("abcdefgh"))
    (folder / "o.csv").write_bytes(("\n".join(lines) + "\n").encode(code))
    assert_same(*both(ObjectsSpec(file="o.csv", **SPEC), folder))


@pytest.mark.parametrize("format", ["parquet", "fits"])
@pytest.mark.parametrize("parts", [1, 3])
def test_tables_of_types_in_pieces_are_the_whole(tmp_path, format, parts):
    n, rng = 90, np.random.default_rng(0)
    table = {
        "id": np.arange(n) + 5_853_498_713_190_525_696,
        "kind": rng.choice(["EW", "EA", "None"], n),
        "g": rng.normal(14, 1, n).astype(np.float32),
        "flag": rng.random(n) < 0.5,
        "lists": rng.normal(0, 1, (n, 3)),
    }
    for part in range(parts):
        own = {name: values[part::parts] for name, values in table.items()}
        if format == "parquet":
            columns = {k: pa.array(list(v)) if v.ndim > 1 else v for k, v in own.items()}
            pq.write_table(pa.table(columns), tmp_path / f"{part}.parquet")
        else:
            made = AstropyTable(own)
            made["g"].unit = "mag"
            made.write(tmp_path / f"{part}.fits")
    spec = ObjectsSpec(file=[f"{part}.{format}" for part in range(parts)], **SPEC)
    one, other = both(spec, tmp_path)
    assert_same(one, other)
    assert len(one) == n
    assert one.columns["id"].dtype.kind == "i"


def test_columns_that_are_not_wanted_are_never_read(tmp_path, monkeypatch):
    """Nor are the bytes of the file: nested light curves may be a hundred times the catalogue."""
    table = pa.table({"id": ["a", "b"], "kind": ["EW", "EA"], "lc": [[1.0] * 9, [2.0]]})
    pq.write_table(table, tmp_path / "o.parquet")
    monkeypatch.setattr(whole, "read_parts", None)
    found = whole.read_whole(ObjectsSpec(file="o.parquet", **SPEC), tmp_path, **OPTIONS)
    assert list(found.columns) == ["id", "kind"]
    assert found.known == ["id", "kind", "lc"]
