"""Putting aside what a study made of a dataset that has changed in place since."""

import os
import shutil
from pathlib import Path

from skybind.locks import alone, waiting_for
from skybind.progress import say
from skybind.runs.backbones import begun_on
from skybind.runs.layout import BackbonePaths, RunPaths
from skybind.runs.status import read_status
from skybind.study.made import data_digest
from skybind.study.merge import PRETRAINING, Study
from skybind.study.units import Unit


def put_aside(study: Study, unit: Unit) -> None:
    """Move away what stands in the place of a unit, if it was begun on other data.

    It is kept in `earlier/`, by the fingerprint of the data that it was made of: results of a day
    are not deleted because a label changed.

    Parameters
    ----------
    study : Study
    unit : Unit
        Of kind `tune`, `backbone` or `prepare`.
    """
    assert unit.seed is not None  # only the survey has none
    with alone(study.paths.preparing, otherwise=waiting_for("prepares data of the study")):
        place, was = _begun(study, unit, unit.seed)
        if was in ("", data_digest(study, unit.seed)):
            return
        target = study.paths.earlier(was) / place.relative_to(study.folder)
        if target.exists():  # the same data were there before
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(place, target)
    if unit.kind == "prepare":
        study.forget(unit.configuration, unit.seed)
    say(
        f"{study.data(unit.seed)} has changed since {place.relative_to(study.folder)} was made of "
        f"it: made again. The old is kept in {target}."
    )


def _begun(study: Study, unit: Unit, seed: int) -> tuple[Path, str]:
    """Where a unit works, and the fingerprint of the data that it began on; "" if it did not."""
    if unit.kind == "prepare":
        place = study.paths.run(unit.configuration, seed)
        return place, read_status(place).fingerprint if RunPaths(place).note.exists() else ""
    if unit.kind == "backbone":
        place = study.paths.backbone(unit.configuration, seed, unit.case)
        paths = BackbonePaths(place)
        return place, begun_on(paths).fingerprint if paths.dataset.exists() else ""
    # all searches of a configuration share a split, and go together
    place = study.paths.search(unit.configuration, PRETRAINING).parent
    notes = place.glob(f"*/trials/*/{RunPaths(place).note.name}")
    return place, next((read_status(note.parent).fingerprint for note in sorted(notes)), "")
