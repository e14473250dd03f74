"""Images of one object in a file that no mapping describes."""

import numpy as np
import pytest
from astropy.io import fits

from skybind.errors import ConfigError, DataError
from skybind.ingest.one_file import read_file
from skybind.ingest.wanted import Wanted

UNITS = {"g": "nmgy", "r": "nmgy", "z": "nmgy"}
ATTRIBUTES = {"pixel_scale": 0.262, "stretch": "linear"}
IMAGE = {"image": Wanted("image", "image", "image", UNITS, ATTRIBUTES)}
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
    found = read_file(path, IMAGE)
    assert list(found.fields) == ["g", "r", "z"]
    for band, plane in zip("grz", CUBE, strict=True):
        np.testing.assert_allclose(found.fields[band], plane.ravel(), rtol=1e-5)


@pytest.mark.parametrize(
    ("cube", "header", "message"),
    [
        (CUBE, {"PIXSCALE": 1.0}, "1 arcsec a pixel, the model's images have 0.262"),
        (CUBE, {"BUNIT": "electron"}, "'electron' cannot be converted to nmgy"),
        (CUBE, {"BUNIT": "km"}, "no unit of flux"),
        (CUBE, {"BANDS": "ugr"}, "lacks the band z"),
        (CUBE[:2], {}, "2 planes for the bands g, r, z"),
        (CUBE[:, :4], {}, "not square"),
    ],
)
def test_images_of_another_kind_are_refused(tmp_path, cube, header, message):
    with pytest.raises(DataError, match=message):
        read_file(cutout(tmp_path, cube, **header), IMAGE)


def test_pictures_for_people_are_no_fluxes(tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "one.png")
    with pytest.raises(DataError, match="stretched for display"):
        read_file(tmp_path / "one.png", IMAGE)


def test_a_table_is_no_image(tmp_path):
    (tmp_path / "one.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match="is no image"):
        read_file(tmp_path / "one.csv", IMAGE)


STARS = {
    "photometry": Wanted(
        "photometry", "photometry", "photometry", {"time": "d", "flux": "mJy", "flux_err": "mJy"}
    ),
    "spectrum": Wanted(
        "spectrum", "spectrum", "spectrum", {"wavelength": "Angstrom", "flux": None, "ivar": None}
    ),
    "metadata": Wanted(
        "metadata", "metadata", "metadata", features={"parallax": "mas", "bp_rp": "mag"}
    ),
}


def written(path, text):
    path.write_text(text)
    return path


def test_a_file_is_read_once_and_known_by_its_columns(tmp_path, monkeypatch):
    from pathlib import Path

    path = written(tmp_path / "a.csv", "HJD,mag,magerr\n1,15.0,0.1\n2,15.5,0.1\n")
    reads = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda p: reads.append(p) or read_bytes(p))
    found = read_file(path, STARS)
    assert reads == [path]
    assert found.modality == "photometry"
    assert list(found.fields) == ["time", "flux", "flux_err"]
    # AB: magnitude 15 is 3631 Jy x 10^-6
    np.testing.assert_allclose(found.fields["flux"], [3.631, 3.631 / 10**0.2], rtol=1e-6)
    assert any("AB magnitudes" in note for note in found.notes)


def test_a_row_of_a_catalogue_is_in_the_units_of_the_model(tmp_path):
    from astropy.table import Table

    row = Table({"Parallax": [0.001], "bp_rp": [0.5]}, units={"Parallax": "arcsec"})
    row.write(tmp_path / "row.ecsv", format="ascii.ecsv")
    found = read_file(tmp_path / "row.ecsv", STARS)
    assert found.modality == "metadata"
    assert found.features == {"parallax": pytest.approx(1.0), "bp_rp": 0.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,flux,wavelength\n1,2,4000\n", "could be photometry or spectrum"),
        ("wavelength,counts\n4000,2\n", "as spectrum: .* no column for the flux"),
        ("time,counts\n1,2\n", "as photometry: .* no column for the flux or magnitude"),
        ("parallax\n1\n2\n", "as metadata: .* 2 rows"),
        ("", "a.csv is empty"),
    ],
)
def test_what_is_said_is_of_the_modality_that_the_file_is_most_like(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_file(written(tmp_path / "a.csv", text), STARS)


def test_a_spectrum_of_a_survey_is_converted_or_refused(tmp_path):
    from dataclasses import replace

    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("flux", "E", array=np.array([1.0, 2, 3])),
            fits.Column("loglam", "E", array=np.log10([4000.0, 4001, 4002])),
            fits.Column("ivar", "E", array=np.array([4.0, 4, 0])),
        ]
    )
    table.name = "COADD"
    path = tmp_path / "spec.fits"
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    units = {"wavelength": "nm", "flux": "erg / (s cm2 Angstrom)", "flux_err": None}
    spectrum = replace(STARS["spectrum"], fields=units)
    found = read_file(path, {"spectrum": spectrum})
    np.testing.assert_allclose(found.fields["flux"], [1e-17, 2e-17, 3e-17], rtol=1e-6)
    np.testing.assert_allclose(found.fields["flux_err"][:2], 5e-18, rtol=1e-6)
    np.testing.assert_allclose(found.fields["wavelength"], [400.0, 400.1, 400.2], rtol=1e-6)
    wrong = replace(spectrum, fields={**units, "flux": "mJy"})
    with pytest.raises(DataError, match=r"1e-17 erg .* cannot be converted to mJy"):
        read_file(path, {"spectrum": wrong})


def test_epochs_may_have_numbers_but_only_one_object(tmp_path):
    rows = "\n".join(f"{i},{i},{i * i}" for i in range(4))
    found = read_file(written(tmp_path / "a.csv", f"id,time,flux\n{rows}\n"), STARS)
    assert found.fields["time"].tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError, match=r"holds 4 objects .column 'object_id'"):
        read_file(written(tmp_path / "b.csv", f"object_id,time,flux\n{rows}\n"), STARS)


ROWS = np.column_stack([2457000 + np.arange(8), 13 + 0.1 * np.sin(np.arange(8)), np.full(8, 0.02)])


def text_of(columns, header=""):
    rows = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in columns)
    return header + rows + "\n"


def test_a_header_counts_more_than_the_ending(tmp_path):
    """`hjd mag mag_err airmass fwhm` has five columns too, but is no ASAS-SN."""
    rows = np.column_stack([ROWS, np.full(8, 1.2), np.full(8, 2.1)])
    path = written(tmp_path / "curve.dat", text_of(rows, "hjd mag mag_err airmass fwhm\n"))
    found = read_file(path, STARS)
    assert len(found.fields["time"]) == 8
    np.testing.assert_allclose(found.fields["flux"], 3631e3 * 10 ** (-0.4 * ROWS[:, 1]), rtol=1e-5)
    assert not any("ASAS-SN" in note for note in found.notes)


@pytest.mark.parametrize(
    "header",
    ["", "HJD MAG MAG_ERR FLUX FLUX_ERR\n", "# a star\n# HJD MAG MAG_ERR FLUX FLUX_ERR\n"],
)
@pytest.mark.parametrize("ending", ["dat", "txt"])
def test_a_format_that_is_known_by_its_content_is_told(tmp_path, header, ending):
    flux = 10 ** (-0.4 * (ROWS[:, 1] - 16.4))
    rows = np.column_stack([ROWS, flux, 0.02 * flux])
    path = written(tmp_path / f"odd.{ending}", text_of(rows, header))
    found = read_file(path, STARS)
    np.testing.assert_allclose(found.fields["flux"], flux, rtol=1e-4)
    assert len(found.fields["time"]) == 8
    assert f"odd.{ending}: read as ASAS-SN light curve." in found.notes


def test_columns_without_names_are_asked_for(tmp_path):
    rows = np.column_stack([ROWS, np.full(8, 1.2), np.full(8, 2.1)])
    path = written(tmp_path / "curve.dat", text_of(rows))
    with pytest.raises(DataError, match=r"has no header.* time magnitude .*or say --format"):
        read_file(path, STARS)
    found = read_file(path, STARS, "asassn")  # asked for, it is taken at its word
    np.testing.assert_allclose(found.fields["flux"], 1.2)
    with pytest.raises(ConfigError, match="did you mean 'asassn'"):
        read_file(path, STARS, "asasn")
    with pytest.raises(DataError, match="'lamost' is none of a light curve"):
        read_file(path, {"photometry": STARS["photometry"]}, "lamost")


def test_columns_of_lamost_in_another_table_keep_their_unit(tmp_path):
    from astropy.table import Table

    table = Table({"WAVELENGTH": [400.0, 401, 402], "FLUX": [1.0, 2, 3], "IVAR": [1.0, 1, 1]})
    table["WAVELENGTH"].unit = "nm"
    table.write(tmp_path / "mine.fits")
    found = read_file(tmp_path / "mine.fits", STARS)
    np.testing.assert_allclose(found.fields["wavelength"], [4000, 4010, 4020])
    assert not any("LAMOST" in note for note in found.notes)
    with pytest.raises(DataError, match="wavelengths in 'nm', LAMOST's are in Angstrom"):
        read_file(tmp_path / "mine.fits", STARS, "lamost")


def test_columns_of_sdss_in_another_table_are_not_in_its_units(tmp_path):
    from astropy.table import Table

    table = Table(
        {"loglam": np.log10([4000.0, 4001, 4002]), "flux": [1.0, 2, 3], "ivar": [1.0] * 3}
    )
    table["flux"].unit = "mJy"
    table.write(tmp_path / "mine.fits")
    found = read_file(tmp_path / "mine.fits", STARS)
    np.testing.assert_allclose(found.fields["wavelength"], [4000, 4001, 4002], rtol=1e-6)
    assert found.units["flux"] != "1e-17 erg / (s cm2 Angstrom)"
    assert not any("SDSS" in note for note in found.notes)


def test_rows_that_are_lost_are_told(tmp_path):
    path = written(tmp_path / "a.csv", "time,flux\n1,2\n2,3,4\n3,5\n4,1\n")
    found = read_file(path, STARS)
    assert found.fields["time"].tolist() == [1, 3, 4]
    assert "a.csv: a row has the wrong number of columns (line 3: 3 instead of 2)." in found.notes
