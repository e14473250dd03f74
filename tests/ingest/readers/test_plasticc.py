"""PLAsTiCC: the challenge's table of epochs."""

import numpy as np
import pytest

from skybind.errors import DataError
from tests.ingest.curve_files import given, import_curves
from tests.ingest.written.plasticc import ROWS, written


def test_fluxes_have_their_zero_point_and_bands_their_names(tmp_path):
    other = [(713, *row[1:]) for row in ROWS]
    written(tmp_path / "training_set.csv", ROWS + other)
    found = import_curves(tmp_path, ["615", "713"], file="training_set.csv", format="plasticc")
    for curve in found.curves.values():
        assert curve["band"].tolist() == list("rgiuzy")
        magnitude = 27.5 - 2.5 * np.log10(388.9)
        flux = 3631e3 * 10 ** (-0.4 * magnitude)
        np.testing.assert_allclose(curve["flux"][4], flux, rtol=1e-5)
        np.testing.assert_allclose(curve["flux"][0] / curve["flux"][4], -544.8 / 388.9, rtol=1e-5)
        np.testing.assert_allclose(curve["flux_err"], flux * 3.6 / 388.9, rtol=1e-5)
        np.testing.assert_allclose(curve["time"][0], 2400000.5 + 59750.4229, rtol=0, atol=1e-8)
    assert found.column.fields["flux"] == "mJy"


def test_a_table_that_does_not_say_what_was_detected_could_be_in_any_unit(tmp_path):
    path = written(tmp_path / "1.csv", ROWS)
    path.write_text(path.read_text().replace("detected_bool", "airmass"))
    found = given(path, flux="mJy", flux_err="mJy", band=None)
    assert found.fields["flux"][0] == np.float32(-544.8)
    assert not any("PLAsTiCC" in note for note in found.notes)


def test_a_file_to_search_with(tmp_path):
    found = given(written(tmp_path / "1.csv", ROWS), flux="mJy", flux_err="mJy", band=None)
    assert found.fields["band"].tolist() == list("rgiuzy")
    assert "1.csv: read as PLAsTiCC light curve." in found.notes
    with pytest.raises(DataError, match="holds 2 objects"):
        given(written(tmp_path / "2.csv", [*ROWS, (713, *ROWS[0][1:])]), flux="mJy")
