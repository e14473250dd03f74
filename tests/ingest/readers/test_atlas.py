"""ATLAS: the text table of the forced photometry server."""

import numpy as np

from tests.ingest.curve_files import given, import_file, only

TEXT = """\
###MJD          m      dm   uJy   duJy F err chi/N     RA       Dec        x        y     maj  min   phi  apfit mag5sig Sky   Obs
57231.345812  17.501  0.021  363    7 o  0   1.05 161.19738  53.66524   356.28  1198.43 2.50 2.50   0.0 -0.400 19.42 19.32 01a57231o0451o
57235.345812 -21.185  1.429  -12   17 c  0   1.01 161.19738  53.66524   356.28  1198.43 2.50 2.50   0.0 -0.400 19.02 19.12 01a57235o0451c
57238.626060  14.278  0.406 7000   11 o  1  99.10 161.19738  53.66524   356.28  1198.43 4.49 4.49   0.0 -0.200 18.57 18.88 01a57238o0451o
57239.500000  17.600  0.030  331   15 o  0   1.02 161.19738  53.66524   356.28  1198.43 2.50 2.50   0.0 -0.400 18.88 19.00 02a57239o0451o
"""  # noqa: E501
MJD = np.array([57231.345812, 57235.345812, 57239.5])


def test_fluxes_are_read_and_may_be_negative(tmp_path):
    (tmp_path / "1.txt").write_text(TEXT)
    found = import_file(tmp_path / "1.txt", "atlas")
    curve = only(found)
    np.testing.assert_allclose(curve["time"], 2400000.5 + MJD, rtol=0, atol=1e-8)
    np.testing.assert_allclose(curve["flux"], [0.363, -0.012, 0.331], rtol=1e-6)
    np.testing.assert_allclose(curve["flux_err"], [0.007, 0.017, 0.015], rtol=1e-6)
    assert curve["band"].tolist() == ["o", "c", "o"]
    assert found.column.fields["flux"] == "mJy"
    assert found.summary.repaired["photometry"] == {"epochs flagged as bad": 1}


def test_a_file_to_search_with(tmp_path):
    (tmp_path / "job.txt").write_text(TEXT)
    found = given(tmp_path / "job.txt", flux="mJy", flux_err="mJy")
    np.testing.assert_allclose(found.fields["flux"], [0.363, -0.012, 0.331], rtol=1e-6)
    assert "job.txt: read as ATLAS light curve." in found.notes
    assert "job.txt: 1 flagged epochs are left out." in found.notes
