"""From survey files to a dataset, as a mapping says."""

from collections.abc import Iterator
from collections.abc import Mapping as AbstractMapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skybind.data.schema import Column
from skybind.errors import ConfigError, DataError
from skybind.files import json_hash
from skybind.ingest.build import ImportSummary
from skybind.ingest.by_position import Near, join_by_position, objects_frame, picked
from skybind.ingest.hats_restored import READER, restore
from skybind.ingest.in_shards import make_dataset
from skybind.ingest.limits import limits_columns
from skybind.ingest.mapping import Mapping, ReaderMapping, load_mapping
from skybind.ingest.name_column import Names
from skybind.ingest.names import object_names
from skybind.ingest.observation_spec import ImageSpec, ObservationSpec, PhotometrySpec, SpectrumSpec
from skybind.ingest.observed import stored_notes
from skybind.ingest.plan import Chunk, Known, Plan, quarantine_row, spread
from skybind.ingest.readers.banded import Banded, of_band
from skybind.ingest.readers.folders import ObjectFiles, pattern_columns
from skybind.ingest.readers.image_cells import ImageCells
from skybind.ingest.readers.long import LongTable
from skybind.ingest.readers.long_pieces import LongPieces, open_long
from skybind.ingest.readers.parts import part_files
from skybind.ingest.readers.pictures import ImageFiles
from skybind.ingest.readers.registry import dataset_reader
from skybind.ingest.readers.stacks import ImageStack, Stack
from skybind.ingest.readers.values import texts
from skybind.ingest.readers.visit_files import VisitFiles
from skybind.ingest.readers.visit_stacks import VisitStack
from skybind.ingest.table_of_objects import TableOfObjects
from skybind.ingest.visits import visits_columns
from skybind.limits import at_most
from skybind.progress import step
from skybind.shards import Shard

CHUNK = 2048
#: Of catalogue rows alone, which take little room: a file for each 2,048 would be thousands.
ROW_CHUNK = 1 << 16
IMAGE_CHUNK = 256
DISPLAY = (
    "The images of '{name}' are pictures for people (JPEG): stretched for display, clipped and "
    "compressed, not fluxes."
)
#: Bytes of the rows of long tables that are read at a time, unless one object has more.
CHUNK_BYTES = 1 << 26
Source = ObjectFiles | VisitFiles | LongTable | LongPieces | Stack | Banded


def import_dataset(
    mapping_path: str | Path,
    out: str | Path,
    overwrite: bool = False,
    processes: int | None = None,
    shard: Shard | None = None,
) -> ImportSummary:
    """Make a dataset of survey files, or one shard of it.

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
    shard : Shard, optional
        Only this part of the objects, into `OUT.shards/`. Where shards were begun, the import
        without it puts them together.

    Returns
    -------
    ImportSummary

    Raises
    ------
    AlreadyDone
        If the dataset is there, put together of shards of the same.
    ConfigError
        If the mapping is wrong.
    DataError
        If the table of objects or a long table cannot be read, or `out` cannot be written; if
        shards are missing, or of something else.
    """
    with limits_of_mapping(mapping_path):
        look = partial(survey_plan, mapping_path, None)
        return make_dataset(look, Path(out), overwrite, processes, shard)


def limits_of_mapping(mapping_path: str | Path) -> AbstractContextManager[None]:
    """Set the limit on sizes that a mapping asks for (`max_file`), unless another was set."""
    return at_most(load_mapping(mapping_path).max_file, over=False)


@step("looking through the survey", told=False)
def survey_plan(
    mapping_path: str | Path, some: int | None = None, aside: Path | None = None
) -> Plan:
    """Say what is to be read of a survey; parameters and errors as of `import_dataset`.

    Parameters
    ----------
    mapping_path : str or Path
    some : int, optional
        Read only so many objects: spread evenly over the table, half of them among those that
        have observations. Whole data sets are not spread.
    aside : Path, optional
        Folder for the rows of large tables while they are imported (see `open_long`).
    """
    mapping_path = Path(mapping_path)
    mapping, base = load_mapping(mapping_path), mapping_path.parent
    if isinstance(mapping, ReaderMapping):
        return dataset_reader(mapping.reader)(base / mapping.path, mapping.options, base)
    return _Import(mapping, base, aside).plan(some)


def mapping_plan(mapping: Mapping, base: Path) -> Plan:
    """Say what is to be read by a mapping that a reader made; its paths are relative to `base`."""
    return _Import(mapping, base, None).plan()


def import_files(
    reader: str,
    path: str | Path,
    out: str | Path,
    options: dict[str, Any] | None = None,
    overwrite: bool = False,
    shard: Shard | None = None,
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
    overwrite, shard
        As of `import_dataset`.

    Raises
    ------
    AlreadyDone, ConfigError, DataError
        As of `import_dataset`.
    """
    if reader == READER:
        if options:
            raise ConfigError(f"The reader '{READER}' has no option '{next(iter(options))}'.")
        return restore(path, out, overwrite, shard)

    def look(aside: Path | None) -> Plan:
        return reader_plan(reader, path, options)

    return make_dataset(look, Path(out), overwrite, shard=shard)


@step("looking through the survey", told=False)
def reader_plan(
    reader: str, path: str | Path, options: AbstractMapping[str, Any] | None = None
) -> Plan:
    """Say what is to be read of a whole data set; parameters as of `import_files`."""
    if reader == READER:
        raise ConfigError(
            f"The reader '{READER}' makes the very dataset that was exported: nothing is assumed, "
            "and a dry run has nothing to tell."
        )
    return dataset_reader(reader)(Path(path), dict(options or {}), Path())


class _Import:
    def __init__(self, mapping: Mapping, base: Path, aside: Path | None) -> None:
        self.mapping, self.base, self.aside = mapping, base, aside
        self.table = TableOfObjects(mapping, base)
        self.flat, self.schema = self.table.flat, self.table.schema
        self.quarantine, self.told = self.table.quarantine, self.table.told
        self.notes: list[str] = []  # of the data: a part of their provenance
        self._nears: dict[str, Near] = {}
        self._matches: dict[tuple[str, str], np.ndarray] = {}
        self.observations = {
            name: self._source(name, spec) for name, spec in mapping.observations().items()
        }
        for name, spec in mapping.observations().items():
            self.quarantine += self.observations[name].quarantine
            self.schema[name] = self._observation_column(name, spec)
        self.schema |= limits_columns(mapping.observations(), self.schema)
        self.schema |= visits_columns(mapping.observations(), self.schema)

    def plan(self, some: int | None = None) -> Plan:
        """What `build_dataset` has to know, of all objects or of some."""
        n = len(self.flat["object_id"])
        if not n:
            raise DataError(f"{self.mapping.objects.file} holds no object that can be used.")
        observed = {name: source.observed for name, source in self.observations.items()}
        rows = np.arange(n) if some is None else spread(n, list(observed.values()), some)
        specs = self.mapping.observations().values()
        images = any(isinstance(spec, ImageSpec) for spec in specs)
        size = IMAGE_CHUNK if images else CHUNK if observed else ROW_CHUNK
        tables = [self.mapping.objects, *self.mapping.objects.join]
        paths = [path for table in tables for path in part_files(table, self.base)]
        for _, _, spec in self.mapping.sources():
            paths += part_files(spec, self.base) if spec.file is not None else [spec.folder or ""]
            paths += [spec.index] if spec.index is not None else []
            paths += [spec.join.index] if spec.join is not None and spec.join.index else []
        return Plan(
            self.schema,
            ((len(part), partial(self._chunk, part)) for part in self._chunks(rows, size)),
            total=n,
            sources=[self.base / path for path in paths],
            # what was begun with other steps is not gone on with: their objects are others
            settings=self.mapping.model_dump(mode="json") | ({} if observed else {"step": size}),
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
            known=Known(self.flat, observed, self._stated()),
            aside=self.aside,
        )

    def _stated(self) -> dict[str, str | None]:
        """Units as the mapping or the files state them."""
        stated = self.table.stated()
        for name, source in self.observations.items():
            stated |= {f"{name}.{f}": unit for f, unit in source.stored.stated.items()}
        return stated

    def _assumed(self) -> list[str]:
        """Say what is not known of fluxes and times."""
        return stored_notes({name: s.stored for name, s in self.observations.items()})

    def _chunk(self, rows: np.ndarray) -> Chunk:
        chunk = Chunk({name: values[rows] for name, values in self.flat.items()}, {})
        for name, observation in self.observations.items():
            ragged, quarantine = observation.read(rows, self.names)
            chunk.columns[name] = ragged
            chunk.quarantine += quarantine
            source = [observation.source(row) for row in rows.tolist()]
            chunk.source[name] = np.asarray(source, object)
        return chunk

    def _chunks(self, rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
        """Part the objects; fewer at a time where the rows of large tables take much memory."""
        sizes = [getattr(source, "sizes", None) for source in self.observations.values()]
        each = [size for size in sizes if size is not None]
        ends = np.cumsum(np.sum(each, axis=0)[rows] if each else np.zeros(len(rows), np.int64))
        start = 0
        while start < len(rows):
            before = ends[start - 1] if start else 0
            most = int(np.searchsorted(ends, before + CHUNK_BYTES, "right"))
            stop = max(start + 1, min(start + size, most))
            yield rows[start:stop]
            start = stop

    def _source(self, name: str, spec: ObservationSpec) -> Source:
        if "" not in spec.by_band:
            bands = {}
            for band, one in spec.by_band.items():
                with of_band(band):
                    bands[band] = self._source(name, one)
            return Banded(name, bands)
        near = None if spec.join is None else self._near(name, spec)
        object_id = self._matched(name, spec) if near is None else near.names
        if spec.file is not None and spec.stacked:
            joined = (
                self.base,
                name,
                np.asarray(object_id),
                self.table.kept,
                len(self.table.objects),
            )
            if isinstance(spec, ImageSpec):
                return ImageStack(spec, *joined)
            several = isinstance(spec, SpectrumSpec) and spec.visit is not None
            return (VisitStack if several else Stack)(spec, *joined)
        if isinstance(spec, ImageSpec) and spec.file is not None:
            return ImageCells(spec, self.base, name, {"id": np.asarray(object_id)})
        if spec.file is not None:
            return open_long(spec, self.base, name, object_id, self.aside)
        assert spec.pattern is not None
        table, rows = self.table.objects, self.table.kept
        if near is not None and near.index is not None:
            table, rows = near.index, near.rows
        columns = {
            column: picked(texts(table[column]), rows) for column in pattern_columns(spec.pattern)
        }
        columns["id"] = np.asarray(self.names)
        if isinstance(spec, ImageSpec):
            return ImageFiles(spec, self.base, name, columns)
        if isinstance(spec, SpectrumSpec) and spec.several:
            return VisitFiles(spec, self.base, name, columns)
        return ObjectFiles(spec, self.base, name, columns)

    def _near(self, modality: str, spec: ObservationSpec) -> Near:
        """Find the source of another survey that belongs to each object by its position."""
        key = json_hash(
            [modality, spec.file, spec.folder, spec.index, spec.id, spec.pattern, str(spec.join)]
        )
        if key in self._nears:  # of another band
            return self._nears[key]
        table, kept = self.table.objects, self.table.kept
        moving = {column: table[column][kept] for column in (spec.join and spec.join.pm) or ()}
        near = join_by_position(
            spec, self.base, objects_frame(self.flat, moving, table.units), modality
        )
        self.told += near.notes
        file = spec.file or spec.folder or ""
        self.quarantine += [
            quarantine_row(self.names[row], file, modality, reason)
            for row, reason in near.left_out.items()
        ]
        self._nears[key] = near
        return near

    @property
    def names(self) -> Names:
        """Names of the objects."""
        names = self.flat["object_id"]
        assert isinstance(names, Names)
        return names

    def _matched(self, modality: str, spec: ObservationSpec) -> np.ndarray | Names:
        """Names that an observation knows the objects by; None where an object has none.

        A name belongs to the first object that has it; the others are told.
        """
        names = self.names
        if spec.match is None:
            return names
        if (modality, spec.match) in self._matches:  # of another band
            return self._matches[modality, spec.match]
        column = self.table.objects[spec.match]
        where = f"{self.mapping.objects.file}, column '{spec.match}'"
        own: dict[str, str] = {}
        found = np.full(len(names), None, object)
        for i, name in enumerate(object_names(column, where)[self.table.kept].tolist()):
            if name and own.setdefault(name, names[i]) == names[i]:
                found[i] = name
            elif name:
                reason = f"'{name}' ({spec.match}) is of the object {own[name]} already"
                row = quarantine_row(names[i], self.mapping.objects.file, modality, reason)
                self.quarantine.append(row)
        self._matches[modality, spec.match] = found
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


def _described(spec: ObservationSpec) -> str:
    """What the mapping says of the fields of an observation, in one line."""
    if spec.reader is not None:
        return str(spec.reader.about)
    said = {name: column.description.rstrip(".") for name, column in spec.fields().items()}
    return "; ".join(f"{name}: {text}" for name, text in said.items() if text)
