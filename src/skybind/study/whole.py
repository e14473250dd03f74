"""The whole job: pre-train, fine-tune with and without, embed, evaluate, report.

The demonstrations do it on a survey that they simulate, and search it for what is strange.
"""

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from skybind.config import Config, load_config
from skybind.data.dataset import Dataset
from skybind.data.splits import Split
from skybind.discovery.discover import discover
from skybind.errors import DataError
from skybind.evaluation.evaluate import evaluate_run
from skybind.evaluation.records import Metrics, write_metrics
from skybind.report.from_run import write_report
from skybind.runs.cases import cases_of
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import run_finetuning, run_pretraining
from skybind.simulate.stars.classes import CLASSES
from skybind.simulate.write import write_galaxies, write_stars


def run_all(
    config: Config,
    data: str | Path,
    out: str | Path,
    *,
    split: Split | None = None,
    allow_twins: bool = False,
) -> Metrics:
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
    allow_twins : bool
        Measure also on objects that a model has seen under another name, this time.

    Returns
    -------
    Metrics
        The content of `metrics.json`.
    """
    began = time.perf_counter()
    run = Run.start(config, data, out, split=split)
    run.allow_twins = allow_twins
    cases = cases_of(run)
    steps: dict[str, Callable[[], object]] = {"pretrain": partial(run_pretraining, run)}
    steps |= {f"fine-tuning {case.name}": partial(run_finetuning, run, case) for case in cases}
    took = {}
    for name, step in steps.items():
        before = time.perf_counter()
        step()
        took[name] = time.perf_counter() - before
    run_embedding(run)
    metrics = evaluate_run(run, cases)
    # what earlier programs trained, before they were interrupted
    earlier = sum(max(0, metrics.timing.get(name, 0) - now) for name, now in took.items())
    timing = {**metrics.timing, "all": time.perf_counter() - began + earlier}
    metrics = metrics.model_copy(update={"timing": timing})
    write_metrics(metrics, run.paths.metrics)
    write_report(run)
    return metrics


DEMO_OBJECTS = 3000


def demo_stars(out: str | Path, *, n_objects: int = DEMO_OBJECTS, seed: int = 42) -> Metrics:
    """Simulate a survey of variable stars, run `stars-small` on it, and discover.

    Parameters
    ----------
    out : str or Path
        Folder for `data/` and `run/`; the report is `run/report.html`, what is strange
        `run/discover.html`.
    n_objects : int
        Stars to simulate.
    seed : int
        Of the survey, the split and the training.

    Returns
    -------
    Metrics
        The content of `metrics.json`.

    Raises
    ------
    DataError
        If a survey of another size stands in `out`.
    """

    def write(path: Path) -> None:
        write_stars(path, n_objects, seed=seed)

    # the other classes of the survey are new to the model, so that there is something to discover
    classes = f"labels.classes=[{', '.join(CLASSES)}]"
    return _demonstrate(Path(out), "stars-small", write, n_objects, [f"seed={seed}", classes])


def demo_galaxies(out: str | Path, *, n_objects: int = DEMO_OBJECTS, seed: int = 42) -> Metrics:
    """Simulate a survey of galaxies, run `galaxies-small` on it, and discover.

    Parameters
    ----------
    out : str or Path
        Folder for `data/` and `run/`; the report is `run/report.html`, what is strange
        `run/discover.html`.
    n_objects : int
        Galaxies to simulate.
    seed : int
        Of the survey, the split and the training.

    Returns
    -------
    Metrics
        The content of `metrics.json`.

    Raises
    ------
    DataError
        If a survey of another size stands in `out`.
    """
    processes = min(2, os.cpu_count() or 1)

    def write(path: Path) -> None:
        write_galaxies(path, n_objects, seed=seed, processes=processes)

    return _demonstrate(Path(out), "galaxies-small", write, n_objects, [f"seed={seed}"])


def _demonstrate(
    out: Path,
    configuration: str,
    write: Callable[[Path], None],
    n_objects: int,
    sets: Sequence[str],
) -> Metrics:
    """Simulate, unless that was done before, and run a configuration."""
    if not (out / "data" / "objects").exists():
        write(out / "data")
    elif len(Dataset.open(out / "data")) != n_objects:
        raise DataError(
            f"{out / 'data'} holds a survey of another size than {n_objects} objects: choose "
            "another folder, or delete that one."
        )
    config = load_config(configuration, sets)
    metrics = run_all(config, out / "data", out / "run")
    # so that the explorer has suspects to show
    discover(Run.open(out / "run"))
    return metrics
