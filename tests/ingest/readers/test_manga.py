"""MaNGA cubes: the spaxel on the galaxy, not the corner or the middle of the array."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from skybind.ingest.file_content import FileError
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import known_format
from skybind.ingest.readers.sdss import FLUX_UNIT
from tests.ingest.spectrum_files import given, import_spectra

WAVE = 10 ** (3.5589 + 1e-4 * np.arange(5))
# good, LOWCOV, DONOTUSE, bit 4 (not one of the bad ones), good
BITS = np.array([0, 1 << 1, 1 << 10, 1 << 4, 0], np.int32)
RA, DEC, SIDE = 180.0, 30.0, 0.5 / 3600


def write(path: Path, unit: str = "1E-17 erg/s/cm^2/Ang/spaxel", **first: float) -> Path:
    """Write a cube 6 high and 8 wide, the flux of spaxel (x, y), from 0, being 100 y + 10 x + i."""
    i, y, x = np.mgrid[:5, :6, :8]
    flux = (100 * y + 10 * x + i).astype(np.float32)
    bits = np.broadcast_to(BITS[:, None, None], flux.shape).copy()
    header = fits.Header({
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CTYPE3": "WAVE-LOG", "CUNIT3": "Angstrom",
        "CRVAL1": RA, "CRVAL2": DEC, "CRPIX1": 5, "CRPIX2": 4, "CD1_1": -SIDE, "CD2_2": SIDE,
        "CRVAL3": 3621.596, "CRPIX3": 1, "CD3_3": 0.83, "BUNIT": unit,
    })  # fmt: skip
    cubes = [
        fits.ImageHDU(flux, header, name="FLUX"),
        fits.ImageHDU(np.full(flux.shape, 4, np.float32), name="IVAR"),
        fits.ImageHDU(bits, name="MASK"),
        fits.ImageHDU(WAVE, name="WAVE"),
    ]
    fits.HDUList([fits.PrimaryHDU(header=fits.Header(first)), *cubes]).writeto(path)
    return path


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
