"""What an astronomer holds, made to fit a model: datasets, tables, files, single observations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.schema import DEC, ID, RA, DatasetSchema, same_attribute
from skybind.data.sources import Change, ChangedSource
from skybind.errors import DataError
from skybind.ingest.wanted import (
    Fitted,
    Wanted,
    fit_fields,
    fitted_schema,
    in_unit,
    wanted_modalities,
)
from skybind.ragged import Ragged
from skybind.words import join


@dataclass
class Given:
    """What was given, made to fit a model: its columns, in its units, rows in the order given.

    Attributes
    ----------
    dataset : Dataset
        On disk (read as it is asked for) or in memory; `path` names what was given.
    reasons : dict of str to ndarray of str, shape (n,)
        Modality -> why a row's observation could not be read or used; "" otherwise.
    notes : list of str
        What was assumed, converted or left out, in sentences.
    """

    dataset: Dataset
    reasons: dict[str, np.ndarray]
    notes: list[str]


def take_given(
    data: Any = None, *, schema: DatasetSchema, kinds: Mapping[str, tuple[str, str]]
) -> Given:
    """Make anything that holds observations fit a model.

    Parameters
    ----------
    data : str, Path or Dataset
        A dataset or its folder.
    schema : DatasetSchema
        Of the columns that the model reads, as it was made for them (`DatasetSchema.from_note`,
        `select`).
    kinds : mapping of str to (str, str)
        Modality -> its kind and its column.

    Returns
    -------
    Given

    Raises
    ------
    DataError
        If nothing in it can be used, or a column's unit does not fit.
    """
    wanted = wanted_modalities(schema, kinds)
    if isinstance(data, str | Path):
        data = Dataset.open(data)
    return _take_dataset(data, wanted)


def _take_dataset(dataset: Dataset, wanted: Mapping[str, Wanted]) -> Given:
    """Give a dataset whose columns are converted as they are read."""
    where = f"The dataset at {dataset.path}"
    changes = {ID: Change(ID, pa.string())}
    for name in (RA, DEC):
        there = name in dataset.arrow_schema.names
        changes[name] = Change(name if there else None, pa.float64())
    notes: list[str] = []
    units: dict[str, dict[str, str | None]] = {}
    absent = []
    for name, modality in wanted.items():
        found = False
        if modality.fields:
            column = _column_of(dataset, modality, notes)
            changes[modality.column], fitted = _observation_change(dataset, modality, column)
            units[modality.column] = fitted.units
            notes += fitted.notes
            found = column is not None
        for feature, unit in modality.features.items():
            changes[feature] = _feature_change(dataset, feature, unit, notes)
            found |= not modality.fields and changes[feature].column is not None
        lacking = [f for f in modality.features if changes[f].column is None]
        if not found:
            absent.append(name)
        elif lacking:
            notes.append(lacks(where, lacking, name))
    if len(absent) == len(wanted):
        raise DataError(
            f"{where} has none of {join([m.column for m in wanted.values()])} (it has "
            f"{', '.join(dataset.schema.modalities) or 'no observations'})."
        )
    if absent:
        notes.append(f"{where} has no {join(absent)}: no object counts as observed there.")
    schema = fitted_schema(
        wanted.values(), units, dataset.schema.provenance, dataset.schema.simulated
    )
    made = Dataset(dataset.path, schema, ChangedSource(dataset.source, changes))
    nothing = np.full(len(dataset), "", object)
    return Given(made, dict.fromkeys(wanted, nothing), notes)


def _column_of(dataset: Dataset, wanted: Wanted, notes: list[str]) -> str | None:
    """Find the observations for a modality: by its column, or else the only ones of its kind."""
    columns = dataset.schema.columns
    if wanted.column in dataset.schema.observations:
        return wanted.column
    alike = [c for c in dataset.schema.observations if (columns[c].modality or c) == wanted.kind]
    if len(alike) != 1:
        if alike:
            notes.append(
                f"The dataset at {dataset.path} has {join(alike)}, which could each be the "
                f"model's {wanted.column}: none is taken."
            )
        return None
    notes.append(f"{alike[0]} of the dataset at {dataset.path} is read as {wanted.column}.")
    return alike[0]


def _observation_change(
    dataset: Dataset, wanted: Wanted, column: str | None
) -> tuple[Change, Fitted]:
    """Tell how a column of observations is made to fit; what does not fit is refused here."""
    if column is None:
        none = Fitted({}, dict(wanted.fields), [])
        return Change(None, _struct_of(none.units)), none
    where = f"{column} of the dataset at {dataset.path}"
    units = dataset.schema.fields(column)
    attributes = dataset.schema.attributes(column)
    for name, value in wanted.attributes.items():
        if name in attributes and not same_attribute(value, attributes[name]):
            raise DataError(
                f"{where} has the {name} {attributes[name]}, the model was made for {value}."
            )
    empty = {name: np.zeros(0, object if name == "band" else float) for name in units}
    fitted = fit_fields(empty, units, wanted, where)
    kind = dataset.arrow_schema.field(column).type
    own = {kind.field(i).name: units.get(kind.field(i).name) for i in range(kind.num_fields)}
    if own == fitted.units:
        return Change(column, kind), fitted

    def make(values: pa.ChunkedArray) -> pa.Array:
        ragged = Ragged.from_arrow(values)
        fields = fit_fields(ragged.fields, units, wanted, where).fields
        return Ragged(fields, ragged.offsets, ragged.present).to_arrow()

    return Change(column, _struct_of(fitted.units), make), fitted


def _feature_change(dataset: Dataset, name: str, unit: str | None, notes: list[str]) -> Change:
    if name not in dataset.arrow_schema.names:
        return Change(None, pa.float64())
    stated, where = dataset.schema.columns[name].unit, f"{name} of the dataset at {dataset.path}"
    in_unit(np.ones(1), stated, unit, where)
    if (stated is None and unit) or (unit is None and stated):
        notes.append(f"{where} is taken as in {unit or 'no unit'} (it states {stated or 'none'}).")

    def make(values: pa.ChunkedArray) -> pa.Array:
        numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return pa.array(in_unit(numbers, stated, unit, where), pa.float64(), from_pandas=True)

    return Change(name, pa.float64(), make)


def lacks(where: str, features: Sequence[str], modality: str) -> str:
    """Say which features a model has to do without."""
    return (
        f"{where} lacks {', '.join(features)}, which the model's {modality} reads: the mean of the "
        "training objects stands in."
    )


def _struct_of(units: Mapping[str, str | None]) -> pa.DataType:
    kinds: dict[str, pa.DataType] = {"time": pa.float64(), "band": pa.string(), "mask": pa.bool_()}
    return pa.struct([(name, pa.list_(kinds.get(name, pa.float32()))) for name in units])
