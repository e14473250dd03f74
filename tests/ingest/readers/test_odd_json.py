"""One odd value of a survey's JSON: its entry is left out and told, its object alone is lost."""

import json
from itertools import product

import numpy as np
import pytest

from skybind.data.quarantine import read_quarantine
from skybind.errors import SkybindError
from skybind.ingest.file_content import FileError
from skybind.ingest.given import take_given
from skybind.ingest.readers.registry import curve_format
from tests.faults.harm import ODD, places, with_value
from tests.ingest.curve_files import given, import_curves, wanted
from tests.ingest.written.alerce import DETECTIONS, LIMITS
from tests.ingest.written.osc import PHOTOMETRY

SOUND = {
    "alerce": {"detections": DETECTIONS, "non_detections": LIMITS},
    "osc": {"SN1": {"sources": [{"alias": "1"}], "photometry": PHOTOMETRY}},
}
#: What its format makes of the numbers that may not become others, and the units of a model.
NUMBERS = {"alerce": ("mjd", "difference"), "osc": ("mjd", "magnitude")}
UNITS = {
    "alerce": {"flux": "mJy", "flux_err": "mJy"},
    "osc": {"magnitude": "mag", "magnitude_err": "mag"},
}
#: A value that spoils the object, and one that spoils an entry of it.
WHOLE = {"alerce": ("detections",), "osc": ("SN1", "photometry")}
ENTRY = {"alerce": ("detections", 1), "osc": ("SN1", "photometry", 1)}


def epochs(name, content):
    """Times and values of the epochs that have both, by the reader of a format."""
    format = curve_format(name)
    (table,) = format.tidied([format.read(json.dumps(content).encode(), "a.json")], None)
    values = np.array([table.columns[key] for key in NUMBERS[name]], object)
    return {tuple(row) for row in values.T.astype(str) if "nan" not in row and "None" not in row}


@pytest.mark.parametrize("name", sorted(SOUND))
def test_no_value_anywhere_makes_a_number_of_its_own(name):
    sound, failed = epochs(name, SOUND[name]), []
    every = list(places(SOUND[name]))
    assert len(every) > 40
    for place, value in product(every, ODD):
        try:
            found = epochs(name, with_value(SOUND[name], place, value))
        except SkybindError:
            continue
        except Exception as error:
            failed.append((place, value, repr(error)))
            continue
        # what is a number, or a sign, may stand for one
        if place[-1] != "isdiffpos" and (value is True or not isinstance(value, int | float | str)):
            failed += [(place, value, row) for row in sorted(found - sound)]
    assert failed == []


@pytest.mark.parametrize("name", sorted(SOUND))
@pytest.mark.parametrize("value", [3, "x", True, {"x": {}}], ids=repr)
def test_an_object_that_cannot_be_read_leaves_the_others(tmp_path, name, value):
    write(tmp_path / "good.json", SOUND[name])
    write(tmp_path / "odd.json", with_value(SOUND[name], WHOLE[name], value))
    found = imported(tmp_path, name)
    assert len(found.curves["good"]["time"]) > 2
    assert len(found.curves["odd"]["time"]) == 0
    lost = [row for row in read_quarantine(tmp_path / "out") if row["object_id"] == "odd"]
    assert any("no list" in row["reason"] for row in lost)
    both = take_given([tmp_path / "odd.json", tmp_path / "good.json"], wanted=wanted(**UNITS[name]))
    assert both.dataset.present("photometry").tolist() == [False, True]
    assert both.reasons["photometry"][0]
    with pytest.raises(FileError, match=r"no list|no rows|no epoch"):
        given(tmp_path / "odd.json", name, **UNITS[name])


@pytest.mark.parametrize("name", sorted(SOUND))
@pytest.mark.parametrize("value", [None, 3, "x", [], [None]], ids=repr)
def test_an_entry_that_cannot_be_read_leaves_the_others(tmp_path, name, value):
    write(tmp_path / "good.json", SOUND[name])
    write(tmp_path / "odd.json", with_value(SOUND[name], ENTRY[name], value))
    found = imported(tmp_path, name)
    good, odd = found.curves["good"]["time"], found.curves["odd"]["time"]
    assert len(odd) == len(good) - 1
    assert set(odd) < set(good)
    lost = [row for row in read_quarantine(tmp_path / "out") if row["object_id"] == "odd"]
    assert any("no records" in row["reason"] for row in lost)
    content = given(tmp_path / "odd.json", name, **UNITS[name])
    assert len(content.fields["time"]) == len(odd)
    assert any("no records" in note for note in content.notes)


def write(path, content):
    path.write_text(json.dumps(content))


def imported(folder, name):
    return import_curves(folder, ["good", "odd"], folder=".", pattern="{id}.json", format=name)
