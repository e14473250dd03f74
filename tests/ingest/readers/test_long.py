"""Long tables of spectra that are several of one object."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.info import dataset_info
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError
from skybind.ingest.survey import import_dataset

WAVE = np.arange(4000.0, 4100, 2)
MAPPING = (
    "objects: {{file: o.csv, id: id}}\n"
    "spectrum: {{file: s.{ending}, id: id, "
    "wavelength: {{column: w, unit: Angstrom}}, flux: f{more}}}\n"
)


def imported(folder, visits, more="", ending="csv"):
    """Import objects a and b; of a there are three spectra, of b one."""
    levels = {("a", 0): 9, ("a", 1): 5, ("a", 2): 1, ("b", 1): 3}
    rows = [(name, visits[k], x + 0.5 * (k == 2), level + 0.01 * i)
            for (name, k), level in levels.items() for i, x in enumerate(WAVE)]  # fmt: skip
    table = Table(rows=rows, names=["id", "night", "w", "f"])
    if ending == "parquet":
        columns = {name: table[name].tolist() for name in table.colnames}
        pq.write_table(pa.table(columns), folder / "s.parquet")
    else:
        table.write(folder / f"s.{ending}", overwrite=True)
    (folder / "o.csv").write_text("id\na\nb\n")
    (folder / "m.yaml").write_text(MAPPING.format(ending=ending, more=more))
    import_dataset(folder / "m.yaml", folder / "out")
    reasons = {row["object_id"]: row["reason"] for row in read_quarantine(folder / "out")}
    return Dataset.open(folder / "out"), reasons


def test_several_spectra_of_an_object_are_refused_without_a_column_of_visits(tmp_path):
    dataset, reasons = imported(tmp_path, (57003, 57001, 57002))
    assert dataset.ragged("spectrum").present.tolist() == [False, True]
    assert list(reasons) == ["a"]
    assert "'visit' in a mapping" in reasons["a"]


@pytest.mark.parametrize("ending", ["csv", "fits", "ecsv", "parquet"])
@pytest.mark.parametrize("names", [(110, 9, 100), (57003.25, 57001.5, 57002.0), ("n3", "n1", "n2")])
def test_all_visits_are_kept_in_their_order(tmp_path, names, ending):
    dataset, reasons = imported(tmp_path, names, ", visit: night", ending)
    assert reasons == {}
    visits = dataset.visits("spectrum")
    order = [1, 2, 0]  # of the names, as numbers or in the alphabet
    texts = [str(name).removesuffix(".0") for name in names]
    assert visits.name.tolist() == [*(texts[k] for k in order), texts[1]]
    assert visits.counts.tolist() == [3, 1]
    levels = [visits.ragged.take(np.array([i])).fields["flux"][0] for i in range(4)]
    np.testing.assert_allclose(levels, [5, 1, 9, 3], rtol=1e-6)
    assert np.isnan(visits.time).all()  # no unit says that they are times
    first = dataset.ragged("spectrum")
    assert first.lengths.tolist() == [50, 50]
    np.testing.assert_allclose(first.fields["flux"][:3], [5, 5.01, 5.02], rtol=1e-6)
    assert check_dataset(tmp_path / "out") == []
    assert dataset_info(tmp_path / "out").modalities["spectrum"].visits == (4, 1)


@pytest.mark.parametrize(
    ("unit", "add", "system"),
    [("MJD", 2400000.5, "JD"), ("HJD - 2400000", 2400000.0, "HJD"), ("d", 0, None)],
)
def test_visits_have_their_times_where_the_unit_says_so(tmp_path, unit, add, system):
    dataset, _ = imported(
        tmp_path, (57003.25, 57001.5, 57002.0), f", visit: {{column: night, unit: {unit}}}"
    )
    times = dataset.visits("spectrum").time[:3]
    np.testing.assert_allclose(times, add + np.array([57001.5, 57002, 57003.25]))
    assert dataset.schema.columns["spectrum_visits"].attributes.get("time_system") == system
    star = dataset["a"]
    assert [spectrum.attributes["visit"] for spectrum in star.spectrum_visits] == [
        "57001.5",
        "57002",
        "57003.25",
    ]
    assert star.spectrum_visits[2].flux[0] == pytest.approx(9)
    assert star.spectrum_visits[1].attributes["time"] == add + 57002
    assert star.spectrum.flux[0] == pytest.approx(5)


def test_rows_without_a_visit_are_the_last_one(tmp_path):
    dataset, _ = imported(tmp_path, (57003.0, np.nan, 57002.0), ", visit: night", "parquet")
    assert dataset.visits("spectrum").name.tolist() == ["57002", "57003", "", ""]


def test_long_names_of_visits_do_not_run_together(tmp_path):
    first = 2**60
    dataset, _ = imported(tmp_path, (first + 2, first, first + 1), ", visit: night", "parquet")
    visits = dataset.visits("spectrum")
    assert visits.name.tolist()[:3] == [str(first + k) for k in range(3)]


def test_each_row_of_lists_is_a_visit(tmp_path):
    """Two spectra of one night are two, too."""
    rows = [
        ("a", 57001, 5.0),
        ("a", 57001, 6.0),
        ("a", 57000, 4.0),
        ("b", 57001, 3.0),
        ("x", 1, 1.0),
    ]
    table = pa.table(
        {
            "id": [name for name, _, _ in rows],
            "night": [night for _, night, _ in rows],
            "w": [WAVE.tolist() for _ in rows],
            "f": [(level + 0.01 * np.arange(50)).tolist() for _, _, level in rows],
        }
    )
    pq.write_table(table, tmp_path / "s.parquet")
    (tmp_path / "o.csv").write_text("id\na\nb\n")
    (tmp_path / "m.yaml").write_text(MAPPING.format(ending="parquet", more=", visit: night"))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    visits = Dataset.open(tmp_path / "out").visits("spectrum")
    assert visits.name.tolist() == ["57000", "57001", "57001 (2)", "57001"]
    firsts = [visits.ragged.take(np.array([i])).fields["flux"][0] for i in range(4)]
    np.testing.assert_allclose(firsts, [4, 5, 6, 3])
    assert [row["object_id"] for row in read_quarantine(tmp_path / "out")] == ["x"]


def test_a_visit_that_cannot_be_used_is_set_aside_and_the_next_is_the_first(tmp_path):
    imported(tmp_path, (57003, 57001, 57002), ", visit: night")
    table = Table.read(tmp_path / "s.csv")
    table["f"][(table["id"] == "a") & (table["night"] == 57001)] = 1.0  # of one value
    table.write(tmp_path / "s.csv", overwrite=True)
    import_dataset(tmp_path / "m.yaml", tmp_path / "out2")
    dataset = Dataset.open(tmp_path / "out2")
    rows = read_quarantine(tmp_path / "out2")
    assert [(row["object_id"], row["reason"]) for row in rows] == [
        ("a", "constant flux (zero MAD) (visit 57001)")
    ]
    assert dataset.visits("spectrum").name.tolist() == ["57002", "57003", "57001"]
    assert dataset.ragged("spectrum").fields["flux"][0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("folder: s, pattern: '{id}.csv', visit: night", "names a column of a long table"),
        ("folder: s, pattern: '{id}.fits', visit: {header: MJD}", "several files an object"),
        ("file: s.csv, id: id, visit: {unit: MJD}", "give 'column'"),
    ],
)
def test_a_visit_belongs_to_what_has_several(tmp_path, keys, sentence):
    mapping = f"objects: {{file: o.csv, id: id}}\nspectrum: {{{keys}, wavelength: w, flux: f}}\n"
    (tmp_path / "m.yaml").write_text(mapping)
    with pytest.raises(ConfigError, match=sentence):
        import_dataset(tmp_path / "m.yaml", tmp_path / "out")


@pytest.mark.parametrize("ending", ["parquet", "fits", "csv"])
@pytest.mark.parametrize(
    "names",
    [
        ("1237650000000000002", "1237650000000000001", "1237650000000000003"),
        ("1", "01", "001"),
        ("n10", "n9", "nan"),
    ],
)
def test_names_of_visits_are_told_apart_by_every_digit(tmp_path, names, ending):
    dataset, _ = imported(tmp_path, names, ", visit: night", ending)
    visits = dataset.visits("spectrum")
    known = ["" if name == "nan" else name for name in names]
    if ending == "csv" and names[1] == "01":
        assert visits.counts.tolist() == [0, 1]  # numbers in text are numbers: three of one visit
        return
    assert sorted(visits.name.tolist()[:3]) == sorted(known)
    assert visits.counts.tolist() == [3, 1]


@pytest.mark.parametrize("kind", ["Int64", "text"])
def test_long_names_beside_an_empty_cell_do_not_run_together(tmp_path, kind):
    names = [1237650000000000001, 1237650000000000002, None]
    if kind == "text":
        names = [None if name is None else str(name) for name in names]
    rows = [(name, x, k + 0.01 * i) for k, name in enumerate(names) for i, x in enumerate(WAVE)]
    columns = {"id": ["a"] * len(rows), "night": [row[0] for row in rows]}
    columns |= {"w": [row[1] for row in rows], "f": [row[2] for row in rows]}
    pq.write_table(pa.table(columns), tmp_path / "s.parquet")
    (tmp_path / "o.csv").write_text("id\na\n")
    (tmp_path / "m.yaml").write_text(MAPPING.format(ending="parquet", more=", visit: night"))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    visits = Dataset.open(tmp_path / "out").visits("spectrum")
    assert visits.name.tolist() == ["1237650000000000001", "1237650000000000002", ""]


def test_times_of_visits_from_another_zero_point_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="lie around the year 8591"):
        imported(tmp_path, (2459000.5, 2459001.5, 2459002.5), ", visit: {column: night, unit: MJD}")


def test_a_visit_whose_time_is_not_known_is_kept_and_told(tmp_path):
    dataset, reasons = imported(
        tmp_path, ("57003.5", "57001.5", "June"), ", visit: {column: night, unit: MJD}"
    )
    assert dataset.visits("spectrum").counts.tolist() == [3, 1]
    assert reasons == {"a": "the time is not known (visit June)"}
    assert np.isnan(dataset.visits("spectrum").time).sum() == 1


@pytest.mark.parametrize("ending", ["csv", "parquet", "ecsv"])
@pytest.mark.parametrize("more", ["night", "{column: night, unit: JD}"])
def test_dates_are_times_of_visits(tmp_path, more, ending):
    dates = ("2015-01-12", "2015-01-10", "2015-01-11T12:00:00")
    dataset, reasons = imported(tmp_path, dates, f", visit: {more}", ending)
    times = [2457032.5, 2457034.0, 2457034.5, 2457032.5]
    np.testing.assert_allclose(dataset.visits("spectrum").time, times)
    assert reasons == {}


def test_dates_of_visits_have_no_unit_of_numbers(tmp_path):
    with pytest.raises(ConfigError, match="holds dates"):
        imported(
            tmp_path,
            ("2015-01-12", "2015-01-10", "2015-01-11"),
            ", visit: {column: night, unit: MJD}",
        )
