"""The Open Supernova Catalog: one object a JSON file."""

import numpy as np
import pytest

from skybind.data.quarantine import read_quarantine
from tests.ingest.curve_files import given, import_file, only
from tests.ingest.written.osc import PHOTOMETRY, written


def test_magnitudes_limits_and_what_is_no_magnitude(tmp_path):
    found = import_file(written(tmp_path / "SN2011fe.json"), "osc")
    curve = only(found)
    mjd = np.array([55801.1, 55802.2, 55803.1, 55803.4])
    np.testing.assert_allclose(curve["time"], 2400000.5 + mjd, rtol=0, atol=1e-6)
    np.testing.assert_allclose(curve["magnitude"], [16.2, 15.9, 15.5, 15.6], rtol=1e-6)
    # an error that the source does not give is that of the others
    np.testing.assert_allclose(curve["magnitude_err"], [0.02, 0.03, 0.02, 0.02], rtol=1e-5)
    assert curve["band"].tolist() == ["g", "V", "V", "V"]
    assert found.summary.repaired["photometry"]["upper limits"] == 1
    reasons = [row["reason"] for row in read_quarantine(tmp_path / "out")]
    assert "magnitudes of AB and Vega stand side by side in band V" in reasons


def test_a_file_to_search_with(tmp_path):
    found = given(written(tmp_path / "1.json"), magnitude="mag", magnitude_err="mag", band=None)
    assert len(found.fields["time"]) == 4
    assert "1.json: read as Open Supernova Catalog light curve." in found.notes
    assert "1.json: 1 upper limits are left out." in found.notes
    left_out = "entries of photometry are left out: 1 without a magnitude and 1 of a model"
    assert any(left_out in note for note in found.notes)


def test_unknown_units_of_time_are_refused(tmp_path):
    rows = [dict(point, u_time="year") for point in PHOTOMETRY]
    with pytest.raises(Exception, match="the unit of time 'year' is not known"):
        import_file(written(tmp_path / "1.json", rows), "osc")


@pytest.mark.parametrize("point", [{"time": "2455803.6"}, {"time": "55803.6", "u_time": "JD"}])
def test_a_time_that_does_not_fit_its_unit_is_left_out(tmp_path, point):
    rows = [*PHOTOMETRY, {**point, "magnitude": "15.4", "band": "V", "system": "AB"}]
    assert len(only(import_file(written(tmp_path / "1.json", rows), "osc"))["time"]) == 4
    reasons = [row["reason"] for row in read_quarantine(tmp_path / "out")]
    assert any("1 whose 'time' does not fit its unit" in reason for reason in reasons)
