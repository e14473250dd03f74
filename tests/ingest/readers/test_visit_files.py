"""Folders of several spectra an object, one file each."""

import zipfile

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError
from skybind.ingest.readers.visit_files import owners_of
from skybind.ingest.survey import import_dataset

WAVE = np.arange(4000.0, 4100, 2)
MAPPING = (
    "objects: {file: o.csv, id: id}\n"
    "spectrum: {folder: %s, pattern: '%s', "
    "wavelength: {column: w, unit: Angstrom}, flux: f%s}\n"
)


def spectrum(path, level, **header):
    """Write a spectrum of a level, as a table of FITS with some keys in its header, or as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = Table({"w": WAVE, "f": level + 0.01 * np.arange(50)})
    if path.suffix == ".csv":
        table.write(path)
        return
    hdu = fits.table_to_hdu(table)
    hdu.header.update({key.replace("_", "-"): value for key, value in header.items()})
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)


def imported(folder, pattern, more="", where="s"):
    (folder / "o.csv").write_text("id\na\nb\nc\n")
    (folder / "m.yaml").write_text(MAPPING % (where, pattern, more))
    summary = import_dataset(folder / "m.yaml", folder / "out", overwrite=True)
    assert check_dataset(folder / "out") == []
    return Dataset.open(folder / "out"), read_quarantine(folder / "out"), summary


def levels(visits):
    return [
        round(float(visits.ragged.take(np.array([i])).fields["flux"][0]))
        for i in range(len(visits.name))
    ]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("pattern", ["{id}/*.csv", "{id}/n*.csv", "*/{id}/*"])
def test_every_file_is_a_visit_in_the_order_of_the_names(tmp_path, pattern, packed):
    at = tmp_path / "s" / ("x" if pattern.startswith("*") else "")
    for name, level in {"a/n2": 5, "a/n1": 9, "b/n7": 3, "d/n1": 1}.items():
        spectrum(at / f"{name}.csv", level)
    where = "s"
    if packed:
        where = "s.zip"
        with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
            for path in sorted((tmp_path / "s").rglob("*.csv")):
                archive.write(path, path.relative_to(tmp_path / "s").as_posix())
    dataset, lost, _ = imported(tmp_path, pattern, where=where)
    visits = dataset.visits("spectrum")
    assert visits.name.tolist() == ["n1.csv", "n2.csv", "n7.csv"]
    assert visits.counts.tolist() == [2, 1, 0]
    assert levels(visits) == [9, 5, 3]
    assert dataset.ragged("spectrum").present.tolist() == [True, True, False]
    assert [row["source"].split("/", 1)[1].removeprefix("x/") for row in lost] == ["d/n1.csv"]


@pytest.mark.parametrize(
    ("key", "first", "second", "unit"),
    [
        ("MJD_OBS", 57002.5, 57001.25, ", unit: MJD"),
        ("DATE_OBS", "2015-01-11T12:00:00", "2015-01-10T06:00:00", ""),
        ("DATE_OBS", "2015-01-11T12:00:00.000", "2015-01-10T06:00:00.000", ", unit: JD"),
    ],
)
def test_times_of_headers_order_the_visits(tmp_path, key, first, second, unit):
    """MJD 57001.25 is 2014-12-10 06:00; JD of 2015-01-10 06:00 is 2457032.75."""
    spectrum(tmp_path / "s/a/1.fits", 5, **{key: first})
    spectrum(tmp_path / "s/a/2.fits", 9, **{key: second})
    spectrum(tmp_path / "s/b/1.fits", 3)
    more = f", visit: {{header: {key.replace('_', '-')}{unit}}}"
    dataset, lost, _ = imported(tmp_path, "{id}/*.fits", more)
    visits = dataset.visits("spectrum")
    expected = [2457001.75, 2457003] if key == "MJD_OBS" else [2457032.75, 2457034]
    np.testing.assert_allclose(visits.time, [*expected, np.nan])
    assert visits.name.tolist() == ["2.fits", "1.fits", "1.fits"]
    assert levels(visits) == [9, 5, 3]
    assert [row["object_id"] for row in lost] == ["b"]  # kept, but its time is not known
    assert "no time" in lost[0]["reason"]


def test_times_of_headers_need_a_unit(tmp_path):
    spectrum(tmp_path / "s/a/1.fits", 5, MJD=57001.0)
    with pytest.raises(ConfigError, match="unit of its times"):
        imported(tmp_path, "{id}/*.fits", ", visit: {header: MJD}")


def test_a_file_that_cannot_be_read_costs_no_other(tmp_path):
    for visit, level in (("n1", 9), ("n2", 5)):
        spectrum(tmp_path / f"s/a/{visit}.csv", level)
    (tmp_path / "s/a/n0.csv").write_text("nothing\n1\n")
    dataset, lost, summary = imported(tmp_path, "{id}/*.csv")
    assert dataset.visits("spectrum").name.tolist() == ["n1.csv", "n2.csv"]
    assert [row["source"] for row in lost] == ["s/a/n0.csv"]
    assert summary.observed["spectrum"] == 1


def test_no_file_at_all_stops(tmp_path):
    spectrum(tmp_path / "s/z/n1.csv", 5)
    with pytest.raises(ConfigError, match="no object has a file"):
        imported(tmp_path, "{id}/*.csv")


def test_light_curves_of_several_files_are_refused(tmp_path):
    (tmp_path / "m.yaml").write_text(
        "objects: {file: o.csv, id: id}\nphotometry: {folder: s, pattern: '{id}/*.csv', time: t, "
        "flux: f}\n"
    )
    with pytest.raises(ConfigError, match="several spectra an object"):
        import_dataset(tmp_path / "m.yaml", tmp_path / "out")


def test_a_file_belongs_to_the_object_with_more_of_its_name():
    files = sorted(["a_1.csv", "a_b_1.csv", "a_b_2.csv.gz", "a/x_1.csv", "[c]_1.csv", "ab_1.csv"])
    wanted = ["a_*.csv", "a_b_*.csv", "", "[c]_*.csv"]
    found = dict(zip(files, owners_of(files, wanted).tolist(), strict=True))
    assert found == {
        "a_1.csv": 0,
        "a_b_1.csv": 1,
        "a_b_2.csv.gz": 1,
        "a/x_1.csv": -1,
        "[c]_1.csv": 3,
        "ab_1.csv": -1,
    }
