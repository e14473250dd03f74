"""Datasets that take long to write: made in steps, and continued after an interruption.

The dataset grows in a hidden folder beside its target (`skybind.once.Workplace`). Whatever stops
the work (Ctrl-C, a lost machine, kill -9), the same work begun again goes on with the first step
that is missing.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skybind.data.schema import Column
from skybind.data.write import DatasetWriter, note_shards
from skybind.errors import DataError
from skybind.files import file_states, json_hash, link_or_copy
from skybind.once import Entry, Workplace
from skybind.record import Record, read_record, write_sealed
from skybind.version import __version__

#: In a folder of steps: what is noted of each.
STEPS = "steps.json"


def source_state(paths: Iterable[Path]) -> dict[str, list[int]]:
    """Size and time of change of files, and of all files in folders: changes when they change."""
    return {name: state for path in paths for name, state in file_states(path).items()}


@dataclass(frozen=True)
class Step:
    """A step of an import that was done elsewhere.

    Attributes
    ----------
    entry : dict
        What was noted of it.
    path : Path or None
        Its objects, a file; None if there are none.
    """

    entry: Entry
    path: Path | None


class _Noted(Record):
    """What is noted of a step."""

    entry: Entry
    file: str | None
    size: int


class _Steps(Record):
    """`steps.json`."""

    steps: list[_Noted]


class StepsWriter(DatasetWriter):
    """Writes the objects of some steps of an import, and what is noted of each, into a folder.

    Parameters
    ----------
    folder : Path
    columns, provenance, simulated
        As of `DatasetWriter`.
    """

    #: No step was done before.
    entries: Sequence[Entry] = ()

    def __init__(
        self,
        folder: Path,
        columns: Mapping[str, Column],
        *,
        provenance: str = "",
        simulated: bool = False,
    ) -> None:
        super().__init__(folder, columns, provenance=provenance, simulated=simulated)
        self._context = nullcontext(folder)
        self._steps: list[Entry] = []

    def __enter__(self) -> "StepsWriter":
        super().__enter__()
        return self

    def step(self, columns: Mapping[str, Any], entry: Entry) -> None:
        """Write the objects of a step (there may be none), and note it."""
        file, size = None, 0
        if len(columns["object_id"]):
            file = f"objects/part-{self._parts:05d}.parquet"
            self.append(columns)
            size = (self.folder / file).stat().st_size
        self._steps.append({"entry": entry, "file": file, "size": size})

    def _finish(self) -> None:
        write_sealed(self.folder / STEPS, {"steps": self._steps})


def read_steps(folder: Path, again: str) -> list[Step]:
    """Read the steps that `StepsWriter` wrote.

    Parameters
    ----------
    folder : Path
    again : str
        What makes them anew, for the message.

    Raises
    ------
    DataError
        If they are damaged.
    """
    found = []
    for step in read_record(folder / STEPS, _Steps, again).steps:
        path = None if step.file is None else folder / step.file
        if path is not None and (not path.exists() or path.stat().st_size != step.size):
            raise DataError(f"{path} is damaged, or was changed: {again}.")
        found.append(Step(step.entry, path))
    return found


class ResumableWriter(DatasetWriter):
    """A `DatasetWriter` that goes on where the same work was interrupted.

    Parameters
    ----------
    path, columns, provenance, simulated, overwrite
        As of `DatasetWriter`.
    identity : anything that JSON can hold
        What decides the result: the sources (see `source_state`) and settings. Work is continued
        only where it, the other parameters and the version of skybind are the same.

    Attributes
    ----------
    entries : list of dict
        What `step` noted of the steps that are finished already.
    key : str
        All that decides the result, in one word.
    of_shards : bool
        Whether the steps were done in shards: that is noted.
    """

    of_shards = False

    def __init__(
        self,
        path: str | Path,
        columns: Mapping[str, Column],
        *,
        identity: Any,
        provenance: str = "",
        simulated: bool = False,
        overwrite: bool = False,
    ) -> None:
        super().__init__(
            path, columns, provenance=provenance, simulated=simulated, overwrite=overwrite
        )
        made = self.schema.to_metadata()
        self.key = json_hash(
            [__version__, identity, {name.decode(): value.decode() for name, value in made.items()}]
        )
        self._place = Workplace(self.path, self.key, self._refuse)
        self._context = self._place

    def __enter__(self) -> "ResumableWriter":
        super().__enter__()
        self._parts = sum(len(entry["files"]) for entry in self.entries)
        return self

    @property
    def aside(self) -> Path:
        """Folder for what is no step: it stays when the work is interrupted."""
        return self._place.aside

    @property
    def entries(self) -> list[Entry]:
        """Notes of the finished steps."""
        return self._place.entries

    def _finish(self) -> None:
        super()._finish()
        if self.of_shards:
            note_shards(self.folder, self.key)

    def step(self, columns: Mapping[str, Any], entry: Entry) -> None:
        """Write the objects of a step (there may be none), then note that it is finished."""
        files = []
        if len(columns["object_id"]):
            files = [f"objects/part-{self._parts:05d}.parquet"]
            self.append(columns)
        self._place.record({**entry, "files": files})

    def take(self, step: "Step") -> None:
        """Take a step that was done elsewhere as it is."""
        files = []
        if step.path is not None:
            files = [f"objects/part-{self._parts:05d}.parquet"]
            link_or_copy(step.path, self.folder / files[0])
            self._parts += 1
        self._place.record({**step.entry, "files": files})

    def _refuse(self, who: str) -> None:
        raise DataError(
            f"The dataset at {self.path} is being made by {who}: wait for it, or choose another "
            "folder."
        )
