"""The demonstration: a simulated survey, bound and reported on a laptop."""

from pathlib import Path
from typing import Any

from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.data.simulate.write import write_stars
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
    """
    out = Path(out)
    if not (out / "data" / "objects").exists():
        write_stars(out / "data", n_objects, seed=seed, show=show)
    elif len(Dataset.open(out / "data")) != n_objects:
        raise DataError(
            f"{out / 'data'} holds a survey of another size than {n_objects} stars: choose another "
            "folder, or delete that one."
        )
    config = load_config("stars-small", [f"seed={seed}"])
    return run_all(config, out / "data", out / "run", show=show)
