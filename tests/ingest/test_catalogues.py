"""Several catalogues of the same objects: each is a modality of its own."""

import numpy as np
import pytest
import yaml

from skybind.data.dataset import Dataset
from skybind.data.info import dataset_info
from skybind.ingest.survey import import_dataset

TABLE = """source,ra,dec,type,hard,soft,g,bp,rp
a,10.0,-5.0,AGN,2e-14,1e-14,18.0,18.5,17.5
b,11.0,-5.0,YSO,3e-14,,,,
c,12.0,-5.0,AGN,,,19.0,,
d,13.0,-5.0,AGN,,,,,
"""
MAPPING = {
    "objects": {
        "file": "table.csv",
        "id": "source",
        "ra": "ra",
        "dec": "dec",
        "label": "type",
        "features": {
            "xray": {n: {"column": n, "unit": "erg / (s cm2)"} for n in ("hard", "soft")},
            "optical": {n: {"column": n, "unit": "mag"} for n in ("g", "bp", "rp")},
        },
    }
}


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalogues")
    (folder / "table.csv").write_text(TABLE)
    (folder / "mapping.yaml").write_text(yaml.safe_dump(MAPPING, sort_keys=False))
    summary = import_dataset(folder / "mapping.yaml", folder / "data")
    return folder / "data", summary


def test_the_import_counts_the_objects_of_each_catalogue(survey):
    _, summary = survey
    assert summary.objects == 4
    assert summary.observed == {"xray": 2, "optical": 2}


def test_each_catalogue_is_a_modality(survey):
    path, _ = survey
    data = Dataset.open(path)
    assert data.schema.catalogues == data.schema.modalities == ["xray", "optical"]
    assert data.present("xray").tolist() == [True, True, False, False]
    assert data.present("optical").tolist() == [True, False, True, False]
    info = dataset_info(path)
    assert {name: entry.kind for name, entry in info.modalities.items()} == {
        "xray": "metadata",
        "optical": "metadata",
    }
    assert info.overlaps == {
        ("xray", "optical"): 1,
        ("xray",): 1,
        ("optical",): 1,
        (): 1,
    }


def test_an_object_gives_its_rows(survey):
    data = Dataset.open(survey[0])
    first, last = data["a"], data["d"]
    assert first.modalities == ["xray", "optical"]
    assert last.modalities == []
    assert first.optical["g"].unit == "mag"
    assert first["xray"]["hard"].value == pytest.approx(2e-14)
    assert "optical" in dir(first)
    assert "optical 3 numbers" in repr(first)
    with pytest.raises(AttributeError, match="optical"):
        _ = first.optcal


def test_colours_are_found_in_any_catalogue(survey):
    from skybind.discovery.views import colour_magnitude

    found = colour_magnitude(Dataset.open(survey[0]), np.arange(4))
    assert found is not None
    assert found.magnitude[0] == pytest.approx(18.0)
    assert found.colour[0] == pytest.approx(-0.5)
