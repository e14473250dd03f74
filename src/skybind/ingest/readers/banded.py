"""Light curves whose bands stand in columns, tables or files of their own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

import numpy as np

from skybind.errors import ConfigError
from skybind.ingest.fields import unknown_values
from skybind.ingest.name_column import Names
from skybind.ingest.observed import Stored
from skybind.ingest.readers.folders import ObjectFiles
from skybind.ingest.readers.long import UNKNOWN_OBJECT, Rows
from skybind.ingest.readers.registry import Fields
from skybind.ingest.systems import banded_attributes
from skybind.ragged import Ragged, offsets_of
from skybind.visits import Visits
from skybind.words import join


class OneBand(Protocol):
    """What is asked of the source of a band."""

    quarantine: Rows
    stored: Stored

    def read(self, rows: np.ndarray, object_id: np.ndarray | Names) -> tuple[Ragged | Visits, Rows]:
        """Read the observations of some objects."""

    def source(self, row: int) -> str:
        """Where the observation of an object comes from."""

    @property
    def observed(self) -> np.ndarray:
        """Which objects have rows, shape (n,)."""


class Banded:
    """The bands of light curves, each read by itself and put together with its name.

    Parameters
    ----------
    modality : str
        Name of the observation.
    bands : mapping of str to OneBand

    Attributes
    ----------
    quarantine : list of dict
        That of all bands.
    stored : Stored
        How the fields are kept.

    Raises
    ------
    ConfigError
        If the bands differ in their units, or in what their times count from.
    """

    def __init__(self, modality: str, bands: Mapping[str, OneBand]) -> None:
        self.bands = dict(bands)
        self.quarantine = self._others(_once([band.quarantine for band in bands.values()]))
        first = next(iter(self.bands.values())).stored
        units: dict[str, str | None] = {}
        for name, band in self.bands.items():
            units = {**band.stored.units, **units}
            other = next((f for f, u in band.stored.units.items() if units[f] != u), None)
            dated = [s.attributes.get("time_system") for s in (band.stored, first)]
            if other is not None or dated[0] != dated[1]:
                what = other or "time"
                raise ConfigError(
                    f"{modality}: the {what} of the band '{name}' is not in the unit of the band "
                    f"'{next(iter(self.bands))}': give the units of both in the mapping."
                )
        read = dict.fromkeys(f for band in self.bands.values() for f in band.stored.read)
        said = [note for band in self.bands.values() for note in band.stored.notes]
        systems = {n: band.stored.attributes.get("system") for n, band in self.bands.items()}
        unstated = [name for name, system in systems.items() if system is None]
        if 0 < len(unstated) < len(systems):
            said.append(
                f"the photometric system of the magnitudes in {join(unstated)} is not stated"
            )
        self.stored = replace(
            first,
            units={**units, "band": None},
            attributes=banded_attributes({n: b.stored.attributes for n, b in self.bands.items()}),
            read=tuple(read),
            notes=tuple(dict.fromkeys(said)),
        )

    def read(self, rows: np.ndarray, object_id: np.ndarray | Names) -> tuple[Ragged, Rows]:
        """Read the observations of some objects: their epochs in one band after the other."""
        found: list[Ragged] = []
        quarantine: list[Rows] = []
        names = [field for field in self.stored.fields if field != "band"]
        for name, band in self.bands.items():
            with of_band(name):
                curves, lost = band.read(rows, object_id)
            assert isinstance(curves, Ragged)
            quarantine.append(lost)
            total = int(curves.offsets[-1])
            fields: Fields = {
                field: curves.fields[field]
                if field in curves.fields
                else unknown_values(field, total)
                for field in names
            }
            fields["band"] = np.full(total, name, object)
            found.append(Ragged(fields, curves.offsets, curves.present))
        return _together(found), _once(quarantine)

    def _others(self, rows: Rows) -> Rows:
        """Leave out files of no object by the pattern of one band that another band has read."""
        read = {
            band.source(row)
            for band in self.bands.values()
            if isinstance(band, ObjectFiles)
            for row in np.flatnonzero(band.observed).tolist()
        }
        return [row for row in rows if row["reason"] != UNKNOWN_OBJECT or row["source"] not in read]

    @property
    def sizes(self) -> np.ndarray | None:
        """About how many bytes the rows of each object take, where that is much."""
        each = [getattr(band, "sizes", None) for band in self.bands.values()]
        large = [size for size in each if size is not None]
        return np.sum(large, axis=0) if large else None

    @property
    def observed(self) -> np.ndarray:
        """Which objects have rows in some band, shape (n,)."""
        return np.logical_or.reduce([band.observed for band in self.bands.values()])

    def source(self, row: int) -> str:
        """Where the observations of an object come from, for the quarantine."""
        return ", ".join(dict.fromkeys(filter(None, (b.source(row) for b in self.bands.values()))))


@contextmanager
def of_band(name: str) -> Iterator[None]:
    """Name the band in what is wrong with a mapping: its keys speak of one band only."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"Band '{name}': {error}") from error


def _once(rows: list[Rows]) -> Rows:
    """Give what was set aside of the first band, and what is new in the others of the same file."""
    found: Rows = []
    seen: set[tuple[str, ...]] = set()
    for own in rows:
        found += [row for row in own if tuple(row.values()) not in seen]
        seen |= {tuple(row.values()) for row in own}
    return found


def _together(parts: list[Ragged]) -> Ragged:
    """Put the epochs of each object in several light curves into one."""
    owner = np.concatenate([part.owner for part in parts])
    order = np.lexsort([np.concatenate([part.fields["time"] for part in parts]), owner])
    fields = {
        name: np.concatenate([part.fields[name] for part in parts])[order]
        for name in parts[0].fields
    }
    lengths = np.sum([part.lengths for part in parts], axis=0)
    present = np.logical_or.reduce([part.present for part in parts])
    return Ragged(fields, offsets_of(lengths), present)
