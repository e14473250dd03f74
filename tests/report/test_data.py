import pytest

from skybind.errors import DataError
from skybind.evaluation.records import read_metrics
from skybind.files import write_json
from skybind.report.data import ReportData


def test_metrics_come_back(run, tmp_path):
    write_json(tmp_path / "metrics.json", run.metrics)
    assert read_metrics(tmp_path / "metrics.json") == run.metrics


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "There is no"), ("{", "damaged"), ('{"metrics_version": 99}', "99"), ("[]", "None")],
)
def test_bad_metrics_are_one_sentence(tmp_path, content, words):
    path = tmp_path / "metrics.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=words):
        read_metrics(path)


def test_origin():
    assert ReportData({"dataset": {"simulated": True}}).origin == "Simulated data."
    assert ReportData({"dataset": {"simulated": False}}).origin == "Real observations."
    assert ReportData({}).origin == "Origin not recorded."
