"""Tables in memory, whoever made them: astropy, pandas, nested-pandas, pyarrow, or plain arrays.

They are known by what they can do, not by their classes: neither pandas nor astropy is imported.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.schema import METADATA_KEY, DatasetSchema
from skybind.errors import DataError
from skybind.ingest.arrow_masks import apply_masks, mask_columns
from skybind.ingest.arrow_units import units_of_arrow
from skybind.ingest.fields import OBJECTS
from skybind.ingest.lists import (
    Lists,
    fields_of_arrow,
    is_list,
    is_missing,
    is_nested,
    is_record,
    is_sequence,
    lists_of_array,
    lists_of_arrow,
    lists_of_cells,
    lists_of_text,
    one_array,
    stated_by,
)
from skybind.ingest.readers.astropy_tables import scale_notes, sky_degrees
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.values import flat_values, plain_values
from skybind.ingest.wanted import Wanted
from skybind.words import nearest, repeated

Units = Mapping[str, Any]


@dataclass
class Frame:
    """A table whose rows are objects: flat columns, and columns of lists.

    Attributes
    ----------
    name : str
        What messages call it.
    n : int
        Rows.
    flat : dict of str to ndarray, shape (n,)
        Numbers or objects. A field of a record is called `column.field`.
    lists : dict of str to Lists
        Likewise.
    units : dict of str to str
        As far as they are stated, by the same names.
    attributes : dict of str to dict
        Of columns that say how they were computed.
    index : ndarray of str, shape (n,), optional
        Names of the rows, where the table has them beside its columns.
    provenance : str
    simulated : bool
    notes : list of str
        What was assumed when it was read.
    """

    name: str
    n: int
    flat: dict[str, np.ndarray] = field(default_factory=dict)
    lists: dict[str, Lists] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)
    index: np.ndarray | None = None
    provenance: str = ""
    simulated: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """Names of all columns; of a record's fields, the record's."""
        return list(dict.fromkeys(name.partition(".")[0] for name in (*self.flat, *self.lists)))

    def records(self) -> list[str]:
        """Names of the columns of records."""
        return list(dict.fromkeys(n.partition(".")[0] for n in self.lists if "." in n))

    def table(self) -> Table:
        """Give the flat columns as a file's would be."""
        return Table(self.name, self.flat, self.units)

    def add(self, name: str, values: Any) -> None:
        """Add a column: an array (n, ...), an Arrow column, or any sequence of n cells."""
        if isinstance(values, pa.Array | pa.ChunkedArray):
            self._add_arrow(name, values)
            return
        unit = stated_by(values)
        if hasattr(values, "jd"):
            values = values.jd
        if isinstance(values, list | tuple) and not all(map(_is_flat_cell, values)):
            self._add_cells(name, values)
        elif isinstance(values, list | tuple) and any(map(stated_by, values)):
            self.add_numbers(name, values)
        else:
            text = isinstance(values, list | tuple) and any(isinstance(v, str) for v in values)
            # numpy would make text of what is missing among text
            array = plain_values(np.asarray(values, object) if text else values)
            unit = "d" if array.dtype.kind in "Mm" else unit
            if array.dtype.kind == "O" and not all(map(_is_flat_cell, array.tolist())):
                self._add_cells(name, array.tolist() if array.ndim == 1 else list(array))
            elif array.ndim == 1:
                self._add_flat(name, array)
            else:
                self.lists[name] = lists_of_array(array)
        if unit is not None:
            self.units[name] = unit

    def _add_arrow(self, name: str, column: pa.Array | pa.ChunkedArray) -> None:
        array = one_array(column)
        if is_list(array.type) and _holds_lists(array.type.value_type):
            self.notes.append(
                f"The column '{name}' of the {self.name} holds lists of records of lists, which "
                "are read of a dataset only."
            )
        elif is_nested(array.type):
            for inner, values in fields_of_arrow(array).items():
                self._add_arrow(f"{name}.{inner}", values)
        elif is_list(array.type):
            self.lists[name] = lists_of_arrow(array)
        elif not pa.types.is_nested(array.type):
            if pa.types.is_temporal(array.type) and not pa.types.is_time(array.type):
                self.units[name] = "d"
            self._add_flat(name, flat_values(pa.chunked_array([array])))

    def _add_flat(self, name: str, array: np.ndarray) -> None:
        """Add a flat column, or one of lists that are written as text."""
        lists = lists_of_text(array, bracketed=True)
        if lists is None:
            self.flat[name] = array
        else:
            self.lists[name] = lists

    def _add_cells(self, name: str, cells: Sequence[Any]) -> None:
        records = sum(map(is_record, cells))
        if records < max(1, sum(is_sequence(cell) for cell in cells if not is_record(cell))):
            self.lists[name], unit = lists_of_cells(cells)
            if unit is not None:
                self.units[name] = unit
            return
        wrong = [i for i, cell in enumerate(cells) if not (is_record(cell) or is_missing(cell))]
        fields = dict.fromkeys(f for cell in cells if is_record(cell) for f in _keys(cell))
        for inner in fields:
            taken = [cell[inner] if is_record(cell) and inner in _keys(cell) else None
                     for cell in cells]  # fmt: skip
            if any(map(is_sequence, taken)):
                lists, unit = lists_of_cells(taken)
                lists.wrong |= dict.fromkeys(wrong, "no record of fields")
                self.lists[f"{name}.{inner}"] = lists
                if unit is not None:
                    self.units[f"{name}.{inner}"] = unit
            else:
                self.add_numbers(f"{name}.{inner}", taken)

    def add_numbers(self, name: str, cells: Sequence[Any]) -> None:
        """Add a flat column of cells, of which some may be quantities."""
        unit = next((stated_by(cell) for cell in cells if stated_by(cell) is not None), None)
        plain = [
            None if is_missing(cell) else _scalar(cell, unit) if stated_by(cell) else cell
            for cell in cells
        ]
        self.flat[name] = np.asarray(plain, dtype=object)
        if unit is not None:
            self.units[name] = unit


def frame_of(data: Any) -> Frame | None:
    """Read a table in memory; None if it is none."""
    if isinstance(data, pa.Table | pa.RecordBatch):
        return _of_arrow(data, "given table")
    if hasattr(data, "colnames"):
        return _of_astropy(data)
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        return _of_pandas(data)
    if hasattr(data, "__arrow_c_stream__"):
        return _of_arrow(pa.table(data), f"given {type(data).__name__}")
    return None


def frame_of_observations(observations: Mapping[str, Any], wanted: Mapping[str, Wanted]) -> Frame:
    """Read observations that were given by name: one of an object, or a list of such.

    Raises
    ------
    DataError
        If a name is none of the model's, or lists differ in length.
    """
    groups = {own for w in wanted.values() for own in (w.name, w.column, w.kind)}
    features = {feature for w in wanted.values() for feature in w.features}
    known = {*groups, *features, *OBJECTS, "ra", "dec"}
    for name in observations:
        if name not in known:
            raise DataError(f"There is no modality '{name}': {nearest(name, sorted(known))}")
    catalogues = {own for w in wanted.values() if not w.fields for own in (w.name, w.column)}
    cells: dict[str, list[Any]] = {}
    for name, value in observations.items():
        if name in catalogues and is_record(value):  # numbers, or columns of them
            cells |= {f"{name}.{key}": listed(value[key], False) for key in _keys(value)}
        else:
            cells[name] = listed(value, name in groups)
    n = number_of_objects(cells)
    frame = Frame("given observation" + ("" if n == 1 else "s"), n)
    for name, values in cells.items():
        frame.add(name, values)
    return frame


def number_of_objects(cells: Mapping[str, Sequence[Any]]) -> int:
    """Count the objects of lists that were given by name.

    Raises
    ------
    DataError
        If they differ in length.
    """
    lengths = {name: len(values) for name, values in cells.items()}
    n = max(lengths.values())
    for name, length in lengths.items():
        if length != n:
            longest = next(other for other in lengths if lengths[other] == n)
            raise DataError(f"{name} has {length} objects where {longest} has {n}.")
    return n


def listed(value: Any, is_group: bool) -> list[Any]:
    """Give values of several objects (records in a list, numbers in an array), or of one."""
    many = isinstance(value, list | tuple) if is_group else is_sequence(value)
    return list(value) if many else [value]


def _of_arrow(table: pa.Table | pa.RecordBatch, name: str) -> Frame:
    frame = Frame(name, table.num_rows)
    schema = table.schema
    twice = sorted(repeated(schema.names))
    if twice:
        raise DataError(f"The {name} has more than one column '{twice[0]}'.")
    masks = mask_columns(schema)
    if masks:
        whole = table if isinstance(table, pa.Table) else pa.Table.from_batches([table])
        table = apply_masks(whole, masks, f"The {name}")
    for column in schema:
        frame.add(column.name, table.column(column.name))
    frame.units |= units_of_arrow(schema)
    if METADATA_KEY in (schema.metadata or {}):
        _add_schema(frame, DatasetSchema.from_arrow(schema, f"The {name}"))
    return frame


def _add_schema(frame: Frame, schema: DatasetSchema) -> None:
    """Take units and origin from the schema of a dataset, of which the table is a part."""
    frame.provenance, frame.simulated = schema.provenance, schema.simulated
    for name, column in schema.columns.items():
        frame.attributes[name] = column.attributes
        stated = {name: column.unit, **{f"{name}.{f}": u for f, u in column.fields.items()}}
        frame.units |= {key: unit for key, unit in stated.items() if unit is not None}


def _of_astropy(table: Any) -> Frame:
    if hasattr(table, "table"):  # a row of a table
        table = table.table[table.index : table.index + 1]
    frame = Frame(f"given {type(table).__name__}", len(table))
    for name in table.colnames:
        column = table[name]
        sky = sky_degrees(column, name)
        if sky is not None:
            frame.flat |= sky
            frame.units |= dict.fromkeys(sky, "deg")
            continue
        frame.notes += [f"The {frame.name}: {note}." for note in scale_notes(column, name)]
        frame.add(name, column)
    return frame


def _of_pandas(data: Any) -> Frame:
    frame = Frame(f"given {type(data).__name__}", len(data))
    names = [str(name) for name in data.columns]
    twice = sorted(repeated(names))
    if twice:
        raise DataError(f"The {frame.name} has more than one column '{twice[0]}'.")
    for place, name in enumerate(names):
        series = data.iloc[:, place]
        if str(series.dtype) == "object":
            frame.add(name, list(series) if len(series) else np.zeros(0))
        elif isinstance(series.dtype, np.dtype):
            frame.add(name, series.to_numpy())
        else:
            frame.add(name, pa.array(series, from_pandas=True))
        unit = series.attrs.get("unit", series.attrs.get("units"))
        if isinstance(unit, str) or hasattr(unit, "to_string"):
            frame.units[name] = str(unit)
    for name, unit in _dotted(data.attrs.get("units", {})):
        frame.units[name] = unit
    index = data.index
    if type(index).__name__ != "RangeIndex" and getattr(index, "nlevels", 1) == 1:
        named = str(index.name) if index.name is not None else ""
        frame.index = np.asarray([str(label) for label in index], object)
        if named and named not in names:
            frame.flat[named] = frame.index
    return frame


def _dotted(units: Any) -> Iterator[tuple[str, str]]:
    """Give units by column, or by column and field, as `column.field`."""
    for name, unit in units.items() if isinstance(units, Mapping) else ():
        if isinstance(unit, Mapping):
            for inner, own in unit.items():
                yield f"{name}.{inner}", str(own)
        else:
            yield str(name), str(unit)


def _is_flat_cell(cell: Any) -> bool:
    return not (is_sequence(cell) or is_record(cell))


def _keys(record: Any) -> list[str]:
    names = getattr(record, "colnames", None)
    if names is None:
        names = getattr(record, "columns", None)
    return [str(name) for name in (record if names is None else names)]


def _scalar(cell: Any, unit: str | None) -> Any:
    return cell.jd if hasattr(cell, "jd") else cell.to_value(unit)


def _holds_lists(kind: pa.DataType) -> bool:
    """Whether an Arrow type is a record of which a field is a list."""
    return bool(pa.types.is_struct(kind) and any(is_list(field.type) for field in kind))
