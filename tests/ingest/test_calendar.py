"""Dates and durations: Julian dates and days in every way in, and told."""

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import Table
from astropy.time import Time, TimeDelta

from skybind.data.dataset import Dataset
from skybind.errors import ConfigError
from skybind.ingest.given import take_given
from skybind.ingest.one_file import read_file
from skybind.ingest.preview.make import preview_survey
from skybind.ingest.readers.tables import read_table
from skybind.ingest.readers.values import calendar, numbers, texts
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted

ISO = ["2019-01-01", "2019-01-02T12:00:00", "2019-01-04 06:00"]
DATES = 2458484.5 + np.array([0, 1.5, 3.25])
STAMPS = [datetime(2019, 1, 1, tzinfo=UTC) + timedelta(days=d) for d in (0, 1.5, 3.25)]
DURATIONS = np.array([0.5, 2, 36.25])
NUMPY = np.array(["2019-01-01T00", "2019-01-02T12", "2019-01-04T06"], "datetime64[us]")
FORMATS = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "fits": "fits", "vot": "votable"}


def parquet(values, kind):
    def write(path):
        ids = pa.array(["a", "b", "c"])
        pq.write_table(pa.table({"id": ids, "when": pa.array(values, kind)}), path)

    return write


def astropy(values, form):
    def write(path):
        Table({"id": ["a", "b", "c"], "when": values}).write(path, format=FORMATS[form])

    return write


DATED = {
    "o1.parquet": parquet(STAMPS, pa.timestamp("ns", "UTC")),
    "o2.parquet": parquet([s.replace(tzinfo=None) for s in STAMPS], pa.timestamp("s")),
    "o3.parquet": parquet(ISO, pa.string()),
    "o4.csv": astropy(ISO, "csv"),
    "o5.ecsv": astropy(ISO, "ecsv"),
    "o6.ecsv": astropy(Time(DATES, format="jd"), "ecsv"),
    "o7.fits": astropy(ISO, "fits"),
    "o8.vot": astropy(ISO, "vot"),
    "o10.fits": astropy(Time(DATES, format="jd"), "fits"),
    "o11.fits": astropy(Time(DATES, format="jd", scale="tdb"), "fits"),
    "o12.ecsv": astropy(Time(DATES, format="jd", scale="tdb"), "ecsv"),
    "o9.csv": astropy(["2019-01-01T00:00:00Z", "2019-01-02T14:00:00+02:00", ISO[2]], "csv"),
}
#: Files of astropy's own times, and those whose scale is told.
NATIVE = ("o6.ecsv", "o10.fits", "o11.fits", "o12.ecsv")
IN_TDB = NATIVE[2:]
LASTING = {
    "d1.parquet": parquet([timedelta(days=d) for d in DURATIONS], pa.duration("ns")),
    "d2.parquet": parquet([timedelta(days=d) for d in DURATIONS], pa.duration("s")),
    "d3.ecsv": astropy(TimeDelta(DURATIONS, format="jd"), "ecsv"),
}


def survey(folder, file, **column):
    epochs = "".join(f"{x},{t},{12 + 0.1 * t}\n" for x in "abc" for t in range(4))
    (folder / "e.csv").write_text("id,t,m\n" + epochs)
    mapping = {
        "objects": {
            "file": file,
            "id": "id",
            "features": {"metadata": {"when": {"column": "when", **column}}},
        },
        "photometry": {
            "file": "e.csv",
            "id": "id",
            "time": {"column": "t", "unit": "d"},
            "magnitude": {"column": "m", "unit": "mag"},
        },
    }
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping))
    return folder / "m.yaml"


@pytest.mark.parametrize("file", [*DATED, *LASTING])
def test_a_column_of_dates_or_durations_in_the_table_of_objects(tmp_path, file):
    dated = file in DATED
    (DATED if dated else LASTING)[file](tmp_path / file)
    mapping = survey(tmp_path, file)
    summary = import_dataset(mapping, tmp_path / "out")
    data = Dataset.open(tmp_path / "out")
    right = DATES if dated else DURATIONS
    np.testing.assert_allclose(data.numbers("when"), right, rtol=0, atol=1e-6)
    assert data.schema.columns["when"].unit == ("JD" if dated else "d")
    if file not in NATIVE:  # whose column says itself that it holds Julian dates
        what = "dates: they become Julian dates [d]" if dated else "durations: they become days"
        told = f"{file}, column 'when' (when) holds {what}."
        if file != "d3.ecsv":
            assert told in summary.notes
            assert told in preview_survey(mapping).summary.notes
            about = data.schema.columns["when"].description
            assert about == ("Julian date" if dated else "")
    said = f"{file}: the times of 'when' are in TDB, and their Julian dates stay so."
    assert (said in summary.notes) == (file in IN_TDB)


@pytest.mark.parametrize("unit", ["MJD", "BJD - 2457000", "h", "K"])
def test_dates_in_another_unit_are_refused(tmp_path, unit):
    DATED["o4.csv"](tmp_path / "o4.csv")
    with pytest.raises(ConfigError, match="holds dates, which are read as Julian dates: the unit"):
        import_dataset(survey(tmp_path, "o4.csv", unit=unit), tmp_path / "out")


def test_durations_in_another_unit_are_refused(tmp_path):
    LASTING["d1.parquet"](tmp_path / "d1.parquet")
    with pytest.raises(ConfigError, match="durations, read in days: the unit 'h' is not theirs"):
        import_dataset(survey(tmp_path, "d1.parquet", unit="h"), tmp_path / "out")


def test_dates_that_are_no_dates_are_missing_and_counted(tmp_path):
    rows = ["a,2019-01-01", "b,soon", "c,2019-02-30", "d,", "e,unknown", "f,2019-01-03"]
    (tmp_path / "o.csv").write_text("id,when\n" + "\n".join(rows) + "\n")
    import_dataset(survey(tmp_path, "o.csv", missing=["unknown"]), tmp_path / "out")
    data = Dataset.open(tmp_path / "out")
    nan = np.nan
    expected = [2458484.5, nan, nan, nan, nan, 2458486.5]
    np.testing.assert_allclose(data.numbers("when"), expected)


def test_a_year_that_stands_for_nothing_is_no_other_date(tmp_path):
    kind = pa.timestamp("us")
    stamps = [datetime(9999, 12, 31), datetime(2019, 1, 1), None]
    parquet(stamps, kind)(tmp_path / "o.parquet")
    import_dataset(survey(tmp_path, "o.parquet"), tmp_path / "out")
    found = Dataset.open(tmp_path / "out").numbers("when")
    np.testing.assert_allclose(found, [5373483.5, 2458484.5, np.nan])
    mapping = survey(tmp_path, "o.parquet", missing=["9999-12-31"])
    import_dataset(mapping, tmp_path / "again")
    found = Dataset.open(tmp_path / "again").numbers("when")
    np.testing.assert_allclose(found, [np.nan, 2458484.5, np.nan])


WANTED = {
    "metadata": Wanted(
        "metadata",
        "metadata",
        "metadata",
        features={"when": "JD"},
        ranges={"when": [DATES[0], DATES[0], DATES[2], DATES[2]]},
    )
}
GIVEN = {
    "ISO text": (ISO, "dates", DATES),
    "numpy dates": (NUMPY, "dates", DATES),
    "numpy durations": ((DURATIONS * 86400).astype("timedelta64[s]"), "durations", DURATIONS),
}


@pytest.mark.parametrize("form", GIVEN)
def test_dates_in_a_given_table(form):
    values, what, right = GIVEN[form]
    given = take_given(Table({"object_id": ["a", "b", "c"], "when": values}), wanted=WANTED)
    np.testing.assert_allclose(given.dataset.numbers("when"), right)
    assert any(f"when of the given Table holds {what}: they become" in n for n in given.notes)


EAST = timezone(timedelta(hours=5, minutes=30))
NAIVE = [stamp.replace(tzinfo=None) for stamp in STAMPS]
#: Cells of Python's own dates, as data frames and object columns hold them.
CELLS = {
    "naive": (NAIVE, DATES),
    "in UTC": (STAMPS, DATES),
    "with a zone": ([stamp.astimezone(EAST) for stamp in STAMPS], DATES),
    "days": ([date(2019, 1, 1), None, date(2019, 1, 4)], [DATES[0], np.nan, DATES[2] - 0.25]),
    "of several kinds": ([date(2019, 1, 1), ISO[1], STAMPS[2]], DATES),
    "text first": ([ISO[0], NAIVE[1], STAMPS[2].astimezone(EAST)], DATES),
    "numpy's": (list(NUMPY.astype("datetime64[ns]")), DATES),
    "durations": ([timedelta(days=d) for d in DURATIONS], DURATIONS),
}


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("form", ["pandas", "astropy", "records"])
def test_dates_of_python_in_cells(form, cells):
    values, right = CELLS[cells]
    if form == "pandas":
        pandas = pytest.importorskip("pandas")
        data = pandas.DataFrame({"when": pandas.Series(values, dtype=object)})
    else:
        data = Table({"when": np.asarray(values, object)})
    if form == "records":
        given = take_given(metadata={"when": values}, wanted=WANTED)
    else:
        given = take_given(data, wanted=WANTED)
    np.testing.assert_allclose(given.dataset.numbers("when"), right, rtol=0, atol=1e-9)
    what = "durations: they" if cells == "durations" else "dates: they"
    assert any(what in note for note in given.notes)


def test_dates_of_pandas_in_cells_and_with_a_zone():
    pandas = pytest.importorskip("pandas")
    stamps = pandas.to_datetime(ISO, format="ISO8601", utc=True).tz_convert("US/Pacific")
    for cells in (stamps, pandas.Series(list(stamps), dtype=object)):
        given = take_given(pandas.DataFrame({"when": cells}), wanted=WANTED)
        np.testing.assert_allclose(given.dataset.numbers("when"), DATES, rtol=0, atol=1e-9)
    cells = pandas.Series([stamps[0], pandas.NaT, None], dtype=object)
    given = take_given(pandas.DataFrame({"when": cells}), wanted=WANTED)
    np.testing.assert_allclose(given.dataset.numbers("when"), [DATES[0], np.nan, np.nan])


CURVES = {
    "photometry": Wanted(
        "photometry", "photometry", "photometry", {"time": "d", "magnitude": "mag"}
    )
}


@pytest.mark.parametrize("form", ["lists", "arrays", "a row an epoch", "record", "astropy"])
def test_light_curves_whose_times_are_dates_of_python(form):
    pandas = pytest.importorskip("pandas")
    times = [stamp.astimezone(EAST) for stamp in STAMPS]
    magnitude = [12.0, 12.5, 12.2]
    data = {
        "lists": lambda: pandas.DataFrame({"time": [times, NAIVE], "mag": [magnitude] * 2}),
        "arrays": lambda: pandas.DataFrame(
            {"time": [np.asarray(times, object)] * 2, "mag": [magnitude] * 2}
        ),
        "a row an epoch": lambda: pandas.DataFrame(
            {"time": pandas.Series(times, dtype=object), "mag": magnitude}
        ),
        "astropy": lambda: Table({"time": times, "mag": magnitude}),
        "record": lambda: {"photometry": {"time": times, "magnitude": magnitude}},
    }[form]()
    given = take_given(data, wanted=CURVES)
    observed = given.dataset.ragged("photometry")
    np.testing.assert_allclose(observed.fields["time"][:3], DATES, rtol=0, atol=1e-9)
    assert not any("no unit is stated; taken as time" in note for note in given.notes)


@pytest.mark.parametrize("file", [*DATED, "d1.parquet"])
def test_dates_in_a_given_file(tmp_path, file):
    (DATED | LASTING)[file](tmp_path / file)
    given = take_given(tmp_path / file, wanted=WANTED)
    right = DATES if file in DATED else DURATIONS
    np.testing.assert_allclose(given.dataset.numbers("when"), right, atol=1e-6)
    assert file in NATIVE or any("holds d" in note for note in given.notes)
    assert file not in IN_TDB or any("'when' are in TDB" in note for note in given.notes)
    assert any("far outside" in note for note in given.notes) == (file == "d1.parquet")


def test_dates_in_the_row_of_one_object(tmp_path):
    (tmp_path / "row.csv").write_text("when\n2019-01-02T12:00:00\n")
    found = read_file(tmp_path / "row.csv", WANTED)
    assert found.features["when"] == DATES[1]
    assert any("holds dates" in note for note in found.notes)
    (tmp_path / "mjd.csv").write_text("when\n58485.5\n")
    notes = read_file(tmp_path / "mjd.csv", WANTED).notes
    assert any("58485.5 JD lies far outside" in note for note in notes)


@pytest.mark.parametrize("unit", ["d", "s", "mag"])
def test_pairs_of_numbers_that_astropy_wrote_of_no_time_stay_lists(tmp_path, unit):
    table = Table({"id": ["a"], "pair": np.array([[1.0, 2.0]])})
    table["pair"].unit = unit
    table.write(tmp_path / "p.fits")
    read = read_table((tmp_path / "p.fits").read_bytes(), "p.fits")
    assert read.lists["pair"].values.tolist() == [1, 2]
    assert read.units["pair"] == unit


def test_light_curves_whose_times_are_of_astropy_in_fits(tmp_path):
    """A long table, a file an object, a searched file, and given rows."""
    table = Table({"id": ["a"] * 3, "time": Time(DATES, format="jd"), "mag": [12.0, 12.5, 12.2]})
    table.write(tmp_path / "e.fits")
    (tmp_path / "o.csv").write_text("id\na\n")
    curve = {"time": "time", "magnitude": {"column": "mag", "unit": "mag"}}
    (tmp_path / "files").mkdir()
    table.write(tmp_path / "files" / "a.fits")
    for name, place in {
        "long": {"file": "e.fits", "id": "id"},
        "files": {"folder": "files", "pattern": "{id}.fits"},
    }.items():
        mapping = {"objects": {"file": "o.csv", "id": "id"}, "photometry": {**place, **curve}}
        (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
        import_dataset(tmp_path / "m.yaml", tmp_path / f"{name}-out")
        data = Dataset.open(tmp_path / f"{name}-out")
        np.testing.assert_allclose(data["a"].photometry.time.value, DATES)
        assert data.schema.attributes("photometry")["time_system"] == "JD"
    found = read_file(tmp_path / "e.fits", CURVES)
    np.testing.assert_allclose(found.fields["time"], DATES)
    for given in (tmp_path / "e.fits", table, [tmp_path / "e.fits"]):
        observed = take_given(given, wanted=CURVES).dataset.ragged("photometry")
        np.testing.assert_allclose(observed.fields["time"], DATES)


@pytest.mark.parametrize("file", ["e.parquet", "e.ecsv", "e.vot", "e.fits", "e.csv"])
def test_light_curves_whose_times_are_text(tmp_path, file):
    rows = {"id": ["a"] * 3, "t": ISO, "m": [12.0, 12.5, 12.2]}
    if file == "e.parquet":
        pq.write_table(pa.table(rows), tmp_path / file)
    else:
        Table(rows).write(tmp_path / file, format=FORMATS[file.split(".")[1]])
    (tmp_path / "o.csv").write_text("id\na\n")
    curve = {"file": file, "id": "id", "time": "t", "magnitude": {"column": "m", "unit": "mag"}}
    mapping = {"objects": {"file": "o.csv", "id": "id"}, "photometry": curve}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    data = Dataset.open(tmp_path / "out")
    np.testing.assert_allclose(data["a"].photometry.time.value, DATES)
    assert data.schema.attributes("photometry")["time_system"] == "JD"


def test_names_that_look_like_dates_stay_names():
    assert calendar(np.array(["", "2019-01-01"], object)) == "JD"
    assert calendar(np.array(["NGC 1", "2019-01-01"], object)) is None
    assert calendar(np.array([1.0])) is None
    values, bad = numbers(np.array(["2019-01-01T00:00:00-01:30", None, "x"], object))
    assert values[0] == pytest.approx(2458484.5 + 1.5 / 24, abs=1e-8)
    assert bad.tolist() == [False, False, True]
    assert texts(NUMPY).tolist()[:2] == ["2019-01-01", "2019-01-02T12:00"]


def test_dates_that_are_numbers_are_counted_from_the_zero_that_the_model_knows():
    table = Table({"when": DATES - 2400000.5})
    table["when"].unit = "d"
    given = take_given(table, wanted=WANTED, units={"when": "MJD"})
    np.testing.assert_allclose(given.dataset.numbers("when"), DATES, rtol=0, atol=1e-6)
    assert not any("far outside" in note for note in given.notes)
    mjd = {"metadata": Wanted("metadata", "metadata", "metadata", features={"when": "MJD"})}
    given = take_given(Table({"when": ISO}), wanted=mjd)
    np.testing.assert_allclose(given.dataset.numbers("when"), DATES - 2400000.5, atol=1e-6)
