"""A file of several spectra of one object: one is named, or the first is used and told."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from skybind.errors import DataError
from skybind.ingest.given import take_given
from skybind.ingest.one_file import read_file
from skybind.ingest.wanted import Wanted

WANTED = {
    "spectrum": Wanted("spectrum", "spectrum", "spectrum", {"wavelength": "Angstrom", "flux": None})
}
WAVES = np.linspace(4000, 5000, 50)
#: In no order: 9 stands before 10, and 57001.5 before 57010.25.
NAMES = {
    "visit": ["v2", "v1", "v3"],
    "expid": [10, 9, 11],
    "MJD": [57010.25, 57001.5, 57020.0],
    "date": ["2016-01-10", "2015-12-31", "2016-02-01"],
}


def flux_of(place):
    return 1 + place + 0.1 * np.sin(WAVES / 40)


def long(folder, column, form="csv", **more):
    table = Table(
        {
            column: np.repeat(NAMES[column], len(WAVES)),
            "wavelength": np.tile(WAVES, 3),
            "flux": np.concatenate([flux_of(i) for i in range(3)]),
            **more,
        }
    )
    path = folder / f"s.{form}"
    table.write(
        path, format={"csv": "ascii.csv", "fits": "fits", "vot": "votable"}[form], overwrite=True
    )
    return path


@pytest.mark.parametrize("column", NAMES)
@pytest.mark.parametrize("form", ["csv", "fits", "vot"])
def test_the_first_is_used_and_told(tmp_path, column, form):
    found = read_file(long(tmp_path, column, form), WANTED)
    np.testing.assert_allclose(found.fields["flux"], flux_of(1), rtol=1e-6)
    np.testing.assert_allclose(found.fields["wavelength"], WAVES, rtol=1e-6)
    (note,) = [note for note in found.notes if "holds 3 spectra" in note]
    first, *others = [str(NAMES[column][i]).removesuffix(".0") for i in (1, 0, 2)]
    assert f"told apart by '{column}': that of {first} is used" in note
    assert all(other in note for other in others)


@pytest.mark.parametrize(
    ("column", "chosen", "place"),
    [("visit", "v3", 2), ("expid", "10", 0), ("MJD", "57020", 2), ("date", "2016-01-10", 0)],
)
def test_one_is_named(tmp_path, column, chosen, place):
    found = read_file(long(tmp_path, column), WANTED, visit=chosen)
    np.testing.assert_allclose(found.fields["flux"], flux_of(place), rtol=1e-6)
    with pytest.raises(DataError, match="has no spectrum 'v9' in"):
        read_file(long(tmp_path, column), WANTED, visit="v9")


@pytest.mark.parametrize("names", [True, False])
def test_a_spectrum_in_each_row(tmp_path, names):
    columns = {"wavelength": [WAVES.tolist()] * 3, "flux": [flux_of(i).tolist() for i in range(3)]}
    columns |= {"mjd": NAMES["MJD"], **({"name": ["a"] * 3} if names else {})}
    pq.write_table(pa.table(columns), tmp_path / "s.parquet")
    found = read_file(tmp_path / "s.parquet", WANTED)
    np.testing.assert_allclose(found.fields["flux"], flux_of(1), rtol=1e-6)
    assert any("told apart by 'mjd': that of 57001.5 is used" in note for note in found.notes)
    found = read_file(tmp_path / "s.parquet", WANTED, visit="57020.0")
    np.testing.assert_allclose(found.fields["flux"], flux_of(2), rtol=1e-6)
    columns["wavelength"][1] = WAVES.tolist()[:-1]  # of another length than its flux
    pq.write_table(pa.table(columns), tmp_path / "s.parquet")
    found = read_file(tmp_path / "s.parquet", WANTED)
    np.testing.assert_allclose(found.fields["flux"], flux_of(0), rtol=1e-6)


def test_arms_of_one_spectrum_are_no_visits(tmp_path):
    waves = np.concatenate([np.linspace(4000, 5000, 50), np.linspace(4950, 6000, 50)])
    table = Table({"exposure": np.repeat([1, 2], 50), "wavelength": waves, "flux": waves / 5000})
    table.write(tmp_path / "s.csv", format="ascii.csv")
    found = read_file(tmp_path / "s.csv", WANTED)
    assert len(found.fields["flux"]) == 100
    assert not any("spectra" in note for note in found.notes)


def test_a_file_that_names_nothing(tmp_path):
    table = Table({"wavelength": WAVES, "flux": flux_of(0)})
    table.write(tmp_path / "s.csv", format="ascii.csv")
    assert len(read_file(tmp_path / "s.csv", WANTED).fields["flux"]) == 50
    with pytest.raises(DataError, match="no column that tells several spectra apart"):
        read_file(tmp_path / "s.csv", WANTED, visit="v1")


def test_several_objects_are_refused_all_the_same(tmp_path):
    path = long(tmp_path, "visit", object_id=np.repeat(["a", "b", "c"], len(WAVES)))
    with pytest.raises(DataError, match="holds 3 objects"):
        read_file(path, WANTED)
    columns = {"wavelength": [WAVES.tolist()] * 3, "flux": [flux_of(i).tolist() for i in range(3)]}
    pq.write_table(pa.table(columns), tmp_path / "s.parquet")
    with pytest.raises(DataError, match="holds 3 objects"):
        read_file(tmp_path / "s.parquet", WANTED)


def test_a_list_of_files_tells_which_is_used(tmp_path):
    given = take_given([long(tmp_path, "visit")], wanted=WANTED)
    flux = given.dataset.ragged("spectrum").fields["flux"]
    np.testing.assert_allclose(flux, flux_of(1), rtol=1e-6)
    assert any("that of v1 is used" in note for note in given.notes)
