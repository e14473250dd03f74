"""Writing simulated surveys as datasets."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.progress import progress_bar
from skybind.ragged import Ragged
from skybind.simulate.galaxies.survey import OBSERVATIONS as GALAXY_OBSERVATIONS
from skybind.simulate.galaxies.survey import iter_galaxies
from skybind.simulate.simulated import SimulatedSurvey
from skybind.simulate.stars.survey import iter_stars

STAR_OBSERVATIONS = {
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
    """
    surveys = iter_stars(n_objects, seed=seed, missing=missing)
    what = f"simulated variable stars, {n_objects} objects, seed {seed}, missing {missing}"
    _write(path, surveys, STAR_OBSERVATIONS, n_objects, what, overwrite)


def write_galaxies(
    path: str | Path,
    n_objects: int,
    *,
    seed: int = 0,
    missing: float = 0.0,
    overwrite: bool = False,
    processes: int = 1,
) -> None:
    """Simulate a survey of galaxies, images and spectra, and write it as a dataset.

    Parameters
    ----------
    path : str or Path
        The dataset's folder.
    n_objects : int
    seed : int
        The same seed gives the same survey, whatever its size: a larger one only has more.
    missing : float
        Fraction of each modality (image, spectrum, metadata) left unobserved; every galaxy keeps
        at least one.
    overwrite : bool
        Replace a dataset that stands there.
    processes : int
        Processes that simulate; the survey does not depend on it.
    """
    surveys = iter_galaxies(n_objects, seed=seed, missing=missing, chunk=256, processes=processes)
    what = f"simulated galaxies, {n_objects} objects, seed {seed}, missing {missing}"
    _write(path, surveys, GALAXY_OBSERVATIONS, n_objects, what, overwrite)


def _write(
    path: str | Path,
    surveys: Iterator[SimulatedSurvey],
    observations: dict[str, Column],
    n_objects: int,
    what: str,
    overwrite: bool,
) -> None:
    """Write the chunks of a survey as the parts of a dataset, as they are made."""
    first = next(surveys)
    columns = {**observations, **{n: _column(c) for n, c in first.columns.items()}}
    with (
        progress_bar("simulating", n_objects) as report,
        DatasetWriter(
            path, columns, provenance=what, simulated=True, overwrite=overwrite
        ) as writer,
    ):
        done = 0
        for survey in itertools.chain([first], surveys):
            observed = {name: _float32(v) for name, v in survey.observations.items()}
            writer.append({**survey.objects, **observed})
            writer.truth(survey.truth)
            done += len(survey)
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
