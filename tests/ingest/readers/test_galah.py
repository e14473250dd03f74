"""GALAH DR3: four cameras, one spectrum."""

import zipfile

import numpy as np
import pytest
from astropy.io import fits

from skybind.ingest.readers.galah import other_cameras
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import known_format
from tests.ingest.spectrum_files import given, import_spectra
from tests.ingest.written.galah import FIRST, STAR, STEP, write


def check(fields: dict[str, np.ndarray], cameras: tuple[int, ...] = (1, 2, 3, 4)) -> None:
    wave = np.concatenate([FIRST[c] + STEP[c] * np.arange(5) for c in cameras])
    np.testing.assert_allclose(fields["wavelength"], wave, rtol=2e-7)
    bad = np.array([False, False, True, True, False] * len(cameras))
    assert fields["mask"].tolist() == bad.tolist()
    scale = np.repeat(cameras, 5)[~bad]
    np.testing.assert_allclose(
        fields["flux"][~bad], scale * np.tile([1000, 2000, -500], len(cameras)), rtol=1e-6
    )
    # the error is relative: 100 counts of 1000, of 2000 and of -500
    np.testing.assert_allclose(fields["ivar"][~bad], (scale * 100.0) ** -2, rtol=1e-5)


def test_four_files_become_one_spectrum(tmp_path):
    paths = [write(tmp_path, camera) for camera in (1, 2, 3, 4)]
    found = import_spectra(tmp_path, [STAR], folder=".", pattern="{id}1.fits", format="galah")
    check(found.spectra[STAR])
    assert found.summary.quarantined == {}
    assert "wavelengths in air" in found.column.description
    for path in paths:  # any of them finds the others
        content = given(path)
        check(content.fields)
        assert any("GALAH spectrum (wavelengths in air" in note for note in content.notes)


def test_a_star_without_a_camera_in_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "galah.zip", "w") as archive:
        for camera in (2, 4):
            archive.write(write(tmp_path, camera), f"com/{STAR}{camera}.fits")
    found = import_spectra(
        tmp_path, [STAR], folder="galah.zip", pattern="com/{id}2.fits", format="galah"
    )
    check(found.spectra[STAR], (2, 4))


def test_a_reference_pixel_of_0_is_the_first(tmp_path):
    check(given(write(tmp_path, 1, crpix=0)).fields, (1,))


def test_the_normalised_spectrum_has_its_own_axis(tmp_path):
    path = write(tmp_path, 3)
    fields = given(path, "galah_normalised").fields
    np.testing.assert_allclose(fields["wavelength"], 6475 + 0.064 * np.arange(2, 7), rtol=2e-7)
    np.testing.assert_allclose(fields["flux"][:2], [1, 2])
    np.testing.assert_allclose(fields["ivar"][:2], [100, 100], rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("12.fits.gz", ["11.fits.gz", "13.fits.gz", "14.fits.gz"]),
        ("star.fits", []),
        ("15.fits", []),
    ],
)
def test_names_of_other_cameras(name, others):
    assert other_cameras(name) == others


def test_it_is_known_by_content_and_others_are_not(tmp_path):
    path = write(tmp_path, 1)
    assert known_format("spectrum", Look(path.read_bytes(), "any.fits")) == "galah"
    hdus = [fits.PrimaryHDU(np.ones(5), fits.Header({"CRVAL1": 4712.0, "CDELT1": 0.05}))]
    hdus += [fits.ImageHDU(np.ones(5)) for _ in range(4)]
    fits.HDUList(hdus).writeto(tmp_path / "other.fits")
    assert (
        known_format("spectrum", Look((tmp_path / "other.fits").read_bytes(), "other.fits")) is None
    )
