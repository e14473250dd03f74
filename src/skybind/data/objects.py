"""One object of a dataset as people look at it: arrays with units, by name."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skybind.data.schema import DEC, ID, RA, Column, DatasetSchema
from skybind.data.times import time_system
from skybind.errors import DataError
from skybind.ragged import Ragged
from skybind.words import html_facts, nearest

if TYPE_CHECKING:
    from astropy.table import QTable
    from pandas import DataFrame

    from skybind.data.dataset import Dataset


class Observation:
    """One light curve, spectrum or image: its fields are attributes, such as `time` and `flux`.

    A field with a unit is an astropy Quantity, one without an ndarray; those of an image are
    squares of pixels.

    Parameters
    ----------
    object_id : str
    name : str
        The dataset's column.
    column : Column
        What it means.
    fields : dict of str to ndarray
        Flat arrays of one length.
    """

    def __init__(
        self, object_id: str, name: str, column: Column, fields: dict[str, np.ndarray]
    ) -> None:
        self.object_id = object_id
        self.name = name
        self.kind = column.modality or name
        self.units = {field: column.fields.get(field) for field in fields}
        self.attributes = dict(column.attributes)
        self._fields = fields

    def __len__(self) -> int:
        return len(next(iter(self._fields.values())))

    def __getitem__(self, field: str) -> Any:
        if field not in self._fields:
            raise DataError(
                f"{self.name} of {self.object_id} has no '{field}': "
                f"{nearest(field, list(self._fields))}"
            )
        values = self._fields[field]
        if self.kind == "image":
            side = round(len(values) ** 0.5)
            values = values.reshape(side, side)
        if self.units[field] is None or values.dtype.kind not in "fiu":
            return values
        from astropy.units import Quantity

        return Quantity(values, _plain_unit(self.units[field]), copy=False)

    def __getattr__(self, field: str) -> Any:
        if field.startswith("_") or field not in self._fields:
            raise AttributeError(
                f"An observation has no attribute '{field}' "
                f"({nearest(field, list(self.__dict__.get('_fields', {})))})"
            )
        return self[field]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._fields]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._fields)

    def to_table(self) -> "QTable":
        """Return an astropy table of the epochs or pixels, one column a field."""
        from astropy.table import QTable

        flat = {name: np.ravel(self[name]) for name in self}
        return QTable(flat, meta={ID: self.object_id, "observation": self.name, **self.attributes})

    def to_pandas(self) -> "DataFrame":
        """Return a data frame of the epochs or pixels, one column a field. Needs pandas."""
        from skybind.tables import to_pandas

        fields = [
            pa.field(name, pa.array(values).type, metadata=_unit_note(self.units[name]))
            for name, values in self._fields.items()
        ]
        arrays = [pa.array(values) for values in self._fields.values()]
        return to_pandas(pa.Table.from_arrays(arrays, schema=pa.schema(fields)))

    def _facts(self) -> dict[str, str]:
        facts = {}
        for name, unit in self.units.items():
            facts[name] = f"[{unit}]" if unit else ""
        return facts

    def __repr__(self) -> str:
        fields = ", ".join(f"{name} {unit}".strip() for name, unit in self._facts().items())
        return f"<{self.name} of {self.object_id}: {_size(self.kind, len(self))}; {fields}>"

    def _repr_html_(self) -> str:
        title = f"{self.name} of {self.object_id}: {_size(self.kind, len(self))}"
        return html_facts(title, self._facts())


class SkyObject:
    """One object of a dataset: its observations and the row of the catalogue are attributes.

    Observations are read when they are asked for; one that the object has not is None. Where it
    may have several of a kind, `spectrum` is the first and `spectrum_visits` the list of all.

    Parameters
    ----------
    dataset : Dataset
    row : int
    """

    def __init__(self, dataset: "Dataset", row: int) -> None:
        self._dataset = dataset
        self._row = row
        self._observed: dict[str, Any] = {}

    @cached_property
    def _flat(self) -> dict[str, Any]:
        """The row of the catalogue, as Python has it; None where there is nothing."""
        columns = [name for name, column in self._schema.columns.items() if not column.nested]
        found: dict[str, Any] = self._dataset.table(columns, np.array([self._row])).to_pylist()[0]
        return found

    @property
    def _schema(self) -> DatasetSchema:
        return self._dataset.schema

    @property
    def object_id(self) -> str:
        """Name of the object."""
        return str(self._flat[ID])

    @property
    def modalities(self) -> list[str]:
        """What it was observed in."""
        seen = [name for name in self._schema.observations if self[name] is not None]
        return seen + [name for name in self._schema.catalogues if self._catalogue(name)]

    @property
    def metadata(self) -> dict[str, Any]:
        """Features of the catalogue that it has, with their units."""
        return self._catalogue("metadata")

    def _catalogue(self, group: str) -> dict[str, Any]:
        found = {name: self[name] for name in self._schema.features(group)}
        return {name: value for name, value in found.items() if value is not None}

    def __getitem__(self, name: str) -> Any:
        if name not in self._schema.columns:
            if name in self._schema.catalogues:
                return self._catalogue(name)
            names = [*self._schema.columns, *self._schema.catalogues]
            raise DataError(
                f"The dataset at {self._dataset.path} has no column '{name}': "
                f"{nearest(name, names)}"
            )
        if self._schema.columns[name].nested:
            if name not in self._observed:
                self._observed[name] = self._read(name)
            return self._observed[name]
        value, unit = self._flat[name], self._schema.columns[name].unit
        if not unit or not isinstance(value, int | float):
            return value
        from astropy.units import Quantity

        return Quantity(value, _plain_unit(unit))

    def __getattr__(self, name: str) -> Any:
        known = [] if name.startswith("_") else [*self._schema.columns, *self._schema.catalogues]
        if name not in known:
            raise AttributeError(f"An object has no attribute '{name}' ({nearest(name, known)})")
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._schema.columns)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._schema.columns, *self._schema.catalogues]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._schema.columns)

    def _read(self, name: str) -> "Observation | list[Observation] | None":
        column = self._schema.columns[name]
        if column.role == "visits":
            return self._read_visits(str(column.modality), column)
        ragged = self._dataset.ragged(name, np.array([self._row]))
        return observation_of(self._dataset, name, ragged, 0, self.object_id)

    def _read_visits(self, observation: str, column: Column) -> list[Observation]:
        """All observations of a kind, in the order of the visits; their times are attributes."""
        visits = self._dataset.visits(observation, np.array([self._row]))
        own = self._schema.columns[observation]
        found = []
        for i, (visit, time) in enumerate(zip(visits.name, visits.time.tolist(), strict=True)):
            said = {**own.attributes, **column.attributes, "visit": str(visit)}
            said |= {"time": time} if np.isfinite(time) else {}
            fields = visits.ragged.take(np.array([i])).fields
            found.append(
                Observation(self.object_id, observation, replace(own, attributes=said), fields)
            )
        return found

    def _facts(self) -> dict[str, str]:
        facts = {}
        for name, column in self._schema.columns.items():
            if column.role == "observation" and self[name] is not None:
                facts[name] = _size(column.modality or name, len(self[name]))
            elif column.role in ("label", "target") and self._flat[name] is not None:
                facts[name] = f"{self[name]}"
        for name in self._schema.catalogues:
            if values := self._catalogue(name):
                facts[name] = f"{len(values)} numbers"
        place = [self._flat.get(axis) for axis in (RA, DEC)]
        if None not in place:
            facts["position"] = f"ra {place[0]:.5f}, dec {place[1]:+.5f} deg"
        return facts

    def __repr__(self) -> str:
        facts = ", ".join(f"{name} {text}" for name, text in self._facts().items())
        return f"<{self.object_id}: {facts or 'no observations'}>"

    def _repr_html_(self) -> str:
        return html_facts(self.object_id, self._facts())


def observation_of(
    dataset: "Dataset", name: str, ragged: Ragged, place: int, object_id: str
) -> Observation | None:
    """Take one object of a column of observations; None where it was not observed."""
    if not ragged.present[place]:
        return None
    fields = ragged.take(np.array([place])).fields
    return Observation(object_id, name, dataset.schema.columns[name], fields)


def _plain_unit(unit: str | None) -> str | None:
    """The unit as astropy knows it: days for Julian dates, which it has none for."""
    return "d" if time_system(unit) is not None else unit


def _unit_note(unit: str | None) -> dict[str, str] | None:
    return None if unit is None else {"unit": unit}


def _size(kind: str, n: int) -> str:
    if kind == "image":
        side = round(n**0.5)
        return f"{side} x {side} pixels"
    return f"{n:,} {'epochs' if kind == 'photometry' else 'pixels'}"
