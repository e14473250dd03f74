"""Datasets that take long to write: made in steps, and continued after an interruption.

The dataset grows in a hidden folder beside its target (`skybind.once.Workplace`). Whatever stops
the work (Ctrl-C, a lost machine, kill -9), the same work begun again goes on with the first step
that is missing.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.errors import DataError
from skybind.files import json_hash
from skybind.once import Entry, Workplace
from skybind.version import __version__


def source_state(paths: Iterable[Path]) -> dict[str, list[int]]:
    """Size and time of change of files, and of all files in folders: changes when they change."""
    state: dict[str, list[int]] = {}
    for path in paths:
        inside = [Path(at, name) for at, _, names in os.walk(path) for name in names]
        for file in inside or [path]:
            try:
                found = file.stat()
            except OSError:
                continue  # whoever reads it says what is wrong with it
            state[str(file)] = [found.st_size, found.st_mtime_ns]
    return state


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
    """

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
        key = json_hash(
            [__version__, identity, {name.decode(): value.decode() for name, value in made.items()}]
        )
        self._place = Workplace(self.path, key, self._refuse)
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

    def step(self, columns: Mapping[str, Any], entry: Entry) -> None:
        """Write the objects of a step (there may be none), then note that it is finished."""
        files = []
        if len(columns["object_id"]):
            files = [f"objects/part-{self._parts:05d}.parquet"]
            self.append(columns)
        self._place.record({**entry, "files": files})

    def _refuse(self, who: str) -> None:
        raise DataError(
            f"The dataset at {self.path} is being made by {who}: wait for it, or choose another "
            "folder."
        )
