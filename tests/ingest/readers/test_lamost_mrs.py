"""Medium-resolution spectra of LAMOST: both arms, sums and exposures, early and later layouts."""

import numpy as np
import pytest
from astropy.io import fits

from skybind.errors import DataError
from skybind.ingest.file_content import FileError
from skybind.ingest.readers.lamost import is_lamost
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import known_format
from tests.ingest.spectrum_files import given, import_spectra
from tests.ingest.written.lamost_mrs import BLUE, FLAG, FLUX, IVAR, RED, extension, write
from tests.ingest.written.surveys import two_hdus


def check(fields: dict[str, np.ndarray], scale: float = 1.0) -> None:
    np.testing.assert_allclose(fields["wavelength"], np.r_[BLUE, RED], rtol=2e-7)
    np.testing.assert_allclose(fields["flux"], scale * np.r_[FLUX["B"], FLUX["R"]])
    bad = np.array([False, True, True, False, False, True, False])
    assert fields["mask"].tolist() == bad.tolist()
    np.testing.assert_allclose(fields["ivar"][~bad], np.r_[IVAR["B"], IVAR["R"]][~bad])


@pytest.mark.parametrize("late", [False, True])
def test_the_sums_of_both_arms_become_one_spectrum(tmp_path, late):
    path = write(
        tmp_path / "med-1.fits",
        extension("COADD_R", "R", late=late),  # the order of the file does not matter
        extension("COADD_B", "B", late=late),
        extension("B-84022222-1", "B", scale=9, late=late),
        extension("R-84022222-1", "R", scale=9, late=late),
    )
    found = import_spectra(
        tmp_path, ["1"], folder=".", pattern="med-{id}.fits", format="lamost_mrs"
    )
    check(found.spectra["1"])
    assert found.column.fields["flux"] is None
    assert "in vacuum" in found.column.description
    content = given(path)
    assert content.modality == "spectrum"
    check(content.fields)
    assert any("LAMOST medium-resolution spectrum" in note for note in content.notes)


def test_a_single_exposure_is_read_and_several_are_refused(tmp_path):
    one = [extension("B-84022222-1", "B", 3), extension("R-84022222-1", "R", 3)]
    check(given(write(tmp_path / "one.fits", *one)).fields, scale=3)
    two = write(tmp_path / "two.fits", *one, extension("B-84022245-1", "B", 5))
    with pytest.raises(FileError, match=r"2 exposures of the arm B and not one COADD_B"):
        given(two)


def test_one_arm_alone_is_a_spectrum(tmp_path):
    path = write(tmp_path / "blue.fits", extension("COADD_B", "B"))
    np.testing.assert_allclose(given(path).fields["wavelength"], BLUE, rtol=2e-7)


def test_rows_out_of_order_are_sorted(tmp_path):
    table = extension("COADD_B", "B")
    table.data[:] = table.data[::-1].copy()
    fields = given(write(tmp_path / "turned.fits", table)).fields
    np.testing.assert_allclose(fields["wavelength"], BLUE, rtol=2e-7)
    np.testing.assert_allclose(fields["flux"], FLUX["B"])


def test_low_and_medium_resolution_are_told_apart(tmp_path):
    medium = write(tmp_path / "med.fits", extension("COADD_B", "B", late=True))
    assert known_format("spectrum", Look(medium.read_bytes(), "med.fits")) == "lamost_mrs"
    look = Look(medium.read_bytes(), "med.fits")
    with look.opened():
        assert not is_lamost(look)
    assert known_format("spectrum", Look(two_hdus(), "spec.fits")) == "lamost"
    with pytest.raises(DataError, match="write format: lamost_mrs"):
        import_spectra(tmp_path, ["med"], folder=".", pattern="{id}.fits", format="lamost")


def test_low_resolution_of_dr10_is_known_by_its_header_and_table(tmp_path):
    """DR10 names the telescope in the first header and calls the table COADD."""
    row = {"FLUX": FLUX["B"], "IVAR": IVAR["B"], "WAVELENGTH": BLUE}
    row |= {"ANDMASK": FLAG["B"], "ORMASK": FLAG["B"], "NORMALIZATION": FLUX["B"] / 10}
    columns = [fits.Column(name, "4E", array=values[None]) for name, values in row.items()]
    table = fits.BinTableHDU.from_columns(columns, name="COADD")
    primary = fits.PrimaryHDU(header=fits.Header({"TELESCOP": "LAMOST", "DATA_V": "LAMOST DR10"}))
    path = tmp_path / "spec.fits"
    fits.HDUList([primary, table]).writeto(path)
    assert known_format("spectrum", Look(path.read_bytes(), "spec.fits")) == "lamost"
    fields = given(path).fields
    np.testing.assert_allclose(fields["flux"], FLUX["B"])  # not the normalised flux
    assert fields["mask"].tolist() == [False, True, True, False]
