"""Images of one object in a file that no mapping describes."""

import numpy as np
import pytest
from astropy.io import fits

from skybind.errors import DataError
from skybind.ingest.one_file import read_observation

UNITS = {"g": "nmgy", "r": "nmgy", "z": "nmgy"}
ATTRIBUTES = {"pixel_scale": 0.262, "stretch": "linear"}
CUBE = np.random.default_rng(0).normal(0, 1, (3, 8, 8)).astype(np.float32)


def cutout(path, cube=CUBE, **header):
    hdu = fits.PrimaryHDU(cube)
    hdu.header.update(header)
    hdu.writeto(path / "one.fits")
    return path / "one.fits"


@pytest.mark.parametrize(
    ("planes", "factor", "header"),
    [
        ([0, 1, 2], 1, {}),
        ([0, 1, 2], 1, {"BANDS": "grz", "PIXSCALE": 0.2620001, "BUNIT": "nanomaggy"}),
        ([2, 1, 0], 1, {"BANDS": "zrg"}),
        ([0, 1, 2], 3.631e-6, {"BUNIT": "Jy"}),
    ],
)
def test_bands_and_unit_are_those_that_the_file_states(tmp_path, planes, factor, header):
    path = cutout(tmp_path, CUBE[planes] * np.float32(factor), **header)
    found = read_observation(path, "image", UNITS, ATTRIBUTES)
    assert list(found.fields) == ["g", "r", "z"]
    for band, plane in zip("grz", CUBE, strict=True):
        np.testing.assert_allclose(found.fields[band], plane.ravel(), rtol=1e-5)


@pytest.mark.parametrize(
    ("cube", "header", "message"),
    [
        (CUBE, {"PIXSCALE": 1.0}, "1 arcsec a pixel, the model's images have 0.262"),
        (CUBE, {"BUNIT": "electron"}, "in electron"),
        (CUBE, {"BUNIT": "km"}, "no unit of flux"),
        (CUBE, {"BANDS": "ugr"}, "lacks the band z"),
        (CUBE[:2], {}, "2 planes for the bands g, r, z"),
        (CUBE[:, :4], {}, "not square"),
    ],
)
def test_images_of_another_kind_are_refused(tmp_path, cube, header, message):
    with pytest.raises(DataError, match=message):
        read_observation(cutout(tmp_path, cube, **header), "image", UNITS, ATTRIBUTES)


def test_pictures_for_people_are_no_fluxes(tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "one.png")
    with pytest.raises(DataError, match="stretched for display"):
        read_observation(tmp_path / "one.png", "image", UNITS, ATTRIBUTES)


def test_a_table_is_no_image(tmp_path):
    (tmp_path / "one.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match="is no image"):
        read_observation(tmp_path / "one.csv", "image", UNITS, ATTRIBUTES)
