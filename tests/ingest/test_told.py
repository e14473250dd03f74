"""What is assumed of a file is told in every way in."""

import h5py
import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.ingest.one_file import read_file
from skybind.ingest.readers.values import numbers
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted

CURVE = {"photometry": Wanted("photometry", "photometry", "photometry",
                              {"time": "d", "flux": "mJy"})}  # fmt: skip


def imported(folder, mapping):
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(folder / "m.yaml", folder / "out")
    return Dataset.open(folder / "out"), summary


def two_tables(path, columns):
    parts = [fits.BinTableHDU(Table(columns), name=name) for name in ("OLD", "NEW")]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(path)


TOLD = "it holds 2 tables, of which the first is read, OLD (1), not NEW (2)"


def test_of_several_tables_in_one_file_it_is_told_which_is_read(tmp_path):
    (tmp_path / "lc").mkdir()
    two_tables(tmp_path / "o.fits", {"id": ["a"], "ra": [1.0]})
    two_tables(tmp_path / "lc" / "a.fits", {"time": [1.0, 2, 3], "flux": [1.0, 4, 2]})
    keys = {"folder": "lc", "pattern": "{id}.fits", "time": {"column": "time", "unit": "d"},
            "flux": {"column": "flux", "unit": "mJy"}}  # fmt: skip
    objects = {"file": "o.fits", "id": "id"}
    _, summary = imported(tmp_path, {"objects": objects, "photometry": keys})
    assert f"o.fits: {TOLD}." in summary.notes
    assert f"photometry, a.fits: {TOLD}." in summary.notes
    assert f"a.fits: {TOLD}." in read_file(tmp_path / "lc" / "a.fits", CURVE).notes
    (tmp_path / "m.yaml").unlink()
    import_dataset_again = {"objects": {**objects, "hdu": 2}, "photometry": {**keys, "hdu": 2}}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(import_dataset_again))
    again = import_dataset(tmp_path / "m.yaml", tmp_path / "again")
    assert not any("tables" in note for note in again.notes)


def test_a_line_that_is_taken_for_units_is_told_by_the_import(tmp_path):
    (tmp_path / "o.csv").write_text("id,per\n,h\na,12\nb,24\n")
    objects = {"file": "o.csv", "id": "id", "features": {"metadata": {"period": "per"}}}
    data, summary = imported(tmp_path, {"objects": objects})
    assert data.numbers("period").tolist() == [0.5, 1]
    assert any("line 2 is taken for the units" in note for note in summary.notes)


def test_right_ascensions_in_whole_seconds_are_told_to_be_hours(tmp_path):
    (tmp_path / "o.csv").write_text("id,ra,dec\na,06:37:15,10:00:00\nb,07:00:00,10:30:00\n")
    objects = {"file": "o.csv", "id": "id", "ra": "ra", "dec": "dec"}
    data, summary = imported(tmp_path, {"objects": objects})
    assert data.numbers("ra") == pytest.approx([99.3125, 105])
    assert data.numbers("dec") == pytest.approx([10, 10.5])
    assert any("it is read as hours" in note for note in summary.notes)


def test_text_with_underscores_is_no_number():
    values, bad = numbers(np.array(["1_0", "10", 7], object))
    assert np.isnan(values[0])
    assert values[1:].tolist() == [10, 7]
    assert bad.tolist() == [True, False, False]


def test_names_of_variable_length_in_hdf5(tmp_path):
    flux = np.random.default_rng(0).normal(5, 1, (2, 8))
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["id"] = np.array(["b", "Stern \u00e4"], h5py.string_dtype())
        file["flux"], file["wave"] = flux, np.arange(400.0, 408)
        file["wave"].attrs["unit"] = "nm"
    (tmp_path / "o.csv").write_text("id\nStern \u00e4\nb\n")
    keys = {"file": "s.h5", "id": "id", "wavelength": "wave", "flux": "flux"}
    data, _ = imported(tmp_path, {"objects": {"file": "o.csv", "id": "id"}, "spectrum": keys})
    assert np.allclose(data["b"].spectrum["flux"], flux[0])
    assert data["b"].spectrum["wavelength"].value[0] == pytest.approx(4000)
