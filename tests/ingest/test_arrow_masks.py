"""Masked values of Parquet files that astropy wrote: missing, as astropy reads them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import MaskedColumn, Table

import skybind.ingest.readers.pieces as streamed
from skybind.errors import DataError
from skybind.ingest.arrow_masks import mask_columns
from skybind.ingest.file_spec import FileSpec
from skybind.ingest.frames import frame_of
from skybind.ingest.readers.tables import read_table

MASK = np.array([False, True, False, True])
ARRAY = np.arange(12.0).reshape(4, 3)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    table = Table({"name": ["a", "b", "c", "d"]})
    table["flux"] = MaskedColumn([1.5, -999.0, np.nan, 7.0], mask=MASK, unit="mJy")
    table["count"] = MaskedColumn(np.array([1, 2, 3, 2**53 + 1]), mask=[False, True, False, False])
    table["kind"] = MaskedColumn(["RR", "?", "M", "EW"], mask=[False, True, False, False])
    table["good"] = MaskedColumn([True, False, True, False], mask=MASK)
    table["spectrum"] = MaskedColumn(ARRAY, mask=ARRAY == 4, unit="Jy")
    path = tmp_path_factory.mktemp("masked") / "stars.parquet"
    table.write(path)
    return path


def test_they_are_missing_as_astropy_has_them(path):
    wanted = Table.read(path)
    assert wanted["flux"].mask.tolist() == MASK.tolist()
    found = read_table(path.read_bytes(), str(path))
    np.testing.assert_array_equal(found.columns["flux"], wanted["flux"].filled(np.nan))
    assert found.columns["count"].tolist() == [1, None, 3, 2**53 + 1]
    assert found.columns["kind"].tolist()[0] == "RR"
    assert found.columns["kind"].tolist()[1] in ("", None)
    assert found.columns["good"].tolist()[:1] == [True]
    assert all(found.columns["good"][i] in ("", None) for i in (1, 3))
    np.testing.assert_array_equal(
        found.lists["spectrum"].values, wanted["spectrum"].filled(np.nan).ravel()
    )
    assert found.units == {"flux": "mJy", "spectrum": "Jy"}


@pytest.mark.parametrize("rows", [1, 100])
def test_masks_of_columns_that_are_read_alone_and_in_pieces(path, rows, monkeypatch):
    alone = read_table(path.read_bytes(), str(path), columns=["flux"])
    assert list(alone.columns) == ["flux"]
    assert np.isnan(alone.columns["flux"]).tolist() == [False, True, True, True]
    monkeypatch.setattr(streamed, "_ROWS", rows)
    spec = FileSpec(file=path.name)
    pieces = streamed.Pieces(spec, path.parent, columns=["name", "flux", "spectrum"])
    made = pa.concat_tables([piece for _, piece in pieces._parquet(path.name)])
    assert made.column_names == ["name", "flux", "spectrum"]
    assert made["flux"].to_pylist()[1::2] == [None, None]
    assert made["spectrum"].to_pylist()[1] == [3.0, None, 5.0]


def test_a_table_in_memory(path):
    frame = frame_of(pq.read_table(path))
    assert np.isnan(frame.flat["flux"]).tolist() == [False, True, True, True]
    frame = frame_of(pq.read_table(path).to_batches()[0])
    assert np.isnan(frame.flat["flux"]).tolist() == [False, True, True, True]


def test_columns_of_others_are_no_masks(path):
    table = pa.table({"flux": [1.0], "flux.mask": [True]})
    assert mask_columns(table.schema) == {}
    said = pq.read_schema(path).metadata
    numbers = pa.table({"flux": [1.0], "flux.mask": [3]}).replace_schema_metadata(said)
    assert mask_columns(numbers.schema) == {}
    odd = pa.table({"flux": [[1.0, 2.0]], "flux.mask": [[True]]}).replace_schema_metadata(said)
    with pytest.raises(DataError, match=r"the mask 'flux\.mask' does not fit the column 'flux'"):
        frame_of(odd)


@pytest.mark.parametrize("text", [b"a: [1,", b"a: 1", b"- 1", b"datatype: 3", b"\xff"])
def test_a_description_that_is_damaged_states_no_units(text):
    table = pa.table({"flux": [1.0]}).replace_schema_metadata({b"table_meta_yaml": text})
    assert frame_of(table).flat["flux"].tolist() == [1.0]
