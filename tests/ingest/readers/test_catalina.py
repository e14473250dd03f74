"""Catalina: the CSV of the photometry server, of one and of several objects, and real stars."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from skybind.errors import DataError
from tests.ingest.curve_files import given, import_curves, only
from tests.ingest.written.catalina import ONE, TWO, written

STARS = Path(__file__).parents[4] / "shared/data/stars/css_variables/lightcurves.parquet"


def test_a_table_of_several_objects(tmp_path):
    written(tmp_path / "result.csv", ONE + TWO)
    ids = ["1001006032764", "1001006032765"]
    found = import_curves(tmp_path, ids, file="result.csv", format="catalina")
    for name in ids:
        curve = found.curves[name]
        np.testing.assert_allclose(curve["time"], [2453563.934, 2453563.946], rtol=0, atol=1e-6)
        np.testing.assert_allclose(curve["magnitude"], [16.45, 16.57], rtol=1e-6)
        np.testing.assert_allclose(curve["magnitude_err"], [0.06, 0.07], rtol=1e-6)
    with pytest.raises(DataError, match="holds 2 objects"):
        given(tmp_path / "result.csv", magnitude="mag", magnitude_err="mag")


def test_a_file_to_search_with(tmp_path):
    found = given(written(tmp_path / "1.csv", ONE), magnitude="mag", magnitude_err="mag")
    np.testing.assert_allclose(found.fields["time"], [2453563.934, 2453563.946])
    assert "1.csv: read as Catalina light curve." in found.notes


@pytest.mark.skipif(not STARS.exists(), reason="shared data are not here")
def test_real_stars_written_as_the_server_writes_them(tmp_path):
    stars = pq.read_table(STARS).slice(0, 3).to_pylist()
    rows = [
        (s["css_id"], m, e, s["ra"], s["dec"], t, 0)
        for s in stars
        for t, m, e in zip(s["mjd"], s["mag"], s["mag_err"], strict=True)
    ]
    written(tmp_path / "result.csv", rows)
    ids = [str(star["css_id"]) for star in stars]
    found = import_curves(tmp_path, ids, file="result.csv", format="catalina")
    for name, star in zip(ids, stars, strict=True):
        mjd = np.unique(found.curves[name]["time"] - 2400000.5)
        np.testing.assert_allclose(mjd, np.unique(star["mjd"]), rtol=0, atol=1e-8)
    assert only(import_curves(tmp_path, ids[:1], file="result.csv", format="catalina"))
