"""The rows of one partition, made to fit a model; each of them comes out, or its reason does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from skybind.errors import DataError
from skybind.ingest.given_rows import Given
from skybind.ingest.hats_dataset import dataset_of
from skybind.progress import say
from skybind.scale.adapter import Frame, Opened, table_of


class Take(Protocol):
    """What makes a table fit: `Model.take`, or `take_given` of what is wanted."""

    def __call__(self, data: Any, **more: Any) -> Given:
        """Take data, and `units` perhaps."""
        ...


@dataclass(frozen=True)
class Columns:
    """The columns of a catalogue as a task is told of them: hashable, and of plain values.

    Attributes
    ----------
    name : str
        What messages call the catalogue.
    schema : bytes
        An Arrow schema.
    units : str
        JSON: those that the user gave.
    keep : tuple of str
        Columns that stay.
    """

    name: str
    schema: bytes
    units: str
    keep: tuple[str, ...]

    @classmethod
    def of(
        cls, opened: Opened, units: Mapping[str, Any] | None, keep: tuple[str, ...]
    ) -> "Columns":
        """Tell of a catalogue's."""
        schema = opened.schema.serialize().to_pybytes()
        return cls(opened.name, schema, json.dumps(units or {}), keep)

    @property
    def arrow(self) -> pa.Schema:
        """The schema."""
        return pa.ipc.read_schema(pa.py_buffer(self.schema))

    def probe(self, take: Take) -> None:
        """Make one row without observations fit: what is wrong with the columns is raised now.

        What is assumed of the columns, such as a unit, is told.

        Raises
        ------
        DataError
            If nothing in the catalogue can be used, or a unit does not fit.
        """
        schema = self.arrow
        row = pa.table([pa.nulls(1, field.type) for field in schema], schema=schema)
        for note in self._take(row, take).notes:
            say(note)

    def take(self, frame: Frame, take: Take) -> Given:
        """Make the rows of a partition fit, in their order.

        Raises
        ------
        DataError
            If its rows are no objects.
        """
        return self._take(table_of(frame, self.arrow), take)

    def _take(self, table: pa.Table, take: Take) -> Given:
        units = json.loads(self.units)
        own = dataset_of(table, self.name) if not units else None
        given = take(table if own is None else own, **({"units": units} if units else {}))
        if len(given.dataset) != len(table):
            raise DataError(
                f"The rows of the {self.name} are measurements, not objects: nest them first, with "
                "LSDB's join_nested or nest_lists."
            )
        return given
