"""Formats of light curves: a look at a file, and the keys of a mapping."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from skybind.errors import ConfigError
from skybind.ingest.readers import registry
from skybind.ingest.readers.curves import Look, known_curves, named, truths, with_keys
from skybind.ingest.readers.registry import (
    CurveFormat,
    curve_formats,
    file_formats,
    register_curves,
)
from tests.ingest.curve_files import given, import_curves

COLUMNS = {"Time": [1.0, 2.0], "mag": [3.0, 4.0]}


@pytest.mark.parametrize("form", ["csv", "fits", "votable", "ascii.ecsv", "ascii.ipac", "parquet"])
def test_columns_of_any_table(tmp_path, form):
    ending = {"votable": "xml", "ascii.ecsv": "ecsv", "ascii.ipac": "tbl"}.get(form, form)
    path = tmp_path / f"one.{ending}"
    if form == "parquet":
        pq.write_table(pa.table(COLUMNS), path)
    else:
        Table(COLUMNS).write(path, format=form)
    assert Look(path.read_bytes(), path.name).has("time", "mag")
    packed = Look(gzip.compress(path.read_bytes()), f"folder/{path.name}.gz")
    assert packed.has("time", "mag")
    assert packed.name == f"{path.name}.gz"
    assert not packed.has("flux")


def test_what_is_no_table_is_of_no_survey():
    for data in (b"", b"\x00\x01", b"{", b"SIMPLE  = nothing", b"\x1f\x8bbroken", b"PAR1"):
        assert known_curves(Look(data, "one.dat")) is None


def test_keys_of_a_format_yield_to_those_that_are_given():
    keys = with_keys({"format": "ztf", "file": "a.csv", "band": "filter"})
    assert (keys["id"], keys["band"]) == ("oid", "filter")
    assert keys["mask"] == {"column": "catflags", "bits": [15]}
    keys = with_keys({"format": "ztf", "folder": ".", "mask": {"bitmask": 3}})
    assert "id" not in keys
    assert keys["mask"] == {"column": "catflags", "bitmask": 3}
    keys = with_keys({"format": "atlas", "folder": ".", "magnitude": "m"})
    assert "flux" not in keys
    assert "flux_err" not in keys
    assert with_keys({"format": "csv", "file": "a"}) == {"format": "csv", "file": "a"}


def test_formats_are_known_by_name():
    assert set(curve_formats()) <= set(file_formats("photometry"))
    assert len(curve_formats()) == 13


def test_a_misspelt_format_names_its_neighbour(tmp_path):
    from skybind.ingest.mapping import load_mapping

    path = tmp_path / "mapping.yaml"
    path.write_text(
        "objects: {file: a.csv, id: id}\n"
        "photometry: {folder: ., pattern: '{id}.csv', format: keppler}\n"
    )
    with pytest.raises(ConfigError, match="did you mean 'kepler'"):
        load_mapping(path)


MINE = CurveFormat(
    "My survey",
    {
        "id": "star",
        "time": {"column": "bjd", "unit": "BJD - 2450000"},
        "magnitude": {"column": "mag", "unit": "mag"},
        "mask": {"column": "flag", "bits": [3]},
    },
    known_by=lambda look: look.has("star", "bjd", "mag", "flag"),
)


def test_a_format_of_ones_own_is_a_declaration(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_CURVES", dict(curve_formats()))
    # a plugin that only the environment names is run when its format is asked for
    monkeypatch.setattr(registry, "find_more", lambda: register_curves("mine", MINE))
    path = tmp_path / "1.csv"
    path.write_text("star,bjd,mag,flag\na,8000,9.0,0\na,8001,9.1,8\na,8002,9.2,4\n")
    found = import_curves(tmp_path, ["a"], file="1.csv", format="mine")
    np.testing.assert_array_equal(found.curves["a"]["time"], [2458000, 2458002])
    seen = given(path, magnitude="mag")
    np.testing.assert_allclose(seen.fields["magnitude"], [9.0, 9.2], rtol=1e-6)
    assert "1.csv: read as My survey light curve." in seen.notes


def test_truths_and_names_of_bands():
    flags = np.array([True, False, "true", "F", 1, 0, None, "nan", "1"], object)
    assert truths(flags).tolist() == [True, False, True, False, True, False, False, False, True]
    assert truths(np.array([0, np.nan, 2])).tolist() == [False, False, True]
    assert named(np.array([1, 2, 7]), {"1": "g", "2": "r"}).tolist() == ["g", "r", "7"]
