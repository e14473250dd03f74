"""What a run was started on: `status.json` in its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from skybind.errors import DataError
from skybind.record import read_record, write_sealed
from skybind.runs.layout import RunPaths

#: Raised when a run's folder changes so that older programs would misread it. Version 1, of
#: skybind 0.1, has no number, and lists steps that the steps' own notes tell as well.
RUN_VERSION = 2
_AGAIN = "the run cannot be opened; bring that file back, or start another run than"


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
    classes : list of str, optional
        Classes in use; None in the note of an older skybind.
    """

    data: str
    fingerprint: str
    split_hash: str
    backbones: Mapping[str, str] = field(default_factory=dict)
    computed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    plugins: Sequence[Mapping[str, str]] = field(default_factory=list)
    classes: Sequence[str] | None = None


def write_status(folder: Path, status: RunStatus) -> None:
    """Write what a run is started on."""
    write_sealed(RunPaths(folder).note, {"run_version": RUN_VERSION, **asdict(status)})


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
    note = read_record(path, dict[str, Any], f"{_AGAIN} {folder}")
    version = note.get("run_version", 1)
    if isinstance(version, int) and version > RUN_VERSION:
        raise DataError(
            f"The run in {folder} was made by a newer skybind (run version {version}, this one "
            f"reads up to {RUN_VERSION}): update skybind."
        )
    return read_record(path, RunStatus, f"{_AGAIN} {folder}")
