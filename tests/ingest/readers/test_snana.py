"""SNANA: pairs of files with the objects and with their epochs, as astropy writes them."""

import numpy as np
import pytest
from astropy.io import fits

from skybind.errors import DataError
from tests.ingest.curve_files import given, import_curves
from tests.ingest.written.snana import FLUX, MJD, written


@pytest.mark.parametrize("band", ["BAND", "FLT"])
def test_epochs_of_each_object(tmp_path, band):
    path = written(tmp_path, band)
    found = import_curves(tmp_path, ["1001", "1002"], file=path.name, format="snana")
    one, two = found.curves["1001"], found.curves["1002"]
    np.testing.assert_allclose(one["time"], 2400000.5 + MJD[:3], rtol=0, atol=1e-8)
    np.testing.assert_allclose(two["time"], 2400000.5 + MJD[4:6], rtol=0, atol=1e-8)
    # a flux of 100 is AB magnitude 22.5, so 3.631e-3 mJy
    np.testing.assert_allclose(one["flux"], 3.631e-3 * FLUX[:3] / 100, rtol=1e-5)
    np.testing.assert_allclose(two["flux_err"], 3.631e-3 * 0.02, rtol=1e-5)
    assert (one["band"].tolist(), two["band"].tolist()) == (["r", "g", "Y"], ["i", "z"])


def test_pairs_in_parts(tmp_path):
    written(tmp_path)
    for name in ("HEAD", "PHOT"):
        (tmp_path / f"M_{name}.FITS.gz").rename(tmp_path / f"A_{name}.FITS.gz")
    written(tmp_path)
    with fits.open(tmp_path / "M_HEAD.FITS.gz") as hdus:
        hdus[1].data["SNID"] = ["2001", "2002"]
        hdus.writeto(tmp_path / "M_HEAD.FITS.gz", overwrite=True)
    ids = ["1001", "1002", "2001", "2002"]
    found = import_curves(tmp_path, ids, file="*_PHOT.FITS.gz", format="snana")
    assert [len(found.curves[name]["time"]) for name in ids] == [3, 2, 3, 2]


def test_files_that_are_no_pair_are_refused(tmp_path):
    path = written(tmp_path, last=(4, 6))
    with pytest.raises(DataError, match="the two files are no pair"):
        import_curves(tmp_path, ["1001", "1002"], file=path.name, format="snana")


def test_a_file_to_search_with_needs_one_object(tmp_path):
    path = written(tmp_path, pair=False)
    with pytest.raises(DataError, match="holds 2 objects"):
        given(path, flux="mJy", flux_err="mJy")
    with fits.open(path) as hdus:
        table = fits.BinTableHDU(hdus[1].data[:4])
        fits.HDUList([hdus[0], table]).writeto(tmp_path / "one.fits")
    found = given(tmp_path / "one.fits", flux="mJy", flux_err="mJy")
    np.testing.assert_allclose(found.fields["flux"], 3.631e-5 * FLUX[:3], rtol=1e-5)
    assert "one.fits: read as SNANA light curve." in found.notes


def test_a_table_without_bands_is_refused(tmp_path):
    path = written(tmp_path, band="BANDS")
    with pytest.raises(DataError, match="has no column 'FLT'"):
        import_curves(tmp_path, ["1001", "1002"], file=path.name, format="snana")
