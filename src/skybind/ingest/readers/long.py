"""Long tables: one row an epoch or pixel, joined to the objects on an id."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.units import convert, stored_unit
from skybind.errors import ConfigError, DataError
from skybind.ingest.fields import field_values, typed, unknown_values
from skybind.ingest.mapping import ObservationSpec
from skybind.ingest.readers.registry import Fields
from skybind.ingest.readers.tables import Table, read_bytes, read_table
from skybind.ingest.readers.values import texts
from skybind.ragged import Ragged

UNKNOWN_OBJECT = "no such object in the table of objects"


# Fields that mean nothing without a unit, and the usual one
EXAMPLE_UNITS = {
    "photometry": {"time": "d", "flux": "mJy", "magnitude": "mag"},
    "spectrum": {"wavelength": "Angstrom"},
}


Rows = list[dict[str, str]]


def read_long(
    spec: ObservationSpec, base: Path, modality: str, object_id: np.ndarray
) -> tuple[Ragged, Rows]:
    """Read a long table whole and give every object its rows, in the table's order.

    Parameters
    ----------
    spec : ObservationSpec
    base : Path
        Folder that the mapping's paths are relative to.
    modality : str
        Name of the observation, for the quarantine.
    object_id : ndarray of str, shape (n,)

    Returns
    -------
    Ragged
        Of n objects; one without any row is absent.
    quarantine : list of dict
        Ids that no object has, and rows that could not be read.
    """
    assert spec.file is not None
    assert spec.id is not None
    band = [spec.fields()["band"].column] if "band" in spec.fields() else []
    wanted = [spec.id, *(column.column for column in spec.fields().values())]
    table = read_table(
        read_bytes(base / spec.file),
        spec.file,
        text=[spec.id, *band],
        columns=wanted,
        **spec.table_options(),
    )
    names = pa.array(texts(table[spec.id]).tolist(), pa.string())
    fields = observation_fields(table, spec)
    place = pc.index_in(names, value_set=pa.array(object_id.tolist(), pa.string()))
    owner = place.fill_null(-1).to_numpy().astype(np.int64)
    quarantine = [_row("", spec.file, modality, sentence) for sentence in table.bad_rows]
    for entry in names.filter(place.is_null()).value_counts().to_pylist():
        n = f"{entry['counts']} row{'s' if entry['counts'] > 1 else ''}"
        reason = f"{n} without an id" if entry["values"] == "" else f"{UNKNOWN_OBJECT} ({n})"
        quarantine.append(_row(entry["values"], spec.file, modality, reason))
    order = np.argsort(owner, kind="stable")
    order = order[owner[order] >= 0]
    counts = np.bincount(owner[order], minlength=len(object_id))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    flat = {name: values[order] for name, values in fields.items()}
    return Ragged(flat, offsets, counts > 0), quarantine


class LongTable:
    """A long table, read whole; parameters as of `read_long`.

    Attributes
    ----------
    quarantine : list of dict
        See `read_long`.
    """

    def __init__(
        self, spec: ObservationSpec, base: Path, modality: str, object_id: np.ndarray
    ) -> None:
        self.file = str(spec.file)
        self._whole, self.quarantine = read_long(spec, base, modality, object_id)

    def read(self, rows: np.ndarray, object_id: np.ndarray) -> tuple[Ragged, Rows]:
        """Give the observations of some objects."""
        return self._whole.take(rows), []

    def source(self, row: int) -> str:
        """Where the observation of an object comes from, for the quarantine."""
        return self.file


def observation_fields(table: Table, spec: ObservationSpec) -> Fields:
    """Fields of an observation from a table: in the units and types of a dataset.

    Raises
    ------
    DataError
        If a column is not there.
    ConfigError
        If a unit cannot be converted.
    """
    fields: Fields = {}
    for name, column in spec.fields().items():
        if column.optional and column.column not in table.columns:
            fields[name] = unknown_values(name, len(table))
            continue
        values = field_values(name, table[column.column], column.missing)
        if name in ("band", "mask"):
            fields[name] = values
            continue
        declared = spec.declared_unit(name)
        unit = declared if column.unit is not None else table.units.get(column.column, declared)
        target = stored_unit(spec.kind, name, declared)
        where = f"{table.name}, column '{column.column}' ({name})"
        if unit is None and name in EXAMPLE_UNITS[spec.kind]:
            example = EXAMPLE_UNITS[spec.kind][name]
            raise ConfigError(f"{where} has no unit: add one to the mapping, e.g. unit: {example}.")
        if unit is not None and target is not None and target != unit:
            try:
                values = convert(values, unit, target, where)
            except ConfigError as error:
                if column.unit is not None:
                    raise
                raise DataError(str(error)) from None  # the file's own unit, not the mapping's
        fields[name] = typed(name, values)
    return fields


def _row(object_id: str, source: str, modality: str, reason: str) -> dict[str, str]:
    return {"object_id": object_id, "source": source, "modality": modality, "reason": reason}
