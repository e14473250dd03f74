"""The table of objects of a mapping: names, positions and flat columns, as a dataset has them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from skybind.data.controls import with_controls
from skybind.data.schema import BASE_COLUMNS, Column
from skybind.data.units import FIXED_UNITS, convert, kept_unit, same_unit
from skybind.errors import ConfigError, DataError
from skybind.ingest.column import ColumnSpec, PositionSpec
from skybind.ingest.ends import Ends, ends_notes
from skybind.ingest.fields import calendar_note, check_calendar_unit
from skybind.ingest.flat import (
    catalogue_numbers,
    inferred,
    read_info,
    read_labels,
    refuse_long_numbers,
)
from skybind.ingest.joined import join_tables
from skybind.ingest.mapping import Mapping, ObjectsSpec
from skybind.ingest.name_column import Names
from skybind.ingest.names import column_names
from skybind.ingest.plan import Flat, Row, quarantine_row
from skybind.ingest.positions import (
    joined_parts,
    positions,
    read_as_hours,
    unit_of_position,
)
from skybind.ingest.preview.flat import position_suggestions
from skybind.ingest.preview.values import Range
from skybind.ingest.readers.folders import pattern_columns
from skybind.ingest.readers.parts import part_files
from skybind.ingest.readers.sentinels import stands_for_missing
from skybind.ingest.readers.spilled import Spilled
from skybind.ingest.readers.values import calendar
from skybind.ingest.readers.whole import read_whole
from skybind.ingest.sky_frames import frame_of, in_icrs
from skybind.ingest.systems import flat_system
from skybind.printable import printable


class TableOfObjects:
    """The table of objects, read whole.

    Parameters
    ----------
    mapping : Mapping
    base : Path
        Folder that the mapping's paths are relative to.

    Attributes
    ----------
    objects : Table
        As read, with the columns of the tables that are joined to it.
    kept : ndarray of int, shape (n,)
        Its rows that are objects.
    flat : dict of str to (ndarray, Names or DiskColumn), of length n
        The flat columns of the dataset; of a large table they stand on disk.
    schema : dict of str to Column
        Theirs.
    quarantine : list of dict
        What was set aside.
    told : list of str
        Sentences for the reader.
    """

    def __init__(self, mapping: Mapping, base: Path) -> None:
        self.mapping, self.base = mapping, base
        self.quarantine: list[Row] = []
        self.flat: dict[str, Flat] = {}
        self.schema: dict[str, Column] = {}
        self.told: list[str] = []
        self._read()

    def stated(self) -> dict[str, str | None]:
        """Units of the flat columns as the mapping or the files state them."""
        spec = self.mapping.objects
        columns = {name: column for name, (_, _, column) in spec.columns().items()}
        columns |= {n: c for n, c in (("ra", spec.ra), ("dec", spec.dec)) if c is not None}
        return {name: self._stated(column) for name, column in columns.items()}

    def _text(self) -> list[str]:
        """Columns that are text whatever they look like."""
        spec = self.mapping.objects
        text = [spec.id]
        text += [c.column for role, _, c in spec.columns().values() if role in ("label", "info")]
        for position in (spec.ra, spec.dec):
            text += position.columns if position is not None else []  # -00 keeps its sign
        for _, _, observation in self.mapping.sources():
            text += pattern_columns(observation.pattern) if observation.pattern else []
            text += [observation.match] if observation.match else []
        return text + [join.match for join in spec.join if join.match]

    def _numbers(self) -> list[str]:
        """Columns that are read beside those of text."""
        spec = self.mapping.objects
        numbers = [column.column for _, _, column in spec.columns().values()]
        for position in (spec.ra, spec.dec):
            if position is not None:
                numbers += [position.column, *([position.sign] if position.sign else [])]
        for _, _, observation in self.mapping.sources():
            numbers += (observation.join and observation.join.pm) or []
        return numbers + [c for join in spec.join if join.near for c in join.near.pm or ()]

    def _read(self) -> None:
        spec, text = self.mapping.objects, self._text()
        wanted = list(dict.fromkeys([*text, *self._numbers()]))
        options = {"text": text, "nested": False, "columns": wanted}
        self.objects = read_whole(spec, self.base, spill=True, **options)
        if not len(self.objects):
            raise DataError(f"{spec.file} has no rows: there is no object in it.")
        joined = join_tables(self.objects, spec, self.base, text, wanted, self._all_positions)
        self.told += [f"{self.objects.name}: {note}." for note in self.objects.notes]
        self.told += joined.notes
        for file, sentence in [*((spec.file, s) for s in self.objects.bad_rows), *joined.bad_rows]:
            self.quarantine.append(quarantine_row("", file, "objects", sentence))
        names = column_names(self.objects, spec.id, f"{spec.file}, column '{spec.id}'")
        self.kept = self._usable(names)
        self.flat["object_id"] = names.take(self.kept)
        for row, file, reason in joined.left_out:
            self.quarantine.append(quarantine_row(names[row], file, "objects", reason))
        self._read_positions(spec)
        for name, (role, modality, column) in spec.columns().items():
            if self._lacks(column):
                continue
            unit = self._unit(name, role, column)
            said = {"quantity": column.quantity, "missing": column.missing}
            said |= flat_system(column, self._stated(column), self._at(name, column))
            said = {key: value for key, value in said.items() if value}
            about = column.description or ("Julian date" if unit == "JD" else "")
            self.schema[name] = Column(role, unit, about, modality, attributes=said)
            values = self._flat(name, role, modality, column)
            self._keep(name, values)
            if role in ("feature", "target"):
                self.told += ends_notes(Ends.of(values, unit, self._stated(column)), name)
            if role == "info" and values.dtype.kind == "O":
                self._refuse_unit(name, column)
                self.schema[name] = replace(self.schema[name], unit=None)
        place = [np.asarray(self.flat[name]) for name in ("ra", "dec")]
        self.told += _doubtful_positions(*place)
        self._forget(spec)

    def _read_positions(self, spec: ObjectsSpec) -> None:
        places = {}
        for name, position in (("ra", spec.ra), ("dec", spec.dec)):
            self.schema[name] = BASE_COLUMNS[name]
            if position is not None and position.description:
                self.schema[name] = replace(BASE_COLUMNS[name], description=position.description)
            if position is None or self._lacks(position):
                places[name] = np.full(len(self.kept), np.nan)
            else:
                places[name] = self._position(name, position)
        frame, said = self._frame(spec)
        self.told += said
        for name, degrees in zip(places, in_icrs(places["ra"], places["dec"], frame), strict=True):
            self._keep(name, degrees)

    def _frame(self, spec: ObjectsSpec) -> tuple[str, list[str]]:
        """Settle the frame of the positions, and what is to be told of it."""
        if spec.ra is None or spec.dec is None:
            return spec.frame or "icrs", []
        first = self.base / part_files(spec, self.base)[0]
        return frame_of(spec.frame, (spec.ra.column, spec.dec.column), first)

    def _keep(self, name: str, values: np.ndarray) -> None:
        """Keep a flat column of the dataset; on disk where the table is."""
        columns = self.objects.columns
        if not isinstance(columns, Spilled):
            self.flat[name] = values
        elif values.dtype.kind == "O":
            self.flat[name] = Names.of([values])
        else:
            self.flat[name] = columns.number_column(values)

    def _forget(self, spec: ObjectsSpec) -> None:
        """Let go of the columns as they were read that nothing looks at any more."""
        later = {spec.id}
        for _, _, observation in self.mapping.sources():
            later.update(pattern_columns(observation.pattern) if observation.pattern else [])
            later.update([observation.match] if observation.match else [])
            later.update((observation.join and observation.join.pm) or [])
        columns = self.objects.columns
        self.objects.known = list(self.objects.known or columns)
        for name in [name for name in columns if name not in later]:
            del columns[name]

    def _lacks(self, spec: ColumnSpec) -> bool:
        """Whether a column is left out: the file lacks it, and may."""
        named = spec.columns if isinstance(spec, PositionSpec) else []
        have = self.objects.columns
        return spec.optional and any(c not in have for c in named or [spec.column])

    def _usable(self, names: Names) -> np.ndarray:
        """Rows with a name of their own; the others go to the quarantine."""
        file = self.mapping.objects.file
        known, keep = names.known(), names.first()
        for row in np.flatnonzero(~keep & known):
            reason = f"the name occurs twice: only its first row is kept (row {row + 1} is not)"
            self.quarantine.append(quarantine_row(names[row], file, "objects", reason))
        keep &= known
        odd = with_controls(names.cells)
        keep &= ~odd
        for row in np.flatnonzero(odd):
            reason = f"the name has a control character (row {row + 1})"
            self.quarantine.append(quarantine_row(printable(names[row]), file, "objects", reason))
        for row in np.flatnonzero(~known):
            reason = f"no name in column '{self.mapping.objects.id}' (row {row + 1})"
            self.quarantine.append(quarantine_row("", file, "objects", reason))
        return np.flatnonzero(keep)

    def _all_positions(self) -> dict[str, np.ndarray]:
        """Positions of all rows [deg], for a join by position."""
        spec = self.mapping.objects
        if spec.ra is None or spec.dec is None:
            raise ConfigError(
                "objects, join: a join by position needs those of the objects: name the columns "
                "ra and dec."
            )
        every = np.arange(len(self.objects))
        lon, lat = (self._angles(n, p, every)[0] for n, p in (("ra", spec.ra), ("dec", spec.dec)))
        return dict(zip(("ra", "dec"), in_icrs(lon, lat, self._frame(spec)[0]), strict=True))

    def _position(self, name: str, spec: PositionSpec) -> np.ndarray:
        degrees, reasons, said = self._angles(name, spec, self.kept)
        self.told += said
        self._note(reasons, name)
        return degrees

    def _angles(
        self, name: str, spec: PositionSpec, rows: np.ndarray
    ) -> tuple[np.ndarray, dict[int, str], list[str]]:
        """Positions of some rows [deg], why others have none, and what is to be told."""
        told = []
        if spec.columns:
            for column in (*spec.columns, *([spec.sign] if spec.sign else [])):
                self.objects[column]  # all at once, so that what is lacking is named
            parts = [self.objects[column][rows] for column in spec.columns]
            sign = None if spec.sign is None else self.objects[spec.sign][rows]
            raw, stated = joined_parts(parts, sign), None
        else:
            raw = self.objects[spec.column][rows]
            stated = self.objects.units.get(spec.column)
        unit = spec.unit or stated
        if stated is not None and not same_unit(
            *(unit_of_position(name, u) for u in (stated, unit))
        ):
            told.append(
                f"{name}: {self.objects.name} states the unit '{stated}'; that of the mapping "
                f"counts, {unit}."
            )
        where = f"{self.objects.name}, column '{spec.column}' ({name})"
        degrees, reasons = positions(raw, name, spec.column, unit, where, spec.missing)
        if not spec.columns:
            told += [f"ra: {said}" for said in read_as_hours(name, raw, spec.column, unit)]
        return degrees, reasons, told

    def _flat(self, name: str, role: str, modality: str | None, spec: ColumnSpec) -> np.ndarray:
        raw = self.objects[spec.column][self.kept]
        if role == "label":
            labels = read_labels(raw, name, spec.missing, spec.keep)
            self.told += labels.notes
            return labels.values
        if role == "info" and raw.dtype.kind == "O" and self.objects.inferred:
            raw = inferred(raw, spec.missing)
        elif role != "info":
            known = raw[~stands_for_missing(raw, spec.missing)]
            refuse_long_numbers(known, self._at(name, spec), self._stated(spec))
        read = read_info if role == "info" else catalogue_numbers
        values, reasons = read(raw, spec.column, spec.missing)
        self._note(reasons, modality or role)
        stated, kept = self._stated(spec), self.schema[name].unit
        if stated is not None and kept not in (None, stated) and values.dtype.kind != "O":
            values = convert(values, stated, str(kept), self._at(name, spec))
        if spec.offset is None:
            return values
        if values.dtype.kind == "O":
            raise ConfigError(
                f"{self._at(name, spec)} holds text, which has no photometric system: leave out "
                "its offset."
            )
        return values + spec.offset

    def _at(self, name: str, spec: ColumnSpec) -> str:
        return f"{self.objects.name}, column '{spec.column}' ({name})"

    def _stated(self, spec: ColumnSpec) -> str | None:
        return self.objects.units.get(spec.column) if spec.unit is None else spec.unit

    def _dates(self, spec: ColumnSpec) -> str | None:
        """Tell what becomes of a column's dates (JD) or durations (d); None if it has none."""
        raw = self.objects[spec.column]
        return calendar(raw[~stands_for_missing(raw, spec.missing)])

    def _unit(self, name: str, role: str, spec: ColumnSpec) -> str | None:
        """Unit in which a flat column is kept."""
        stated, at = self._stated(spec), self._at(name, spec)
        text = self.objects[spec.column].dtype.kind == "O"
        dates = None if role == "label" or (role == "info" and text) else self._dates(spec)
        if dates is not None:
            check_calendar_unit(dates, stated, at)
            self.told.append(calendar_note(dates, at))
            return dates
        own = self.objects.units.get(spec.column)
        if own is not None and not same_unit(own, stated):
            self.told.append(
                f"{at} states the unit '{own}'; that of the mapping counts, {stated or 'none'}."
            )
        if stated is None or role == "label":
            return None
        try:
            return kept_unit(name, stated, at)
        except ConfigError:
            if spec.unit is not None or name in FIXED_UNITS:
                raise
            self.told.append(f"{at} states the unit '{stated}', which astropy does not know.")
            return None

    def _refuse_unit(self, name: str, spec: ColumnSpec) -> None:
        """Refuse a unit of text, unless it is the file that states it."""
        if spec.unit is not None:
            raise ConfigError(f"{self._at(name, spec)} holds text, which has no unit.")

    def _note(self, reasons: dict[int, str], modality: str) -> None:
        self.quarantine += [
            quarantine_row(self.flat["object_id"][i], self.mapping.objects.file, modality, reason)
            for i, reason in reasons.items()
        ]


def _doubtful_positions(ra: np.ndarray, dec: np.ndarray) -> list[str]:
    """Say where positions look as if they were in another unit."""
    known = np.isfinite(ra) & np.isfinite(dec)
    if not known.any():
        return []
    ranges = [
        Range(len(known), int((~known).sum()), float(v[known].min()), np.nan, float(v[known].max()))
        for v in (ra, dec)
    ]
    return position_suggestions(*ranges)
