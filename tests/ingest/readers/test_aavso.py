"""AAVSO: downloads and the extended format."""

import numpy as np
import pytest

from tests.ingest.curve_files import given, import_file, only
from tests.ingest.written.aavso import download, extended


def test_a_download_without_limits_and_discrepant_observations(tmp_path):
    found = import_file(download(tmp_path / "1.csv"), "aavso")
    curve = only(found)
    np.testing.assert_array_equal(curve["time"], [2457000.5, 2457002.5, 2457004.5])
    np.testing.assert_allclose(curve["magnitude"], [9.1, 9.35, 9.4], rtol=1e-6)
    # visual observations have no error; each is given the only one that is known
    np.testing.assert_allclose(curve["magnitude_err"], 0.01, rtol=1e-6)
    assert curve["band"].tolist() == ["Vis.", "V", "Vis."]
    assert found.column.attributes["time_system"] == "JD"
    repaired = found.summary.repaired["photometry"]
    assert (repaired["upper limits"], repaired["epochs flagged as bad"]) == (1, 1)


@pytest.mark.parametrize("delimiter", [",", ";", "|"])
def test_the_extended_format(tmp_path, delimiter):
    found = import_file(extended(tmp_path / "1.txt", delimiter), "aavso")
    curve = only(found)
    np.testing.assert_allclose(curve["time"], [2450702.1234, 2450702.1254, 2450702.1274])
    np.testing.assert_allclose(curve["magnitude"], [11.135, 11.335, 11.435], rtol=1e-6)
    assert curve["band"].tolist() == ["V", "V", "B"]
    assert found.column.attributes["time_system"] == "HJD"
    assert found.summary.repaired["photometry"]["upper limits"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [({"date": "EXCEL"}, "has dates as EXCEL"), ({"mtype": "DIF"}, "differences to a comparison")],
)
def test_what_cannot_be_read_is_refused(tmp_path, change, message):
    with pytest.raises(Exception, match=message):
        import_file(extended(tmp_path / "1.txt", **change), "aavso")


@pytest.mark.parametrize("write", [download, extended])
def test_a_file_to_search_with(tmp_path, write):
    path = write(tmp_path / "1.csv")
    found = given(path, magnitude="mag", magnitude_err="mag")
    assert len(found.fields["time"]) == 3
    assert "1.csv: read as AAVSO light curve." in found.notes
    assert "1.csv: 1 upper limits are left out." in found.notes


def test_an_unquoted_comma_in_a_comment_shifts_no_flag(tmp_path):
    """The last columns are blank, so that the row is blank where it is too long."""
    path = download(tmp_path / "1.csv")
    path.write_text(path.read_text().replace('"clouds, ""moon"""', "clouds, moon", 1))
    assert len(only(import_file(path, "aavso"))["time"]) == 2
