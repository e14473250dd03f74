"""A dataset for people: what it is in a few lines, and its columns as a table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.schema import Column
from skybind.errors import DataError
from skybind.words import nearest

if TYPE_CHECKING:
    from skybind.data.dataset import Dataset

#: Up to so many objects it is quick to count who was observed in what, and the classes.
COUNTED, CLASSED = 20_000, 1_000_000
CLASSES = 12  # told at most


def title_of(dataset: "Dataset") -> str:
    """Say how many objects a dataset has, and if they are simulated."""
    kind = "simulated " if dataset.schema.simulated else ""
    return f"Dataset {dataset.path}: {len(dataset):,} {kind}objects"


def facts_of(dataset: "Dataset") -> dict[str, str]:
    """Say what a dataset holds: modalities with their fields, classes, targets."""
    facts = {}
    for name in dataset.schema.modalities:
        text = _fields(dataset, name)
        if len(dataset) <= COUNTED:
            text = f"{int(dataset.present(name).sum()):,} objects; {text}"
        facts[name] = text
    for name in dataset.schema.with_role("label"):
        facts[name] = _classes(dataset, name)
    targets = dataset.schema.with_role("target")
    if targets:
        facts["targets"] = ", ".join(_with_unit(t, dataset.schema.columns[t]) for t in targets)
    if dataset.schema.provenance:
        facts["provenance"] = dataset.schema.provenance
    return facts


def arrow_of(
    dataset: "Dataset", columns: Sequence[str] | None = None, rows: np.ndarray | None = None
) -> pa.Table:
    """Read columns as an Arrow table for people: units and descriptions with every column.

    Parameters
    ----------
    dataset : Dataset
    columns : sequence of str, optional
        By default all flat ones. One of observations becomes a column of lists a field, such as
        `photometry_time`.
    rows : ndarray of int, optional
        Some objects; all by default.

    Raises
    ------
    DataError
        If there is no such column.
    """
    schema = dataset.schema
    if columns is None:
        columns = [name for name, column in schema.columns.items() if not column.nested]
    for name in columns:
        if name not in schema.columns:
            raise DataError(
                f"The dataset at {dataset.path} has no column '{name}': "
                f"{nearest(name, list(schema.columns))}"
            )
    table = dataset.table(columns, rows)
    fields: list[pa.Field] = []
    arrays: list[pa.ChunkedArray] = []
    for name in columns:
        column = schema.columns[name]
        if not column.nested:
            fields.append(_field(name, table[name].type, column.unit, column.description))
            arrays.append(table[name])
            continue
        for inner in table[name].type:
            values = pc.struct_field(table[name], inner.name)
            text = f"{inner.name} of {name}"
            unit = column.fields.get(inner.name)
            fields.append(_field(f"{name}_{inner.name}", values.type, unit, text))
            arrays.append(values)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _field(name: str, kind: pa.DataType, unit: str | None, description: str) -> pa.Field:
    said = {"unit": unit or "", "description": description}
    return pa.field(name, kind, metadata={key: text for key, text in said.items() if text})


def _fields(dataset: "Dataset", modality: str) -> str:
    """Name the fields of an observation, or the first features of a catalogue."""
    columns = dataset.schema.columns
    if modality in dataset.schema.observations:
        units = columns[modality].fields
        return ", ".join(f"{name} [{unit}]" if unit else name for name, unit in units.items())
    names = dataset.schema.features(modality)
    some = ", ".join(_with_unit(name, columns[name]) for name in names[:4])
    return some + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _with_unit(name: str, column: Column) -> str:
    return f"{name} [{column.unit}]" if column.unit else name


def _classes(dataset: "Dataset", name: str) -> str:
    if len(dataset) > CLASSED:
        return "classes"
    labels, counts = np.unique(dataset.labels(name), return_counts=True)
    known = {str(label): int(n) for label, n in zip(labels, counts, strict=True) if label}
    ordered = sorted(known, key=lambda label: -known[label])
    told = [f"{label} {known[label]:,}" for label in ordered[:CLASSES]]
    more = [f"{len(ordered) - CLASSES} more classes"] if len(ordered) > CLASSES else []
    without = len(dataset) - sum(known.values())
    return ", ".join(told + more + ([f"without {without:,}"] if without else []))
