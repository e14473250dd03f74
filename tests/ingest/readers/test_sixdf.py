"""6dFGS: thumbnails, then V, R and VR of each observation."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from skybind.ingest.file_content import FileError
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import known_format
from tests.ingest.spectrum_files import given, import_spectra

WAVE = 3932.253 + 1.633849 * np.arange(6)
FLUX = np.array([50, 60, 70, 80, 90, 100.0])
VARIANCE = np.array([25, 0, 4, np.nan, 16, 100.0])
BAD = [False, True, False, True, False, False]


def spectrum(first: float, step: float, *rows: np.ndarray, crpix: float = 1) -> fits.ImageHDU:
    header = {"CRVAL1": first, "CDELT1": step, "CRPIX1": crpix, "CTYPE1": "LINEAR"}
    header |= {"CUNIT1": "Angstroms"}
    return fits.ImageHDU(np.array(rows, np.float32), fits.Header(header))


def write(path: Path, fourth: bool = True, observations: int = 1) -> Path:
    sky = np.full(6, 7.0)
    hdus = [fits.PrimaryHDU()]
    scale = fits.Header({"CTYPE1": "RA---TAN", "CRVAL1": 180.0, "CDELT1": -1e-4})
    hdus += [fits.ImageHDU(np.ones((4, 4), np.float32), scale) for _ in range(5)]
    for i in range(observations):
        hdus.append(spectrum(4773.686, 1.633849, 9 * FLUX, VARIANCE, sky, crpix=516))
        hdus.append(spectrum(6462.262, 2.201290, 8 * FLUX, VARIANCE, sky, crpix=516))
        rows = [FLUX * (1 + i), VARIANCE, sky, WAVE][: 4 if fourth else 3]
        # the reference pixel is not the first, so that counting from 0 would be seen
        hdus.append(spectrum(WAVE[2], 1.633849, *rows, crpix=3))
    fits.HDUList(hdus).writeto(path)
    return path


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
