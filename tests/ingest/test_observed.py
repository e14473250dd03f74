"""Units of observations: one truth in every way in, converted to one unit or refused."""

import json

import h5py
import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError, DataError
from skybind.ingest.given import take_given
from skybind.ingest.one_file import read_file
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted

N = 6
TIME, FLUX, ERR = np.arange(float(N)), 1000.0 + 100 * np.arange(N), np.full(N, 20.0)
CURVE = {"time": "t", "flux": "f", "flux_err": "fe"}
STORED = {"photometry": {"time": "d", "flux": "mJy", "flux_err": "mJy"}}
WANTED = {"photometry": Wanted("photometry", "photometry", "photometry", STORED["photometry"])}
FORMATS = {"fits": "fits", "vot": "votable", "ecsv": "ascii.ecsv"}


def imported(folder, mapping, ids="a"):
    (folder / "o.csv").write_text("id\n" + "\n".join(ids) + "\n")
    (folder / "m.yaml").write_text(
        yaml.safe_dump({"objects": {"file": "o.csv", "id": "id"}, **mapping})
    )
    summary = import_dataset(folder / "m.yaml", folder / "out", overwrite=True)
    assert check_dataset(folder / "out") == []
    return Dataset.open(folder / "out"), summary


def reasons_of(folder):
    return [row["reason"] for row in read_quarantine(folder / "out")]


def curve(units=(("t", "d"), ("f", "uJy")), **columns):
    table = Table({"t": TIME, "f": FLUX, "fe": ERR, **columns})
    for name, unit in units:
        table[name].unit = unit
    return table


def first(dataset, column="photometry"):
    return {name: values[:N] for name, values in dataset.ragged(column).fields.items()}


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("way", ["long table", "folder", "long table, unit in the mapping"])
def test_an_error_has_the_unit_of_its_flux(tmp_path, ending, way):
    (tmp_path / "lc").mkdir()
    columns = dict(CURVE)
    if "mapping" in way:
        columns |= {"time": {"column": "t", "unit": "d"}, "flux": {"column": "f", "unit": "uJy"}}
    table = curve(units=() if "mapping" in way else (("t", "d"), ("f", "uJy")), id=["a"] * N)
    table.write(tmp_path / f"lc/a.{ending}", format=FORMATS[ending])
    source = {"folder": "lc", "pattern": f"{{id}}.{ending}"}
    if way != "folder":
        source = {"file": f"lc/a.{ending}", "id": "id"}
    found = first(imported(tmp_path, {"photometry": {**source, **columns}})[0])
    np.testing.assert_allclose(found["flux"], FLUX / 1000)
    np.testing.assert_allclose(found["flux_err"], ERR / 1000)


@pytest.mark.parametrize("kind", ["hdf5", "fits"])
def test_an_error_has_the_unit_of_its_flux_in_stacks(tmp_path, kind):
    arrays = {"t": TIME[None], "f": FLUX[None], "fe": ERR[None]}
    if kind == "hdf5":
        with h5py.File(tmp_path / "s.h5", "w") as file:
            for name, values in arrays.items():
                file[name] = values
            file["f"].attrs["unit"], file["t"].attrs["units"] = "uJy", "d"
    else:
        images = [fits.ImageHDU(values, name=name) for name, values in arrays.items()]
        images[0].header["BUNIT"], images[1].header["BUNIT"] = "d", "uJy"
        fits.HDUList([fits.PrimaryHDU(), *images]).writeto(tmp_path / "s.fits")
    name = {"hdf5": "s.h5", "fits": "s.fits"}[kind]
    columns = {k: v.upper() for k, v in CURVE.items()} if kind == "fits" else CURVE
    source = {"file": name, **({"format": "fits_images"} if kind == "fits" else {})}
    found = first(imported(tmp_path, {"photometry": {**source, **columns}})[0])
    np.testing.assert_allclose(found["flux"], FLUX / 1000)
    np.testing.assert_allclose(found["flux_err"], ERR / 1000)


def test_an_error_has_the_unit_of_its_value_in_a_file_that_is_searched_and_in_memory(tmp_path):
    table = curve()
    table.rename_columns(["t", "f", "fe"], ["time", "flux", "flux_err"])
    table.write(tmp_path / "a.fits")
    found = read_file(tmp_path / "a.fits", WANTED).fields
    given = take_given(table, wanted=WANTED).dataset.ragged("photometry").fields
    for fields in (found, given):
        np.testing.assert_allclose(fields["flux"], FLUX / 1000)
        np.testing.assert_allclose(fields["flux_err"], ERR / 1000)
    milli = {"time": TIME, "magnitude": 13000 + 100 * TIME, "magnitude_err": ERR}
    given = take_given(
        photometry=milli, wanted=WANTED, units={"photometry": {"magnitude": "mmag"}}
    ).dataset.ragged("photometry").fields  # fmt: skip
    # 20 mmag are 1.84 per cent
    np.testing.assert_allclose(given["flux_err"] / given["flux"], 0.02 / 1.0857362, rtol=1e-5)


def test_an_error_in_milli_magnitudes_says_so_itself(tmp_path):
    table = Table({"id": ["a"] * N, "t": TIME, "m": 13 + 0.1 * TIME, "e": ERR})
    table["t"].unit, table["m"].unit, table["e"].unit = "d", "mag", "mmag"
    table.write(tmp_path / "e.ecsv")
    mapping = {"file": "e.ecsv", "id": "id", "time": "t", "magnitude": "m", "magnitude_err": "e"}
    found = first(imported(tmp_path, {"photometry": mapping})[0])
    np.testing.assert_allclose(found["magnitude_err"], 0.02)


WAVE = np.arange(4000.0, 4100, 2)
SHAPE = 1 + 0.1 * np.sin(np.arange(50))
SPECTRUM = {"folder": "s", "pattern": "{id}.fits", "wavelength": "w", "flux": "f"}
CGS = "erg / (s cm2 Angstrom)"


def spectra(folder, *files, **more):
    """Write files of one spectrum: (name, factor, unit), and columns by name."""
    (folder / "s").mkdir(exist_ok=True)
    for name, scale, unit in files:
        columns = [
            fits.Column("w", "D", "Angstrom", array=WAVE),
            fits.Column("f", "D", unit, array=scale * SHAPE),
        ]
        columns += [fits.Column(n, "D", array=make(scale)) for n, make in more.items()]
        fits.BinTableHDU.from_columns(columns).writeto(folder / f"s/{name}.fits", overwrite=True)


@pytest.mark.parametrize(
    "unit", [CGS, "erg/s/cm2/A", "erg/cm^2/s/Ang", "ergs / (s cm2 Angstroms)", "10**0 erg/s/cm2/AA"]
)
def test_spectra_in_two_units_are_brought_to_one(tmp_path, unit):
    spectra(
        tmp_path,
        ("a", 1, f"1e-17 {CGS}"),
        ("b", 1e-17, unit),
        err=lambda s: np.full(50, 0.01 * s),
    )
    dataset, _ = imported(tmp_path, {"spectrum": {**SPECTRUM, "flux_err": "err"}}, "ab")
    flux = dataset.ragged("spectrum").fields["flux"].reshape(2, -1)
    errors = dataset.ragged("spectrum").fields["flux_err"].reshape(2, -1)
    np.testing.assert_allclose(flux, [SHAPE, SHAPE], rtol=1e-5)
    np.testing.assert_allclose(errors, 0.01, rtol=1e-5)
    assert dataset.schema.fields("spectrum")["flux"] == f"1e-17 {CGS}"


def test_ivar_goes_with_the_unit_of_its_flux(tmp_path):
    spectra(
        tmp_path,
        ("a", 1, f"1e-17 {CGS}"),
        ("b", 1e-17, CGS),
        ivar=lambda s: np.full(50, 4 / s**2),
    )
    dataset, _ = imported(tmp_path, {"spectrum": {**SPECTRUM, "ivar": "ivar"}}, "ab")
    np.testing.assert_allclose(dataset.ragged("spectrum").fields["ivar"], 4, rtol=1e-5)


@pytest.mark.parametrize("odd", [None, "Jy", "count", "my own flux"])
def test_a_spectrum_in_no_such_unit_is_set_aside(tmp_path, odd):
    spectra(tmp_path, ("a", 1, f"1e-17 {CGS}"), ("b", 7, odd))
    dataset, _ = imported(tmp_path, {"spectrum": SPECTRUM}, "ab")
    assert dataset.ragged("spectrum").present.tolist() == [True, False]
    assert ["unit" in reason for reason in reasons_of(tmp_path)] == [True]


def test_spectra_without_units_are_relative_and_said_to_be(tmp_path):
    spectra(tmp_path, ("a", 1, None), ("b", 3, None))
    dataset, _ = imported(tmp_path, {"spectrum": SPECTRUM}, "ab")
    assert dataset.ragged("spectrum").present.all()
    assert dataset.schema.fields("spectrum")["flux"] is None
    notes = json.loads((tmp_path / "out/import.json").read_text())["notes"]
    assert any("no unit of flux is stated" in note for note in notes)
    spectra(tmp_path, ("b", 3, CGS))  # one of them has one: nobody knows the other's
    dataset, _ = imported(tmp_path, {"spectrum": SPECTRUM}, "ab")
    assert dataset.ragged("spectrum").present.tolist() == [True, False]


def test_a_unit_that_nobody_knows_is_kept_apart(tmp_path):
    spectra(tmp_path, ("a", 1, "my own flux"), ("b", 3, "my own flux"))
    dataset, summary = imported(tmp_path, {"spectrum": SPECTRUM}, "ab")
    assert dataset.ragged("spectrum").present.all()
    assert any("'my own flux'" in note for note in summary.notes)


def test_a_spectrum_that_is_searched_with_is_converted_or_told(tmp_path):
    spectra(tmp_path, ("a", 1e-17, CGS), ("b", 1, None))
    fields = {"wavelength": "Angstrom", "flux": f"1e-17 {CGS}"}
    wanted = {"spectrum": Wanted("spectrum", "spectrum", "spectrum", fields)}
    for name in "ab":
        table = Table.read(tmp_path / f"s/{name}.fits")
        table.rename_columns(["w", "f"], ["wavelength", "flux"])
        table.write(tmp_path / f"{name}.fits")
    found = read_file(tmp_path / "a.fits", wanted)
    np.testing.assert_allclose(found.fields["flux"], SHAPE, rtol=1e-5)
    assert not any("unit" in note for note in found.notes)
    found = read_file(tmp_path / "b.fits", wanted)
    assert any("no unit is stated; taken as flux" in note for note in found.notes)
    relative = {"spectrum": Wanted("spectrum", "spectrum", "spectrum", {**fields, "flux": None})}
    found = read_file(tmp_path / "a.fits", relative)
    assert any("the model's spectra state no unit" in note for note in found.notes)


def tess(path, time_unit="BJD - 2457000, days", flux_unit="e-/s", start=1500.0):
    columns = [
        fits.Column("TIME", "D", time_unit, array=start + 0.02 * np.arange(40)),
        fits.Column("PDCSAP_FLUX", "E", flux_unit, array=1000 + 10 * np.sin(np.arange(40))),
        fits.Column("PDCSAP_FLUX_ERR", "E", flux_unit, array=np.full(40, 2.0)),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(path, overwrite=True)
    return path


TESS = {"folder": "lc", "pattern": "{id}.fits", "time": "TIME", "flux": "PDCSAP_FLUX",
        "flux_err": "PDCSAP_FLUX_ERR"}  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "zero", "system"),
    [
        ("BJD - 2457000, days", 2457000, "BJD"),
        ("BTJD", 2457000, "BJD"),
        ("BJD - 2454833", 2454833, "BJD"),
        ("HJD-2457000", 2457000, "HJD"),
        ("JD - 2,457,000 (d)", 2457000, "JD"),
        ("d", 0, None),
    ],
)
def test_times_are_julian_dates_where_their_unit_says_when_they_begin(tmp_path, unit, zero, system):
    (tmp_path / "lc").mkdir()
    tess(tmp_path / "lc/a.fits", unit)
    dataset, summary = imported(tmp_path, {"photometry": TESS})
    fields = dataset.ragged("photometry").fields
    np.testing.assert_allclose(fields["time"], zero + 1500 + 0.02 * np.arange(40), rtol=1e-14)
    assert dataset.schema.attributes("photometry").get("time_system") == system
    assert dataset.schema.fields("photometry") == {
        "time": "d", "flux": "electron / s", "flux_err": "electron / s"
    }  # fmt: skip
    np.testing.assert_allclose(fields["flux_err"], 2)
    assert any("not calibrated" in note for note in summary.notes)


@pytest.mark.parametrize("unit", ["BJD - 2457000", "MJD", "BKJD"])
def test_dates_in_no_known_century_are_refused(tmp_path, unit):
    table = curve(units=(("f", "mJy"),), id=["a"] * N, when=2458500.0 + TIME)
    table.write(tmp_path / "e.fits")
    source = {"file": "e.fits", "id": "id", "time": {"column": "when", "unit": unit}, "flux": "f"}
    with pytest.raises(DataError, match="zero point is not right"):
        imported(tmp_path, {"photometry": source})


def test_light_curves_of_one_dataset_agree_on_their_times(tmp_path):
    (tmp_path / "lc").mkdir()
    tess(tmp_path / "lc/a.fits")
    tess(tmp_path / "lc/b.fits", "d")
    days = "".join(f"a,{58499.5 + k},{12 + 0.1 * k}\n" for k in range(5))
    (tmp_path / "e.csv").write_text("id,mjd,mag\n" + days)
    more = {"file": "e.csv", "id": "id", "time": {"column": "mjd", "unit": "MJD"},
            "magnitude": {"column": "mag", "unit": "mag"}}  # fmt: skip
    dataset, summary = imported(
        tmp_path, {"photometry": TESS, "more_photometry": {"ground": more}}, "ab"
    )
    assert dataset.ragged("ground").fields["time"][0] == 2458500.0
    assert dataset.ragged("photometry").fields["time"][0] == 2458500.0
    assert dataset.ragged("photometry").present.tolist() == [True, False]
    reasons = reasons_of(tmp_path)
    assert any("days without a zero point" in reason for reason in reasons)
    more["time"]["unit"] = "d"
    _, summary = imported(tmp_path, {"photometry": TESS, "more_photometry": {"ground": more}})
    assert any("cannot be compared" in note for note in summary.notes)


def test_a_light_curve_of_tess_is_searched_with(tmp_path):
    path = tess(tmp_path / "a.fits")
    fields = {"time": "d", "flux": "electron / s", "flux_err": "electron / s"}
    wanted = {"photometry": Wanted("photometry", "photometry", "photometry", fields)}
    found = read_file(path, wanted)
    assert found.fields["time"][0] == 2458500.0
    np.testing.assert_allclose(found.fields["flux_err"], 2)
    with pytest.raises(DataError, match="cannot be converted to mJy"):
        read_file(path, WANTED)


def test_a_unit_of_the_mapping_that_does_not_fit_stops(tmp_path):
    (tmp_path / "lc").mkdir()
    tess(tmp_path / "lc/a.fits")
    wrong = {**TESS, "flux": {"column": "PDCSAP_FLUX", "unit": "km"}}
    with pytest.raises(ConfigError, match="'km' cannot be converted to mJy"):
        imported(tmp_path, {"photometry": wrong})


def test_one_object_in_mjd_among_others_in_jd_is_set_aside(tmp_path):
    from skybind.data.dataset import Dataset
    from skybind.data.quarantine import read_quarantine
    from skybind.ingest.survey import import_dataset

    rows = [f"{name},{zero + k},{12 + 0.1 * k}" for name, zero in
            (("a", 2455000.5), ("b", 2456000.5), ("c", 55000)) for k in range(5)]  # fmt: skip
    (tmp_path / "o.csv").write_text("id\na\nb\nc\n")
    (tmp_path / "e.csv").write_text("\n".join(["id,t,m", *rows]) + "\n")
    (tmp_path / "m.yaml").write_text(
        "objects: {file: o.csv, id: id}\n"
        "photometry: {file: e.csv, id: id, time: {column: t, unit: JD}, "
        "magnitude: {column: m, unit: mag}}\n"
    )
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert summary.observed == {"photometry": 2}
    assert summary.quarantined == {"times of another zero point": 1}
    (row,) = read_quarantine(Dataset.open(tmp_path / "out").path)
    assert row["object_id"] == "c"
