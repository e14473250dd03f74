"""Folders (or zips) of one file an object."""

import os
import re
import string
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from skybind.errors import ConfigError, DataError
from skybind.ingest.fields import typed
from skybind.ingest.flagged import columns_read
from skybind.ingest.name_column import Names
from skybind.ingest.observation_spec import ObservationSpec
from skybind.ingest.observed import Stored, observation_fields, settle
from skybind.ingest.readers.contents import read_bytes
from skybind.ingest.readers.curves import read_curves
from skybind.ingest.readers.long import Rows, unknown_object
from skybind.ingest.readers.registry import Fields
from skybind.ingest.readers.tables import NoColumnError, Table, format_of
from skybind.ingest.readers.unfold import unfold_one
from skybind.ingest.readers.zips import open_zip, read_member
from skybind.ragged import Ragged, offsets_of

#: Files of which one has to be readable, so that it settles what all have in common.
TRIED = 50


class ObjectFiles:
    """The files of the objects, found by the mapping's pattern and read a chunk at a time.

    Parameters
    ----------
    spec : ObservationSpec
        With a folder and a pattern.
    base : Path
        Folder that the mapping's paths are relative to.
    modality : str
        Name of the observation, for the quarantine.
    columns : mapping of str to ndarray of str, shape (n,)
        Columns of the table of objects that the pattern names; `id` among them.
    told : bool
        Whether files that no object has go to the quarantine.

    Attributes
    ----------
    files : list of str
        File of each object, "" where it has none.
    ids : ndarray of str, shape (n,)
    quarantine : list of dict
        Files that no object has, and files named in a column that are not there.
    stored : Stored
        How the fields are kept; the first file that can be read settles it with the mapping.
    """

    def __init__(
        self,
        spec: ObservationSpec,
        base: Path,
        modality: str,
        columns: Mapping[str, np.ndarray],
        told: bool = True,
    ) -> None:
        assert spec.folder is not None
        assert spec.pattern is not None
        self.spec, self.modality = spec, modality
        self.path = base / spec.folder
        names = list_files(self.path, modality)
        band = [spec.fields()["band"].column] if "band" in spec.fields() else []
        self._options = {"text": band, "columns": columns_read(spec)}
        self._zip = None if self.path.is_dir() else open_zip(self.path, modality)
        wanted = fill_pattern(spec.pattern, columns)
        alike = {low_ending(name): name for name in sorted(names, reverse=True)}
        self.files = [_find(name, names, alike) for name in wanted]
        self.ids = columns["id"]
        self.quarantine: Rows = []
        if len(self.ids) and not any(self.files):
            raise ConfigError(
                f"{modality}: no object has a file in {self.path}: the first would be "
                f"'{wanted[0][:100]}', but there are {len(names)} files such as "
                f"'{next(iter(sorted(names)), '')}'; is the pattern '{spec.pattern}' right?"
            )
        if any(self.files):
            self._check_format(next(name for name in self.files if name))
        self.stored = self._settle()
        self.names = self.stored.fields
        if any(self.files):
            self._check_files()
        if told:
            self._tell_others(names, wanted)

    def read(self, rows: np.ndarray, object_id: np.ndarray | Names) -> tuple[Ragged, Rows]:
        """Read the files of some objects; one that cannot be read is set aside with its reason."""
        read: dict[int, Fields] = {}
        lost: dict[int, list[str]] = {}
        for i in self._order(rows):
            try:
                read[i], lost[i] = self._fields(self.files[rows[i]])
            except DataError as error:
                lost[i] = [str(error)]
        found = {i: read[i] for i in sorted(read)}
        quarantine = [
            self.row(object_id[rows[i]], self.files[rows[i]], sentence)
            for i in sorted(lost)
            for sentence in lost[i]
        ]
        names = self.names
        lengths = np.zeros(len(rows), np.int64)
        present = np.zeros(len(rows), bool)
        for i, fields in found.items():
            lengths[i] = len(next(iter(fields.values())))
            present[i] = True
        offsets = offsets_of(lengths)
        flat = {name: _join(name, list(found.values())) for name in names}
        return Ragged(flat, offsets, present), quarantine

    def _order(self, rows: np.ndarray) -> list[int]:
        """Places among some objects of those that have a file, as they are best read."""
        return [i for i, row in enumerate(rows.tolist()) if self.files[row]]

    def _tell_others(self, names: set[str], wanted: list[str]) -> None:
        """Set aside files that no object has, and such as a column names and are not there."""
        assert self.spec.pattern is not None
        if "{id}" not in self.spec.pattern:
            # the table of objects promised these files
            lost = [i for i, name in enumerate(wanted) if name and not self.files[i]]
            self.quarantine += [
                self.row(self.ids[i], wanted[i], "the file is not there") for i in lost
            ]
        matches = re.compile(_expression(self.spec.pattern))
        used = {name for name in self.files if name}
        endings = {ending_of(name) for name in used}
        for name in sorted(names - used):
            found = matches.fullmatch(name) or matches.fullmatch(low_ending(name))
            if found and ending_of(name) in endings:
                object_id = found.groupdict().get("id") or ""
                self.quarantine.append(self.row(object_id, name, unknown_object(self.spec)))

    @property
    def observed(self) -> np.ndarray:
        """Which objects have a file, shape (n,)."""
        return np.asarray([bool(name) for name in self.files], bool)

    def source(self, row: int) -> str:
        """Where the observation of an object comes from, for the quarantine."""
        return f"{self.spec.folder}/{self.files[row]}" if self.files[row] else ""

    def _check_format(self, name: str) -> None:
        """Stop at once, not file by file, where the format is not known."""
        if self.spec.format is None:
            format_of(name)

    def _check_files(self) -> None:
        """Stop where no file at all can be read as the mapping says: then the mapping is wrong.

        As a rule the first file can be, and no other is looked at.
        """
        first: DataError | None = None
        files = [name for name in self.files if name]
        for name in files:
            try:
                self._fields(name)
                return
            except DataError as error:
                first = first or error
        if len(files) > 1 or isinstance(first, NoColumnError):
            raise ConfigError(
                f"{self.modality}: no file of {len(files)} in {self.spec.folder} can be read as "
                f"the mapping says; the first: {first}"
            )

    def _fields(self, name: str) -> tuple[Fields, list[str]]:
        """Read the fields of a file, and sentences about rows of it that were left out."""
        reader = self.spec.reader
        if reader is not None:
            read = reader.fields(self.bytes_of(name), name, partial(self._beside, name))
            return {field: typed(field, v) for field, v in read.items()}, []
        table = self._table(name)
        return observation_fields(table, self.spec, self.stored), table.bad_rows

    def _table(self, name: str) -> Table:
        """Read a file that is a table."""
        beside = partial(self._beside, name)
        table = read_curves(self.bytes_of(name), name, self.spec, beside, **self._options)
        return unfold_one(table, self.spec)

    def _settle(self) -> Stored:
        """Settle how the fields are kept, by the mapping and the first file that can be read."""
        if self.spec.reader is None and self.spec.kind != "image":
            for name in [name for name in self.files if name][:TRIED]:
                try:
                    return settle(self.spec, self._table(name))
                except DataError:
                    continue
        return settle(self.spec)

    def bytes_of(self, name: str) -> bytes:
        """Read a file."""
        if self._zip is None:
            return read_bytes(self.path / name)
        return read_member(self._zip, name)

    def size_of(self, name: str) -> int:
        """Bytes of a file, unpacked."""
        if self._zip is None:
            return (self.path / name).stat().st_size
        return self._zip.getinfo(name).file_size

    def _beside(self, name: str, other: str) -> bytes:
        """Bytes of another file in the folder of one."""
        return self.bytes_of(name[: name.rfind("/") + 1] + other.rpartition("/")[2])

    def row(self, object_id: str, name: str, reason: str) -> dict[str, str]:
        """Give the row of the quarantine for a file."""
        source = f"{self.spec.folder}/{name}"
        return {
            "object_id": object_id,
            "source": source,
            "modality": self.modality,
            "reason": reason,
        }


def list_files(path: Path, modality: str) -> set[str]:
    """List the files in a folder or a zip, at any depth, as paths within it.

    Raises
    ------
    DataError
        If it is not there, or neither of both.
    """
    if path.is_file() and zipfile.is_zipfile(path):
        with open_zip(path, modality) as archive:
            return {info.filename for info in archive.infolist() if not info.is_dir()}
    if not path.exists():
        raise DataError(f"There is no folder {path} ({modality}).")
    if not path.is_dir():
        raise DataError(f"{path} is neither a folder nor a zip file ({modality}).")
    names: set[str] = set()
    for folder, _, files in os.walk(path):
        inside = Path(folder).relative_to(path).as_posix()
        names.update(files if inside == "." else (f"{inside}/{name}" for name in files))
    return names


def pattern_columns(pattern: str) -> list[str]:
    """Columns that a pattern names, `id` aside.

    Raises
    ------
    ConfigError
        If its braces do not match.
    """
    try:
        named = [field for _, field, _, _ in string.Formatter().parse(pattern) if field is not None]
    except ValueError as error:
        raise ConfigError(f"The pattern '{pattern}' is not right: {error}.") from error
    if not named:
        raise ConfigError(f"The pattern '{pattern}' names no column: write e.g. '{{id}}.csv'.")
    return [name for name in named if name != "id"]


def fill_pattern(pattern: str, columns: Mapping[str, np.ndarray]) -> list[str]:
    """Fill the pattern for every object; "" where a column it needs is empty."""
    pieces = [(text, field) for text, field, _, _ in string.Formatter().parse(pattern)]
    used = [field for _, field in pieces if field is not None]
    names = []
    for row in zip(*(columns[field] for field in used), strict=True):
        values = iter(row)
        filled = "".join(
            text + (next(values) if field is not None else "") for text, field in pieces
        )
        names.append(filled if all(row) else "")
    return names


def _expression(pattern: str) -> str:
    """Regular expression of the names that a pattern can give."""
    expression = ""
    seen: set[str] = set()
    for text, field, _, _ in string.Formatter().parse(pattern):
        expression += re.escape(text)
        if field is not None:
            named = field == "id" and field not in seen
            expression += "(?P<id>.+)" if named else ".+"
            seen.add(field)
    return expression


def _find(name: str, names: set[str], alike: Mapping[str, str]) -> str:
    """The file of that name; also without its blanks, gzipped, or with the ending in other case."""
    for candidate in (name, name.replace(" ", ""), name + ".gz"):
        if candidate in names:
            return candidate
    return alike.get(low_ending(name), "") if name else ""


def low_ending(name: str) -> str:
    """Write a file's name with its ending in lower case."""
    ending = ending_of(name)
    last = len(ending) + (3 if name.lower().endswith(".gz") else 0)
    return name[: len(name) - last] + name[len(name) - last :].lower()


def ending_of(name: str) -> str:
    """Ending of a file's name in lower case, `.gz` aside."""
    return Path(name.lower().removesuffix(".gz")).suffix


def _join(field: str, parts: list[Fields]) -> np.ndarray:
    if parts:
        return np.concatenate([part[field] for part in parts])
    return typed(field, np.zeros(0))
