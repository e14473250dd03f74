"""Folders (or zips) of several files an object, one of each visit."""

import re
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from skybind.errors import ConfigError, DataError
from skybind.ingest.name_column import Names
from skybind.ingest.observation_spec import SpectrumSpec
from skybind.ingest.readers.contents import open_fits
from skybind.ingest.readers.folders import (
    TRIED,
    ObjectFiles,
    ending_of,
    fill_pattern,
    list_files,
    low_ending,
)
from skybind.ingest.readers.long import UNKNOWN_OBJECT, Rows
from skybind.ingest.readers.values import calendar, numbers
from skybind.ingest.visits import dated
from skybind.ragged import offsets_of
from skybind.visits import Visits

#: Stands for the `*` of a pattern while names are put in, which may hold some themselves.
_ANY = "\0"
AMBIGUOUS = "several objects could have this file by their patterns"


class VisitFiles:
    """Several files an object, found by a pattern in which `*` stands for what differs.

    The visits are named after their files and stand in the order of these names, 9 before 10, or of
    their times where the mapping names a key of the headers for it.

    Parameters
    ----------
    spec : SpectrumSpec
        With a folder, and a pattern with `*`.
    base, modality, columns
        As of `ObjectFiles`.

    Attributes
    ----------
    quarantine : list of dict
        Files that no object has.
    stored : Stored
        How the fields are kept.
    sizes : ndarray of int, shape (n,)
        Bytes of the files of each object.
    """

    def __init__(
        self, spec: SpectrumSpec, base: Path, modality: str, columns: Mapping[str, np.ndarray]
    ) -> None:
        assert spec.pattern is not None
        assert spec.folder is not None
        listed = sorted(list_files(base / spec.folder, modality), key=_natural)
        wanted = [filled.split(_ANY) for filled in _filled(spec.pattern, columns)]
        claims = claims_of(listed, wanted)
        claimed = [(row, file) for file, rows in claims.items() for row in rows]
        if len(wanted) and not claimed:
            raise ConfigError(
                f"{modality}: no object has a file in {base / spec.folder}: those of the first "
                f"would be '{'*'.join(wanted[0])[:100]}', but there are {len(listed)} files such "
                f"as '{next(iter(listed), '')}'; is the pattern '{spec.pattern}' right?"
            )
        claimed.sort(key=lambda claim: claim[0])
        names = np.asarray([file for _, file in claimed], object)
        self._owner = np.asarray([row for row, _ in claimed], np.int64)
        each = spec.model_copy(update={"pattern": "{file}", "visit": None})
        found = {"file": names, "id": columns["id"][self._owner]}
        self._files = ObjectFiles(each, base, modality, found, told=False)
        self.stored, self.folder = self._files.stored, spec.folder
        endings = {ending_of(name) for name in names.tolist()}
        self.quarantine: Rows = [
            self._files.row("", name, AMBIGUOUS if name in claims else UNKNOWN_OBJECT)
            for name in listed
            if not claims.get(name) and ending_of(name) in endings
        ]
        self._visit = spec.visit
        place = {name: number for number, name in enumerate(listed)}
        order = np.asarray([place[name] for name in names.tolist()], np.int64)
        self._rows = np.lexsort([order, self._owner])
        for i in range(min(TRIED, len(names))):  # a unit that is lacking stops the import at once
            if np.isfinite(self._times(np.array([i]))[0]).all():
                break
        self._offsets = offsets_of(np.bincount(self._owner, minlength=len(wanted)))
        size = np.asarray([self._files.size_of(name) for name in names.tolist()], np.int64)
        self.sizes = np.bincount(self._owner, size, len(wanted)).astype(np.int64)

    def read(self, rows: np.ndarray, object_id: np.ndarray | Names) -> tuple[Visits, Rows]:
        """Read the files of some objects; one that cannot be read is set aside with its reason."""
        counts = np.diff(self._offsets)[rows]
        index = np.concatenate(
            [self._rows[self._offsets[row] : self._offsets[row + 1]] for row in rows.tolist()]
            or [np.zeros(0, np.int64)]
        ).astype(np.int64)
        time, untimed = self._times(index)
        owner = np.repeat(np.arange(len(rows)), counts)
        order = np.lexsort([time, owner])  # by name where times are alike, for that is the order
        index, time = index[order], time[order]
        ragged, quarantine = self._files.read(index, object_id[self._owner])
        names = [self._files.files[i] for i in index.tolist()]
        visits = Visits(ragged, offsets_of(counts), np.asarray(names, object), time)
        return visits.filter(ragged.present), untimed + quarantine

    @property
    def observed(self) -> np.ndarray:
        """Which objects have a file, shape (n,)."""
        return np.diff(self._offsets) > 0

    def source(self, row: int) -> str:
        """Where the observations of an object come from, for the quarantine."""
        return f"{self.folder} ({self._offsets[row + 1] - self._offsets[row]} files)"

    def _times(self, index: np.ndarray) -> tuple[np.ndarray, Rows]:
        """Read the times of some files in their headers; a sentence for each that states none."""
        times = np.full(len(index), np.nan)
        untimed: Rows = []
        if self._visit is None:
            return times, untimed
        key, unit = str(self._visit.header), self._visit.unit
        where = f"{self.folder}, header {key} (visit)"
        numbered: dict[int, float] = {}
        for i, file in enumerate(index.tolist()):
            name = self._files.files[file]
            try:
                value = header_value(self._files.bytes_of(name), name, key)
                cell = np.asarray([value], object)
                number = float(numbers(cell)[0][0])
                if isinstance(value, bool) or not np.isfinite(number):
                    raise DataError(f"'{value}' is no time")
                if calendar(cell) == "JD":
                    times[i] = number
                else:
                    numbered[i] = number
            except DataError as error:
                reason = f"no time: {error}"
                untimed.append(self._files.row(str(self._files.ids[file]), name, reason))
        if numbered and unit is None:
            raise ConfigError(f"{where}: add the unit of its times, such as unit: MJD.")
        if numbered:
            rows = np.asarray(list(numbered), np.int64)
            times[rows] = dated(np.asarray(list(numbered.values())), unit, where)
        return times, untimed


def claims_of(files: list[str], wanted: list[list[str]]) -> dict[str, list[int]]:
    """Find the objects that each file belongs to; of none it is not there.

    Anything but a slash may stand between the texts that an object's pattern consists of. A file
    that several objects could have belongs to the one with the most text in its pattern; where
    these are different patterns of one length, to none (an empty list), for nobody can tell; where
    they are the same, to each of them. Of a file and its gzipped copy the former counts; endings
    may be in other case.

    Parameters
    ----------
    files : list of str
    wanted : list of list of str
        Of each object the texts around each `*`; one that is empty for no file.
    """
    names = {low_ending(file.removesuffix(".gz")): file for file in sorted(files, reverse=True)}
    forward = sorted(names)
    backward = sorted(name[::-1] for name in names)
    best: dict[str, tuple[int, tuple[str, ...]]] = {}
    claims: dict[str, list[int]] = {}
    for row, texts in enumerate(wanted):
        if not any(texts):
            continue
        texts = [*texts[:-1], low_ending(f"*{texts[-1]}")[1:]]
        expression = re.compile("[^/]*".join(map(re.escape, texts)))
        if texts[0]:
            near = _beginning(forward, texts[0])
        else:
            near = [name[::-1] for name in _beginning(backward, texts[-1][::-1])]
        own = (sum(map(len, texts)), tuple(texts))
        for name in filter(expression.fullmatch, near):
            file = names[name]
            before = best.get(file)
            if before is None or own[0] > before[0]:
                best[file], claims[file] = own, [row]
            elif own == before and claims[file]:
                claims[file].append(row)
            elif own[0] == before[0]:
                claims[file] = []
    return claims


def _beginning(names: list[str], text: str) -> list[str]:
    """Names, in order, that begin with a text."""
    start = bisect_left(names, text)
    stop = bisect_left(names, text + chr(0x10FFFF), start)
    return names[start:stop]


def _filled(pattern: str, columns: Mapping[str, np.ndarray]) -> list[str]:
    """Fill a pattern for each object; its own `*`, and no other, become `_ANY`."""
    return fill_pattern(pattern.replace("*", _ANY), columns)


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key by which 9 stands before 10."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]


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
