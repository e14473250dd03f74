"""ZTF: tables of IRSA's light curve service and of the bulk download."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.ingest.curve_files import given, import_curves, import_file, only
from tests.ingest.written.ztf import OID, ROWS, written

GOOD = [0, 1, 3]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "xml", "tbl"])
def test_epochs_of_the_service(tmp_path, suffix):
    found = import_file(written(tmp_path / f"1.{suffix}"), "ztf")
    curve = only(found)
    np.testing.assert_allclose(curve["time"], np.array(ROWS["hjd"])[GOOD], rtol=0, atol=1e-9)
    np.testing.assert_allclose(curve["magnitude"], np.array(ROWS["mag"])[GOOD], rtol=1e-6)
    np.testing.assert_allclose(curve["magnitude_err"], [0.01, 0.02, 0.02], rtol=1e-6)
    assert curve["band"].tolist() == ["zg", "zg", "zr"]
    assert found.column.attributes["time_system"] == "HJD"
    assert found.summary.repaired["photometry"]["epochs flagged as bad"] == 1


def test_a_long_table_of_several_objects(tmp_path):
    written(tmp_path / "lc.csv")
    found = import_curves(tmp_path, [str(OID)], file="lc.csv", format="ztf")
    assert len(found.curves[str(OID)]["time"]) == 3


def test_lists_of_the_bulk_download(tmp_path):
    rows = {
        "objectid": pa.array([OID, OID + 1], pa.int64()),
        "filterid": pa.array([1, 2], pa.int8()),
        "hmjd": [[58197.2, 58198.2, 58199.2], [58197.3, 58198.3]],
        "mag": [[16.1, 16.3, 21.9], [15.0, 15.1]],
        "magerr": [[0.01, 0.02, 0.3], [0.01, 0.01]],
        "catflags": [[0, 2, 32768], [0, 0]],
    }
    pq.write_table(pa.table(rows), tmp_path / "ztf.parquet")
    found = import_curves(tmp_path, [str(OID), str(OID + 1)], file="ztf.parquet", format="ztf")
    one, two = found.curves.values()
    np.testing.assert_allclose(one["time"], [2458197.7, 2458198.7], rtol=0, atol=1e-6)
    assert one["band"].tolist() == ["zg", "zg"]
    assert two["band"].tolist() == ["zr", "zr"]
    assert found.summary.repaired["photometry"]["epochs flagged as bad"] == 1


def test_a_file_to_search_with(tmp_path):
    found = given(written(tmp_path / "any.csv"), magnitude="mag", magnitude_err="mag", band=None)
    np.testing.assert_allclose(found.fields["magnitude"], np.array(ROWS["mag"])[GOOD], rtol=1e-6)
    assert "any.csv: read as ZTF light curve." in found.notes
    assert "any.csv: 1 flagged epochs are left out." in found.notes
