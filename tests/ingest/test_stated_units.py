"""Units that files state and people overlook: in every way in the numbers are those meant."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy import units
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError, DataError
from skybind.ingest.given import take_given
from skybind.ingest.one_file import read_file
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted

ROW = {"metadata": Wanted("metadata", "metadata", "metadata",
                          features={"period": "d", "parallax": "mas"})}  # fmt: skip
SPECTRUM = {"spectrum": Wanted("spectrum", "spectrum", "spectrum",
                               {"wavelength": "Angstrom", "flux": None})}  # fmt: skip
STATED = {"ra": "rad", "dec": "rad", "period": "h", "parallax": "arcsec"}
LOGARITHMS = np.linspace(3.6, 3.9, 20)
FLUX = np.sin(np.arange(20.0)) + 3


def plain(n=2):
    return {"id": [f"s{i}" for i in range(n)], "ra": [0.1] * n, "dec": [-0.2] * n,
            "period": [12.0] * n, "parallax": [0.001] * n}  # fmt: skip


def by_fields(path, n=2, key="unit"):
    table = pa.table(plain(n))
    fields = [pa.field(c.name, c.type, metadata={key: STATED[c.name]}) if c.name in STATED else c
              for c in table.schema]  # fmt: skip
    pq.write_table(table.cast(pa.schema(fields)), path)


def by_fields_plural(path, n=2):
    by_fields(path, n, "units")


def by_astropy(path, n=2):
    Table(plain(n), units=STATED).write(path, format="parquet")


WRITERS = pytest.mark.parametrize("write", [by_fields, by_fields_plural, by_astropy])


def imported(folder, mapping):
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(folder / "m.yaml", folder / "out")
    return Dataset.open(folder / "out"), summary


@WRITERS
def test_units_of_parquet_count_in_a_mapping(tmp_path, write):
    write(tmp_path / "o.parquet")
    features = {"metadata": {"period": "period", "parallax": "parallax"}}
    data, _ = imported(tmp_path, {"objects": {"file": "o.parquet", "id": "id", "ra": "ra",
                                              "dec": "dec", "features": features}})  # fmt: skip
    assert np.allclose(data.numbers("ra"), np.degrees(0.1))
    assert np.allclose(data.numbers("dec"), np.degrees(-0.2))
    assert np.allclose(data.numbers("period"), 0.5)
    assert np.allclose(data.numbers("parallax"), 1)


@WRITERS
def test_units_of_parquet_count_in_files_and_tables_that_are_given(tmp_path, write):
    write(tmp_path / "o.parquet", 1)
    found = read_file(tmp_path / "o.parquet", ROW).features
    assert found == pytest.approx({"period": 0.5, "parallax": 1})
    given = take_given(pq.read_table(tmp_path / "o.parquet"), wanted=ROW).dataset
    assert given.numbers("period")[0] == pytest.approx(0.5)
    assert given.numbers("ra")[0] == pytest.approx(np.degrees(0.1))


def test_a_row_without_units_is_told_to_be_taken_in_the_models(tmp_path):
    (tmp_path / "row.csv").write_text("period,parallax\n12,1\n")
    assert read_file(tmp_path / "row.csv", ROW).notes == [
        "row.csv, column 'period' states no unit: taken as in d.",
        "row.csv, column 'parallax' states no unit: taken as in mas.",
    ]


@pytest.mark.parametrize(
    ("unit", "values"),
    [
        ("Angstrom", LOGARITHMS), ("A", LOGARITHMS), ("dex", LOGARITHMS), (None, LOGARITHMS),
        ("dex(Angstrom)", LOGARITHMS), ("dex(nm)", LOGARITHMS - 1), ("nm", LOGARITHMS - 1),
    ],
)  # fmt: skip
def test_logarithms_of_wavelengths_in_a_unit_of_length(tmp_path, unit, values):
    table = Table({"loglam": values, "flux": FLUX})
    (tmp_path / "spectra").mkdir()
    path = tmp_path / "spectra" / "a.ecsv"
    table.write(path, format="ascii.ecsv")
    if unit is not None:  # as a file states it, whether astropy can write it or not
        path.write_text(path.read_text().replace("name: loglam,", f"name: loglam, unit: {unit},"))
    assert np.allclose(read_file(path, SPECTRUM).fields["wavelength"], 10**LOGARITHMS)
    (tmp_path / "o.csv").write_text("id\na\n")
    mapping = {"objects": {"file": "o.csv", "id": "id"},
               "spectrum": {"folder": "spectra", "pattern": "{id}.ecsv", "flux": "flux",
                            "wavelength": "loglam"}}  # fmt: skip
    data, _ = imported(tmp_path, mapping)
    assert np.allclose(data["a"].spectrum["wavelength"].value, 10**LOGARITHMS)


DATES = [f"2020-01-0{day}T12:00:00" for day in (1, 2, 3, 4)]


def dated(folder, time):
    rows = [f"a,{date},{15 + i}" for i, date in enumerate(DATES)]
    (folder / "e.csv").write_text("\n".join(["id,t,m", *rows]) + "\n")
    (folder / "o.csv").write_text("id\na\n")
    fields = {"time": time, "magnitude": {"column": "m", "unit": "mag"}}
    return imported(folder, {"objects": {"file": "o.csv", "id": "id"},
                             "photometry": {"file": "e.csv", "id": "id", **fields}})[0]  # fmt: skip


@pytest.mark.parametrize("time", ["t", {"column": "t", "unit": "d"}, {"column": "t", "unit": "JD"}])
def test_dates_are_julian_dates(tmp_path, time):
    found = dated(tmp_path, time)["a"].photometry["time"]
    assert np.allclose(found.to_value(units.d), 2458850 + np.arange(4))


@pytest.mark.parametrize("unit", ["h", "s", "MJD", "BJD - 2457000"])
def test_dates_in_the_unit_of_numbers_are_refused(tmp_path, unit):
    with pytest.raises(ConfigError, match=f"holds dates.*the unit '{unit}' is not theirs"):
        dated(tmp_path, {"column": "t", "unit": unit})


def test_dates_are_no_fluxes(tmp_path):
    rows = "".join(f"a,{i},{date}\n" for i, date in enumerate(DATES))
    (tmp_path / "e.csv").write_text("id,t,f\n" + rows)
    (tmp_path / "o.csv").write_text("id\na\n")
    mapping = {"objects": {"file": "o.csv", "id": "id"},
               "photometry": {"file": "e.csv", "id": "id", "time": {"column": "t", "unit": "d"},
                              "flux": {"column": "f", "unit": "mJy"}}}  # fmt: skip
    with pytest.raises(DataError, match="holds dates, which are no flux"):
        imported(tmp_path, mapping)


def wavelengths(folder, **files):
    """Write spectra from 4000 Angstrom on, each file in its unit."""
    (folder / "s").mkdir()
    for name, unit in files.items():
        wave = (np.arange(4000, 4200, 10) * units.Angstrom).to(unit)
        Table({"w": wave, "f": FLUX}).write(folder / "s" / f"{name}.fits")
    (folder / "o.csv").write_text("\n".join(["id", *files]) + "\n")
    return {"folder": "s", "pattern": "{id}.fits", "wavelength": "w", "flux": "f"}


def test_a_unit_of_the_mapping_counts_for_files_of_one_unit_only(tmp_path):
    keys = wavelengths(tmp_path, a="nm", b="Angstrom", c="nm")
    objects = {"file": "o.csv", "id": "id"}
    said = {**keys, "wavelength": {"column": "w", "unit": "nm"}}
    data, _ = imported(tmp_path, {"objects": objects, "spectrum": said})
    assert np.flatnonzero(data.present("spectrum")).tolist() == [0, 2]
    (reason,) = [row["reason"] for row in read_quarantine(tmp_path / "out")]
    assert "states the unit 'Angstrom', where the first file is in 'nm'" in reason
    for name in ("a", "c"):
        assert data[name].spectrum["wavelength"].value[0] == pytest.approx(4000)


def test_a_unit_of_the_file_that_does_not_count_is_told(tmp_path):
    keys = wavelengths(tmp_path, a="Angstrom", b="Angstrom")
    by_fields(tmp_path / "o.parquet")
    features = {"metadata": {"parallax": {"column": "parallax", "unit": "mas"}}}
    objects = {"file": "o.parquet", "id": "id", "ra": {"column": "ra", "unit": "deg"},
               "dec": "dec", "features": features}  # fmt: skip
    for name in "ab":
        (tmp_path / "s" / f"{name}.fits").rename(tmp_path / "s" / f"s{'ab'.index(name)}.fits")
    said = {**keys, "wavelength": {"column": "w", "unit": "nm"}}
    data, summary = imported(tmp_path, {"objects": objects, "spectrum": said})
    assert data["s0"].spectrum["wavelength"].value[0] == pytest.approx(40000)  # as was said
    told = " ".join(summary.notes)
    assert "files state the unit 'Angstrom' of the wavelength; that of the mapping counts" in told
    assert "(parallax) states the unit 'arcsec'; that of the mapping counts, mas." in told
    assert "ra: o.parquet states the unit 'rad'; that of the mapping counts, deg." in told


def test_the_same_unit_spelled_otherwise_is_not_told(tmp_path):
    keys = wavelengths(tmp_path, a="nm", b="nm")
    said = {**keys, "wavelength": {"column": "w", "unit": "nanometer"}}
    _, summary = imported(tmp_path, {"objects": {"file": "o.csv", "id": "id"}, "spectrum": said})
    assert not any("counts" in note for note in summary.notes)
