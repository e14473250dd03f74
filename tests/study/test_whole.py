"""The whole job, in one go or continued."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from skybind.config import load_config
from skybind.evaluation.records import Metrics
from skybind.study import whole as study


@pytest.mark.parametrize(("pretrained", "added"), [(0.0, 0), (5000.0, 5000)])
def test_the_time_of_a_continued_run_counts_what_was_trained_before(
    monkeypatch, pretrained, added, tmp_path
):
    """Steps that were done before come back at once, with the seconds that they took then."""
    case = SimpleNamespace(name="spectrum-full-scratch")
    run = SimpleNamespace(paths=SimpleNamespace(metrics=Path(tmp_path / "metrics.json")))
    timing = {"pretrain": pretrained, "fine-tuning spectrum-full-scratch": 30.0}
    monkeypatch.setattr(study.Run, "start", lambda *args, **more: run)
    monkeypatch.setattr(study, "cases_of", lambda run: [case])
    for name in ("run_pretraining", "run_finetuning", "run_embedding", "write_report"):
        monkeypatch.setattr(study, name, lambda *args: None)
    monkeypatch.setattr(study, "write_metrics", lambda *args: None)
    monkeypatch.setattr(study, "evaluate_run", lambda *args: Metrics.model_construct(timing=timing))
    metrics = study.run_all(load_config("stars-small"), tmp_path, tmp_path / "run")
    assert metrics.timing["all"] == pytest.approx(added + 30, abs=5)
    assert metrics.timing["pretrain"] == pretrained
