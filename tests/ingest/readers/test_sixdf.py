"""6dFGS: thumbnails, then V, R and VR of each observation."""

import numpy as np
import pytest
from astropy.io import fits

from skybind.ingest.file_content import FileError
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import known_format
from tests.ingest.spectrum_files import given, import_spectra
from tests.ingest.written.sixdf import WAVE, write

BAD = [False, True, False, True, False, False]


def check(fields: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(fields["wavelength"], WAVE, rtol=2e-7)
    assert fields["mask"].tolist() == BAD
    np.testing.assert_allclose(fields["flux"][[0, 2, 4]], [50, 70, 90])
    np.testing.assert_allclose(fields["ivar"][[0, 2, 4]], [1 / 25, 1 / 4, 1 / 16])


@pytest.mark.parametrize("observations", [1, 2])
def test_the_spliced_spectrum_of_the_first_observation(tmp_path, observations):
    path = write(tmp_path / "g0000001.fits", observations=observations)
    assert known_format("spectrum", Look(path.read_bytes(), "any.fits")) == "6df"
    found = import_spectra(tmp_path, ["g0000001"], folder=".", pattern="{id}.fits", format="6df")
    check(found.spectra["g0000001"])
    assert "in air" in found.column.description
    content = given(path)
    check(content.fields)
    assert any("read as 6dFGS spectrum (wavelengths in air" in note for note in content.notes)


def test_wavelengths_by_the_header(tmp_path):
    check(given(write(tmp_path / "1.fits", fourth=False), "6df").fields)


def test_other_images_are_none(tmp_path):
    path = tmp_path / "image.fits"
    images = [fits.ImageHDU(np.ones((3, 9))) for _ in range(8)]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    assert known_format("spectrum", Look(path.read_bytes(), "image.fits")) is None
    with pytest.raises(FileError, match="no images V, R and VR"):
        given(path, "6df")
