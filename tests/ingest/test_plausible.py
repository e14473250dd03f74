"""Sentinels of the training data, and numbers far from them, in whatever is given to a model."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.errors import DataError
from skybind.ingest.given import take_given
from skybind.ingest.one_file import read_file
from skybind.ingest.plausible import far_notes
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted, wanted_modalities
from skybind.models.saved_schema import SavedSchema, schema_note, training_ranges
from skybind.ragged import Ragged
from skybind.visits import Visits

TEXT = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "vot": "votable", "fits": "fits"}
DECLARED = "counts as not known, as the import of the training data declared"


class Reads:
    """Stands for the modalities of a model: what columns they read."""

    columns = ("photometry", "parallax", "teff")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """What a model reads that was made for an import with sentinels, through all that is saved."""
    folder = tmp_path_factory.mktemp("survey")
    n = 40
    rows = [f"s{i},{0.001 * (1 + i):.3f},{4000 + 100 * i}" for i in range(n)] + ["x,-9999,99.99"]
    (folder / "o.csv").write_text("id,plx,teff\n" + "\n".join(rows) + "\n")
    epochs = [f"s{i},{t},{12 + 0.1 * t + 0.01 * i}" for i in range(n) for t in range(5)]
    (folder / "e.csv").write_text("id,t,mag\n" + "\n".join([*epochs, "s0,7,-77.7"]) + "\n")
    mapping = {
        "objects": {
            "file": "o.csv",
            "id": "id",
            "features": {
                "metadata": {
                    "parallax": {"column": "plx", "unit": "arcsec", "missing": [-9999]},
                    "teff": {"column": "teff", "unit": "K", "missing": [99.99]},
                }
            },
        },
        "photometry": {
            "file": "e.csv",
            "id": "id",
            "time": {"column": "t", "unit": "d"},
            "magnitude": {"column": "mag", "unit": "mag", "missing": [-77.7, 13.37]},
        },
    }
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping))
    import_dataset(folder / "m.yaml", folder / "out")
    data = Dataset.open(folder / "out")
    ranges = training_ranges(data, np.arange(20))
    note = schema_note(data.schema, {"all": Reads()}, ranges)
    kinds = {"photometry": ("photometry", "photometry"), "metadata": ("metadata", "metadata")}
    return wanted_modalities(data.schema.from_note(SavedSchema(note).note), kinds)


def test_a_model_knows_the_sentinels_and_the_range_of_its_training_data(wanted):
    assert wanted["metadata"].missing == {"parallax": ["-9999"], "teff": ["99.99"]}
    assert wanted["photometry"].missing == {"magnitude": ["-77.7", "13.37"]}
    low, _, _, high = wanted["metadata"].ranges["parallax"]
    assert (low, high) == pytest.approx((1, 20))  # mas, of the first twenty


def rows_as(form, columns, folder):
    """Write or make a table of objects."""
    if form in TEXT:
        Table(columns).write(folder / f"q.{form}", format=TEXT[form])
        return folder / f"q.{form}"
    if form == "parquet":
        pq.write_table(pa.table(columns), folder / "q.parquet")
        return folder / "q.parquet"
    return {"astropy": Table, "arrow": pa.table, "dict": dict}[form](columns)


FORMS = ["csv", "ecsv", "vot", "fits", "parquet", "astropy", "arrow"]


@pytest.mark.parametrize("form", FORMS)
def test_declared_sentinels_of_given_rows_are_missing_and_told(wanted, tmp_path, form):
    columns = {
        "object_id": ["a", "b", "c"],
        "parallax": np.array([2.5, -9999, 3], np.float32),
        "teff": np.array([99.99, 5000, 99.99], np.float32),
    }
    given = take_given(rows_as(form, columns, tmp_path), wanted=wanted)
    np.testing.assert_allclose(given.dataset.numbers("parallax"), [2.5, np.nan, 3])
    np.testing.assert_allclose(given.dataset.numbers("teff"), [np.nan, 5000, np.nan])
    (one,) = [note for note in given.notes if DECLARED in note]
    assert "parallax" in one
    assert "-9999" in one
    assert any("99.99 2 times count as not known" in note for note in given.notes)
    assert not any("far outside" in note for note in given.notes)


def test_one_object_by_keyword_and_in_a_file(wanted, tmp_path):
    given = take_given(metadata={"parallax": -9999.0, "teff": 5000.0}, wanted=wanted)
    assert np.isnan(given.dataset.numbers("parallax")[0])
    assert any(DECLARED in note for note in given.notes)
    (tmp_path / "row.csv").write_text("parallax,teff\n-9999,4500\n")
    found = read_file(tmp_path / "row.csv", {"metadata": wanted["metadata"]})
    assert np.isnan(found.features["parallax"])
    assert found.features["teff"] == 4500
    assert any(DECLARED in note for note in found.notes)


@pytest.mark.parametrize("form", [*FORMS, "dict"])
def test_declared_sentinels_of_a_given_light_curve(wanted, tmp_path, form):
    curve = {"time": np.arange(5.0), "mag": np.array([12.5, -77.7, 12.7, 13.37, 12.4])}
    if form == "dict":
        given = take_given({"photometry": curve}, wanted=wanted)
    else:
        given = take_given(rows_as(form, curve, tmp_path), wanted=wanted)
    observed = given.dataset.ragged("photometry")
    assert observed.fields["time"].tolist() == [0, 2, 4]
    assert observed.fields["magnitude"] == pytest.approx([12.5, 12.7, 12.4])
    assert any("-77.7 1 times and 13.37 1 times count as not known" in n for n in given.notes)


def test_a_format_of_a_survey_heeds_them_too(wanted, tmp_path):
    head = "oid,expid,hjd,mjd,mag,magerr,catflags,filtercode,ra,dec"
    lines = [
        head,
        *(f"1,{i},{2458000 + i}.5,58000,{12 + 0.1 * i},0.01,0,zg,1.0,2.0" for i in range(5)),
    ]
    lines.append("1,9,2458009.5,58009,13.37,0.01,0,zg,1.0,2.0")
    (tmp_path / "z.csv").write_text("\n".join(lines) + "\n")
    content = read_file(tmp_path / "z.csv", wanted)
    assert content.modality == "photometry"
    assert any("read as ZTF" in note for note in content.notes)
    assert np.isnan(content.fields["magnitude"][5])
    assert any("13.37" in note and DECLARED in note for note in content.notes)


def dataset_of(folder, wanted, missing=()):
    """Write a dataset with the sentinels in it, which may declare them itself."""
    said = {"missing": list(missing)} if missing else {}
    fields = wanted["photometry"].fields
    schema = {
        "parallax": Column("feature", "mas", modality="metadata", attributes=said),
        "photometry": Column("observation", modality="photometry", fields=fields),
    }
    curve = {"time": np.arange(4.0), "magnitude": np.array([12, 13.37, 12.5, 12.2], np.float32)}
    with DatasetWriter(folder, schema) as writer:
        writer.append(
            {
                "object_id": np.array(["a", "b"]),
                "ra": np.full(2, np.nan),
                "dec": np.full(2, np.nan),
                "parallax": np.array([-9999.0, 2]),
                "photometry": Ragged(curve, np.array([0, 4, 4]), np.array([True, False])),
            }
        )
    return folder


def test_a_dataset_with_the_sentinels_of_another(wanted, tmp_path):
    given = take_given(dataset_of(tmp_path / "d", wanted), wanted=wanted)
    assert np.isnan(given.dataset.numbers("parallax")[0])
    assert given.dataset.numbers("parallax")[1] == 2
    magnitudes = given.dataset.ragged("photometry").fields["magnitude"]
    np.testing.assert_allclose(magnitudes, [12, np.nan, 12.5, 12.2], rtol=1e-6)
    assert sum(DECLARED in note for note in given.notes) == 2
    # a dataset whose own import declared the sentinel holds it as a measured value only
    own = take_given(dataset_of(tmp_path / "own", wanted, ["-9999"]), wanted=wanted)
    assert own.dataset.numbers("parallax")[0] == -9999
    assert any("far outside" in note for note in own.notes)


def test_a_number_far_from_the_training_data_is_used_and_told(wanted):
    row = {"object_id": ["a"], "parallax": [5.0], "teff": [-32768.0]}
    given = take_given(Table(row), wanted=wanted, units={"parallax": "mas"})
    assert given.dataset.numbers("teff")[0] == -32768
    (note,) = [n for n in given.notes if "far outside" in n]
    assert "teff of the given Table: -32768 K lies far outside" in note
    assert "trained on (4000 to 5900 K)" in note


FEATURE = Wanted("m", "metadata", "m", features={"x": None}, ranges={"x": [10, 11, 19, 20]})


@pytest.mark.parametrize(
    ("value", "told"),
    [(15, False), (23.9, False), (24.1, True), (5.9, True), (22, False), (22.99, False),
     (20.99, False), (-99, True), (21.99, False), (99.99, True), (np.nan, False)],
)  # fmt: skip
def test_far_is_half_the_width_of_nearly_all_beyond_them(value, told):
    assert bool(far_notes(np.array([15.0, value]), "x", FEATURE, "x")) == told


def test_nines_close_to_the_range_are_told_too():
    wide = Wanted("m", "metadata", "m", features={"x": "K"}, ranges={"x": [0, 1, 50000, 60000]})
    assert far_notes(np.array([-99.0]), "x", wide, "x")
    assert not far_notes(np.array([-98.0]), "x", wide, "x")
    assert not far_notes(np.array([999.0]), "x", wide, "x")  # within the range
    assert "3 values lie far outside" in far_notes(np.full(3, -999.0), "x", wide, "x")[0]


def test_what_looks_unknown_in_a_given_light_curve_is_told(wanted):
    magnitude = np.array([12.0, 12.1, 9.99, 9.99, 12.3, 12.2, 12.4, 12.1])
    curve = {"photometry": {"time": np.arange(8.0), "magnitude": magnitude}}
    given = take_given(curve, wanted=wanted)
    assert any("2 values are 9.99, which looks like 'not known'" in n for n in given.notes)
    clean = {"photometry": {"time": np.arange(8.0), "magnitude": 12 + magnitude / 100}}
    assert not any("looks like" in n for n in take_given(clean, wanted=wanted).notes)


def test_a_range_is_told_with_the_digits_that_matter():
    dates = Wanted(
        "m", "metadata", "m", features={"t": "JD"}, ranges={"t": [2458484.5] * 2 + [2458511.5] * 2}
    )
    (note,) = far_notes(np.array([58485.5]), "t", dates, "t")
    assert "58485.5 JD lies far outside" in note
    assert "(2458484 to 2458512 JD)" in note


@pytest.mark.parametrize("unit", ["MJD", "s", "BJD - 2457000"])
def test_dates_whose_unit_says_that_they_are_numbers_are_refused(wanted, unit):
    """They would be turned to Julian dates and then shifted once more."""
    times = ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"]
    columns = {"time": times, "magnitude": [12.0, 12.1, 12.2, 12.4]}
    for data in (Table(columns), pa.table(columns)):
        with pytest.raises(DataError, match="holds dates"):
            take_given(data, wanted=wanted, units={"photometry": {"time": unit}})
    given = take_given(Table(columns), wanted=wanted)
    assert given.dataset.ragged("photometry").fields["time"][0] == 2458849.5


def test_sentinels_of_all_visits_of_a_given_dataset_are_missing_and_told(tmp_path):
    fields = {"wavelength": "Angstrom", "flux": None}
    wanted = {"spectrum": Wanted("spectrum", "spectrum", "spectrum", fields,
                                 missing={"flux": ["-9999"]})}  # fmt: skip
    schema = {
        "spectrum": Column("observation", modality="spectrum", fields=fields),
        "spectrum_visits": Column("visits", modality="spectrum", fields=fields),
    }
    flux = np.array([1, 2, 3, 1, -9999, 3, -9999, 2, 3], np.float32)
    each = Ragged(
        {"wavelength": np.tile([5000.0, 5001, 5002], 3).astype(np.float32), "flux": flux},
        np.arange(0, 10, 3),
        np.ones(3, bool),
    )
    names = np.array(["1", "2", "3"], object)
    visits = Visits(each, np.array([0, 3]), names, np.arange(3.0))
    with DatasetWriter(tmp_path / "d", schema) as writer:
        made = {"object_id": np.array(["a"]), "spectrum": visits.first()}
        writer.append({**made, "spectrum_visits": visits})
    given = take_given(tmp_path / "d", wanted=wanted)
    (note,) = [note for note in given.notes if "counts" in note or "count as" in note]
    assert note.startswith("flux of spectrum_visits of the dataset at")
    assert "-9999 2 times count as not known" in note
    right = np.where(flux == -9999, np.nan, flux)
    np.testing.assert_array_equal(given.dataset.visits("spectrum").ragged.fields["flux"], right)
