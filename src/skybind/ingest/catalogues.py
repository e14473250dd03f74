"""Catalogues of positions, read from whatever holds them: files, datasets, tables in memory."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.quarantine import short_reason
from skybind.data.schema import ID
from skybind.data.sky import moved, unit_vectors
from skybind.data.sources import readable
from skybind.data.units import convert
from skybind.errors import ConfigError, DataError
from skybind.ingest.fields import find_position, name_of_objects
from skybind.ingest.file_spec import FileSpec
from skybind.ingest.frames import Frame, frame_of
from skybind.ingest.given_files import frame_of_file
from skybind.ingest.names import given_names
from skybind.ingest.positions import positions, read_as_hours
from skybind.ingest.readers.hats import catalogue_folder, hats_partitions, is_hats
from skybind.ingest.readers.values import numbers
from skybind.ingest.readers.whole import read_whole
from skybind.parquet import read_schema
from skybind.words import join, nearest

_YEARS = (1800.0, 2200.0)
_MOTIONS = ("pmra", "pmdec")
_EPOCHS = ("ref_epoch", "refepoch", "epoch")
#: Numbers up to here that go with declinations over many degrees are probably hours.
_HOURS = 24.0


@dataclass(frozen=True)
class Catalogue:
    """A catalogue, and where its positions stand; what is left out is found by its usual name.

    Parameters
    ----------
    source : str, Path, Dataset or table
        A file (CSV, TSV, ECSV, FITS, VOTable, Parquet, text), the folder of a dataset or of a HATS
        catalogue, a dataset, or a table of astropy, pandas or pyarrow.
    id, ra, dec : str, optional
        Columns: the name of the object, right ascension and declination (ICRS).
    unit : str, optional
        Of both angles; if left out, as the table states it, else degrees. `hourangle` is of the
        right ascension alone.
    pm : (str, str), optional
        Columns of the proper motion in right ascension (times cos(dec), as Gaia's pmra) and in
        declination; in mas/yr, unless the table states another unit.
    epoch : float or str, optional
        Epoch of the positions [Julian year], or the column with it; with `pm`, by default the
        column `ref_epoch`.
    """

    source: Any
    id: str | None = None
    ra: str | None = None
    dec: str | None = None
    unit: str | None = None
    pm: tuple[str, str] | None = None
    epoch: float | str | None = None


@dataclass
class Places:
    """Positions of the objects of a catalogue.

    Attributes
    ----------
    name : str
        What messages call it.
    object_id : ndarray of str, shape (n,)
    ra, dec : ndarray, shape (n,)
        [deg], ICRS; NaN where there is none.
    pmra, pmdec : ndarray, shape (n,), optional
        [mas/yr].
    epoch : ndarray, shape (n,), or float, optional
        [Julian yr].
    notes : list of str
        Sentences for the reader.
    unread : int
        Objects that were not read, as they are far from all others.
    """

    name: str
    object_id: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    pmra: np.ndarray | None = None
    pmdec: np.ndarray | None = None
    epoch: np.ndarray | float | None = None
    notes: list[str] = field(default_factory=list)
    unread: int = 0

    @property
    def known(self) -> np.ndarray:
        """Rows that have a position."""
        return np.flatnonzero(np.isfinite(self.ra) & np.isfinite(self.dec))

    def vectors(self, epoch: float | None = None) -> np.ndarray:
        """Give the positions of the known rows as unit vectors, moved to an epoch if given."""
        rows = self.known
        ra, dec = self.ra[rows], self.dec[rows]
        if epoch is None or self.pmra is None or self.pmdec is None or self.epoch is None:
            return unit_vectors(ra, dec)
        start = np.broadcast_to(np.asarray(self.epoch, float), self.ra.shape)[rows]
        return moved(ra, dec, self.pmra[rows], self.pmdec[rows], epoch - start)


def read_catalogue(given: Any, which: str) -> Places:
    """Read the positions of a catalogue.

    Parameters
    ----------
    given : Catalogue, or what its `source` may be
    which : str
        What the user calls it, such as A, for messages.

    Raises
    ------
    DataError
        If it cannot be read, or its positions are not found.
    ConfigError
        If a column that was named is not there, or a unit does not fit.
    """
    spec = given if isinstance(given, Catalogue) else Catalogue(given)
    if isinstance(spec.source, str | Path) and is_hats(Path(spec.source)):
        spec, columns = hats_columns(spec)
        return places_of(spec, _frame_of_hats(spec, columns), which)
    return places_of(spec, _frame(spec), which)


def places_of(spec: Catalogue, frame: Frame, which: str) -> Places:
    """Read the positions of a catalogue that is a table already; as `read_catalogue` does."""
    if not frame.n:
        raise DataError(f"{which} ({frame.name}) has no rows: there is nothing to match.")
    return _Reader(spec, frame, which).places()


class _Reader:
    """Finds the columns of a catalogue, and says what it found."""

    def __init__(self, spec: Catalogue, frame: Frame, which: str) -> None:
        self.spec, self.frame, self.which = spec, frame, which
        self.where = f"{which} ({frame.name})"
        self.notes: list[str] = []

    def places(self) -> Places:
        """Read all that a match needs."""
        ra, dec = self._positions()
        found = Places(self.where, self._names(), ra, dec, notes=self.notes)
        if self.spec.pm is not None:
            found.pmra, found.pmdec = (self._motion(column) for column in self.spec.pm)
            still = np.isnan(found.pmra) | np.isnan(found.pmdec)
            if still.any():
                self.notes.append(
                    f"{still.sum():,} without a proper motion in {self.where} stay where they are."
                )
        found.epoch = self._epoch()
        if found.epoch is not None and found.pmra is not None:
            lost = np.isnan(np.asarray(found.epoch))
            if lost.any():
                self.notes.append(
                    f"{lost.sum():,} without an epoch in {self.where} stay where they are."
                )
                found.pmra = np.where(lost, np.nan, found.pmra)
                found.epoch = np.where(lost, 0.0, found.epoch)
        self._unused()
        return found

    def _column(self, name: str) -> np.ndarray:
        if name not in self.frame.flat:
            raise ConfigError(
                f"{self.where} has no column '{name}': {nearest(name, list(self.frame.flat))}"
            )
        return self.frame.flat[name]

    def _positions(self) -> tuple[np.ndarray, np.ndarray]:
        found = find_position(self.frame.flat) or ("", "")
        columns = (self.spec.ra or found[0], self.spec.dec or found[1])
        if not all(columns):
            have = ", ".join(list(self.frame.flat)[:12]) or "none"
            raise DataError(
                f"{self.where} has no columns with the usual names of right ascension and "
                f"declination: name them (its columns are {have})."
            )
        angles, lost = [], np.zeros(self.frame.n, bool)
        reasons: Counter[str] = Counter()
        for axis, column in zip(("ra", "dec"), columns, strict=True):
            raw = self._column(column)
            given = None if axis == "dec" and self.spec.unit == "hourangle" else self.spec.unit
            unit = given or self.frame.units.get(column)
            said = read_as_hours(axis, raw, column, unit)
            self.notes += [f"{self.where}: {sentence}" for sentence in said]
            values, why = positions(raw, axis, column, unit, f"{column} of {self.where}")
            reasons.update(short_reason(text) for row, text in why.items() if not lost[row])
            lost |= np.isnan(values)
            angles.append(values)
        if lost.any():
            blank = int(lost.sum()) - sum(reasons.values())
            told = [f"{n:,}: {text}" for text, n in reasons.most_common()]
            told += [f"{blank:,}: no value"] if blank else []
            self.notes.append(
                f"{lost.sum():,} without a position in {self.where} ({'; '.join(told)})."
            )
        if lost.all():
            raise DataError(f"No object of {self.where} has a position: {self.notes[-1]}")
        self._perhaps_hours(columns[0], *angles)
        return angles[0], angles[1]

    def _perhaps_hours(self, column: str, ra: np.ndarray, dec: np.ndarray) -> None:
        stated = self.spec.unit or self.frame.units.get(column)
        numeric = self.frame.flat[column].dtype.kind in "fiu"
        narrow = len(ra) >= 20 and np.nanmax(ra) <= _HOURS
        if stated is None and numeric and narrow and np.ptp(dec[np.isfinite(dec)]) > 2 * _HOURS:
            self.notes.append(
                f"All right ascensions of {self.where} lie below 24: if they are hours, give "
                "their unit, hourangle."
            )

    def _names(self) -> np.ndarray:
        column = self.spec.id or name_of_objects(self.frame.flat)
        if column is not None:
            names = given_names(self._column(column), f"{self.where}, column '{column}'")
        elif self.frame.index is not None:
            names = self.frame.index
        else:
            self.notes.append(
                f"{self.where} has no column of names: its rows are numbered, from 0."
            )
            return np.asarray([str(row) for row in range(self.frame.n)], object)
        blank = int((names == "").sum())
        _, counts = np.unique(names[names != ""].astype(str), return_counts=True)
        again = int(counts[counts > 1].sum())
        told = [f"{blank:,} without a name"] if blank else []
        told += [f"{again:,} whose name occurs again"] if again else []
        if told:
            self.notes.append(f"{join(told)} in {self.where} are matched as objects of their own.")
        return names

    def _motion(self, column: str) -> np.ndarray:
        values, _ = numbers(self._column(column))
        unit = self.frame.units.get(column)
        return values if unit is None else convert(values, unit, "mas / yr", column)

    def _epoch(self) -> np.ndarray | float | None:
        epoch = self.spec.epoch
        if epoch is None and self.spec.pm is not None:
            lower = {name.lower(): name for name in self.frame.flat}
            epoch = next((lower[name] for name in _EPOCHS if name in lower), None)
            if epoch is not None:
                self.notes.append(f"The epochs of {self.where} are those of column '{epoch}'.")
        if epoch is None:
            return None
        values = np.asarray(
            numbers(self._column(epoch))[0] if isinstance(epoch, str) else float(epoch)
        )
        wrong = values[np.isfinite(values) & ((values < _YEARS[0]) | (values > _YEARS[1]))]
        if wrong.size:
            raise ConfigError(
                f"The epoch of {self.where} is a Julian year, such as 2016.0, and not "
                f"{wrong.flat[0]:g}."
            )
        return values if isinstance(epoch, str) else float(values)

    def _unused(self) -> None:
        lower = {name.lower(): name for name in self.frame.flat}
        if self.spec.pm is None and all(name in lower for name in _MOTIONS):
            columns = join([lower[name] for name in _MOTIONS])
            self.notes.append(
                f"{self.where} has proper motions ({columns}) that are not used: give pm and epoch "
                "to use them."
            )


def _frame(spec: Catalogue) -> Frame:
    """Read whatever holds the catalogue; of a dataset, the flat columns that are asked for."""
    source = spec.source
    if isinstance(source, str | Path):
        path = Path(source)
        if not path.is_dir():
            return frame_of_file(path, [spec.id] if spec.id else [])
        source = Dataset.open(path)
    if isinstance(source, Dataset):
        return _frame_of_dataset(source)
    frame = frame_of(source)
    if frame is None:
        raise DataError(
            f"{type(source).__name__} is no catalogue: give a file, a dataset, or a table of "
            "astropy, pandas or pyarrow."
        )
    return frame


def hats_columns(spec: Catalogue) -> tuple[Catalogue, list[str]]:
    """Name the columns of names and positions of a HATS catalogue; second, all that are read.

    The positions by which it is laid out are in degrees.
    """
    folder = Path(spec.source)
    _, said = catalogue_folder(folder)
    with readable(f"The HATS catalogue at {folder}"):
        schema = read_schema(hats_partitions(folder)[0][0])  # who reads the rows counts them
    flat = [column.name for column in schema if not pa.types.is_nested(column.type)]
    ra, dec = (said.get(f"hats_col_{axis}", said.get(f"{axis}_column")) for axis in ("ra", "dec"))
    unit = spec.unit or (None if spec.ra or spec.dec else "deg")
    name = spec.id or name_of_objects(flat)
    spec = replace(spec, id=name, ra=spec.ra or ra, dec=spec.dec or dec, unit=unit)
    epoch = spec.epoch if isinstance(spec.epoch, str) else None
    usual = (*_MOTIONS, *(_EPOCHS if spec.pm else ()))
    more = [name for name in flat if name.lower() in usual]
    wanted = [spec.id, spec.ra, spec.dec, *(spec.pm or ()), epoch, *more]
    return spec, list(dict.fromkeys(name for name in wanted if name is not None))


def _frame_of_hats(spec: Catalogue, columns: list[str]) -> Frame:
    """Read the columns of a HATS catalogue that a match needs."""
    table = read_whole(FileSpec(file=str(spec.source)), Path(), columns=columns, nested=False)
    return Frame(str(spec.source), len(table), dict(table.columns), units=table.units)


def _frame_of_dataset(dataset: Dataset) -> Frame:
    schema = dataset.schema
    flat = [name for name, column in schema.columns.items() if not column.nested]
    frame = Frame(str(dataset.path), len(dataset))
    for name in flat:
        frame.flat[name] = dataset.object_ids if name == ID else dataset.column(name)
        unit = schema.columns[name].unit
        if unit is not None:
            frame.units[name] = unit
    return frame
