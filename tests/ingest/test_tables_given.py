"""Tables and files that are given to a model: which table was read, and whose rows they are."""

import io

import numpy as np
import pyarrow as pa
import pytest
import yaml
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.errors import DataError
from skybind.ingest.catalogues import read_catalogue
from skybind.ingest.given import take_given
from skybind.ingest.one_file import read_file
from skybind.ingest.readers.contents import other_tables
from skybind.ingest.readers.marked_pieces import VOTablePieces
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted

WANTED = {
    "metadata": Wanted("metadata", "metadata", "metadata", features={"x": None}),
    "photometry": Wanted(
        "photometry", "photometry", "photometry", {"time": "d", "magnitude": "mag"}
    ),
}
OLD = {"id": ["a", "b"], "x": [1.0, 2.0]}
NEW = {"id": ["a", "b"], "x": [3.0, 4.0]}


def several(path, *tables):
    """Write tables to one file, called OLD and NEW."""
    names = ("OLD", "NEW")[: len(tables)]
    if path.suffix == ".fits":
        parts = [fits.BinTableHDU(Table(t), name=n) for t, n in zip(tables, names, strict=True)]
        fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(path)
        return path
    made = []
    for table, name in zip(tables, names, strict=True):
        table = Table({n: np.asarray(v, str if n == "id" else float) for n, v in table.items()})
        made.append(from_table(table, name))
    for other in made[1:]:
        made[0].resources[0].tables.append(other.resources[0].tables[0])
    made[0].to_xml(str(path))
    return path


@pytest.mark.parametrize("ending", ["fits", "vot"])
def test_of_several_tables_the_first_is_read_and_told_in_every_way(tmp_path, ending):
    path = several(tmp_path / f"t.{ending}", OLD, NEW)
    told = f"t.{ending}: it holds 2 tables, of which the first is read, OLD (1), not NEW (2)."
    given = take_given(path, wanted=WANTED)
    assert given.dataset.numbers("x").tolist() == [1, 2]
    assert told in given.notes
    objects = {"file": path.name, "id": "id", "info": {"x": "x"}}
    curves = {"file": "e.csv", "id": "id", "time": {"column": "t", "unit": "d"},
              "magnitude": {"column": "m", "unit": "mag"}}  # fmt: skip
    epochs = "".join(f"{x},{t},{12 + t}\n" for x in "ab" for t in range(3))
    (tmp_path / "e.csv").write_text("id,t,m\n" + epochs)
    for hdu, right in ((None, [1, 2]), (2, [3, 4])):
        chosen = {} if hdu is None else {"hdu": hdu}
        mapping = {"objects": {**objects, **chosen}, "photometry": curves}
        (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
        summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out", overwrite=True)
        assert Dataset.open(tmp_path / "out").numbers("x").tolist() == right
        assert (told in summary.notes) == (hdu is None)
    row = {"x": [1.0]}
    one = read_file(several(tmp_path / f"one.{ending}", row, {"x": [3.0]}), WANTED)
    assert one.features == {"x": 1}
    assert f"one.{told[2:]}" in one.notes


def test_one_table_is_no_choice():
    buffer = io.BytesIO()
    from_table(Table({"x": [1.0]})).to_xml(buffer)
    assert other_tables(buffer.getvalue(), "votable") == []
    assert other_tables(b"x\n<TABLE>\n<TABLE>\n", "csv") == []


@pytest.mark.parametrize(
    "aside", [b"<!-- an old\n <TABLE> was here -->", b"<![CDATA[ see <TABLE name='x'> ]]>"]
)
def test_a_table_in_a_comment_is_none(aside):
    buffer = io.BytesIO()
    from_table(Table({"x": [1.0]})).to_xml(buffer)
    said = buffer.getvalue().replace(
        b"<RESOURCE", b"<DESCRIPTION>" + aside + b"</DESCRIPTION>\n<RESOURCE", 1
    )
    for data in (said, said + aside, said.replace(b"</TABLE>", b"</TABLE>" + aside)):
        assert other_tables(data, "votable") == []
        cut = VOTablePieces(io.BytesIO(data), 64)
        assert len(list(cut)) == 1
        assert other_tables(cut.tables, "votable") == []


LOST = np.array([5.853498713190525e18, 5.853498713190526e18])


@pytest.mark.parametrize("form", ["astropy", "arrow", "fits", "csv"])
def test_names_that_lost_digits_are_refused(tmp_path, form):
    columns = {"source_id": LOST, "x": [1.0, 2.0]}
    if form == "csv":
        (tmp_path / "t.csv").write_text("source_id,x\n5.85e18,1\n5.85e18,2\n")
        given = tmp_path / "t.csv"
    elif form == "fits":
        Table(columns).write(tmp_path / "t.fits")
        given = tmp_path / "t.fits"
    else:
        given = Table(columns) if form == "astropy" else pa.table(columns)
    with pytest.raises(DataError, match=r"column 'source_id': names such as '?5\.85"):
        take_given(given, wanted=WANTED)


def test_names_of_a_long_table_that_lost_digits_are_refused():
    rows = {"id": np.repeat(LOST, 3), "time": np.arange(6.0), "mag": np.arange(6.0)}
    with pytest.raises(DataError, match=r"names such as 5\.8535e.18"):
        take_given(Table(rows), wanted=WANTED)
    with pytest.raises(DataError, match=r"names such as 5\.8535e.18"):
        read_catalogue(Table({"id": LOST, "ra": [1.0, 2], "dec": [1.0, 2]}), "A")


def test_whole_numbers_that_were_written_as_floats_are_names():
    given = take_given(Table({"id": [12.0, np.nan, 7.0], "x": [1.0, 2, 3]}), wanted=WANTED)
    assert given.dataset.object_ids.tolist() == ["12", "1", "7"]
    rows = {"id": [12.0, 12, 7, 7], "time": [1.0, 2, 1, 2], "mag": [12.0, 13, 12, 13]}
    assert take_given(Table(rows), wanted=WANTED).dataset.object_ids.tolist() == ["12", "7"]
