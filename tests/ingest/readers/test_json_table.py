"""JSON: one object a file, records in a list, or one on each line."""

import json

import numpy as np
import pytest
import yaml

from skybind.data.dataset import Dataset
from skybind.errors import SkybindError
from skybind.ingest.one_file import read_file
from skybind.ingest.readers.json_table import at_path, paths
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted

#: As the Open Supernova Catalog has it: numbers are text, fields may lack.
SUPERNOVA = {
    "SN1": {
        "name": "SN1",
        "redshift": [{"value": "0.02"}],
        "photometry": [
            {"time": "55001.5", "magnitude": "17.5", "band": "B"},
            {"time": "55003.5", "magnitude": "16.25", "e_magnitude": "0.1", "band": "V"},
            {"time": "55009.5", "magnitude": "18.0"},
        ],
        "spectra": [{"data": [["4000", "1.5"], ["4001", "2.5"], ["4002", "2.0"]]}],
    }
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("SN1.name", "SN1"),
        ("*.name", "SN1"),
        ("*.redshift[0].value", "0.02"),
        ("*.photometry[*].time", ["55001.5", "55003.5", "55009.5"]),
        ("*.photometry[*].e_magnitude", [None, "0.1", None]),
        ("*.spectra[0].data[*][1]", ["1.5", "2.5", "2.0"]),
        ("*.spectra[1].data[*][1]", None),
        ("*.photometry[*].flux", None),
        ("name", None),
    ],
)
def test_a_path(path, value):
    assert at_path(SUPERNOVA, path) == value


def test_paths_are_listed():
    found = list(paths(SUPERNOVA))
    assert "*.photometry[*].e_magnitude" in found
    assert all(at_path(SUPERNOVA, path) is not None for path in found)


def imported(tmp_path, observation):
    mapping = {"objects": {"file": "o.csv", "id": "id"}, **observation}
    (tmp_path / "o.csv").write_text("id\nSN1\n")
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    return Dataset.open(tmp_path / "out")["SN1"]


def test_a_file_an_object(tmp_path):
    (tmp_path / "sn").mkdir()
    (tmp_path / "sn/SN1.json").write_text(json.dumps(SUPERNOVA))
    source = {"folder": "sn", "pattern": "{id}.json"}
    sn = imported(
        tmp_path,
        {
            "photometry": {
                **source,
                "time": {"column": "*.photometry[*].time", "unit": "d"},
                "magnitude": {"column": "*.photometry[*].magnitude", "unit": "mag"},
                "band": "*.photometry[*].band",
            },
            "spectrum": {
                **source,
                "wavelength": {"column": "*.spectra[0].data[*][0]", "unit": "Angstrom"},
                "flux": "*.spectra[0].data[*][1]",
            },
        },
    )
    assert sn.photometry.time.value.tolist() == [55001.5, 55003.5, 55009.5]
    assert sn.photometry.magnitude.value.tolist() == [17.5, 16.25, 18]
    assert list(sn.photometry.band)[:2] == ["B", "V"]
    assert np.asarray(sn.spectrum.flux).tolist() == [1.5, 2.5, 2]


@pytest.mark.parametrize("form", ["list", "lines"])
def test_records_of_several_objects(tmp_path, form):
    rows = [{"id": name, "t": [1.0, 2, 4], "m": [12.5, 12.25, 13]} for name in ("SN1", "SN2")]
    text = json.dumps(rows) if form == "list" else "\n".join(map(json.dumps, rows)) + "\n"
    ending = "json" if form == "list" else "jsonl"
    (tmp_path / f"all.{ending}").write_text(text)
    sn = imported(
        tmp_path,
        {"photometry": {"file": f"all.{ending}", "id": "id", "time": {"column": "t", "unit": "d"},
                        "magnitude": {"column": "m", "unit": "mag"}}},
    )  # fmt: skip
    assert sn.photometry.magnitude.value.tolist() == [12.5, 12.25, 13]


def test_a_path_that_no_file_has_names_the_nearest(tmp_path):
    (tmp_path / "sn").mkdir()
    (tmp_path / "sn/SN1.json").write_text(json.dumps(SUPERNOVA))
    observation = {"folder": "sn", "pattern": "{id}.json",
                   "time": {"column": "*.photometry[*].tme", "unit": "d"},
                   "magnitude": {"column": "*.photometry[*].magnitude", "unit": "mag"}}  # fmt: skip
    with pytest.raises(SkybindError, match=r"did you mean '\*\.photometry\[\*\]\.time'"):
        imported(tmp_path, {"photometry": observation})


@pytest.mark.parametrize("text", ["[1, 2", "12", '"x"', "[1, 2]", "{]"])
def test_what_is_no_record(tmp_path, text):
    (tmp_path / "all.json").write_text(text)
    observation = {"file": "all.json", "id": "id", "time": {"column": "t", "unit": "d"},
                   "magnitude": {"column": "m", "unit": "mag"}}  # fmt: skip
    with pytest.raises(SkybindError, match=r"all\.json"):
        imported(tmp_path, {"photometry": observation})


def test_a_file_that_no_mapping_describes(tmp_path):
    (tmp_path / "sn.json").write_text(json.dumps(SUPERNOVA))
    wanted = {"photometry": Wanted("photometry", "photometry", "photometry",
                                   {"time": "d", "magnitude": "mag"})}  # fmt: skip
    found = read_file(tmp_path / "sn.json", wanted)
    assert found.fields["time"].tolist() == [55001.5, 55003.5, 55009.5]
