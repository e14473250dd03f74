"""OGLE: text without a header, with whole and with short dates."""

import numpy as np
import pytest

from skybind.errors import DataError
from tests.ingest.curve_files import given, import_file, only
from tests.ingest.written.ogle import ERR, HJD, MAG, written


@pytest.mark.parametrize(("zero", "more"), [(0, ""), (2450000, ""), (2450000, "  5.67  1021.0")])
def test_dates_are_whole_julian_dates(tmp_path, zero, more):
    found = import_file(written(tmp_path / "OGLE-LMC-RRLYR-00001.dat", zero, more), "ogle")
    curve = only(found)
    np.testing.assert_allclose(curve["time"], 2450000 + HJD, rtol=0, atol=1e-6)
    np.testing.assert_allclose(curve["magnitude"], MAG, rtol=1e-6)
    np.testing.assert_allclose(curve["magnitude_err"], ERR, rtol=1e-6)
    assert found.column.attributes["time_system"] == "HJD"


def test_dates_of_neither_kind_are_refused(tmp_path):
    with pytest.raises(Exception, match="neither Julian dates nor counted from 2450000"):
        import_file(written(tmp_path / "1.dat", 56000), "ogle")


def test_files_are_known_by_their_names_for_their_content_could_be_anybodys(tmp_path):
    path = written(tmp_path / "OGLE-BLG-CEP-001.dat")
    found = given(path, magnitude="mag", magnitude_err="mag")
    np.testing.assert_allclose(found.fields["time"], 2450000 + HJD, rtol=0, atol=1e-6)
    assert "OGLE-BLG-CEP-001.dat: read as OGLE light curve." in found.notes
    other = written(tmp_path / "star.dat")
    with pytest.raises(DataError, match="has no header"):
        given(other, magnitude="mag", magnitude_err="mag")
    asked = given(other, "ogle", magnitude="mag", magnitude_err="mag")
    np.testing.assert_allclose(asked.fields["magnitude"], MAG, rtol=1e-6)


def test_other_tables_are_refused(tmp_path):
    with pytest.raises(Exception, match="4 columns where OGLE has three"):
        import_file(written(tmp_path / "1.dat", 0, " 7"), "ogle")
