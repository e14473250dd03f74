"""MaNGA cubes: the spaxel on the galaxy, not the corner or the middle of the array."""

import numpy as np
import pytest

from skybind.ingest.file_content import FileError
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import known_format
from skybind.ingest.readers.sdss import FLUX_UNIT
from tests.ingest.spectrum_files import given, import_spectra
from tests.ingest.written.manga import DEC, RA, WAVE, write


def check(fields: dict[str, np.ndarray], x: int, y: int) -> None:
    np.testing.assert_allclose(fields["wavelength"], WAVE, rtol=2e-7)
    assert fields["mask"].tolist() == [False, True, True, False, False]
    np.testing.assert_allclose(fields["flux"][[0, 3, 4]], 100 * y + 10 * x + np.array([0, 3, 4]))
    np.testing.assert_allclose(fields["ivar"][[0, 3, 4]], 4)


def test_the_reference_pixel_is_the_centre(tmp_path):
    path = write(tmp_path / "manga-1-2-LOGCUBE.fits")
    assert known_format("spectrum", Look(path.read_bytes(), "any.fits")) == "manga"
    found = import_spectra(
        tmp_path, ["1-2"], folder=".", pattern="manga-{id}-LOGCUBE.fits", format="manga"
    )
    check(found.spectra["1-2"], x=4, y=3)
    assert found.column.fields["flux"] == FLUX_UNIT
    assert "central spaxel" in found.column.description
    content = given(path, flux=FLUX_UNIT)
    check(content.fields, x=4, y=3)
    assert any("read as MaNGA spectrum (the central spaxel" in note for note in content.notes)


def test_the_galaxy_may_stand_beside_the_centre_of_the_bundle(tmp_path):
    """One arcsec to the north and half a one to the west: two spaxels up, one to the right."""
    west = RA - 0.5 / 3600 / np.cos(np.radians(DEC))
    path = write(tmp_path / "1.fits", OBJRA=west, OBJDEC=DEC + 1 / 3600)
    check(given(path, flux=FLUX_UNIT).fields, x=5, y=5)


def test_a_centre_outside_and_another_unit_are_refused(tmp_path):
    outside = write(tmp_path / "1.fits", OBJRA=RA, OBJDEC=DEC + 10 / 3600)
    with pytest.raises(FileError, match="outside the cube"):
        given(outside, flux=FLUX_UNIT)
    with pytest.raises(FileError, match="1E-17"):
        given(write(tmp_path / "2.fits", unit="erg/s/cm^2/Ang"), flux=FLUX_UNIT)
