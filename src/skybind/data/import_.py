"""From survey files to a dataset, as a mapping says."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skybind.data.dataset import BASE_COLUMNS, DatasetWriter
from skybind.data.mapping import ColumnSpec, Mapping, ObservationSpec, ReaderMapping, load_mapping
from skybind.data.readers.folders import ObjectFiles, pattern_columns
from skybind.data.readers.long import read_long
from skybind.data.readers.registry import dataset_reader
from skybind.data.readers.tables import numbers, read_bytes, read_table, texts
from skybind.data.schema import Column
from skybind.data.units import convert
from skybind.errors import DataError
from skybind.files import write_json
from skybind.modalities.cleaning import Cleaned, clean_photometry, clean_spectrum
from skybind.progress import progress_bar
from skybind.ragged import Ragged

if TYPE_CHECKING:
    from rich.console import RenderableType

CLEANERS: dict[str, Callable[[Ragged], Cleaned]] = {
    "photometry": clean_photometry,
    "spectrum": clean_spectrum,
}
CHUNK = 2048
Row = dict[str, str]


@dataclass
class ImportSummary:
    """What an import brought.

    Attributes
    ----------
    objects : int
    observed : dict of str to int
        Objects observed in each modality.
    quarantined : dict of str to int
        Observations set aside, by reason (names and numbers in it left out).
    repaired : dict of str to dict of str to int
        What the cleaning of each modality repaired or dropped, and how many times.
    """

    objects: int = 0
    observed: dict[str, int] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)
    repaired: dict[str, dict[str, int]] = field(default_factory=dict)


def import_dataset(
    mapping_path: str | Path,
    out: str | Path,
    overwrite: bool = False,
    show: bool = False,
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
    show : bool
        Show the progress.

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
    if isinstance(mapping, ReaderMapping):
        reader = dataset_reader(mapping.reader)
        path = mapping_path.parent / mapping.path
        return reader(path, out, overwrite=overwrite, show=show, options=mapping.options)
    return _Import(mapping, mapping_path.parent).run(out, overwrite, show)


def render_summary(summary: ImportSummary) -> "RenderableType":
    """Give what `skybind data import` prints, for a rich console."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    head = Table("Modality", "Objects", title="Imported")
    head.add_row("all", f"{summary.objects:,}")
    for name, n in summary.observed.items():
        head.add_row(escape(name), f"{n:,}")
    parts: list[RenderableType] = [head]
    if summary.repaired:
        table = Table("Modality", "Found and put right", "Times", title="Repaired")
        for name, counts in summary.repaired.items():
            for what, n in counts.items():
                table.add_row(escape(name), what, f"{n:,}")
        parts.append(table)
    if summary.quarantined:
        table = Table("Reason", "Times", title="Set aside (quarantine.parquet)")
        for reason, n in sorted(summary.quarantined.items(), key=lambda item: -item[1]):
            table.add_row(escape(reason), f"{n:,}")
        parts.append(table)
    return Group(*parts)


class DatasetBuilder:
    """A `DatasetWriter` that cleans observations, sets bad ones aside and counts.

    Readers of whole data sets use it too.

    Parameters
    ----------
    writer : DatasetWriter
        Already entered.
    kinds : dict of str to str
        Name of each observation column -> its kind.
    """

    def __init__(self, writer: DatasetWriter, kinds: dict[str, str]) -> None:
        self.writer, self.kinds = writer, kinds
        self.summary = ImportSummary(observed=dict.fromkeys(kinds, 0))

    def append(
        self, columns: dict[str, np.ndarray | Ragged], source: dict[str, np.ndarray]
    ) -> None:
        """Clean and write some objects; `source` says per observation where each came from."""
        columns = dict(columns)
        object_id = np.asarray(columns["object_id"])
        for name, kind in self.kinds.items():
            ragged = columns[name]
            assert isinstance(ragged, Ragged)
            cleaned = CLEANERS[kind](ragged)
            columns[name] = cleaned.ragged
            self.summary.observed[name] += int(cleaned.ragged.present.sum())
            repaired = Counter(self.summary.repaired.get(name, {}))
            repaired.update(cleaned.counts)
            if repaired:
                self.summary.repaired[name] = dict(repaired)
            self.quarantine(
                [
                    quarantine_row(object_id[i], source[name][i], name, cleaned.reason[i])
                    for i in np.flatnonzero(cleaned.reason != "")
                ]
            )
        self.summary.objects += len(object_id)
        self.writer.append(columns)

    def quarantine(self, rows: list[Row]) -> None:
        """Set observations aside."""
        self.writer.quarantine(rows)
        counts = Counter(self.summary.quarantined)
        counts.update(short_reason(row["reason"], row["source"]) for row in rows)
        self.summary.quarantined = dict(counts)

    def finish(self, out: Path) -> ImportSummary:
        """Write the summary beside the dataset, once that is written."""
        write_json(out / "import.json", vars(self.summary))
        return self.summary


def quarantine_row(object_id: str, source: str, modality: str, reason: str) -> Row:
    """One row of the quarantine table."""
    return {
        "object_id": str(object_id),
        "source": str(source),
        "modality": modality,
        "reason": str(reason),
    }


def short_reason(reason: str, source: str = "") -> str:
    """A reason without what is particular to one row, so that reasons can be counted."""
    reason = reason.split(" (")[0]
    for name in (source, source.partition("/")[2], source.rpartition("/")[2]):
        if name:
            reason = reason.replace(name, "the file")
    return reason[:120].rstrip(".")


class _Import:
    def __init__(self, mapping: Mapping, base: Path) -> None:
        self.mapping, self.base = mapping, base
        self.quarantine: list[Row] = []
        self.flat: dict[str, np.ndarray] = {}
        self.schema: dict[str, Column] = {}
        self._read_objects()
        self.observations = {
            name: self._source(name, spec) for name, spec in mapping.observations().items()
        }
        for name, spec in mapping.observations().items():
            fields = spec.units()
            if spec.kind == "spectrum":
                fields["mask"] = None  # the cleaning always says which pixels are bad
            self.schema[name] = Column("observation", modality=spec.kind, fields=fields)

    def run(self, out: Path, overwrite: bool, show: bool) -> ImportSummary:
        n = len(self.flat["object_id"])
        if not n:
            raise DataError(f"{self.mapping.objects.file} holds no object that can be used.")
        target = DatasetWriter(
            out,
            self.schema,
            provenance=self.mapping.provenance,
            simulated=self.mapping.simulated,
            overwrite=overwrite,
        )
        with target as writer, progress_bar("Importing", n, show) as advance:
            kinds = {name: spec.kind for name, spec in self.mapping.observations().items()}
            builder = DatasetBuilder(writer, kinds)
            builder.quarantine(self.quarantine)
            for start in range(0, n, CHUNK):
                rows = np.arange(start, min(start + CHUNK, n))
                columns: dict[str, Any] = {name: v[rows] for name, v in self.flat.items()}
                source: dict[str, np.ndarray] = {}
                for name, observation in self.observations.items():
                    columns[name], source[name] = self._observe(observation, rows, builder)
                builder.append(columns, source)
                advance(int(rows[-1]) + 1)
        return builder.finish(out)

    def _observe(
        self,
        observation: tuple[str, Ragged] | ObjectFiles,
        rows: np.ndarray,
        builder: DatasetBuilder,
    ) -> tuple[Ragged, np.ndarray]:
        if isinstance(observation, ObjectFiles):
            ragged, quarantine = observation.read(rows, self.flat["object_id"])
            builder.quarantine(quarantine)
            return ragged, np.asarray([observation.source(row) for row in rows.tolist()], object)
        file, whole = observation
        return whole.take(rows), np.full(len(rows), file, object)

    def _source(self, name: str, spec: ObservationSpec) -> tuple[str, Ragged] | ObjectFiles:
        if spec.file is not None:
            ragged, quarantine = read_long(spec, self.base, name, self.flat["object_id"])
            self.quarantine += quarantine
            return spec.file, ragged
        assert spec.pattern is not None
        columns = {
            column: texts(self.objects[column])[self.kept]
            for column in pattern_columns(spec.pattern)
        }
        files = ObjectFiles(spec, self.base, name, {**columns, "id": self.flat["object_id"]})
        self.quarantine += files.quarantine
        return files

    def _read_objects(self) -> None:
        spec = self.mapping.objects
        text = [spec.id]
        text += [c.column for role, _, c in spec.columns().values() if role == "label"]
        for observation in self.mapping.observations().values():
            text += pattern_columns(observation.pattern) if observation.pattern else []
        self.objects = read_table(
            read_bytes(self.base / spec.file),
            spec.file,
            text=text,
            **spec.table_options(),
        )
        if not len(self.objects):
            raise DataError(f"{spec.file} has no rows: there is no object in it.")
        for sentence in self.objects.bad_rows:
            self.quarantine.append(quarantine_row("", spec.file, "objects", sentence))
        names = texts(self.objects[spec.id])
        self.kept = self._usable(names)
        self.flat["object_id"] = names[self.kept]
        for name, position in (("ra", spec.ra), ("dec", spec.dec)):
            self.schema[name] = BASE_COLUMNS[name]
            if position is None:
                self.flat[name] = np.full(len(self.kept), np.nan)
            else:
                self.flat[name] = self._position(name, position)
        for name, (role, modality, column) in spec.columns().items():
            if column.optional and column.column not in self.objects.columns:
                continue
            unit = column.unit or self.objects.units.get(column.column)
            self.schema[name] = Column(role, unit, column.description, modality)
            self.flat[name] = self._flat(name, role, modality, column)

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

    def _position(self, name: str, spec: ColumnSpec) -> np.ndarray:
        raw = self.objects[spec.column][self.kept]
        unit = spec.unit or self.objects.units.get(spec.column) or "deg"
        values, bad = numbers(raw)
        if bad.any():
            values = _sexagesimal(raw, values, bad, unit)
            bad = bad & np.isnan(values)
        where = f"{self.objects.name}, column '{spec.column}' ({name})"
        degrees = values if unit == "deg" else convert(values, unit, "deg", where)
        self._note(
            bad, name, lambda i: f"no angle in column '{spec.column}' ('{str(raw[i])[:40]}')"
        )
        low, high = (0.0, 360.0) if name == "ra" else (-90.0, 90.0)
        if name == "ra":
            degrees = np.where((degrees < 0) & (degrees >= -180), degrees + 360, degrees)
        outside = (degrees < low) | (degrees > high)
        self._note(outside, name, lambda i: f"{name} is out of range ({degrees[i]:g} deg)")
        return np.where(outside | ~np.isfinite(degrees), np.nan, degrees)

    def _flat(self, name: str, role: str, modality: str | None, spec: ColumnSpec) -> np.ndarray:
        raw = self.objects[spec.column][self.kept]
        if role == "label":
            return texts(raw)
        if role == "info" and raw.dtype.kind in "OUiu":
            return raw if raw.dtype.kind in "iu" else texts(raw)  # long integers keep their digits
        values, bad = numbers(raw)
        where = modality or role
        self._note(
            bad, where, lambda i: f"no number in column '{spec.column}' ('{str(raw[i])[:40]}')"
        )
        infinite = np.isinf(values)
        self._note(infinite, where, lambda i: f"infinite number in column '{spec.column}'")
        for sentinel in spec.missing:
            values = np.where(values == sentinel, np.nan, values)
        return np.where(infinite, np.nan, values)

    def _note(self, rows: np.ndarray, modality: str, reason: Callable[[int], str]) -> None:
        self.quarantine += [
            quarantine_row(
                self.flat["object_id"][i], self.mapping.objects.file, modality, reason(i)
            )
            for i in np.flatnonzero(rows).tolist()
        ]


def _sexagesimal(raw: np.ndarray, values: np.ndarray, rows: np.ndarray, unit: str) -> np.ndarray:
    """Angles written like 06:37:15.9, in the unit given; what is none of these stays NaN."""
    from astropy.coordinates import Angle

    values = values.copy()
    for i in np.flatnonzero(rows).tolist():
        try:
            values[i] = Angle(str(raw[i]), unit=unit).value
        except Exception:  # astropy has many ways to refuse an angle; the caller notes the row
            continue
    return values
