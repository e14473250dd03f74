"""Prepared arrays that everything in a study shares: they are kept by what made them."""

import os
from pathlib import Path

from skybind.runs.layout import RunPaths
from skybind.study.merge import Study


def share_prepared(study: Study, folder: Path) -> None:
    """Let a folder of the study, of a run or a search, take its arrays from the study's."""
    study.paths.prepared.mkdir(exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    own = RunPaths(folder).prepared
    if not own.exists() and not own.is_symlink():
        target = os.path.relpath(study.paths.prepared.resolve(), own.parent.resolve())
        own.symlink_to(Path(target), target_is_directory=True)
