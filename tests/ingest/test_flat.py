"""Flat columns of a table of objects, from files of every format to the dataset."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import MaskedColumn, Table

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError, DataError
from skybind.ingest.flat import catalogue_numbers, read_info, read_labels
from skybind.ingest.survey import import_dataset

FORMATS = ["csv", "ecsv", "fits", "vot", "parquet", "dat"]
CURVES = {
    "file": "epochs.csv",
    "id": "id",
    "time": {"column": "t", "unit": "d"},
    "magnitude": {"column": "m", "unit": "mag"},
}


def epochs(n):
    """Light curves of the objects `a`, `b` ..., n in all."""
    rows = (f"{x},{k},{12 + 0.1 * k}\n" for x in "abcdef"[:n] for k in range(4))
    return "id,t,m\n" + "".join(rows)


def write(columns, path):
    """Write columns as a format has them; text formats through astropy."""
    form = path.suffix[1:]
    if form == "parquet":
        pq.write_table(pa.table(columns), path)
    else:
        names = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "vot": "votable", "dat": "ascii.basic"}
        Table(columns).write(path, format=names.get(form, form))


def imported(folder, columns, objects, form="csv"):
    """Import a table of objects `a`, `b` ... with a light curve each."""
    folder.mkdir(exist_ok=True)
    n = len(next(iter(columns.values())))
    write({"id": list("abcdef")[:n], **columns}, folder / f"objects.{form}")
    (folder / "epochs.csv").write_text(epochs(n))
    mapping = {
        "objects": {"file": f"objects.{form}", "id": "id", **objects},
        "photometry": CURVES,
    }
    (folder / "mapping.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(folder / "mapping.yaml", folder / "out", overwrite=True)
    return Dataset.open(folder / "out"), summary


@pytest.mark.parametrize("form", FORMATS)
def test_missing_works_in_every_format_and_place(tmp_path, form):
    unknown = {"missing": ["99.99", "unknown", "-999"]}
    columns = {
        "x": np.array([12.5, 99.99], "f4"),
        "y": np.array([12.5, 99.99], "f8"),
        "r": np.array([10.0, -999.0]),
        "d": np.array([-5, -999]),
        "c": ["EW", "unknown"],
        "n": np.array([7, -999]),
        "w": ["word", "unknown"],
    }
    objects = {
        "ra": {"column": "r", **unknown},
        "dec": {"column": "d", **unknown},
        "label": {"column": "c", **unknown},
        "labels": {"second": {"column": "c", **unknown}},
        "features": {
            "metadata": {"mag": {"column": "x", **unknown}},
            "photometry": {"amplitude": {"column": "y", **unknown}},
        },
        "targets": {"teff": {"column": "x", **unknown}},
        "info": {
            "number": {"column": "n", **unknown},
            "word": {"column": "w", **unknown},
            "other": {"column": "x", **unknown},
        },
    }
    d, summary = imported(tmp_path, columns, objects, form)
    for name in ("ra", "dec", "mag", "amplitude", "teff", "number", "other"):
        assert np.isnan(d.column(name).astype(float)).tolist() == [False, True], name
    assert d.column("number")[0] == 7
    for name in ("label", "second"):
        assert d.labels(name).tolist() == ["EW", ""]
    assert d.column("word").tolist() == ["word", ""]
    assert summary.quarantined == {}


def test_missing_works_for_epochs_pixels_and_masks(tmp_path):
    times, mags = [0, 1, 2, 3], np.array([12, 99.99, 12.5, 13], "f4")
    Table({"id": ["a"] * 4, "t": times, "m": mags}).write(tmp_path / "epochs.fits")
    wave = np.arange(4000.0, 4010)
    flux = np.where(wave == 4003, -32.1, 1 + 0.1 * (wave % 3)).astype("f4")
    Table({"w": wave, "f": flux}).write(tmp_path / "a.fits")
    write({"id": ["a"]}, tmp_path / "objects.csv")
    mapping = {
        "objects": {"file": "objects.csv", "id": "id"},
        "photometry": {
            "file": "epochs.fits",
            "id": "id",
            "time": {"column": "t", "unit": "d", "missing": 0},
            "magnitude": {"column": "m", "unit": "mag", "missing": [99.99]},
        },
        "spectrum": {
            "folder": ".",
            "pattern": "{id}.fits",
            "wavelength": {"column": "w", "unit": "Angstrom"},
            "flux": {"column": "f", "missing": [-32.1]},
        },
    }
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    assert d.ragged("photometry").fields["time"].tolist() == [2, 3]
    assert np.flatnonzero(d.ragged("spectrum").fields["mask"]).tolist() == [3]


def test_missing_works_for_stacks_of_images(tmp_path):
    images = np.random.default_rng(0).normal(5, 1, (2, 1, 4, 4)).astype("f4")
    images[0, 0, 1, 2] = -99.99
    np.savez(tmp_path / "images.npz", images=images)
    write({"id": ["a", "b"]}, tmp_path / "objects.csv")
    array = {"column": "images", "missing": [-99.99]}
    image = {"file": "images.npz", "array": array, "bands": ["g"], "pixel_scale": 1, "unit": "nmgy"}
    mapping = {"objects": {"file": "objects.csv", "id": "id"}, "image": image}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    pixels = Dataset.open(tmp_path / "out").ragged("image").fields["g"]
    assert np.flatnonzero(np.isnan(pixels)).tolist() == [6]


@pytest.mark.parametrize("form", ["csv", "fits", "vot", "parquet"])
def test_words_for_nothing_are_no_classes_and_counted(tmp_path, form):
    columns = {"c": ["EW", "NaN", "--", "null", "None", "NA"]}
    d, summary = imported(tmp_path, columns, {"label": "c"}, form)
    assert d.labels().tolist() == ["EW", "", "", "", "", "NA"]
    said = json.loads((tmp_path / "out" / "import.json").read_text())["notes"]
    assert said == summary.notes
    assert said[0].startswith("4 of 6 objects have a word for nothing as their label ('NaN' 1, ")
    assert "1 of 6 objects have the label 'NA', which is kept as a class" in said[1]
    objects = {"label": {"column": "c", "keep": ["None", "NA"], "missing": ["EW"]}}
    d, summary = imported(tmp_path / "again", columns, objects, form)
    assert d.labels().tolist() == ["", "", "", "", "None", "NA"]
    assert len(summary.notes) == 1


def test_labels_of_numbers_and_of_nothing_at_all():
    assert read_labels(np.array([1.0, np.nan, 2.0]), "label").values.tolist() == ["1", "", "2"]
    assert read_labels(np.array([None, " EW "], object), "label").values.tolist() == ["", "EW"]
    assert read_labels(np.array(["-99", "EB"], object), "label").notes[0].startswith("1 of 2")


def test_words_for_nothing_are_no_numbers_and_no_fault(tmp_path):
    columns = {"x": ["1.5", "--", "N/A", "null", "bright"]}
    d, summary = imported(tmp_path, columns, {"features": {"metadata": {"x": "x"}}})
    np.testing.assert_array_equal(d.column("x"), [1.5, np.nan, np.nan, np.nan, np.nan])
    assert summary.quarantined == {"no number in column 'x'": 1}


@pytest.mark.parametrize("form", ["csv", "fits", "parquet"])
def test_numbers_beyond_single_precision_are_missing_and_counted(tmp_path, form):
    columns = {"x": [1.0, 1.797e308, -1.5e300, 3e38, 2.0]}
    d, summary = imported(tmp_path, columns, {"features": {"metadata": {"x": "x"}}}, form)
    np.testing.assert_array_equal(d.column("x"), [1, np.nan, np.nan, 3e38, 2])
    assert summary.quarantined == {"a number beyond single precision in column 'x'": 2}
    rows = read_quarantine(tmp_path / "out")
    assert [row["object_id"] for row in rows] == ["b", "c"]
    values, reasons = catalogue_numbers(np.array([np.inf, 1e308]), "x")
    assert (np.isnan(values).all(), list(reasons)) == (True, [0, 1])


def test_info_keeps_what_models_do_not_read():
    values, reasons = read_info(np.array([1e300, np.nan]), "x")
    assert (values[0], reasons) == (1e300, {})
    whole, _ = read_info(np.array([2**53 + 1, -9]), "x", ["-9"])
    assert whole.tolist() == ["9007199254740993", ""]


def test_hours_without_a_unit_are_told(tmp_path):
    columns = {"r": ["06:37:15.9", "06 37 15.9"], "d": ["-00:30:00", "10:00:00"]}
    d, summary = imported(tmp_path, columns, {"ra": "r", "dec": "d"})
    np.testing.assert_allclose(d.column("ra"), 99.31625)
    np.testing.assert_allclose(d.column("dec"), [-0.5, 10])
    assert summary.notes == [
        "ra: text like 06:37:15.9 in column 'r' states no unit: it is read as hours."
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_six_columns_give_a_position(tmp_path, form):
    text = form in ("csv", "dat", "ecsv")
    columns = {
        "h": [6, 0], "m": [37, 0], "s": [15.9, 4.0],
        "sign": ["-", "+"], "deg": ["-00", "05"] if text else [0, 5], "am": [30, 15],
        "as": [0.0, 36.0],
    }  # fmt: skip
    dec = {"columns": ["deg", "am", "as"]} | ({} if text else {"sign": "sign"})
    objects = {"ra": {"columns": ["h", "m", "s"]}, "dec": dec}
    d, summary = imported(tmp_path, columns, objects, form)
    np.testing.assert_allclose(d.column("ra"), [99.31625, 1 / 60])
    np.testing.assert_allclose(d.column("dec"), [-0.5, 5.26])
    assert summary.notes == []


def test_a_column_that_may_be_lacking_is_left_out(tmp_path):
    absent = {"column": "nowhere", "optional": True}
    objects = {
        "ra": absent, "dec": {"columns": ["a", "b"], "optional": True}, "label": absent,
        "features": {"metadata": {"x": "x", "y": absent}},
    }  # fmt: skip
    d, _ = imported(tmp_path, {"x": [1.0, 2.0]}, objects)
    assert np.isnan(d.column("ra")).all()
    assert d.schema.features("metadata") == ["x"]
    assert "label" not in d.schema.columns


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (["objects", "label"], {"unit": "mag"}),
        (["objects", "label"], {"quantity": "magnitude"}),
        (["objects", "labels", "more"], {"unit": "d"}),
        (["objects", "ra"], {"quantity": "redshift"}),
        (["objects", "ra"], {"keep": ["NaN"]}),
        (["objects", "features", "metadata", "x"], {"keep": ["NaN"]}),
        (["objects", "targets", "x"], {"keep": ["NaN"]}),
        (["objects", "info", "x"], {"keep": ["NaN"]}),
        (["photometry", "band"], {"unit": "nm"}),
        (["photometry", "time"], {"optional": True}),
        (["photometry", "magnitude"], {"optional": True}),
        (["photometry", "magnitude"], {"quantity": "magnitude"}),
        (["photometry", "magnitude_err"], {"keep": ["NaN"]}),
    ],
)
def test_keys_that_mean_nothing_are_refused(tmp_path, place, key):
    mapping = {"objects": {"file": "o.csv", "id": "id"}, "photometry": dict(CURVES)}
    inner = mapping
    for name in place[:-1]:
        inner = inner.setdefault(name, {})
    own = inner.get(place[-1], {"column": "c"})
    inner[place[-1]] = {**own, **key}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    with pytest.raises(ConfigError, match=f"key '{next(iter(key))}'"):
        import_dataset(tmp_path / "m.yaml", tmp_path / "out")


def test_descriptions_come_into_the_schema(tmp_path):
    objects = {"ra": {"column": "x", "description": "of the mean epoch"}, "label": "c"}
    objects["label"] = {"column": "c", "description": "by eye"}
    d, _ = imported(tmp_path, {"x": [1.0], "c": ["EW"]}, objects)
    assert d.schema.columns["ra"].description == "of the mean epoch"
    assert d.schema.columns["label"].description == "by eye"


def test_fields_that_may_be_lacking_are_unknown(tmp_path):
    (tmp_path / "epochs.csv").write_text(epochs(2))
    (tmp_path / "o.csv").write_text("id\na\nb\n")
    absent = {"column": "nowhere", "optional": True}
    curves = {**CURVES, "magnitude_err": absent, "band": absent}
    mapping = {"objects": {"file": "o.csv", "id": "id"}, "photometry": curves}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    fields = Dataset.open(tmp_path / "out").ragged("photometry").fields
    assert summary.observed == {"photometry": 2}
    assert np.isnan(fields["magnitude_err"]).all()
    assert set(fields["band"].tolist()) == {""}


def test_masked_entries_of_a_votable_are_missing(tmp_path):
    columns = {
        "x": MaskedColumn([12.5, 0.0], mask=[False, True]),
        "c": MaskedColumn(["EW", "zz"], mask=[False, True]),
    }
    objects = {"label": "c", "features": {"metadata": {"x": "x"}}}
    d, _ = imported(tmp_path, columns, objects, "vot")
    np.testing.assert_array_equal(d.column("x"), [12.5, np.nan])
    assert d.labels().tolist() == ["EW", ""]


@pytest.mark.parametrize("form", ["csv", "ecsv", "fits", "vot"])
@pytest.mark.parametrize("role", ["features", "targets", "info"])
def test_units_are_applied_whoever_states_them(tmp_path, form, role):
    units = {"period": "h", "parallax": "arcsec", "l": "rad", "pm": "arcsec / yr", "teff": "kK"}
    columns = {name: [0.002, 1.0] for name in units}
    specs = {name: {"column": name, "unit": unit} for name, unit in units.items()}
    if form != "csv":  # the file states them
        specs = {name: name for name in units}
        columns = {n: MaskedColumn(v, unit=units[n]) for n, v in columns.items()}
    groups = {"metadata": specs} if role == "features" else specs
    d, summary = imported(tmp_path, columns, {role: groups}, form)
    right = {
        "period": (1 / 24, "d"),
        "parallax": (1000, "mas"),
        "l": (57.29577951308232, "deg"),
        "pm": (1000, "mas / yr"),
        "teff": (1, "kK"),
    }
    for name, (value, unit) in right.items():
        np.testing.assert_allclose(d.column(name), [0.002 * value, value], err_msg=name)
        assert d.schema.columns[name].unit == unit
    assert summary.notes == []


def test_a_unit_of_the_mapping_counts_more_than_the_files(tmp_path):
    columns = {"p": MaskedColumn([12.0], unit="d")}
    objects = {"features": {"photometry": {"period": {"column": "p", "unit": "h"}}}}
    d, _ = imported(tmp_path, columns, objects, "ecsv")
    np.testing.assert_allclose(d.column("period"), 0.5)


@pytest.mark.parametrize("form", ["csv", "fits"])
def test_a_unit_that_does_not_fit_stops_the_import(tmp_path, form):
    column = [12.0] if form == "csv" else MaskedColumn([12.0], unit="mag")
    spec = {"column": "p", "unit": "mag"} if form == "csv" else "p"
    objects = {"features": {"photometry": {"period": spec}}}
    with pytest.raises(ConfigError, match=r"\(period\): the unit 'mag' cannot be converted to d"):
        imported(tmp_path, {"p": column}, objects, form)


def test_a_unit_of_text_is_refused_and_one_that_is_unknown_told(tmp_path):
    objects = {"info": {"name": {"column": "w", "unit": "d"}}}
    with pytest.raises(ConfigError, match="holds text, which has no unit"):
        imported(tmp_path, {"w": ["x"]}, objects)
    columns = {"x": MaskedColumn([1.0], unit="d"), "w": ["x"]}
    columns["x"].unit = "furlongs2"
    objects = {"features": {"metadata": {"x": "x"}}, "info": {"w": "w"}}
    d, summary = imported(tmp_path / "more", columns, objects, "ecsv")
    assert d.schema.columns["x"].unit is None
    assert "states the unit 'furlongs2', which astropy does not know" in summary.notes[0]


@pytest.mark.parametrize("form", ["csv", "dat", "ecsv", "fits", "parquet", "vot"])
def test_info_keeps_all_digits_and_zeros(tmp_path, form):
    long = ["10778692410404104192", "10778692410404104193"]
    columns = {"spec": long, "tic": ["00123", "00456"], "n": [5, 2**53 + 1], "x": [1.5, 2.25]}
    info = {name: name for name in columns}
    d, _ = imported(tmp_path, columns, {"info": info}, form)
    assert d.column("spec").tolist() == long
    assert d.column("tic").tolist() == ["00123", "00456"]
    assert d.column("n").tolist() == [5, 2**53 + 1]
    assert d.column("x").tolist() == [1.5, 2.25]


def test_info_of_a_text_file_has_the_types_that_lose_nothing(tmp_path):
    columns = {
        "a": ["1", "-2", "--"], "b": ["1.5", "NaN", "3"], "c": ["1", "x", "2"],
        "d": ["1234567890123456789", "1", "2"], "e": ["2014-01-02", "", "2015-01-01"],
    }  # fmt: skip
    d, _ = imported(tmp_path, columns, {"info": {name: name for name in columns}})
    np.testing.assert_array_equal(d.column("a").astype(float), [1, -2, np.nan])
    np.testing.assert_array_equal(d.column("b"), [1.5, np.nan, 3])
    assert d.column("c").tolist() == ["1", "x", "2"]
    assert d.column("d").tolist() == ["1234567890123456789", "1", "2"]
    assert d.column("e").tolist()[0] == "2014-01-02"


@pytest.mark.parametrize("form", ["csv", "fits", "parquet"])
@pytest.mark.parametrize("role", ["features", "targets"])
@pytest.mark.parametrize(
    "values", [[2**53 + 1, 5], ["10778692410404104192", "7"], [5853498713190525696.0, 1.0]]
)
def test_long_numbers_are_no_features(tmp_path, form, role, values):
    objects = {role: {"metadata": {"x": "x"}} if role == "features" else {"x": "x"}}
    with pytest.raises(DataError, match=r"column 'x' \(x\) holds whole numbers of \d+ digits"):
        imported(tmp_path, {"x": values}, objects, form)


def test_large_measured_numbers_are_features(tmp_path):
    columns = {"luminosity": [1e33, 3e33], "distance": [2e16, 3e16]}
    specs = {"luminosity": "luminosity", "distance": {"column": "distance", "unit": "m"}}
    d, _ = imported(tmp_path, columns, {"features": {"metadata": specs}})
    np.testing.assert_allclose(d.column("luminosity"), [1e33, 3e33])
    np.testing.assert_allclose(d.column("distance"), [2e16, 3e16])


def test_text_has_no_photometric_system(tmp_path):
    (tmp_path / "o.csv").write_text("id,note\na,bright\nb,faint\n")
    (tmp_path / "m.yaml").write_text(
        "objects: {file: o.csv, id: id, info: {note: {column: note, system: Vega, "
        "convert_to: AB, offset: 0.1}}}\n"
    )
    with pytest.raises(ConfigError, match="holds text, which has no photometric system"):
        import_dataset(tmp_path / "m.yaml", tmp_path / "out")
