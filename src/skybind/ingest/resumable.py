"""Datasets that take long to write: made in steps, and continued after an interruption.

The dataset grows in a hidden folder beside its target. Each finished step leaves one entry in a
journal there, so that whatever stops the work (Ctrl-C, a lost machine, kill -9), the same work
begun again goes on with the first step that is missing. Nothing is seen at the target before all
is done.

    .NAME.unfinished/
      key.json             what is being made: hash of version, sources, settings; when begun
      journal/00000.json   one entry a finished step
      work/                becomes the target
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from skybind import __version__
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.errors import DataError, SkybindError
from skybind.files import json_hash, write_json
from skybind.locks import alone

Entry = dict[str, Any]


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


class Workplace:
    """The hidden folder of a target; a context manager that gives the folder to write to.

    When its block ends well, the folder becomes the target. If the block raises a `SkybindError`
    (the sources are wrong: doing it again would not help) all is removed; after anything else it
    stays, to be continued.

    Parameters
    ----------
    target : Path
    key : str
        Names the work. What is left of another work at this target is thrown away.
    """

    def __init__(self, target: Path, key: str) -> None:
        self.target, self.key = target, key
        self.path = target.parent / f".{target.name}.unfinished"
        self.work, self._journal = self.path / "work", self.path / "journal"
        self.entries: list[Entry] = []
        self._lock = ExitStack()

    def __enter__(self) -> Path:
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock.enter_context(alone(self.path / "lock", otherwise=self._refuse))
        if self._note().get("key") != self.key or not self.work.is_dir():
            shutil.rmtree(self._journal, ignore_errors=True)
            shutil.rmtree(self.work, ignore_errors=True)
            self.work.mkdir()
            self._journal.mkdir()
            write_json(self.path / "key.json", {"key": self.key})
        self.entries = self._read_entries()
        return self.work

    def note(self, name: str, value: str) -> str:
        """Remember a text from the first beginning of the work; gives the first one."""
        note = self._note()
        if name not in note:
            write_json(self.path / "key.json", {**note, name: value})
        return str(note.get(name, value))

    def record(self, entry: Entry) -> None:
        """Note that a step is finished; `entry["files"]`: the files in the folder that it made."""
        sizes = {}
        for name in entry.get("files", []):
            with (self.work / name).open("rb") as file:
                os.fsync(file.fileno())  # a lost machine must not keep the entry and lose the file
                sizes[name] = os.fstat(file.fileno()).st_size
        path = self._journal / f"{len(self.entries):05d}.json"
        temporary = path.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8") as text:
            json.dump({**entry, "files": sizes}, text)
            text.flush()
            os.fsync(text.fileno())
        os.replace(temporary, path)
        self.entries.append({**entry, "files": sizes})

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                self._place()
            if kind is None or issubclass(kind, SkybindError):
                shutil.rmtree(self.path, ignore_errors=True)
        finally:
            self._lock.close()

    def _place(self) -> None:
        if self.target.is_dir():
            old = self.path / "old"
            shutil.rmtree(old, ignore_errors=True)
            os.replace(self.target, old)
        os.replace(self.work, self.target)

    def _note(self) -> dict[str, str]:
        try:
            return dict(json.loads((self.path / "key.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}

    def _read_entries(self) -> list[Entry]:
        """Entries of the steps whose files are all there; what else was begun is removed."""
        entries: list[Entry] = []
        while True:
            path = self._journal / f"{len(entries):05d}.json"
            try:
                entry = json.loads(path.read_text(encoding="utf-8"))
                files = entry["files"].items()
                if any((self.work / name).stat().st_size != size for name, size in files):
                    break
            except (OSError, ValueError, KeyError, AttributeError):
                break
            entries.append(entry)
        kept = {name for entry in entries for name in entry["files"]}
        for file in [file for file in self.work.rglob("*") if file.is_file()]:
            if file.relative_to(self.work).as_posix() not in kept:
                file.unlink()
        for file in sorted(self._journal.iterdir())[len(entries) :]:
            file.unlink()
        return entries

    def _refuse(self) -> None:
        raise DataError(
            f"Another process is making the dataset at {self.target}: wait for it, or choose "
            "another folder."
        )


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
        made = replace(self.schema, created="").to_metadata()
        key = json_hash(
            [__version__, identity, {name.decode(): value.decode() for name, value in made.items()}]
        )
        self._place = Workplace(self.path, key)
        self._context = self._place

    def __enter__(self) -> "ResumableWriter":
        super().__enter__()
        self._parts = sum(len(entry["files"]) for entry in self.entries)
        created = self._place.note("created", self.schema.created)
        self.schema = replace(self.schema, created=created)
        return self

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
