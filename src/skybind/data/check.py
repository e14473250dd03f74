"""Every way in which a dataset breaks its own rules, named."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.check_values import check_observation, check_visits
from skybind.data.computed import FOLDER, ComputedTable
from skybind.data.controls import with_controls
from skybind.data.dataset import Dataset
from skybind.data.quarantine import QUARANTINE_SCHEMA, read_quarantine
from skybind.data.schema import BASE_COLUMNS, ID, Column, DatasetSchema
from skybind.data.sources import object_parts
from skybind.data.splits import Split
from skybind.data.units import is_unit
from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.parquet import open_parquet, read_footer, read_schema
from skybind.printable import printable
from skybind.progress import progress_bar
from skybind.visits import NAME, TIME

REQUIRED = {
    "photometry": (("time",), ("flux", "magnitude")),
    "spectrum": (("wavelength",), ("flux",)),
}


NEEDS_UNIT = {"photometry": ("time", "flux", "magnitude"), "spectrum": ("wavelength",)}


STRETCHES = ("linear", "display")


ROWS = 1024


@dataclass(frozen=True)
class Violation:
    """One rule that a dataset breaks.

    Attributes
    ----------
    where : str
        The column, split or file.
    what : str
        What is wrong there.
    count : int
        In how many objects (or times).
    example : str
        The first object or value, "" where there is none to name.
    """

    where: str
    what: str
    count: int = 1
    example: str = ""

    def __str__(self) -> str:
        times = f" ({self.count:,} times)" if self.count > 1 else ""
        first = f", first at '{self.example}'" if self.example else ""
        return printable(f"{self.where}: {self.what}{times}{first}.")


class Findings:
    """Collects violations: the count and the first example of each kind."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[int, str]] = {}

    def add(self, where: str, what: str, count: int = 1, example: str = "") -> None:
        """Note that something is wrong `count` times (nothing if zero)."""
        if count:
            before, first = self._found.get((where, what), (0, str(example)))
            self._found[where, what] = (before + int(count), first)

    def rows(self, where: str, what: str, bad: np.ndarray, names: np.ndarray) -> None:
        """Note the objects where `bad` is true."""
        if bad.any():
            self.add(where, what, int(bad.sum()), names[int(np.argmax(bad))])

    def violations(self) -> list[Violation]:
        """All that was found, in the order in which it was."""
        return [Violation(*key, *value) for key, value in self._found.items()]


def check_dataset(path: str | Path) -> list[Violation]:
    """Name every violation of the dataset's format.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of Violation
        Empty for a sound dataset.

    Raises
    ------
    DataError
        If there is no dataset at `path`.
    """
    path = Path(path)
    findings = Findings()
    parts = object_parts(path)
    sound = [part for part in parts if _opens(part, findings)]
    schema = _schema(sound, findings)
    ids: list[pa.Array] = []
    if schema is not None:
        arrow = read_schema(sound[0])
        _check_columns(schema, arrow, findings)
        with progress_bar("checking", len(sound), "files") as report:
            for number, part in enumerate(sound, start=1):
                if read_schema(part) != arrow:
                    findings.add(part.name, "columns differ from those of the first file")
                else:
                    _check_part(part, schema, findings, ids)
                report(number)
    names = pa.concat_arrays(ids) if ids else pa.array([], pa.string())
    _check_names(names, findings)
    _check_computed(path, names, findings)
    _check_splits(path, names, findings)
    _check_quarantine(path, findings)
    return findings.violations()


def kind_violations(schema: DatasetSchema, arrow: pa.Schema) -> list[Violation]:
    """Name every flat column that holds no numbers, or no text, where it has to."""
    findings = Findings()
    for name, column in schema.columns.items():
        if name in arrow.names:
            _check_kind(name, column.role, arrow.field(name).type, findings)
    return findings.violations()


def _check_kind(name: str, role: str, kind: pa.DataType, findings: Findings) -> None:
    if role in ("id", "label") and not _is_text(kind):
        findings.add(name, f"is {kind} and should be text")
    elif role in ("position", "feature", "target") and not _is_number(kind):
        findings.add(name, f"is {kind} and should be a number")


def _opens(part: Path, findings: Findings) -> bool:
    try:
        read_footer(part)
    except (pa.ArrowException, OSError) as error:
        raise_of_machine(error)
        first = (str(error).splitlines() or [""])[0][:200].rstrip(".")
        findings.add(part.name, f"is no readable Parquet file ({first})")
        return False
    return True


def _schema(parts: list[Path], findings: Findings) -> DatasetSchema | None:
    if not parts:
        return None
    try:
        return DatasetSchema.from_arrow(read_schema(parts[0]), parts[0].name)
    except DataError as error:
        findings.add("schema", str(error).rstrip("."))
        return None


def _check_columns(schema: DatasetSchema, arrow: pa.Schema, findings: Findings) -> None:
    """Check what the schema says against what the files have."""
    for name in schema.columns:
        if name not in arrow.names:
            findings.add(name, "is in the schema but not in the files")
    for name in arrow.names:
        if name not in schema.columns:
            findings.add(name, "is in the files but not in the schema")
    for name in BASE_COLUMNS:
        if name not in arrow.names and name not in schema.columns:
            findings.add(name, "is missing: every dataset has it")
    for name, column in schema.columns.items():
        _check_unit(name, column.unit, findings)
        for field, unit in column.fields.items():
            _check_unit(f"{name}.{field}", unit, findings)
        if name not in arrow.names:
            continue
        kind = arrow.field(name).type
        if column.role == "observation":
            _check_struct(name, column.modality or name, column.fields, kind, findings)
            if (column.modality or name) == "image":
                _check_image(name, column, findings)
        elif column.role == "visits":
            of = schema.kinds.get(str(column.modality), str(column.modality))
            _check_visits(name, of, column.fields, kind, findings)
        else:
            _check_kind(name, column.role, kind, findings)
        if column.role == "feature" and not column.modality:
            findings.add(name, "is a feature of no modality")


def _check_struct(
    name: str, modality: str, fields: dict[str, str | None], kind: pa.DataType, findings: Findings
) -> None:
    if not pa.types.is_struct(kind):
        findings.add(name, f"is {kind} and should be a struct of lists")
        return
    have = [kind.field(i).name for i in range(kind.num_fields)]
    for alternatives in REQUIRED.get(modality, ()):
        if not any(field in have for field in alternatives):
            findings.add(name, f"has no field {' or '.join(alternatives)}")
    for field in have:
        where = f"{name}.{field}"
        inner = kind.field(field).type
        if not (pa.types.is_list(inner) or pa.types.is_large_list(inner)):
            findings.add(where, f"is {inner} and should be a list")
            continue
        want_text, want_bool = field in ("band", "system"), field == "mask"
        value = inner.value_type
        fits = (
            _is_text(value)
            if want_text
            else pa.types.is_boolean(value)
            if want_bool
            else _is_number(value)
        )
        if field == "flag" and not pa.types.is_integer(value):
            findings.add(where, f"is a list of {value} and should hold integers")
        if not fits:
            wanted = "text" if want_text else "true or false" if want_bool else "numbers"
            findings.add(where, f"is a list of {value} and should hold {wanted}")
        if field in NEEDS_UNIT.get(modality, ()) and fields.get(field) is None:
            findings.add(where, "has no unit")
    for field in fields:
        if field not in have:
            findings.add(f"{name}.{field}", "is in the schema but not in the files")


def _check_visits(
    name: str, of: str, fields: dict[str, str | None], kind: pa.DataType, findings: Findings
) -> None:
    if not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
        findings.add(name, f"is {kind} and should be a list of structs")
        return
    inner = kind.value_type
    for field in (NAME, TIME):
        if inner.get_field_index(field) < 0:
            findings.add(name, f"has no field {field}")
    own = pa.struct([field for field in inner if field.name not in (NAME, TIME)])
    units = {field: unit for field, unit in fields.items() if field not in (NAME, TIME)}
    _check_struct(name, of, units, own, findings)


def _check_image(name: str, column: Column, findings: Findings) -> None:
    scale = column.attributes.get("pixel_scale")
    if not isinstance(scale, int | float) or not 0 < scale < np.inf:
        findings.add(name, "has no pixel_scale [arcsec/pixel] among its attributes")
    stretch = column.attributes.get("stretch")
    if stretch not in STRETCHES:
        findings.add(name, f"has the stretch '{stretch}', which is none of {', '.join(STRETCHES)}")
    for band, unit in column.fields.items():
        if unit is None and stretch == "linear":
            findings.add(f"{name}.{band}", "has no unit")
    if not column.fields:
        findings.add(name, "has no band in the schema")


def _check_unit(where: str, unit: str | None, findings: Findings) -> None:
    if unit is not None and not is_unit(unit):
        findings.add(where, f"has the unit '{unit}', which astropy does not know")


def _check_part(part: Path, schema: DatasetSchema, findings: Findings, ids: list[pa.Array]) -> None:
    try:
        file = open_parquet(part)
        largest = max(
            (file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)), default=1
        )
        for batch in file.iter_batches(min(ROWS, max(1, largest))):
            names = _names(batch, ids)
            for name, column in schema.columns.items():
                if name not in batch.schema.names or name == ID:
                    continue
                if column.role == "observation":
                    kind = column.modality or name
                    check_observation(batch[name], name, kind, names, findings.rows)
                elif column.role == "visits":
                    kind = schema.kinds.get(str(column.modality), str(column.modality))
                    check_visits(batch[name], name, kind, names, findings.rows)
                elif column.role in ("position", "feature", "target"):
                    _check_numbers(batch[name], name, names, findings)
    except DataError as error:
        findings.add(part.name, f"cannot be read ({str(error).rstrip('.')})")
    except (pa.ArrowException, OSError) as error:
        raise_of_machine(error)
        first = (str(error).splitlines() or [""])[0][:200].rstrip(".")
        findings.add(part.name, f"is damaged ({first})")


def _names(batch: pa.RecordBatch, ids: list[pa.Array]) -> np.ndarray:
    if ID not in batch.schema.names or not _is_text(batch[ID].type):
        return np.asarray([f"row {i}" for i in range(batch.num_rows)], object)
    ids.append(batch[ID].cast(pa.string()))
    return np.asarray(pc.fill_null(ids[-1], "").to_pylist(), object)


def _check_numbers(values: pa.Array, name: str, names: np.ndarray, findings: Findings) -> None:
    if not _is_number(values.type):
        return  # said once, of the column
    flat = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if pa.types.is_integer(values.type):
        lossy = np.abs(flat) > 2**53
        findings.rows(name, "has more digits than a float keeps", lossy, names)
    findings.rows(name, "is infinite", np.isinf(flat), names)
    low, high = {"ra": (0, 360), "dec": (-90, 90)}.get(name, (-np.inf, np.inf))
    outside = np.isfinite(flat) & ((flat < low) | (flat > high))
    findings.rows(name, f"is not between {low} and {high} deg", outside, names)


def _check_names(names: pa.Array, findings: Findings) -> None:
    empty = pc.fill_null(pc.equal(names, ""), True)
    findings.add(ID, "is empty", pc.sum(empty).as_py() or 0)
    findings.rows(ID, "has a control character", with_controls(names), np.asarray(names))
    counts = names.filter(pc.invert(empty)).value_counts()
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        findings.add(ID, "occurs more than once", len(twice), twice[0]["values"].as_py())


def _check_computed(path: Path, names: pa.Array, findings: Findings) -> None:
    """Check the tables of computed columns: theirs are these objects, in this order."""
    for file in sorted((path / FOLDER).glob("*.parquet")):
        where = f"{FOLDER}/{file.name}"
        try:
            table = ComputedTable.open(file)
            state = Dataset.open(path, computed=()).fingerprint
            faults = _computed_faults(table, names) if table.fingerprint == state else None
        except (DataError, pa.ArrowException, OSError) as error:
            raise_of_machine(error)
            first = (str(error).splitlines() or [""])[0][:200].rstrip(".")
            findings.add(where, f"cannot be used ({first})")
            continue
        if faults is None:
            findings.add(where, "is of other objects, or of another state of these")
        for fault in faults or []:
            findings.add(fault.where, fault.what, fault.count, fault.example)


def _computed_faults(table: ComputedTable, names: pa.Array) -> list[Violation] | None:
    """Name what is wrong with computed columns, in their order; None if they are of others."""
    found = {name: Findings() for name in table.columns}
    start = 0
    for read in table.source.batches([ID, *found], ROWS):
        own = names.slice(start, read.num_rows)
        if read[ID].combine_chunks() != own:
            return None
        ids = np.asarray(own)
        for name, findings in found.items():
            _check_numbers(read[name].combine_chunks(), name, ids, findings)
        start += read.num_rows
    whole = [fault for findings in found.values() for fault in findings.violations()]
    return whole if start == len(names) else None


def _check_splits(path: Path, names: pa.Array, findings: Findings) -> None:
    for file in sorted((path / "splits").glob("*.parquet")):
        where = f"split {file.stem}"
        try:
            split = Split.read(file)
        except DataError as error:
            findings.add(where, str(error).rstrip("."))
            continue
        known = pc.is_in(pa.array(split.object_id.tolist(), pa.string()), value_set=names)
        unknown = ~known.to_numpy(zero_copy_only=False)
        findings.rows(where, "names an object that the dataset lacks", unknown, split.object_id)


def _check_quarantine(path: Path, findings: Findings) -> None:
    try:
        rows = read_quarantine(path)
    except DataError as error:
        findings.add("quarantine", str(error).rstrip("."))
        return
    missing = [row for row in rows if not row.get("reason")]
    if rows and set(rows[0]) != set(QUARANTINE_SCHEMA.names):
        findings.add("quarantine", f"should have the columns {', '.join(QUARANTINE_SCHEMA.names)}")
    findings.add("quarantine", "has a row without a reason", len(missing))


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))
