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
from skybind.ingest.preview.make import preview_survey
from skybind.ingest.readers import visit_files
from skybind.ingest.readers.visit_files import claims_of
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
    names = [name.removeprefix("x/") for name in visits.name]
    assert names == ["a/n1.csv", "a/n2.csv", "b/n7.csv"]
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
    assert visits.name.tolist() == ["a/2.fits", "a/1.fits", "b/1.fits"]
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
    assert dataset.visits("spectrum").name.tolist() == ["a/n1.csv", "a/n2.csv"]
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


def claims(files, *patterns):
    """Which objects have each file; their patterns are written with `*`."""
    return claims_of(list(files), [pattern.split("*") for pattern in patterns])


def test_a_file_belongs_to_the_object_with_more_of_its_name():
    files = ["a_1.csv", "a_b_1.csv", "a_b_2.csv.gz", "a/x_1.csv", "[c]_1.csv", "ab_1.csv"]
    found = claims(files, "a_*.csv", "a_b_*.csv", "", "[c]_*.csv")
    assert found == {"a_1.csv": [0], "a_b_1.csv": [1], "a_b_2.csv.gz": [1], "[c]_1.csv": [3]}
    assert claims(["x12.csv", "x2.csv"], "*2.csv", "*12.csv") == {"x12.csv": [1], "x2.csv": [0]}
    assert claims(["obs_n_a_1.csv"], "obs_*_1.csv", "obs_*_a_1.csv") == {"obs_n_a_1.csv": [1]}


def test_what_nobody_can_tell_belongs_to_none_and_what_is_common_to_all():
    assert claims(["a_b_c"], "a_*_c", "a_b_*", "a_*_c") == {"a_b_c": []}
    assert claims(["266_1.csv", "266_2.csv"], "266_*.csv", "266_*.csv") == {
        "266_1.csv": [0, 1],
        "266_2.csv": [0, 1],
    }


def test_a_file_and_its_gzipped_copy_are_one_visit():
    assert claims(["a_1.csv.gz", "a_1.csv"], "a_*.csv") == {"a_1.csv": [0]}


def test_many_files_are_not_compared_with_every_object():
    """10,000 objects whose patterns begin with `*`: pair by pair it would take minutes."""
    names = [f"n{i:05d}" for i in range(10_000)]
    found = claims([f"x/{name}.csv" for name in names], *(f"*/{name}.csv" for name in names))
    assert found == {f"x/{name}.csv": [i] for i, name in enumerate(names)}


def test_a_star_in_a_name_is_a_letter(tmp_path):
    """SIMBAD names some stars `* alf` and `V* RR`."""
    for name, level in (("V* RR_1", 9), ("V S RR_1", 5), ("V* RR_10", 4), ("V* RR_9", 3)):
        spectrum(tmp_path / f"s/{name}.csv", level)
    (tmp_path / "m.yaml").write_text(MAPPING % ("s", "{id}_*.csv", ""))
    (tmp_path / "o.csv").write_text("id\nV* RR\n")
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    visits = Dataset.open(tmp_path / "out").visits("spectrum")
    assert visits.name.tolist() == ["V* RR_1.csv", "V* RR_9.csv", "V* RR_10.csv"]
    assert levels(visits) == [9, 3, 4]
    assert [row["source"] for row in read_quarantine(tmp_path / "out")] == ["s/V S RR_1.csv"]


def test_a_file_that_two_objects_could_have_is_set_aside(tmp_path):
    for name in ("a_b_c", "a_x_c"):
        spectrum(tmp_path / f"s/{name}.csv", 5)
    (tmp_path / "m.yaml").write_text(MAPPING % ("s", "{pattern}_*{end}.csv", ""))
    (tmp_path / "o.csv").write_text("id,pattern,end\np,a,b_c\nq,a_b,c\nr,a,x_c\n")
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    lost = read_quarantine(tmp_path / "out")
    assert "a_b_c" not in str(Dataset.open(tmp_path / "out").visits("spectrum").name)
    assert [(row["source"], row["reason"]) for row in lost] == [
        ("s/a_b_c.csv", "several objects could have this file by their patterns")
    ]


@pytest.mark.parametrize("odd", ["2020-13-01", "2020-01-01 at noon", "02/01/99", "yes", True])
def test_a_header_that_holds_no_time_is_told_and_stops_nothing(tmp_path, odd):
    spectrum(tmp_path / "s/a/1.fits", 5, DATE_OBS="2015-01-10T06:00:00Z")
    spectrum(tmp_path / "s/a/2.fits", 9, DATE_OBS=odd)
    dataset, lost, _ = imported(tmp_path, "{id}/*.fits", ", visit: {header: DATE-OBS, unit: JD}")
    np.testing.assert_allclose(dataset.visits("spectrum").time, [2457032.75, np.nan])
    assert [row["source"] for row in lost] == ["s/a/2.fits"]


def test_only_endings_may_be_in_other_case():
    assert claims(["a_1.FITS", "A_2.fits", "a_3.Fits.gz"], "a_*.fits") == {
        "a_1.FITS": [0],
        "a_3.Fits.gz": [0],
    }


def test_the_case_of_endings_does_not_hide_files(tmp_path):
    spectrum(tmp_path / "s/a/1.csv", 5)
    (tmp_path / "s/a/2.CSV").write_bytes((tmp_path / "s/a/1.csv").read_bytes())
    for pattern in ("{id}/*.csv", "{id}/*.CSV", "{id}/*"):
        dataset, lost, _ = imported(tmp_path, pattern)
        assert lost == []
        assert len(dataset.visits("spectrum").name) == 2


def test_a_dry_run_reads_the_headers_of_its_objects_alone(tmp_path, monkeypatch):
    n = 40
    for i in range(n):
        for k, date in enumerate(("2015-01-12", "2015-01-10")):
            spectrum(tmp_path / f"s/o{i}/{k}.fits", 10 * (1 - k) + 1, DATE_OBS=date)
    (tmp_path / "o.csv").write_text("id\n" + "".join(f"o{i}\n" for i in range(n)))
    mapping = MAPPING % ("s", "{id}/*.fits", ", visit: {header: DATE-OBS}")
    (tmp_path / "m.yaml").write_text(mapping)
    read = []
    plain = visit_files.header_value
    monkeypatch.setattr(
        visit_files,
        "header_value",
        lambda data, name, key: read.append(name) or plain(data, name, key),
    )
    preview = preview_survey(tmp_path / "m.yaml", objects=4)
    assert len(read) <= 2 * 4 + 1  # and one that tells whether a unit is lacking
    assert preview.dataset.visits("spectrum").time.tolist() == [2457032.5, 2457034.5] * 4
    assert levels(preview.dataset.visits("spectrum")) == [1, 11] * 4
