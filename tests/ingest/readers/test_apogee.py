"""APOGEE: apStar and asStar with bits and visits, aspcapStar with its model in place of bits."""

import numpy as np
import pytest
from astropy.io import fits

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.ingest.file_content import FileError
from skybind.ingest.readers.apogee import BAD_BITS
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import known_format
from skybind.ingest.readers.sdss import FLUX_UNIT
from skybind.ingest.readers.tables import read_table
from skybind.ingest.survey import import_dataset
from tests.ingest.spectrum_files import given, import_spectra
from tests.ingest.written.apogee import ERROR, FLUX, WAVE, N, star, write

BAD = np.array([False, False, True, True, True, True, True, False])


def check(fields: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(fields["wavelength"], WAVE, rtol=1e-7)
    assert fields["mask"].tolist() == BAD.tolist()
    np.testing.assert_allclose(fields["flux"][~BAD], FLUX[~BAD])
    np.testing.assert_allclose(fields["ivar"][~BAD], ERROR[~BAD] ** -2, rtol=1e-6)
    assert fields["ivar"][3] == 0


def test_the_bits_are_those_of_the_reduction():
    assert sum(1 << bit for bit in (0, 1, 2, 3, 4, 5, 6, 7, 14)) == BAD_BITS


@pytest.mark.parametrize("one_visit", [False, True])
@pytest.mark.parametrize("prefix", ["apStar", "asStar"])
def test_the_combined_spectrum(tmp_path, one_visit, prefix):
    path = star(tmp_path / f"{prefix}-dr17-2M1.fits", one_visit)
    found = import_spectra(
        tmp_path, ["2M1"], folder=".", pattern=prefix + "-dr17-{id}.fits", format="apogee"
    )
    check(found.spectra["2M1"])
    assert found.column.fields["flux"] == FLUX_UNIT
    assert "vacuum, in the rest frame" in found.column.description
    content = given(path, flux=FLUX_UNIT)
    check(content.fields)
    assert any("read as APOGEE spectrum (wavelengths in vacuum" in note for note in content.notes)


def test_the_normalised_spectrum_has_no_bits(tmp_path):
    model = np.ones(N, np.float32)
    path = write(tmp_path / "aspcapStar-1.fits", (FLUX / 100).astype("f4"), ERROR / 100, model)
    found = import_spectra(
        tmp_path, ["1"], folder=".", pattern="aspcapStar-{id}.fits", format="aspcap"
    )
    assert found.column.fields["flux"] is None
    for fields in (found.spectra["1"], given(path).fields):
        np.testing.assert_allclose(fields["flux"][[0, 7]], [1, 1.7], rtol=1e-6)
        np.testing.assert_allclose(fields["ivar"][[0, 7]], [2500, 10000], rtol=1e-6)
    # an error of 1e8 stays one; the model is no mask
    assert found.spectra["1"]["mask"].tolist() == [False] * N


def test_each_is_known_and_the_other_refused(tmp_path):
    ap, aspcap = star(tmp_path / "a.fits"), tmp_path / "b.fits"
    write(aspcap, FLUX.astype("f4"), ERROR, FLUX.astype("f4"))
    assert known_format("spectrum", Look(ap.read_bytes(), "a.fits")) == "apogee"
    assert known_format("spectrum", Look(aspcap.read_bytes(), "b.fits")) == "aspcap"
    with pytest.raises(FileError, match="format: aspcap"):
        given(aspcap, "apogee", FLUX_UNIT)
    with pytest.raises(FileError, match="format: apogee"):
        given(ap, "aspcap")


def test_images_on_the_sky_are_none_of_apogee(tmp_path):
    path = tmp_path / "image.fits"
    header = fits.Header({"CRVAL1": 180.0, "CDELT1": -1e-4, "CRPIX1": 4})
    images = [fits.ImageHDU(np.ones((8, 8), np.int16), header) for _ in range(3)]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    assert known_format("spectrum", Look(path.read_bytes(), "image.fits")) is None


def mwm(path, star, visits=(), time="mjd"):
    """Write a file in the layout of SDSS-V's mwmStar and mwmVisit: four tables, two of them empty.

    BOSS and APOGEE at Apache Point and Las Campanas; a row a spectrum, the arrays in its cells.
    """
    n, wave = len(visits), 10 ** (4.179 + 6e-6 * np.arange(60))

    def table(name, n):
        arrays = {
            "wavelength": np.tile(wave, (n, 1)),
            "flux": np.asarray(visits[:n], float).reshape(n, 1) + np.linspace(0, 1, 60),
            "ivar": np.full((n, 60), 4.0),
        }
        columns = [fits.Column("sdss_id", "K", array=[star] * n)]
        columns += [fits.Column(time, "J", array=list(visits[:n]))]
        columns += [fits.Column(key, "60D", array=values) for key, values in arrays.items()]
        return fits.BinTableHDU.from_columns(columns, name=name)

    names = ("BOSS/APO", "BOSS/LCO", "APOGEE/APO", "APOGEE/LCO")
    tables = [table(name, n if name == "APOGEE/APO" else 0) for name in names]
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(path)


def test_stars_and_visits_of_sdss_v_are_tables(tmp_path):
    """The coadded spectra as a file an object, the visits as a table in parts."""
    for number, visits in ((7, (59900, 59800)), (42, (59850,))):
        mwm(tmp_path / f"mwmStar-{number}.fits", number, (number,), "min_mjd")
        mwm(tmp_path / f"mwmVisit-{number}.fits", number, visits)
    (tmp_path / "o.csv").write_text("id\n7\n42\n")
    columns = "hdu: 3, wavelength: {column: wavelength, unit: Angstrom}, flux: flux, ivar: ivar"
    visits = "file: 'mwmVisit-*.fits', id: sdss_id, visit: {column: mjd, unit: MJD}"
    (tmp_path / "m.yaml").write_text(
        "objects: {file: o.csv, id: id}\n"
        f"spectrum: {{folder: ., pattern: 'mwmStar-{{id}}.fits', {columns}}}\n"
        f"more_spectra: {{visits: {{{visits}, {columns}}}}}\n"
    )
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert check_dataset(tmp_path / "out") == []
    dataset = Dataset.open(tmp_path / "out")
    stars = dataset.ragged("spectrum")
    assert stars.fields["flux"][stars.offsets[:-1]].tolist() == [7, 42]
    visits = dataset.visits("visits")
    assert visits.counts.tolist() == [2, 1]
    assert visits.name.tolist() == ["59800", "59900", "59850"]
    first = visits.ragged.fields["flux"][visits.ragged.offsets[:-1]]
    assert first.tolist() == [59800, 59900, 59850]


def test_an_empty_table_of_arrays_has_no_rows(tmp_path):
    mwm(tmp_path / "a.fits", 7, (59900,))
    assert len(read_table((tmp_path / "a.fits").read_bytes(), "a.fits")) == 0
