"""TESS: files of SPOC and of QLP, as astropy writes them in the published layout."""

import numpy as np
import pytest

from tests.ingest.curve_files import given, import_file, only
from tests.ingest.written.tess import FLUX, TIME, qlp, spoc

GOOD = [0, 2, 5]


def test_spoc_is_read_in_julian_dates_and_counts_without_flagged_cadences(tmp_path):
    found = import_file(spoc(tmp_path / "1.fits"), "tess")
    curve = only(found)
    np.testing.assert_allclose(curve["time"], 2457000 + TIME[GOOD], rtol=0, atol=1e-8)
    np.testing.assert_array_equal(curve["flux"], FLUX[GOOD])
    np.testing.assert_array_equal(curve["flux_err"], [2, 2, 2])
    assert found.column.fields["flux"] == "electron / s"
    assert found.column.attributes["time_system"] == "BJD"
    assert "mask" not in found.column.fields
    assert found.summary.repaired["photometry"]["epochs flagged as bad"] == 2


def test_keys_that_are_given_replace_those_of_the_format(tmp_path):
    path = spoc(tmp_path / "1.fits")
    found = import_file(path, "tess", flux="SAP_FLUX", flux_err="SAP_FLUX_ERR",
                        mask={"bits": [11]})  # fmt: skip
    curve = only(found)
    np.testing.assert_array_equal(curve["flux"], FLUX[[0, 1, 4, 5]] / 2)
    np.testing.assert_array_equal(curve["flux_err"], [3, 3, 3, 3])
    found = import_file(path, "tess", mask={"bits": []})
    assert len(only(found)["time"]) == 5


@pytest.mark.parametrize("flux", ["KSPSAP_FLUX", "DET_FLUX"])
def test_qlp_is_relative(tmp_path, flux):
    found = import_file(qlp(tmp_path / "1.fits", flux), "tess")
    np.testing.assert_allclose(only(found)["flux"], FLUX[GOOD] / 1000, rtol=1e-6)
    np.testing.assert_allclose(only(found)["flux_err"], 0.002)
    assert found.column.fields["flux"] == ""


def test_the_offset_is_what_the_file_states_and_known_where_it_states_none(tmp_path):
    one = only(import_file(spoc(tmp_path / "1.fits", unit=None), "tess"))
    np.testing.assert_allclose(one["time"], 2457000 + TIME[GOOD], rtol=0, atol=1e-8)
    path = spoc(tmp_path / "2.fits", TIME + 7000, "BJD - 2450000, days")
    np.testing.assert_allclose(only(import_file(path, "tess"))["time"], one["time"], atol=1e-8)


def test_a_file_to_search_with_is_known_by_its_content(tmp_path):
    found = given(spoc(tmp_path / "any.fits"), flux="electron / s", flux_err="electron / s")
    np.testing.assert_allclose(found.fields["time"][[0, 1, 3]], 2457000 + TIME[GOOD])
    np.testing.assert_array_equal(found.fields["flux"][[0, 1, 3]], FLUX[GOOD])
    assert "any.fits: read as TESS light curve." in found.notes
    assert "any.fits: 2 flagged epochs are left out." in found.notes


def test_other_files_are_none_of_tess(tmp_path):
    with pytest.raises(Exception, match="no light curve of TESS: it has no PDCSAP_FLUX"):
        import_file(qlp(tmp_path / "1.fits", "OTHER"), "tess")
