"""Kepler and K2: a file in the published layout, as astropy writes it."""

import numpy as np

from tests.ingest.curve_files import given, import_file, only
from tests.ingest.written.kepler import FLUX, TIME, kepler


def test_times_flux_and_flags(tmp_path):
    for name, unit in (("1", "BJD - 2454833"), ("2", None)):
        found = import_file(kepler(tmp_path / f"{name}.fits", unit), "kepler")
        np.testing.assert_allclose(only(found)["time"], 2454833 + TIME[:3], rtol=0, atol=1e-8)
        np.testing.assert_array_equal(only(found)["flux"], FLUX[:3])
        assert found.column.fields["flux"] == "electron / s"
        assert found.column.attributes["time_system"] == "BJD"
        assert found.summary.repaired["photometry"]["epochs flagged as bad"] == 1


def test_a_file_to_search_with(tmp_path):
    found = given(kepler(tmp_path / "kplr.fits"), flux="electron / s")
    np.testing.assert_array_equal(found.fields["flux"], FLUX[:3])
    assert "kplr.fits: read as Kepler light curve." in found.notes
