"""ALeRCE: detections as CSV and JSON, with non-detections."""

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from tests.ingest.curve_files import given, import_curves, import_file, only
from tests.ingest.written.alerce import DETECTIONS, written

#: AB magnitude 18.9 is 0.1 mJy (zero 3631 Jy: 16.4 is 1).
FLUX = 3631e3 * 10 ** (-0.4 * np.array([18.9, 18.9, 16.4])) * [1, -1, 1]


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_differences_have_their_sign(tmp_path, suffix):
    found = import_file(written(tmp_path / f"1.{suffix}"), "alerce")
    curve = only(found)
    np.testing.assert_allclose(FLUX, [0.1, -0.1, 1], rtol=0.01)
    np.testing.assert_allclose(curve["flux"], FLUX, rtol=1e-6)
    error = np.abs(FLUX) * np.array([0.1, 0.2, 0.1]) * np.log(10) / 2.5
    np.testing.assert_allclose(curve["flux_err"], error, rtol=1e-6)
    np.testing.assert_allclose(curve["time"], 2400000.5 + np.array([58300.2, 58301.2, 58302.2]))
    assert curve["band"].tolist() == ["g", "r", "i"]
    repaired = found.summary.repaired["photometry"]
    assert repaired["epochs flagged as bad"] == 1
    assert repaired.get("upper limits", 0) == (2 if suffix == "json" else 0)
    if suffix == "json":
        limits = Dataset.open(tmp_path / "out").ragged("photometry_limits").fields
        np.testing.assert_allclose(limits["time"], 2400000.5 + np.array([58298.2, 58299.2]))
        np.testing.assert_allclose(
            limits["flux"], 3631e3 * 10 ** (-0.4 * np.array([19, 20.5])), rtol=1e-6
        )
        assert limits["band"].tolist() == ["r", "g"]


def test_magnitudes_with_the_reference(tmp_path):
    found = import_file(
        written(tmp_path / "1.csv"),
        "alerce",
        magnitude={"column": "magpsf_corr", "unit": "mag", "missing": [100]},
        magnitude_err={"column": "sigmapsf_corr_ext", "unit": "mag", "missing": [100]},
    )
    np.testing.assert_allclose(only(found)["magnitude"], [18.0, 16.1], rtol=1e-6)


def test_a_table_of_many_objects(tmp_path):
    path = written(tmp_path / "all.csv")
    other = path.read_text().replace("abcdefg", "other").split("\n", 1)[1]
    path.write_text(path.read_text() + other)
    ids = ["ZTF18abcdefg", "ZTF18other"]
    found = import_curves(tmp_path, ids, file="all.csv", format="alerce")
    for name in ids:
        np.testing.assert_allclose(found.curves[name]["flux"], FLUX, rtol=1e-6)


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_a_file_to_search_with(tmp_path, suffix):
    found = given(written(tmp_path / f"1.{suffix}"), flux="mJy", flux_err="mJy")
    np.testing.assert_allclose(np.sort(found.fields["flux"]), np.sort(FLUX), rtol=1e-6)
    assert f"1.{suffix}: read as ALeRCE light curve." in found.notes
    assert f"1.{suffix}: 1 flagged epochs are left out." in found.notes


def test_the_limits_of_a_given_file_stand_beside_its_epochs(tmp_path):
    content = given(written(tmp_path / "1.json"), flux="mJy", flux_err="mJy", band=None)
    assert len(content.fields["time"]) == 3
    order = np.argsort(content.limits["time"])
    np.testing.assert_allclose(
        content.limits["time"][order], 2400000.5 + np.array([58298.2, 58299.2])
    )
    np.testing.assert_allclose(
        content.limits["flux"][order], 3631e3 * 10 ** (-0.4 * np.array([19, 20.5])), rtol=1e-6
    )
    assert content.limits["band"][order].tolist() == ["r", "g"]
    assert given(written(tmp_path / "1.csv"), flux="mJy", flux_err="mJy").limits == {}


@pytest.mark.parametrize("sign", ["", "?", "3"])
@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_a_difference_without_a_sign_is_no_measurement(tmp_path, suffix, sign):
    rows = [dict(DETECTIONS[0], isdiffpos=sign), *DETECTIONS[1:]]
    found = only(import_file(written(tmp_path / f"1.{suffix}", rows), "alerce"))
    np.testing.assert_allclose(found["flux"], FLUX[1:], rtol=1e-6)
