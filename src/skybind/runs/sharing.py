"""Prepared arrays that several runs share: they are kept by what made them."""

import os
from pathlib import Path

from skybind.runs.layout import RunPaths


def share_prepared(shared: Path, folder: Path) -> None:
    """Let a run, or whatever else has a `prepared` folder, take its arrays from a shared one.

    The link is relative, so that both may be moved together; one that leads nowhere is made anew.

    Parameters
    ----------
    shared : Path
        Where the arrays are; made if it is not there.
    folder : Path
        Of the run; made if it is not there. Arrays that it has of its own are left.
    """
    shared.resolve().mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    own = RunPaths(folder).prepared
    if own.is_symlink() and not own.exists():
        own.unlink(missing_ok=True)
    if not own.exists():
        target = os.path.relpath(shared.resolve(), own.parent.resolve())
        own.symlink_to(Path(target), target_is_directory=True)
