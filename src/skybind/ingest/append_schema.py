"""Whether what is appended means the same as the dataset: its columns, made to fit or refused."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.dataset import Dataset
from skybind.data.schema import BASE_COLUMNS, Column, DatasetSchema, same_attribute
from skybind.data.sources import Change, ChangedSource
from skybind.data.systems import stated_system
from skybind.data.units import convert, same_unit
from skybind.errors import DataError
from skybind.ingest.fields import unknown_values
from skybind.ragged import Ragged
from skybind.visits import NAME, Visits
from skybind.words import join

#: Fields of observations that may be unknown of all that is appended.
_OPTIONAL = ("flux_err", "magnitude_err", "ivar", "mask", "flag")


@dataclass(frozen=True)
class Fitted:
    """What is appended, with the dataset's columns in its units.

    Attributes
    ----------
    new : Dataset
        Columns are converted as they are read; null where it has none.
    schema : DatasetSchema
        Of the grown dataset.
    arrow : pyarrow.Schema
        Of its files.
    added : list of str
        Columns that the dataset gets.
    notes : list of str
        What was converted and what is lacking, in sentences.
    unknown : dict of str to list of str
        Column -> fields (errors, masks) of which the appended dataset knows nothing.
    """

    new: Dataset
    schema: DatasetSchema
    arrow: pa.Schema
    added: list[str]
    notes: list[str]
    unknown: dict[str, list[str]]


def fit_appended(old: Dataset, new: Dataset, add_columns: bool) -> Fitted:
    """Make a dataset fit another to which it is appended.

    Parameters
    ----------
    old, new : Dataset
        Opened without computed columns.
    add_columns : bool
        Take columns that only `new` has; otherwise they are refused.

    Raises
    ------
    ConfigError, DataError
        If a column means something else, or cannot be converted; one sentence.
    """
    if old.schema.simulated != new.schema.simulated:
        which, other = (new, old) if new.schema.simulated else (old, new)
        raise DataError(
            f"The dataset at {which.path} is simulated and that at {other.path} is not: they "
            "cannot be one."
        )
    added = [name for name in new.schema.columns if name not in old.schema.columns]
    if added and not add_columns:
        raise DataError(
            f"{new.path} has {join([repr(name) for name in added])}, which the dataset at "
            f"{old.path} has not: --add-columns takes such columns (null for the objects without)."
        )
    notes: list[str] = []
    changes = {}
    for name, column in old.schema.columns.items():
        if name in old.arrow_schema.names:
            changes[name] = _change(old, new, name, column, notes)
    schema = old.schema.with_columns({name: new.schema.columns[name] for name in added})
    if added:
        notes.append(f"Columns that are added: {join(added)}.")
    changes |= {name: Change(name, new.arrow_schema.field(name).type) for name in added}
    arrow = pa.schema([(n, change.kind) for n, change in changes.items()], schema.to_metadata())
    lacking = [n for n, c in changes.items() if c.column is None and n not in BASE_COLUMNS]
    if lacking:
        notes.append(f"{new.path} has no {join(lacking)}: null for its new objects.")
    fitted = Dataset(new.path, schema, ChangedSource(new.source, changes))
    unknown = {
        name: [field for field in column.fields if field not in new.schema.columns[name].fields]
        for name, column in old.schema.columns.items()
        if column.nested and name in new.schema.columns
    }
    return Fitted(fitted, schema, arrow, added, notes, unknown)


def _change(old: Dataset, new: Dataset, name: str, column: Column, notes: list[str]) -> Change:
    """Tell how a column of the dataset is made of what is appended."""
    kind = old.arrow_schema.field(name).type
    given = new.schema.columns.get(name)
    if given is None or name not in new.arrow_schema.names:
        if column.role == "visits" and column.modality in new.schema.columns:
            raise DataError(
                f"{new.path} has one '{column.modality}' of an object, and {old.path} all of its "
                "visits: import it with visits, too."
            )
        return Change(None, kind)
    where = f"'{name}' of {new.path}"
    if given.nested != column.nested or (given.modality or name) != (column.modality or name):
        raise DataError(
            f"{where} is a column of {given.modality or given.role}, that of {old.path} one of "
            f"{column.modality or column.role}: import it under another name."
        )
    _refuse_attributes(where, str(old.path), column.attributes, given.attributes)
    if column.nested:
        return _nested(new, name, column, kind, where, notes)
    return _flat(new, name, column, kind, where, notes)


def _refuse_attributes(
    where: str, other: str, own: Mapping[str, Any], given: Mapping[str, Any]
) -> None:
    """Refuse values that are to be read otherwise: another time system, pixel scale, definition."""
    for key in dict.fromkeys([*own, *given]):
        if key != "missing" and not same_attribute(own.get(key), given.get(key)):
            raise DataError(
                f"{where} has the {key} {_told(given.get(key))}, that of {other} "
                f"{_told(own.get(key))}: make them one in the mapping before it is appended."
            )


def _told(value: Any) -> str:
    return "unknown" if value is None else str(value)


def _flat(
    new: Dataset, name: str, column: Column, kind: pa.DataType, where: str, notes: list[str]
) -> Change:
    stated = new.schema.columns[name].unit
    given = new.arrow_schema.field(name).type
    if pa.types.is_string(kind) != pa.types.is_string(given):
        words = ["text" if pa.types.is_string(one) else "numbers" for one in (given, kind)]
        raise DataError(f"{where} holds {words[0]}, the dataset's column {words[1]}.")
    _refuse_other_system(stated, column.unit, where)
    if same_unit(stated, column.unit):
        if given == kind:
            return Change(name, kind)
        return Change(name, kind, lambda values: _cast(values, kind, where))
    target = _convertible(stated, column.unit, where, notes)

    def make(values: pa.ChunkedArray) -> pa.Array:
        numbers = values.cast(pa.float64()).to_numpy()
        made = convert(numbers, str(stated), target, where)
        return _cast(pa.array(made, mask=~np.isfinite(made)), kind, where)

    return Change(name, kind, make)


def _cast(values: pa.ChunkedArray | pa.Array, kind: pa.DataType, where: str) -> pa.Array:
    try:
        # double precision to single rounds, which is no fault
        return pc.cast(values, kind, safe=not pa.types.is_floating(kind))
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{where} does not fit the dataset's column of {kind} ({error})."
        ) from error


def _refuse_other_system(stated: str | None, unit: str | None, where: str) -> None:
    """Refuse magnitudes of another photometric system: to astropy `mag` is as good as any."""
    systems = [stated_system(one) for one in (stated, unit)]
    if stated and unit and "mag" in stated and "mag" in unit and systems[0] != systems[1]:
        raise DataError(
            f"{where} has the photometric system {_told(systems[0])}, the dataset's "
            f"{_told(systems[1])}: make them one in the mapping before it is appended."
        )


def _convertible(stated: str | None, unit: str | None, where: str, notes: list[str]) -> str:
    """Refuse a unit that cannot become another; say that it is converted."""
    if stated is None or unit is None:
        raise DataError(
            f"{where} is in {stated or 'no unit'}, the dataset's in {unit or 'none'}: state one "
            "unit for both."
        )
    convert(np.ones(1), stated, unit, where)
    notes.append(f"{where} is converted from {stated} to {unit}.")
    return unit


def _nested(
    new: Dataset, name: str, column: Column, kind: pa.DataType, where: str, notes: list[str]
) -> Change:
    given = new.schema.columns[name].fields
    more = [field for field in given if field not in column.fields]
    less = [field for field in column.fields if field not in given]
    wrong = [*more, *(field for field in less if field not in _OPTIONAL)]
    if wrong:
        has, lacks = ("has", "has not") if wrong[0] in more else ("has no", "has")
        raise DataError(
            f"{where} {has} '{wrong[0]}', which the dataset's column {lacks}: import it with the "
            "same fields."
        )
    if less:
        notes.append(f"{where} has no {join(less)}: not known of what is appended.")
    factors: dict[str, tuple[str, str]] = {}
    for field, unit in column.fields.items():
        _refuse_other_system(given.get(field), unit, f"{field} of {where}")
        if field in given and not same_unit(given[field], unit):
            target = _convertible(given[field], unit, f"{field} of {where}", notes)
            factors[field] = (str(given[field]), target)
    if not factors and not less and new.arrow_schema.field(name).type == kind:
        return Change(name, kind)

    def make(values: pa.ChunkedArray) -> pa.Array:
        if column.role == "visits":
            visits = Visits.from_arrow(values)
            own = _in_units(visits.ragged, column, factors, where)
            return pc.cast(replace(visits, ragged=own).to_arrow(), kind)
        return pc.cast(
            _in_units(Ragged.from_arrow(values), column, factors, where).to_arrow(), kind
        )

    return Change(name, kind, make)


def _in_units(
    ragged: Ragged, column: Column, factors: Mapping[str, tuple[str, str]], where: str
) -> Ragged:
    """Give observations with the dataset's fields, in their order and units."""
    fields = {}
    for field in column.fields:
        if field == NAME or (column.role == "visits" and field == "time"):
            continue  # of a visit, not of its pixels
        values = ragged.fields.get(field)
        if values is None:
            values = unknown_values(field, int(ragged.offsets[-1]))
        elif field in factors:
            made = convert(values, *factors[field], f"{field} of {where}")
            values = made.astype(values.dtype)
        fields[field] = values
    return Ragged(fields, ragged.offsets, ragged.present)
