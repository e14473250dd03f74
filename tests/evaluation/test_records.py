import json
from pathlib import Path

import pytest

from skybind.evaluation.records import Groups, Islands, Metrics, read_metrics, write_metrics
from skybind.record import Record

OLD = sorted((Path(__file__).parents[1] / "data" / "v0.1").glob("*-run/metrics.json"))


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.parent.name)
def test_metrics_of_version_0_1_are_read_and_written_as_they_were(path, tmp_path):
    write_metrics(read_metrics(path), tmp_path / "metrics.json")
    old, new = (json.loads(at.read_text()) for at in (path, tmp_path / "metrics.json"))
    assert len(new.pop("checksum")) == 16
    assert new == old


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.parent.name)
def test_every_key_has_its_field(path):
    def unknown(record, where=""):
        yield from (f"{where}.{key}" for key in record.model_extra)
        for name in type(record).model_fields:
            value = getattr(record, name)
            inside = value if isinstance(value, list) else [value]
            inside = list(value.values()) if isinstance(value, dict) else inside
            for entry in inside:
                if isinstance(entry, Record):
                    yield from unknown(entry, f"{where}.{name}")

    assert list(unknown(read_metrics(path))) == []


def test_clusters_are_told_apart_by_their_method():
    shared = {"modalities": ["a"], "n": 5, "n_clusters": 1, "n_alone": 0}
    known = [
        {**shared, "method": "DBSCAN", "radius": 0.2, "min_samples": 5},
        {**shared, "method": "k-means", "k": 3, "silhouette": {"2": 0.1, "3": 0.25}},
    ]
    islands, groups = Metrics.model_validate({"clusters": known}).clusters
    assert isinstance(islands, Islands)
    assert isinstance(groups, Groups)
    assert islands.settings == "radius 0.20, 5 samples"
    assert groups.settings == "k = 3 of 2 tried, silhouette 0.25"


def test_how_a_classifier_began_is_said():
    from tests.report.made_up import make_metrics

    known = make_metrics()["classification"][0]
    said = [
        Metrics.model_validate({"classification": [{**known, "pretrained": p, "frozen": f}]})
        for p, f in ((False, False), (True, False), (True, True), (False, True))
    ]
    assert [metrics.classification[0].start for metrics in said] == [
        "From scratch",
        "Pre-trained",
        "Pre-trained, frozen",
        "Random, frozen",
    ]
