"""The demonstrations: a simulated survey, bound and reported on a laptop."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.data.simulate.write import write_galaxies, write_stars
from skybind.errors import DataError
from skybind.studies.whole import run_all

DEMO_OBJECTS = 3000


def demo_stars(
    out: str | Path, *, n_objects: int = DEMO_OBJECTS, seed: int = 42, show: bool = True
) -> dict[str, Any]:
    """Simulate a survey of variable stars and run `stars-small` on it.

    Parameters
    ----------
    out : str or Path
        Folder for `data/` and `run/`; the report is `run/report.html`.
    n_objects : int
        Stars to simulate.
    seed : int
        Of the survey, the split and the training.
    show : bool
        Show progress.

    Returns
    -------
    dict
        The content of `metrics.json`.

    Raises
    ------
    DataError
        If a survey of another size stands in `out`.
    """

    def write(path: Path) -> None:
        write_stars(path, n_objects, seed=seed, show=show)

    return _demonstrate(Path(out), "stars-small", write, n_objects, seed, show)


def demo_galaxies(
    out: str | Path, *, n_objects: int = DEMO_OBJECTS, seed: int = 42, show: bool = True
) -> dict[str, Any]:
    """Simulate a survey of galaxies and run `galaxies-small` on it.

    Parameters
    ----------
    out : str or Path
        Folder for `data/` and `run/`; the report is `run/report.html`.
    n_objects : int
        Galaxies to simulate.
    seed : int
        Of the survey, the split and the training.
    show : bool
        Show progress.

    Returns
    -------
    dict
        The content of `metrics.json`.

    Raises
    ------
    DataError
        If a survey of another size stands in `out`.
    """
    processes = min(2, os.cpu_count() or 1)

    def write(path: Path) -> None:
        write_galaxies(path, n_objects, seed=seed, show=show, processes=processes)

    return _demonstrate(Path(out), "galaxies-small", write, n_objects, seed, show)


def _demonstrate(
    out: Path,
    configuration: str,
    write: Callable[[Path], None],
    n_objects: int,
    seed: int,
    show: bool,
) -> dict[str, Any]:
    """Simulate, unless that was done before, and run a configuration."""
    if not (out / "data" / "objects").exists():
        write(out / "data")
    elif len(Dataset.open(out / "data")) != n_objects:
        raise DataError(
            f"{out / 'data'} holds a survey of another size than {n_objects} objects: choose "
            "another folder, or delete that one."
        )
    config = load_config(configuration, [f"seed={seed}"])
    return run_all(config, out / "data", out / "run", show=show)
