"""Kepler and K2: a file in the published layout, as astropy writes it."""

import numpy as np
from astropy.io import fits

from tests.ingest.curve_files import given, import_file, only

TIME = np.array([131.51, 131.53, 131.55, 131.57])
FLUX = np.array([5000.0, 5001.0, 5003.0, 4000.0], np.float32)
#: Nothing; a cosmic ray in the aperture (bit 7), which counts by no default; a thruster firing.
QUALITY = np.array([0, 128, 0, 1048576], np.int32)


def kepler(path, unit="BJD - 2454833"):
    columns = [
        fits.Column("TIME", "D", unit=unit, array=TIME),
        fits.Column("SAP_FLUX", "E", unit="e-/s", array=FLUX / 2),
        fits.Column("PDCSAP_FLUX", "E", unit="e-/s", array=FLUX),
        fits.Column("PDCSAP_FLUX_ERR", "E", unit="e-/s", array=np.full(4, 2.0)),
        fits.Column("SAP_QUALITY", "J", array=QUALITY),
    ]
    primary = fits.PrimaryHDU()
    primary.header.update({"TELESCOP": "Kepler", "KEPLERID": 757450, "MISSION": "Kepler"})
    table = fits.BinTableHDU.from_columns(columns, name="LIGHTCURVE")
    fits.HDUList([primary, table]).writeto(path)
    return path


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
