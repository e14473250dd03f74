"""Folders (or zips) of several files an object, one of each visit."""

import re
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from skybind.errors import ConfigError, DataError
from skybind.ingest.observation_spec import SpectrumSpec
from skybind.ingest.readers.contents import open_fits
from skybind.ingest.readers.folders import ObjectFiles, fill_pattern, list_files
from skybind.ingest.readers.long import UNKNOWN_OBJECT, Rows
from skybind.ingest.readers.values import numbers
from skybind.ingest.visits import dated
from skybind.visits import Visits, offsets_of


class VisitFiles:
    """Several files an object, found by a pattern in which `*` stands for what differs.

    The visits are named after their files and stand in the order of their names, or of their times
    where the mapping names a key of the headers for it.

    Parameters
    ----------
    spec : SpectrumSpec
        With a folder, and a pattern with `*`.
    base, modality, columns
        As of `ObjectFiles`.

    Attributes
    ----------
    quarantine : list of dict
        Files that no object has, and visits whose time is not known.
    stored : Stored
        How the fields are kept.
    """

    def __init__(
        self, spec: SpectrumSpec, base: Path, modality: str, columns: Mapping[str, np.ndarray]
    ) -> None:
        assert spec.pattern is not None
        assert spec.folder is not None
        listed = sorted(list_files(base / spec.folder, modality))
        wanted = fill_pattern(spec.pattern, columns)
        owner = owners_of(listed, wanted)
        if len(wanted) and not (owner >= 0).any():
            raise ConfigError(
                f"{modality}: no object has a file in {base / spec.folder}: those of the first "
                f"would be '{wanted[0][:100]}', but there are {len(listed)} files such as "
                f"'{next(iter(listed), '')}'; is the pattern '{spec.pattern}' right?"
            )
        order = np.argsort(owner, kind="stable")
        order = order[owner[order] >= 0]
        names = np.asarray(listed, object)[order]
        self._owner = owner[order]
        each = spec.model_copy(update={"pattern": "{file}", "visit": None})
        found = {"file": names, "id": columns["id"][self._owner]}
        self._files = ObjectFiles(each, base, modality, found, told=False)
        self.stored, self.folder = self._files.stored, spec.folder
        endings = {Path(name).suffix for name in names.tolist()}
        self.quarantine: Rows = [
            self._files.row("", name, UNKNOWN_OBJECT)
            for name, at in zip(listed, owner.tolist(), strict=True)
            if at < 0 and Path(name).suffix in endings
        ]
        self._time = np.full(len(names), np.nan)
        if spec.visit is not None:
            self._settle_times(str(spec.visit.header), spec.visit.unit)
        self._rows = np.lexsort([names.astype(str), self._time, self._owner])
        self._offsets = offsets_of(np.bincount(self._owner, minlength=len(wanted)))

    def read(self, rows: np.ndarray, object_id: np.ndarray) -> tuple[Visits, Rows]:
        """Read the files of some objects; one that cannot be read is set aside with its reason."""
        counts = np.diff(self._offsets)[rows]
        index = np.concatenate(
            [self._rows[self._offsets[row] : self._offsets[row + 1]] for row in rows.tolist()]
            or [np.zeros(0, np.int64)]
        ).astype(np.int64)
        ragged, quarantine = self._files.read(index, object_id[self._owner])
        names = [Path(self._files.files[i]).name for i in index.tolist()]
        visits = Visits(ragged, offsets_of(counts), np.asarray(names, object), self._time[index])
        return visits.filter(ragged.present), quarantine

    @property
    def observed(self) -> np.ndarray:
        """Which objects have a file, shape (n,)."""
        return np.diff(self._offsets) > 0

    def source(self, row: int) -> str:
        """Where the observations of an object come from, for the quarantine."""
        return self.folder

    def _settle_times(self, key: str, unit: str | None) -> None:
        """Read the time of each file in its header; a sentence for each that states none."""
        stated: list[object] = []
        for i, name in enumerate(self._files.files):
            try:
                stated.append(header_value(self._files.bytes_of(name), name, key))
            except DataError as error:
                stated.append(None)
                self.quarantine.append(
                    self._files.row(str(self._files.ids[i]), name, f"no time: {error}")
                )
        where = f"{self.folder}, header {key} (visit)"
        dates = [isinstance(value, str) and bool(re.match(r"\d{4}-\d\d-\d\d", value))
                 for value in stated]  # fmt: skip
        if any(dates):
            days = [str(v) if is_date else "NaT" for v, is_date in zip(stated, dates, strict=True)]
            self._time = dated(np.asarray(days, "datetime64[ms]"), None, where)
            return
        values = np.asarray(stated, object)
        if unit is None and numbers(values)[0].size:
            raise ConfigError(f"{where}: add the unit of its times, such as unit: MJD.")
        self._time = dated(values, unit, where)


def owners_of(files: list[str], wanted: list[str]) -> np.ndarray:
    """Find the object of each file; -1 for none.

    `*` stands for anything but a slash. A file that two objects could have belongs to the one whose
    pattern has more text before it.

    Parameters
    ----------
    files : list of str
        Sorted.
    wanted : list of str
        Of each object, with `*`; "" for none.
    """
    owner, before = np.full(len(files), -1, np.int64), np.full(len(files), -1, np.int64)
    for row, pattern in enumerate(wanted):
        start = pattern.partition("*")[0]
        if not pattern:
            continue
        parts = [re.escape(part) for part in pattern.split("*")]
        expression = re.compile("[^/]*".join(parts) + r"(\.gz)?")
        for place in range(bisect_left(files, start), len(files)):
            if not files[place].startswith(start):
                break
            if expression.fullmatch(files[place]) and len(start) > before[place]:
                owner[place], before[place] = row, len(start)
    return owner


def header_value(data: bytes, name: str, key: str) -> object:
    """Read a key of the headers of a FITS file, whose first extension with it counts.

    Raises
    ------
    DataError
        If no header has it.
    """
    with open_fits(data, name) as parts:
        for part in parts:
            if key in part.header:
                return part.header[key]
    raise DataError(f"{name} has no key {key} in its headers.")
