"""Writing a simulated survey as a dataset."""

from pathlib import Path

import numpy as np

from skybind.data.dataset import DatasetWriter
from skybind.data.schema import Column
from skybind.data.simulate.survey import iter_stars
from skybind.progress import progress_bar
from skybind.ragged import Ragged

OBSERVATIONS = {
    "photometry": Column(
        "observation",
        None,
        "Light curve in one visual band",
        "photometry",
        {"time": "d", "flux": "mJy", "flux_err": "mJy"},
    ),
    "spectrum": Column(
        "observation",
        None,
        "Low-resolution spectrum, vacuum wavelengths, relative flux",
        "spectrum",
        {"wavelength": "Angstrom", "flux": None, "ivar": None},
    ),
}


def write_stars(
    path: str | Path,
    n_objects: int,
    *,
    seed: int = 0,
    missing: float = 0.0,
    overwrite: bool = False,
    show: bool = True,
) -> None:
    """Simulate a survey of variable stars and write it as a dataset.

    Parameters
    ----------
    path : str or Path
        The dataset's folder.
    n_objects : int
    seed : int
        The same seed gives the same survey, whatever its size: a larger one only has more.
    missing : float
        Fraction of each modality left unobserved; every star keeps at least one.
    overwrite : bool
        Replace a dataset that stands there.
    show : bool
        Show progress.
    """
    surveys = iter_stars(n_objects, seed=seed, missing=missing)
    first = next(surveys)
    columns = {**OBSERVATIONS, **{n: _column(c) for n, c in first.columns.items()}}
    what = f"simulated variable stars, {n_objects} objects, seed {seed}, missing {missing}"
    with (
        progress_bar("simulating stars", n_objects, show) as report,
        DatasetWriter(
            path, columns, provenance=what, simulated=True, overwrite=overwrite
        ) as writer,
    ):
        done = 0
        for survey in (first, *surveys):
            observed = {"photometry": survey.photometry, "spectrum": survey.spectrum}
            writer.append({**survey.objects, **{k: _float32(v) for k, v in observed.items()}})
            writer.truth(survey.truth)
            done += len(survey.objects["object_id"])
            report(done)


def _column(note: dict[str, str | None]) -> Column:
    return Column(str(note["role"]), note["unit"], note["description"] or "", note.get("modality"))


def _float32(ragged: Ragged) -> Ragged:
    """Store everything but the time in single precision."""
    fields = {
        name: values if name == "time" else values.astype(np.float32, copy=False)
        for name, values in ragged.fields.items()
    }
    return Ragged(fields, ragged.offsets, ragged.present)
