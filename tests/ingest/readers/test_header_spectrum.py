"""Spectra in images of FITS files, with their wavelengths in the header."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.data.units import convert
from skybind.errors import DataError
from skybind.ingest.one_file import read_file
from skybind.ingest.readers.tables import read_table
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted

N = 50
FLUX = np.linspace(1, 2, N).astype("f4")
WAVE = {"CTYPE1": "WAVE", "CUNIT1": "Angstrom", "CRVAL1": 4000.0, "CRPIX1": 3.0, "CDELT1": 2.0}
IRAF = {
    "CTYPE1": "LINEAR", "CRVAL1": 3.6, "CRPIX1": 1.0, "CDELT1": 1e-4, "CD1_1": 1e-4, "DC-FLAG": 1,
    "WAT1_001": "wtype=linear label=Wavelength units=angstroms",
}  # fmt: skip
MULTISPEC = {
    "CTYPE1": "MULTISPE", "CTYPE2": "MULTISPE", "WCSDIM": 3, "CDELT1": 1.0, "CD1_1": 1.0,
    "WAT0_001": "system=multispec", "WAT1_001": "wtype=multispec label=Wavelength units=angstroms",
}  # fmt: skip
SPEC1 = 'wtype=multispec spec1 = "1 1 {} 10 20"'


def file(path, data=FLUX, more=(), **header):
    hdu = fits.PrimaryHDU(np.asarray(data, "f4"))
    hdu.header.update({key.replace("_FLAG", "-FLAG"): value for key, value in header.items()})
    others = [fits.ImageHDU(np.asarray(values, "f4"), name=name) for name, values, *_ in more]
    for other, (_, _, *unit) in zip(others, more, strict=True):
        other.header.update([("BUNIT", text) for text in unit])
    fits.HDUList([hdu, *others]).writeto(path, overwrite=True)
    return path


def table(path):
    return read_table(path.read_bytes(), path.name)


@pytest.mark.parametrize(
    "header",
    [
        WAVE,
        {**WAVE, "CTYPE1": "AWAV", "CUNIT1": "nm", "CRVAL1": 400.0, "CDELT1": 0.2},
        {**WAVE, "CTYPE1": "WAVE-LOG"},
        {**WAVE, "CTYPE1": "AWAV-LOG", "CUNIT1": "um", "CRVAL1": 0.4, "CDELT1": 2e-4},
        {**{key: WAVE[key] for key in list(WAVE)[:-1]}, "CD1_1": 2.0},
        {**WAVE, "PC1_1": 0.5},
        {**WAVE, "CDELT1": -2.0},
    ],
)
def test_wavelengths_are_those_of_wcslib(tmp_path, header):
    found = table(file(tmp_path / "a.fits", **header))
    wcs = WCS(fits.Header(header), naxis=1)
    metres = wcs.all_pix2world(np.arange(N), 0)[0]
    factor = {"Angstrom": 1e-10, "nm": 1e-9, "um": 1e-6}[found.units["wavelength"]]
    np.testing.assert_allclose(found["wavelength"] * factor, metres, rtol=1e-12)
    np.testing.assert_array_equal(found["flux"], FLUX)
    where = "in air" if header["CTYPE1"].startswith("AWAV") else "in vacuum"
    assert any(where in note for note in found.notes)


@pytest.mark.parametrize("more", [{}, {"CTYPE1": "LOG-LINEAR"}, {"CTYPE1": "LOG10(WAVELENGTH)"}])
def test_logarithms_of_iraf(tmp_path, more):
    found = table(file(tmp_path / "a.fits", **{**IRAF, **more}))
    np.testing.assert_allclose(found["wavelength"], 10 ** (3.6 + 1e-4 * np.arange(N)))
    assert found.units["wavelength"] == "Angstrom"
    assert found.notes == ["the header does not say whether wavelengths are in air or in vacuum"]


@pytest.mark.parametrize(
    ("spec", "first", "last", "pixels"),
    [
        (f"0 4000. 2. {N} 0.", 4000, 4098, N),
        (f"1 3.6 1.0E-4 {N} 0.01", 10**3.6 / 1.01, 10**3.6049 / 1.01, N),
        ("0 4000. 2. 40 0.", 4000, 4078, 40),  # the rest is padding
    ],
)
def test_bands_of_iraf(tmp_path, spec, first, last, pixels):
    """Bands of `apall`: optimal spectrum, plain sum, background and its error."""
    bands = {
        "BANDID1": "spectrum - background fit, weights variance, clean yes",
        "BANDID2": "raw - background fit, weights none, clean no",
        "BANDID3": "background - background fit",
        "BANDID4": "sigma - background fit, weights variance, clean yes",
    }
    cube = np.stack([FLUX, 3 * FLUX, 0.5 * FLUX, 0.1 * FLUX])[:, None]
    header = {**MULTISPEC, **bands, "WAT2_001": SPEC1.format(spec)}
    found = table(file(tmp_path / "a.fits", cube, **header))
    assert list(found.columns) == ["wavelength", "flux", "sky", "flux_err"]
    assert len(found) == pixels
    np.testing.assert_allclose(found["wavelength"][[0, -1]], [first, last])
    np.testing.assert_allclose(found["flux_err"], 0.1 * FLUX[:pixels], rtol=1e-6)
    assert "row 2 (raw - background fit, weights none, clean no) is not read" in found.notes


def test_long_keywords_of_iraf_are_put_together(tmp_path):
    """A keyword holds 68 letters: here it ends in the blank before the step."""
    text = SPEC1.format(f"0 {'4000.':<37}2. {N} 0.")
    parts = {f"WAT2_00{i + 1}": text[i * 68 : (i + 1) * 68] for i in range(2)}
    assert parts["WAT2_001"].endswith(" ")
    found = table(file(tmp_path / "a.fits", FLUX[None], **MULTISPEC, **parts))
    np.testing.assert_allclose(found["wavelength"][[0, -1]], [4000, 4098])


def test_errors_in_rows_and_in_extensions(tmp_path):
    rows = {"ROW1": "flux", "ROW2": "sky", "ROW3": "error"}
    found = table(file(tmp_path / "a.fits", [FLUX, 2 * FLUX, 3 * FLUX], **WAVE, **rows))
    np.testing.assert_allclose(found["flux_err"], 3 * FLUX)
    rows["ROW3"] = "sky error"
    found = table(file(tmp_path / "a.fits", [FLUX, 2 * FLUX, 3 * FLUX], **WAVE, **rows))
    assert list(found.columns) == ["wavelength", "flux", "sky"]
    variance = np.where(np.arange(N) == 4, 0, FLUX**2)
    found = table(file(tmp_path / "b.fits", more=[("VAR", variance), ("DQ", FLUX)], **WAVE))
    assert np.isnan(found["flux_err"][4])
    np.testing.assert_allclose(np.delete(found["flux_err"] / FLUX, 4), 1, rtol=1e-6)
    assert "extension 2 (DQ) is not read" in found.notes


def test_a_section_of_a_spectrum_of_iraf_counts_in_the_pixels_of_the_whole(tmp_path):
    """Of 60 pixels from 4000 Angstrom by 2: 11 to 60, the mean of each two, and the reverse."""
    header = {**MULTISPEC, "WAT2_001": SPEC1.format("0 4000. 2. 60 0.")}
    found = table(file(tmp_path / "a.fits", FLUX[None], **header, LTV1=-10.0, LTM1_1=1.0))
    np.testing.assert_allclose(found["wavelength"], 4020 + 2 * np.arange(N))
    found = table(file(tmp_path / "b.fits", FLUX[None, :30], **header, LTV1=0.25, LTM1_1=0.5))
    np.testing.assert_allclose(found["wavelength"], 4001 + 4 * np.arange(30))
    short = {**header, "WAT2_001": SPEC1.format("0 4000. 2. 45 0.")}  # five are padding
    found = table(file(tmp_path / "c.fits", FLUX[None], **short, LTV1=51.0, LTM1_1=-1.0))
    np.testing.assert_allclose(found["wavelength"], 4088 - 2 * np.arange(45))
    np.testing.assert_array_equal(found["flux"], FLUX[5:])


def test_extensions_of_other_shapes_and_units(tmp_path):
    """Errors in one row; the other arms of a spectrograph are told; what has a unit keeps it."""
    found = table(file(tmp_path / "a.fits", FLUX[None], [("ERR", 0.1 * FLUX[None])], **WAVE))
    np.testing.assert_allclose(found["flux_err"], 0.1 * FLUX, rtol=1e-6)
    found = table(file(tmp_path / "b.fits", more=[("VIS", FLUX[:-1]), ("NIR", FLUX[:-2])], **WAVE))
    assert found.notes[1:] == [f"extension {i} is not read" for i in ("1 (VIS)", "2 (NIR)")]
    more = [("WAVE", np.linspace(400, 500, N), "nm"), ("NOISE", FLUX, "W/m2/nm")]
    found = table(file(tmp_path / "c.fits", more=more, **WAVE, BUNIT="erg/s/cm2/Angstrom"))
    assert found.units["wavelength"] == "nm"
    assert found.units["flux_err"] == "W/m2/nm"
    np.testing.assert_allclose(found["wavelength"][[0, -1]], [400, 500])
    rows = {"ROW1": "signal", "ROW2": "noise"}
    found = table(file(tmp_path / "d.fits", [FLUX, 2 * FLUX], **WAVE, **rows))
    np.testing.assert_allclose(found["flux_err"] / found["flux"], 2)


@pytest.mark.parametrize(
    ("unit", "angstroms"), [("microns", 1e4), ("NM", 10), ("nanometers", 10), ("Angstroms", 1)]
)
def test_units_as_headers_spell_them(tmp_path, unit, angstroms):
    header = {"CUNIT1": unit, "CRVAL1": 4000 / angstroms, "CDELT1": 2 / angstroms}
    found = table(file(tmp_path / "a.fits", **{**WAVE, **header}))
    waves = convert(found["wavelength"], found.units["wavelength"], "Angstrom", "")
    np.testing.assert_allclose(waves, 3996 + 2 * np.arange(N))


def test_an_image_beside_a_table_is_read_by_its_number(tmp_path):
    path = file(tmp_path / "a.fits", **WAVE)
    other = fits.BinTableHDU.from_columns([fits.Column("order", "J", array=[7])])
    fits.append(path, other.data, other.header)
    assert list(table(path).columns) == ["order"]
    found = read_table(path.read_bytes(), "a.fits", hdu=0)
    np.testing.assert_allclose(found["wavelength"], 3996 + 2 * np.arange(N))


@pytest.mark.parametrize(
    ("data", "header", "message"),
    [
        (FLUX, {}, "has no CRVAL1 and CDELT1"),
        (FLUX, {**WAVE, "DC-FLAG": 1}, "would be infinite or unknown: are they logarithms"),
        (FLUX, {**WAVE, "CTYPE1": "FREQ"}, "its axis is 'FREQ'"),
        (FLUX, {**WAVE, "CTYPE1": "PIXEL"}, "its axis is 'PIXEL'"),
        (FLUX, {**IRAF, "DC-FLAG": 0}, "are they logarithms"),
        (FLUX, {**IRAF, "CRVAL1": 8.3}, "are they logarithms .* or is the unit"),
        (FLUX, {**WAVE, "DC-FLAG": -1}, "no calibration of wavelengths"),
        (FLUX, {**WAVE, "CD1_1": 2.1}, "CD1_1 = 2.1 and CDELT1 = 2.0 are not the same"),
        ([FLUX, FLUX], WAVE, "does not say which row is the spectrum"),
        ([FLUX], {**MULTISPEC, "WAT2_001": SPEC1.format("2 4000. 2. 50 0.")}, "nonlinear"),
        ([FLUX], {**MULTISPEC, "WAT2_001": SPEC1.format("-1 1 1 50 0.")}, "no calibration"),
        ([FLUX], MULTISPEC, "do not describe a spectrum"),
        (
            [FLUX, FLUX],
            {**MULTISPEC, "BANDID1": "spectrum - weights none", "APNUM1": "1 1", "APNUM2": "2 2"},
            "give each spectrum as a file of its own",
        ),
        (FLUX, {**WAVE, "CTYPE1": "", "CUNIT1": "Hz"}, "its axis is in 'Hz', not of wavelengths"),
        ([FLUX, FLUX], {}, "No table found"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path, data, header, message):
    with pytest.raises(DataError, match=message):
        table(file(tmp_path / "a.fits", data, **header))


def test_a_folder_of_them_is_imported_in_one_unit(tmp_path):
    """Star b is in nm and W/m2/nm; c is broken, d in another quantity."""
    (tmp_path / "s").mkdir()
    cgs = {"BUNIT": "erg/s/cm2/Angstrom"}
    file(tmp_path / "s" / "a.fits", more=[("ERR", 0.1 * FLUX)], **WAVE, **cgs)
    nm = {**WAVE, "CUNIT1": "nm", "CRVAL1": 400.0, "CDELT1": 0.2, "BUNIT": "W/m2/nm"}
    file(tmp_path / "s" / "b.fits", FLUX, more=[("ERR", 0.1 * FLUX)], **nm)
    file(tmp_path / "s" / "c.fits", more=[("ERR", FLUX)], **{**WAVE, "CTYPE1": "FREQ"})
    file(tmp_path / "s" / "d.fits", more=[("ERR", FLUX)], **WAVE, BUNIT="mag")
    (tmp_path / "o.csv").write_text("id\na\nb\nc\nd\n")
    (tmp_path / "m.yaml").write_text(
        "objects: {file: o.csv, id: id}\n"
        "spectrum: {folder: s, pattern: '{id}.fits', wavelength: wavelength, flux: flux, "
        "flux_err: flux_err}\n"
    )
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert check_dataset(tmp_path / "out") == []
    assert any("wavelengths are in vacuum" in note for note in summary.notes)
    spectra = Dataset.open(tmp_path / "out").ragged("spectrum")
    assert spectra.present.tolist() == [True, True, False, False]
    one, other = (slice(*spectra.offsets[i : i + 2]) for i in (0, 1))
    np.testing.assert_allclose(
        spectra.fields["wavelength"][one], spectra.fields["wavelength"][other], rtol=1e-6
    )
    # 1 W / m2 / nm is 100 erg / s / cm2 / Angstrom
    np.testing.assert_allclose(
        spectra.fields["flux"][other], 100 * spectra.fields["flux"][one], rtol=1e-5
    )
    np.testing.assert_allclose(spectra.fields["flux_err"][other], 10 * FLUX, rtol=1e-5)
    lost = {row["object_id"]: row["reason"] for row in read_quarantine(tmp_path / "out")}
    assert "its axis is 'FREQ'" in lost["c"]
    assert "'mag'" in lost["d"]


def test_a_file_that_is_searched_with(tmp_path):
    wanted = {"spectrum": Wanted("spectrum", "spectrum", "spectrum",
                                 {"wavelength": "Angstrom", "flux": None})}  # fmt: skip
    path = file(tmp_path / "a.fits", **{**WAVE, "CUNIT1": "nm", "CRVAL1": 400.0, "CDELT1": 0.2})
    found = read_file(path, wanted)
    np.testing.assert_allclose(found.fields["wavelength"], 3996 + 2 * np.arange(N))
    assert "a.fits: wavelengths are in vacuum (CTYPE1)." in found.notes
