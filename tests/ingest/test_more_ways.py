"""What people write otherwise than they should: the right value in each way in, or a sentence."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine, short_reason
from skybind.errors import DataError, SkybindError
from skybind.ingest.given import take_given
from skybind.ingest.one_file import read_file
from skybind.ingest.readers import pieces
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted
from tests.ingest.curve_files import given, import_curves, import_file, only, wanted
from tests.ingest.written.skypatrol import PATROL, written


def catalogue(tmp_path, text, **objects):
    """Import a table of objects; gives the dataset and the notes."""
    path = tmp_path / "o.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    mapping = {"objects": {"file": "o.csv", "id": "id", **objects}}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out", overwrite=True)
    return Dataset.open(tmp_path / "out"), summary


def metadata(**features):
    return {"metadata": Wanted("metadata", "metadata", "metadata", features=features)}


# numbers that other programs write


NUMBERS = {"−3.25": -3.25, "1.5D+03": 1500, "2.5d-01": 0.25, ".5D+1": 5, "1D-2": 0.01, "+4": 4}


def test_numbers_of_other_programs(tmp_path):
    rows = [f"s{i},{text}" for i, text in enumerate(NUMBERS)]
    features = {"metadata": {"x": "x"}}
    dataset, _ = catalogue(tmp_path, "id,x\n" + "\n".join(rows) + "\n", features=features)
    np.testing.assert_allclose(dataset.numbers("x"), list(NUMBERS.values()), rtol=1e-12)
    table = Table({"object_id": [f"s{i}" for i in range(len(NUMBERS))], "x": list(NUMBERS)})
    found = take_given(table, wanted=metadata(x=None))
    np.testing.assert_allclose(found.dataset.numbers("x"), list(NUMBERS.values()), rtol=1e-12)
    (tmp_path / "c.csv").write_text("mjd,mag\n5.80005D+04,1.51D+01\n5.80015D+04,1.52D+01\n")
    content = given(tmp_path / "c.csv", magnitude="mag")
    np.testing.assert_allclose(content.fields["magnitude"], [15.1, 15.2], rtol=1e-6)


@pytest.mark.parametrize("sentinel", ["-9.99D+02", "−999.0", "-.999D3"])
def test_a_sentinel_written_as_other_programs_do_is_one(tmp_path, sentinel):
    column = {"column": "x", "missing": [-999]}
    rows = f"id,x\na,{sentinel}\nb,2.0D+00\n"
    dataset, _ = catalogue(tmp_path, rows, features={"metadata": {"x": column}})
    np.testing.assert_array_equal(dataset.numbers("x"), [np.nan, 2])


@pytest.mark.parametrize("text", ["1,234.5", "1 234.5", "12d5", "50%", "1.2.3"])
def test_what_could_be_two_numbers_is_none_and_told(tmp_path, text):
    rows = f'id,x\na,"{text}"\nb,2\n'
    dataset, summary = catalogue(tmp_path, rows, features={"metadata": {"x": "x"}})
    assert np.isnan(dataset.numbers("x")[0])
    assert summary.quarantined == {"no number in column 'x'": 1}
    found = take_given(Table({"object_id": ["a"], "x": [text]}), wanted=metadata(x=None))
    assert "no number" in found.reasons["metadata"][0]


# comments among the rows of a CSV

COMMENTED = "id,x\na,1.5\n# night 2\nb,2.5\n#c,9.5\nd,3.5\n"


@pytest.mark.parametrize("small", [False, True])
def test_lines_that_begin_with_a_hash_are_no_objects(tmp_path, monkeypatch, small):
    if small:
        monkeypatch.setattr(pieces, "LARGE", 0)
        monkeypatch.setattr(pieces, "PIECE", 8)
        monkeypatch.setattr(pieces, "HEAD", 1)
    dataset, _ = catalogue(tmp_path, COMMENTED, features={"metadata": {"x": "x"}})
    assert dataset.object_ids.tolist() == ["a", "b", "d"]
    assert dataset.numbers("x").tolist() == [1.5, 2.5, 3.5]
    (row,) = read_quarantine(tmp_path / "out")
    assert row["reason"] == "a row is a comment, for it begins with # (line 5)"


def test_names_that_begin_with_a_hash_are_names(tmp_path):
    text = "id,x\n#1,1.5\n#2,2.5\n#3,3.5\n"
    dataset, summary = catalogue(tmp_path, text, features={"metadata": {"x": "x"}})
    assert dataset.object_ids.tolist() == ["#1", "#2", "#3"]
    assert not summary.quarantined


def test_a_hash_within_a_quoted_cell_is_no_comment(tmp_path):
    text = 'id,note,x\na,"see\n#7",1.5\nb,,2.5\n#c,,3.5\n'
    dataset, _ = catalogue(tmp_path, text, features={"metadata": {"x": "x"}}, info={"note": "note"})
    assert dataset.numbers("x").tolist() == [1.5, 2.5]
    assert dataset.column("note").tolist()[0] == "see\n#7"


def test_comments_among_epochs(tmp_path):
    text = "id,t,m\na,58000.5,15.1\n# night 2\na,58001.5,15.2\n#a,58002.5,9.2\na,58003.5,15.4\n"
    (tmp_path / "c.csv").write_text(text)
    keys = {"time": {"column": "t", "unit": "MJD"}, "magnitude": {"column": "m", "unit": "mag"}}
    curve = only(import_curves(tmp_path, ["a"], file="c.csv", id="id", **keys))
    np.testing.assert_allclose(curve["magnitude"], [15.1, 15.2, 15.4], rtol=1e-6)
    (tmp_path / "d.csv").write_text(text.replace("id,t,m", "id,mjd,mag"))
    assert len(given(tmp_path / "d.csv", magnitude="mag").fields["time"]) == 3


# times that the file has rounded


@pytest.mark.parametrize(
    ("start", "unit", "step"), [(2458000, "JD", "0.25"), (58000, "MJD", "0.0039"), (58000, "h", "")]
)
def test_times_in_single_precision_are_told(tmp_path, start, unit, step):
    time = (start + np.arange(6) / 10).astype(np.float32)
    table = {"id": ["a"] * 6, "t": time, "m": np.linspace(15, 16, 6)}
    pq.write_table(pa.table(table), tmp_path / "c.parquet")
    keys = {"time": {"column": "t", "unit": unit}, "magnitude": {"column": "m", "unit": "mag"}}
    found = import_curves(tmp_path, ["a"], file="c.parquet", id="id", **keys)
    told = [note for note in found.summary.notes if "single precision" in note]
    assert len(told) == (1 if step else 0)
    assert not told or f"rounded to {step} d" in told[0]
    if unit == "MJD":
        made = take_given(Table({"mjd": time, "mag": table["m"]}), wanted=wanted(magnitude="mag"))
        assert any("single precision" in note for note in made.notes)
        Table({"mjd": time, "mag": table["m"]}).write(tmp_path / "c.fits")
        content = given(tmp_path / "c.fits", magnitude="mag")
        assert any("single precision" in note for note in content.notes)


def test_a_list_of_times_in_single_precision_is_told(tmp_path):
    times = pa.array([[58000.1, 58000.2]], pa.list_(pa.float32()))
    lists = pa.table({"id": ["a"], "t": times, "m": [[15.0, 15.5]]})
    pq.write_table(lists, tmp_path / "c.parquet")
    keys = {"time": {"column": "t", "unit": "MJD"}, "magnitude": {"column": "m", "unit": "mag"}}
    found = import_curves(tmp_path, ["a"], file="c.parquet", id="id", **keys)
    assert any("single precision" in note for note in found.summary.notes)


# units

MICRO = {"nmgy": 3.631, "nanomaggies": 3.631, "maggies": 3.631e9, "nJy": 1e-3}


@pytest.mark.parametrize(("unit", "microjansky"), MICRO.items())
def test_fluxes_in_maggies(tmp_path, unit, microjansky):
    (tmp_path / "c.csv").write_text("id,t,f,e\na,1,2,0.1\na,2,3,0.1\na,3,2.5,0.2\n")
    keys = {"time": {"column": "t", "unit": "d"}, "flux": {"column": "f", "unit": unit}}
    curve = only(import_curves(tmp_path, ["a"], file="c.csv", id="id", flux_err="e", **keys))
    np.testing.assert_allclose(curve["flux"], np.array([2, 3, 2.5]) * microjansky / 1e3, rtol=1e-6)
    np.testing.assert_allclose(
        curve["flux_err"], np.array([1, 1, 2]) * microjansky / 1e4, rtol=1e-6
    )


@pytest.mark.parametrize("unit", ["MJD (TAI)", "MJD TAI", "MJD_TAI", "MJD(UT1)", "MJD UT"])
def test_scales_of_dates_are_no_part_of_the_unit(tmp_path, unit):
    (tmp_path / "c.csv").write_text("id,t,m\na,60000,15\na,60001,15.2\na,60002,15.5\n")
    keys = {"time": {"column": "t", "unit": unit}, "magnitude": {"column": "m", "unit": "mag"}}
    curve = only(import_curves(tmp_path, ["a"], file="c.csv", id="id", **keys))
    np.testing.assert_allclose(curve["time"], 2460000.5 + np.arange(3), rtol=0, atol=1e-8)


@pytest.mark.parametrize(("unit", "scale"), [("ln(Angstrom)", 1), ("ln(nm)", 10)])
def test_natural_logarithms_of_wavelengths(tmp_path, unit, scale):
    (tmp_path / "o.csv").write_text("id\na\n")
    wave = np.linspace(400, 500, 20)
    Table({"w": np.log(wave), "f": np.arange(20.0)}).write(tmp_path / "a.fits")
    column = {"column": "w", "unit": unit}
    spectrum = {"folder": ".", "pattern": "{id}.fits", "wavelength": column, "flux": "f"}
    mapping = {"objects": {"file": "o.csv", "id": "id"}, "spectrum": spectrum}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    found = Dataset.open(tmp_path / "out")["a"].spectrum["wavelength"].value
    np.testing.assert_allclose(found, wave * scale, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "unit", "make", "sentence"),
    [
        ("loglam", None, np.log, "natural logarithms need the unit ln\\(Angstrom\\)"),
        ("w", "dex(nm)", lambda w: np.log(w / 10), "natural logarithms need the unit ln\\(nm\\)"),
        ("w", "Angstrom", np.log, "if these are logarithms, give unit: ln\\(Angstrom\\)"),
        ("w", "Angstrom", np.log10, "if these are logarithms, give unit: dex\\(Angstrom\\)"),
        ("loglam", None, np.log10, None),
        ("w", "Angstrom", lambda w: w / 400, None),  # X-rays over more than the logarithms have
    ],
)
def test_logarithms_of_another_base_are_noticed(tmp_path, name, unit, make, sentence):
    """Refused where they are taken for logarithms, told where the unit says that they are none."""
    wave = np.linspace(3800, 8800, 40)
    Table({name: make(wave), "flux": np.arange(40.0)}).write(tmp_path / "a.fits")
    (tmp_path / "o.csv").write_text("id\na\n")
    column = {"column": name, **({} if unit is None else {"unit": unit})}
    spectrum = {"folder": ".", "pattern": "{id}.fits", "wavelength": column, "flux": "flux"}
    mapping = {"objects": {"file": "o.csv", "id": "id"}, "spectrum": spectrum}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    if sentence is not None and sentence.startswith("natural"):
        with pytest.raises(SkybindError, match=sentence):
            import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    else:
        notes = import_dataset(tmp_path / "m.yaml", tmp_path / "out").notes
        found = [note for note in notes if "logarithms" in note]
        assert len(found) == (sentence is not None)
        assert all(re.search(sentence, note) for note in found)


def test_logarithms_in_a_given_file(tmp_path):
    units = {"wavelength": "Angstrom", "flux": None}
    spectrum = {"spectrum": Wanted("spectrum", "spectrum", "spectrum", units)}
    wave = np.linspace(3800, 8800, 40)
    Table({"loglam": np.log(wave), "flux": np.arange(40.0)}).write(tmp_path / "a.fits")
    with pytest.raises(DataError, match="natural logarithms need the unit ln"):
        read_file(tmp_path / "a.fits", spectrum)
    Table({"wave": np.log10(wave), "flux": np.arange(40.0)}).write(tmp_path / "b.fits")
    notes = read_file(tmp_path / "b.fits", spectrum).notes
    assert any("give unit: dex(Angstrom)" in note for note in notes)


# positions whose unit nobody stated


@pytest.mark.parametrize(
    ("ra", "dec", "word"),
    [(2 * np.pi, np.pi / 2, "rad"), (24, 90, "hourangle"), (360, 90, None), (3, 1.5, None)],
)
def test_positions_in_other_units_are_noticed(tmp_path, ra, dec, word):
    rng = np.random.default_rng(1)
    rows = [f"s{i},{rng.uniform(0, ra)},{rng.uniform(-dec, dec)}" for i in range(60)]
    _, summary = catalogue(tmp_path, "id,ra,dec\n" + "\n".join(rows) + "\n", ra="ra", dec="dec")
    assert [f"unit: {word}." in note for note in summary.notes] == ([True] if word else [])


# two columns of one name


def test_columns_that_differ_in_case_only_are_asked_about(tmp_path):
    (tmp_path / "c.csv").write_text("mjd,FLUX,flux\n1,5,50\n2,6,60\n3,5.5,50\n")
    with pytest.raises(DataError, match="'FLUX' and 'flux' could both be the flux"):
        given(tmp_path / "c.csv", flux="mJy")
    table = Table({"mjd": [1.0, 2], "MAG": [15, 15.2], "Mag": [1, 2]})
    with pytest.raises(DataError, match="'MAG' and 'Mag' could both be the magnitude"):
        take_given(table, wanted=wanted(magnitude="mag"))
    features = {"metadata": {"small": "x", "big": "X"}}
    dataset, _ = catalogue(tmp_path, "id,x,X\na,1.5,7\n", features=features)
    assert (dataset.numbers("small")[0], dataset.numbers("big")[0]) == (1.5, 7)


def test_names_with_blanks_are_found(tmp_path):
    (tmp_path / "c.csv").write_text("MJD,Flux,Flux Error\n1,5,0.5\n2,6,0.5\n3,5.5,0.4\n")
    content = given(tmp_path / "c.csv", flux="mJy", flux_err="mJy")
    np.testing.assert_allclose(content.fields["flux_err"], [0.5, 0.5, 0.4], rtol=1e-6)


# ASAS-SN Sky Patrol, second version


@pytest.mark.parametrize("page", [False, True])
def test_sky_patrol(tmp_path, page):
    curve = only(import_file(written(tmp_path / "1.csv", page), "skypatrol"))
    good = [0, 2, 3]
    np.testing.assert_allclose(curve["time"], np.array(PATROL["jd"])[good], rtol=0, atol=1e-8)
    np.testing.assert_allclose(curve["flux"], np.array(PATROL["flux"])[good], rtol=1e-6)
    assert curve["band"].tolist() == ["V", "g", "g"]
    content = given(tmp_path / "1.csv", flux="mJy", flux_err="mJy")
    assert "1.csv: read as ASAS-SN Sky Patrol light curve." in content.notes
    np.testing.assert_allclose(content.fields["flux"], np.array(PATROL["flux"])[good], rtol=1e-6)


# reasons that are counted


def test_a_reason_keeps_what_is_wrong():
    reason = "a.fits, column 'v' (flux_err): the unit 'erg2 / (s2 cm4)' cannot be converted (so)."
    assert short_reason(reason, "a.fits") == (
        "the file, column 'v': the unit 'erg2 / (s2 cm4)' cannot be converted"
    )
    assert short_reason("no number in column 'x' ('a (b')") == "no number in column 'x'"


def test_a_variance_is_no_error(tmp_path):
    table = Table({"wavelength": 4000.0 + np.arange(8), "flux": np.arange(8.0)})
    table["flux_err"] = np.full(8, 4.0)
    table["flux"].unit = "erg / (s cm2 Angstrom)"
    table["flux_err"].unit = "erg2 / (s2 cm4 Angstrom2)"
    fields = {"wavelength": "Angstrom", "flux": "erg / (s cm2 Angstrom)"}
    fields["flux_err"] = fields["flux"]
    reads = {"spectrum": Wanted("spectrum", "spectrum", "spectrum", fields)}
    table.write(tmp_path / "a.fits")
    with pytest.raises(DataError, match="cannot be converted"):
        read_file(tmp_path / "a.fits", reads)
