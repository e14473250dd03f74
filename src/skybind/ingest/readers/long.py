"""Long tables: one row an epoch or pixel, joined to the objects on an id."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.ingest.mapping import ObservationSpec
from skybind.ingest.observed import Stored, observation_fields, settle
from skybind.ingest.readers.tables import read_bytes, read_table
from skybind.ingest.readers.unfold import unfold
from skybind.ingest.readers.values import texts
from skybind.ragged import Ragged

UNKNOWN_OBJECT = "no such object in the table of objects"


Rows = list[dict[str, str]]


def read_long(
    spec: ObservationSpec, base: Path, modality: str, object_id: np.ndarray
) -> tuple[Ragged, Rows, Stored]:
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
    stored : Stored
        How the fields are kept.
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
    names = texts(table[spec.id])
    quarantine = [_row("", spec.file, modality, sentence) for sentence in table.bad_rows]
    place, lost = _places(names, object_id)
    quarantine += [_row(name, spec.file, modality, reason) for name, reason in lost]
    places = {field: column.column for field, column in spec.fields().items()}
    unfolded = unfold(table, places, spec.kind)
    rows, lengths = np.arange(len(names)), np.ones(len(names), np.int64)
    if unfolded is not None:
        table, rows, lengths = unfolded.table, unfolded.rows, unfolded.lengths
        quarantine += [
            _row(names[row], spec.file, modality, reason)
            for row, reason in unfolded.reasons.items()
        ]
    stored = settle(spec, table)
    fields = observation_fields(table, spec, stored)
    own = place[rows]
    if unfolded is not None and spec.kind == "spectrum":
        _, first = np.unique(own, return_index=True)
        again = np.isin(np.arange(len(own)), first, invert=True) & (own >= 0)
        quarantine += [
            _row(
                names[row], spec.file, modality, f"a second spectrum of the object (row {row + 1})"
            )
            for row in rows[again].tolist()
        ]
        own = np.where(again, -1, own)
    owner = np.repeat(own, lengths)
    order = np.argsort(owner, kind="stable")
    order = order[owner[order] >= 0]
    counts = np.bincount(owner[order], minlength=len(object_id))
    present = np.isin(np.arange(len(object_id)), own)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    flat = {name: values[order] for name, values in fields.items()}
    return Ragged(flat, offsets, present), quarantine, stored


def _places(names: np.ndarray, object_id: np.ndarray) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Find the object of each name, -1 for none; second, names without an object, and why."""
    wanted = pa.array(names.tolist(), pa.string())
    place = pc.index_in(wanted, value_set=pa.array(object_id.tolist(), pa.string()))
    lost = []
    for entry in wanted.filter(place.is_null()).value_counts().to_pylist():
        n = f"{entry['counts']} row{'s' if entry['counts'] > 1 else ''}"
        reason = f"{n} without an id" if entry["values"] == "" else f"{UNKNOWN_OBJECT} ({n})"
        lost.append((entry["values"], reason))
    return place.fill_null(-1).to_numpy().astype(np.int64), lost


class LongTable:
    """A long table, read whole; parameters as of `read_long`.

    Attributes
    ----------
    quarantine : list of dict
        See `read_long`.
    stored : Stored
        How the fields are kept.
    """

    def __init__(
        self, spec: ObservationSpec, base: Path, modality: str, object_id: np.ndarray
    ) -> None:
        self.file = str(spec.file)
        self._whole, self.quarantine, self.stored = read_long(spec, base, modality, object_id)

    def read(self, rows: np.ndarray, object_id: np.ndarray) -> tuple[Ragged, Rows]:
        """Give the observations of some objects."""
        return self._whole.take(rows), []

    def source(self, row: int) -> str:
        """Where the observation of an object comes from, for the quarantine."""
        return self.file


def _row(object_id: str, source: str, modality: str, reason: str) -> dict[str, str]:
    return {"object_id": object_id, "source": source, "modality": modality, "reason": reason}
