"""What a run was started on: `status.json` in its folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from skybind.errors import DataError
from skybind.files import write_json
from skybind.runs.layout import RunPaths

#: Raised when a run's folder changes so that older programs would misread it. Version 1, of
#: skybind 0.1, has no number, and lists steps that the steps' own notes tell as well.
RUN_VERSION = 2


@dataclass(frozen=True)
class RunStatus:
    """What a run was started on.

    Attributes
    ----------
    data : str
        Folder of the dataset.
    fingerprint : str
        Of the dataset.
    split_hash : str
    backbones : dict of str to str
        Hash of the weights of each frozen backbone, by modality.
    computed : dict
        The columns of periods and features that were there (`skybind.runs.columns`).
    plugins : list of dict
        Name and hash of each plugin (`skybind.plugins`).
    """

    data: str
    fingerprint: str
    split_hash: str
    backbones: Mapping[str, str]
    computed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    plugins: Sequence[Mapping[str, str]] = field(default_factory=list)


def write_status(folder: Path, status: RunStatus) -> None:
    """Write what a run is started on."""
    write_json(RunPaths(folder).note, {"run_version": RUN_VERSION, **asdict(status)})


def read_status(folder: str | Path) -> RunStatus:
    """Read what the run in a folder was started on.

    Raises
    ------
    DataError
        If there is no run, its note is damaged, or a newer skybind made it.
    """
    path = RunPaths(Path(folder)).note
    if not path.exists():
        raise DataError(f"There is no run in {folder}: start one with 'skybind run'.")
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        version = note.get("run_version", 1)
        if version <= RUN_VERSION:
            return RunStatus(
                note["data"],
                note["fingerprint"],
                note["split_hash"],
                note.get("backbones", {}),
                note.get("computed", {}),
                note.get("plugins", []),
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}): the run cannot be opened.") from error
    raise DataError(
        f"The run in {folder} was made by a newer skybind (run version {version}, this one reads "
        f"up to {RUN_VERSION}): update skybind."
    )
