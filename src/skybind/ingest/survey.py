"""From survey files to a dataset, as a mapping says."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skybind.data.schema import BASE_COLUMNS, Column
from skybind.data.units import FIXED_UNITS, convert, kept_unit
from skybind.errors import ConfigError, DataError
from skybind.ingest.build import Chunk, ImportSummary, Plan, Row, build_dataset, quarantine_row
from skybind.ingest.column import ColumnSpec, PositionSpec
from skybind.ingest.flat import (
    catalogue_numbers,
    inferred,
    read_info,
    read_labels,
    refuse_long_numbers,
)
from skybind.ingest.joined import join_tables
from skybind.ingest.mapping import (
    ImageSpec,
    Mapping,
    ObservationSpec,
    PhotometrySpec,
    ReaderMapping,
    load_mapping,
)
from skybind.ingest.names import object_names
from skybind.ingest.observed import unit_notes
from skybind.ingest.positions import SEXAGESIMAL, in_parts, joined_parts, positions
from skybind.ingest.readers.folders import ObjectFiles, pattern_columns
from skybind.ingest.readers.image_cells import ImageCells
from skybind.ingest.readers.long import LongTable
from skybind.ingest.readers.parts import part_files, read_parts
from skybind.ingest.readers.pictures import ImageFiles
from skybind.ingest.readers.registry import dataset_reader
from skybind.ingest.readers.sentinels import stands_for_missing
from skybind.ingest.readers.stacks import ImageStack, Stack
from skybind.ingest.readers.values import texts
from skybind.progress import step
from skybind.words import join

CHUNK = 2048
IMAGE_CHUNK = 256
DISPLAY = (
    "The images of '{name}' are pictures for people (JPEG): stretched for display, clipped and "
    "compressed, not fluxes."
)
Source = ObjectFiles | LongTable | Stack


def import_dataset(
    mapping_path: str | Path,
    out: str | Path,
    overwrite: bool = False,
    processes: int | None = None,
) -> ImportSummary:
    """Make a dataset of survey files.

    What cannot be used is set aside in the dataset's quarantine with a reason; the counts of what
    was repaired are in its `import.json`.

    Parameters
    ----------
    mapping_path : str or Path
        The YAML file that says which columns are what (docs/dataset.md).
    out : str or Path
        Folder of the dataset to make.
    overwrite : bool
        Replace a dataset that stands there.
    processes : int, optional
        For periods and features, where the mapping asks for them.

    Returns
    -------
    ImportSummary

    Raises
    ------
    ConfigError
        If the mapping is wrong.
    DataError
        If the table of objects or a long table cannot be read, or `out` cannot be written.
    """
    mapping_path, out = Path(mapping_path), Path(out)
    mapping = load_mapping(mapping_path)
    with step("looking through the survey", told=False):
        if isinstance(mapping, ReaderMapping):
            base = mapping_path.parent
            plan = dataset_reader(mapping.reader)(base / mapping.path, mapping.options, base)
        else:
            plan = _Import(mapping, mapping_path.parent).plan()
    return build_dataset(plan, out, overwrite, processes)


def import_files(
    reader: str,
    path: str | Path,
    out: str | Path,
    options: dict[str, Any] | None = None,
    overwrite: bool = False,
) -> ImportSummary:
    """Make a dataset of a whole data set in a layout that skybind knows, without a mapping.

    Parameters
    ----------
    reader : str
        Name of the reader, such as astroclip_hdf5 (docs/dataset.md).
    path : str or Path
        The file or folder.
    out : str or Path
        Folder of the dataset to make.
    options : dict, optional
        Options of the reader; paths among them are as seen from here.
    overwrite
        As of `import_dataset`.
    """
    with step("looking through the survey", told=False):
        plan = dataset_reader(reader)(Path(path), options or {}, Path())
    return build_dataset(plan, Path(out), overwrite)


class _Import:
    def __init__(self, mapping: Mapping, base: Path) -> None:
        self.mapping, self.base = mapping, base
        self.quarantine: list[Row] = []
        self.flat: dict[str, np.ndarray] = {}
        self.schema: dict[str, Column] = {}
        self.notes: list[str] = []  # of the data: a part of their provenance
        self.told: list[str] = []  # of the import
        self._read_objects()
        self.observations = {
            name: self._source(name, spec) for name, spec in mapping.observations().items()
        }
        for name, spec in mapping.observations().items():
            self.quarantine += self.observations[name].quarantine
            self.schema[name] = self._observation_column(name, spec)

    def plan(self) -> Plan:
        """What `build_dataset` has to know."""
        n = len(self.flat["object_id"])
        if not n:
            raise DataError(f"{self.mapping.objects.file} holds no object that can be used.")
        specs = self.mapping.observations().values()
        images = any(isinstance(spec, ImageSpec) for spec in specs)
        size = IMAGE_CHUNK if images else CHUNK
        tables = [self.mapping.objects, *self.mapping.objects.join]
        paths = [path for table in tables for path in part_files(table, self.base)]
        for spec in specs:
            paths += part_files(spec, self.base) if spec.file is not None else [spec.folder or ""]
        return Plan(
            self.schema,
            ((len(rows), partial(self._chunk, rows)) for rows in _chunks(n, size)),
            total=n,
            sources=[self.base / path for path in paths],
            settings=self.mapping.model_dump(mode="json"),
            provenance=" ".join([self.mapping.provenance, *self.notes]).strip(),
            simulated=self.mapping.simulated,
            quarantine=self.quarantine,
            notes=self.notes + self.told + self._assumed(),
            features=[
                name
                for name, spec in self.mapping.observations().items()
                if isinstance(spec, PhotometrySpec) and spec.features == "computed"
            ],
            unique=True,
            needed=list(self.mapping.observations()),
        )

    def _assumed(self) -> list[str]:
        """Say what is not known of fluxes and times."""
        kept = {
            name: source.stored
            for name, source in self.observations.items()
            if not isinstance(source, ImageFiles | ImageStack)
        }
        said = [told for name, stored in kept.items() for told in unit_notes(name, stored)]
        dated = {n: s.attributes.get("time_system") for n, s in kept.items() if "time" in s.units}
        if len(set(dated.values())) > 1:
            each = join([f"those of {n} in {s or 'days without a zero point'}"
                         for n, s in dated.items()])  # fmt: skip
            said.append(f"Times cannot be compared between light curves: {each}.")
        return said

    def _chunk(self, rows: np.ndarray) -> Chunk:
        chunk = Chunk({name: values[rows] for name, values in self.flat.items()}, {})
        for name, observation in self.observations.items():
            ragged, quarantine = observation.read(rows, self.flat["object_id"])
            chunk.columns[name] = ragged
            chunk.quarantine += quarantine
            source = [observation.source(row) for row in rows.tolist()]
            chunk.source[name] = np.asarray(source, object)
        return chunk

    def _source(self, name: str, spec: ObservationSpec) -> Source:
        object_id = self._matched(name, spec)
        if spec.file is not None and spec.stacked:
            joined = (self.base, name, object_id, self.kept, len(self.objects))
            if isinstance(spec, ImageSpec):
                return ImageStack(spec, *joined)
            return Stack(spec, *joined)
        if isinstance(spec, ImageSpec) and spec.file is not None:
            return ImageCells(spec, self.base, name, {"id": object_id})
        if spec.file is not None:
            return LongTable(spec, self.base, name, object_id)
        assert spec.pattern is not None
        columns = {
            column: texts(self.objects[column])[self.kept]
            for column in pattern_columns(spec.pattern)
        }
        columns["id"] = self.flat["object_id"]
        if isinstance(spec, ImageSpec):
            return ImageFiles(spec, self.base, name, columns)
        return ObjectFiles(spec, self.base, name, columns)

    def _matched(self, modality: str, spec: ObservationSpec) -> np.ndarray:
        """Names that an observation knows the objects by; None where an object has none.

        A name belongs to the first object that has it; the others are told.
        """
        names = self.flat["object_id"]
        if spec.match is None:
            return names
        own: dict[str, str] = {}
        found = np.full(len(names), None, object)
        for i, name in enumerate(texts(self.objects[spec.match])[self.kept].tolist()):
            if name and own.setdefault(name, names[i]) == names[i]:
                found[i] = name
            elif name:
                reason = f"'{name}' ({spec.match}) is of the object {own[name]} already"
                row = quarantine_row(names[i], self.mapping.objects.file, modality, reason)
                self.quarantine.append(row)
        return found

    def _observation_column(self, name: str, spec: ObservationSpec) -> Column:
        source = self.observations[name]
        if isinstance(source, ImageFiles | ImageStack):
            layout = source.layout
            if layout.display:
                self.notes.append(DISPLAY.format(name=name))
            return Column(
                "observation",
                description=_described(spec),
                modality=spec.kind,
                fields=layout.fields,
                attributes=layout.attributes,
            )
        fields = dict(source.stored.units)
        if spec.kind == "spectrum":
            fields["mask"] = None  # the cleaning always says which pixels are bad
        return Column(
            "observation",
            description=_described(spec),
            modality=spec.kind,
            fields=fields,
            attributes=source.stored.attributes,
        )

    def _read_objects(self) -> None:
        spec = self.mapping.objects
        text = [spec.id]
        text += [c.column for role, _, c in spec.columns().values() if role in ("label", "info")]
        for position in (spec.ra, spec.dec):
            text += position.columns if position is not None else []  # -00 keeps its sign
        for observation in self.mapping.observations().values():
            text += pattern_columns(observation.pattern) if observation.pattern else []
            text += [observation.match] if observation.match else []
        text += [join.match for join in spec.join if join.match]
        self.objects = read_parts(spec, self.base, text=text, nested=False)
        if not len(self.objects):
            raise DataError(f"{spec.file} has no rows: there is no object in it.")
        told, bad = join_tables(self.objects, spec, self.base, text)
        self.told += told
        for file, sentence in [*((spec.file, s) for s in self.objects.bad_rows), *bad]:
            self.quarantine.append(quarantine_row("", file, "objects", sentence))
        names = object_names(self.objects[spec.id], f"{spec.file}, column '{spec.id}'")
        self.kept = self._usable(names)
        self.flat["object_id"] = names[self.kept]
        for name, position in (("ra", spec.ra), ("dec", spec.dec)):
            self.schema[name] = BASE_COLUMNS[name]
            if position is not None and position.description:
                self.schema[name] = replace(BASE_COLUMNS[name], description=position.description)
            if position is None or self._lacks(position):
                self.flat[name] = np.full(len(self.kept), np.nan)
            else:
                self.flat[name] = self._position(name, position)
        for name, (role, modality, column) in spec.columns().items():
            if self._lacks(column):
                continue
            unit = self._unit(name, role, column)
            said = {"quantity": column.quantity} if column.quantity is not None else {}
            self.schema[name] = Column(role, unit, column.description, modality, attributes=said)
            self.flat[name] = self._flat(name, role, modality, column)
            if role == "info" and self.flat[name].dtype.kind == "O":
                self._refuse_unit(name, column)
                self.schema[name] = replace(self.schema[name], unit=None)

    def _lacks(self, spec: ColumnSpec) -> bool:
        """Whether a column is left out: the file lacks it, and may."""
        named = spec.columns if isinstance(spec, PositionSpec) else []
        have = self.objects.columns
        return spec.optional and any(c not in have for c in named or [spec.column])

    def _usable(self, names: np.ndarray) -> np.ndarray:
        """Rows with a name of their own; the others go to the quarantine."""
        file = self.mapping.objects.file
        _, first = np.unique(names.astype(str), return_index=True)
        keep = np.zeros(len(names), bool)
        keep[first] = True
        for row in np.flatnonzero(~keep & (names != "")):
            reason = f"the name occurs twice: only its first row is kept (row {row + 1} is not)"
            self.quarantine.append(quarantine_row(names[row], file, "objects", reason))
        keep &= names != ""
        for row in np.flatnonzero(names == ""):
            reason = f"no name in column '{self.mapping.objects.id}' (row {row + 1})"
            self.quarantine.append(quarantine_row("", file, "objects", reason))
        return np.flatnonzero(keep)

    def _position(self, name: str, spec: PositionSpec) -> np.ndarray:
        if spec.columns:
            for column in (*spec.columns, *([spec.sign] if spec.sign else [])):
                self.objects[column]  # all at once, so that what is lacking is named
            parts = [self.objects[column][self.kept] for column in spec.columns]
            sign = None if spec.sign is None else self.objects[spec.sign][self.kept]
            raw, stated = joined_parts(parts, sign), None
        else:
            raw = self.objects[spec.column][self.kept]
            stated = self.objects.units.get(spec.column)
        unit = spec.unit or stated
        where = f"{self.objects.name}, column '{spec.column}' ({name})"
        degrees, reasons = positions(raw, name, spec.column, unit, where, spec.missing)
        if unit is None and name == "ra" and not spec.columns and in_parts(raw):
            self.told.append(f"ra: {SEXAGESIMAL.format(column=spec.column)}")
        self._note(reasons, name)
        return degrees

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
        if stated is None or kept is None or stated == kept or values.dtype.kind == "O":
            return values
        return convert(values, stated, kept, self._at(name, spec))

    def _at(self, name: str, spec: ColumnSpec) -> str:
        return f"{self.objects.name}, column '{spec.column}' ({name})"

    def _stated(self, spec: ColumnSpec) -> str | None:
        return self.objects.units.get(spec.column) if spec.unit is None else spec.unit

    def _unit(self, name: str, role: str, spec: ColumnSpec) -> str | None:
        """Unit in which a flat column is kept."""
        stated, at = self._stated(spec), self._at(name, spec)
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


def _described(spec: ObservationSpec) -> str:
    """What the mapping says of the fields of an observation, in one line."""
    said = {name: column.description.rstrip(".") for name, column in spec.fields().items()}
    return "; ".join(f"{name}: {text}" for name, text in said.items() if text)


def _chunks(n: int, size: int) -> Iterator[np.ndarray]:
    return (np.arange(start, min(start + size, n)) for start in range(0, n, size))
