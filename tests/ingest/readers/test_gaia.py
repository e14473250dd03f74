"""Gaia's epoch photometry in both layouts, as VOTable, CSV and with lists."""

import numpy as np
import pytest

from skybind.errors import DataError
from tests.ingest.curve_files import given, import_curves, import_file, only
from tests.ingest.written.gaia import LAYOUTS, MAG, OVER, SOURCE, TIME, files, individual, write_csv

#: Neither flag of G; those of BP and RP reject nothing, the last epoch of RP is not there.
LEFT = {"G": [0], "BP": [0, 1, 2], "RP": [0, 1]}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_epochs_of_three_bands_without_rejected_ones(tmp_path, layout):
    found = import_file(files(tmp_path, layout), "gaia")
    curve = only(found)
    assert found.summary.repaired["photometry"]["epochs flagged as bad"] == 2
    assert found.column.attributes["time_system"] == "BJD"
    for band, left in LEFT.items():
        own = curve["band"] == band
        np.testing.assert_allclose(
            curve["time"][own], 2455197.5 + np.array(TIME[band])[left], rtol=0, atol=1e-8
        )
        np.testing.assert_allclose(curve["magnitude"][own], np.array(MAG[band])[left], rtol=1e-6)
        error = 2.5 / np.log(10) / np.array(OVER[band])[left]
        np.testing.assert_allclose(curve["magnitude_err"][own], error, rtol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_to_search_with(tmp_path, layout):
    path = files(tmp_path, layout)
    found = given(path, magnitude="mag", magnitude_err="mag", band=None)
    finite = np.isfinite(found.fields["magnitude"])
    assert finite.sum() == 6
    assert f"{path.name}: read as Gaia DR3 light curve." in found.notes
    assert f"{path.name}: 2 flagged epochs are left out." in found.notes


def test_many_sources_in_one_table(tmp_path):
    rows = individual()
    other = {**rows, "source_id": [SOURCE + 1] * 9, "mag": [m + 1 for m in rows["mag"]]}
    write_csv(tmp_path / "all.csv", {key: rows[key] + other[key] for key in rows})
    ids = [str(SOURCE), str(SOURCE + 1)]
    found = import_curves(tmp_path, ids, file="all.csv", format="gaia")
    one, two = (found.curves[name]["magnitude"] for name in ids)
    np.testing.assert_allclose(two, one + 1, rtol=1e-6)
    with pytest.raises(DataError, match="holds 2 objects"):
        given(tmp_path / "all.csv", magnitude="mag", magnitude_err="mag", band=None)


def test_fluxes_in_place_of_magnitudes(tmp_path):
    path = files(tmp_path, "individual.csv")
    flux = {"column": "flux", "unit": "electron / s"}
    found = import_file(path, "gaia", flux=flux, flux_err="flux_error")
    assert found.column.fields["flux"] == "electron / s"
    assert only(found)["flux"].max() == 500_000
