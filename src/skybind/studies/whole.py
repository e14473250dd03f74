"""The whole job: pre-train, fine-tune with and without, embed, evaluate, report."""

import time
from pathlib import Path
from typing import Any

from skybind.config import Config
from skybind.data.splits import Split
from skybind.files import write_json
from skybind.studies.cases import cases_of
from skybind.studies.evaluation import evaluate_run
from skybind.studies.reporting import write_report
from skybind.studies.run import Run
from skybind.studies.steps import run_embedding, run_finetuning, run_pretraining


def run_all(
    config: Config,
    data: str | Path,
    out: str | Path,
    *,
    split: Split | None = None,
    show: bool = True,
) -> dict[str, Any]:
    """Do everything that a configuration describes on a dataset; interrupted, it goes on.

    Parameters
    ----------
    config : Config
    data : str or Path
        The dataset's folder.
    out : str or Path
        The run's folder; `report.html` and `metrics.json` stand there at the end.
    split : Split, optional
        Use it instead of the one that the configuration describes.
    show : bool
        Show progress.

    Returns
    -------
    dict
        The content of `metrics.json`.
    """
    began = time.perf_counter()
    run = Run.start(config, data, out, split=split, show=show)
    cases = cases_of(run)
    run_pretraining(run)
    for case in cases:
        run_finetuning(run, case)
    run_embedding(run)
    metrics = evaluate_run(run, cases)
    metrics["timing"]["all"] = time.perf_counter() - began
    write_json(run.folder / "metrics.json", metrics)
    write_report(run)
    return metrics
