"""ATLAS: the text table of the forced photometry server."""

import numpy as np

from tests.ingest.curve_files import given, import_file, only
from tests.ingest.written.atlas import TEXT

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
