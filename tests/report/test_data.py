import pytest

from skybind.errors import DataError
from skybind.evaluation.records import Metrics, read_metrics, write_metrics
from skybind.evaluation.run_records import AboutDataset
from skybind.files import write_json
from skybind.report.data import ReportData


def test_metrics_come_back(run, tmp_path):
    write_metrics(run.metrics, tmp_path / "metrics.json")
    assert read_metrics(tmp_path / "metrics.json") == run.metrics


def test_what_a_later_version_adds_is_kept(run, tmp_path):
    known = run.metrics.plain() | {"novelties": [1]}
    known["classification"][0]["log_loss"] = 0.25
    write_json(tmp_path / "metrics.json", known)
    metrics = read_metrics(tmp_path / "metrics.json")
    assert metrics.model_copy(update={"seed": 5}).plain() == known | {"seed": 5}


def test_damaged_entries_are_named(run, tmp_path):
    known = run.metrics.plain()
    known["retrieval"][2]["recall"] = "none"
    write_json(tmp_path / "metrics.json", known)
    with pytest.raises(DataError, match=r"damaged \(retrieval\.2\.recall: .*evaluate' again"):
        read_metrics(tmp_path / "metrics.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "There is no"), ("{", "damaged"), ('{"metrics_version": 99}', "99"), ("[]", "damaged")],
)
def test_bad_metrics_are_one_sentence(tmp_path, content, words):
    path = tmp_path / "metrics.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=words):
        read_metrics(path)


def test_origin():
    assert ReportData(Metrics(dataset=AboutDataset(simulated=True))).origin == "Simulated data."
    assert ReportData(Metrics(dataset=AboutDataset(simulated=False))).origin == "Real observations."
    assert ReportData(Metrics()).origin == "Origin not recorded."
