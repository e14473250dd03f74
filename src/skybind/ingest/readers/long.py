"""Long tables: one row an epoch or pixel, joined to the objects on an id."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.ingest.mapping import ObservationSpec, SpectrumSpec
from skybind.ingest.names import object_names, refuse_no_common_name
from skybind.ingest.observed import Stored, columns_read, observation_fields, settle
from skybind.ingest.readers.parts import read_parts
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.unfold import places_of, unfold
from skybind.ingest.readers.values import numbers, texts
from skybind.ragged import Ragged

UNKNOWN_OBJECT = "no such object in the table of objects"
NO_OBJECT_NEAR = "a source that belongs to no object by its position"


Rows = list[dict[str, str]]


#: Names of objects, and why what is of them cannot be used.
Lost = list[tuple[str, str]]


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
    wanted = [spec.id, *columns_read(spec)]
    visit = spec.visit if isinstance(spec, SpectrumSpec) else None
    wanted += [] if visit is None else [visit]
    table = read_parts(spec, base, text=[spec.id, *band], columns=wanted)
    names = object_names(table[spec.id], f"{spec.file}, column '{spec.id}'")
    quarantine = [_row("", spec.file, modality, sentence) for sentence in table.bad_rows]
    place, lost = _places(names, object_id, unknown_object(spec))
    if len(object_id) and len(names) and not (place >= 0).any():
        refuse_no_common_name(f"{modality}, {spec.file}", names, object_id)
    if visit is not None:
        place, several = _first_visits(place, table[visit])
        taken = "of its {} spectra the first by '{}' is taken"
        lost += [(object_id[row], taken.format(n, visit)) for row, n in several.items()]
    table, own, lengths, more = _unfolded(table, spec, names, place)
    quarantine += [_row(name, spec.file, modality, reason) for name, reason in lost + more]
    stored = settle(spec, table)
    fields = observation_fields(table, spec, stored)
    owner = np.repeat(own, lengths)
    order = np.argsort(owner, kind="stable")
    order = order[owner[order] >= 0]
    counts = np.bincount(owner[order], minlength=len(object_id))
    present = np.isin(np.arange(len(object_id)), own)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    flat = {name: values[order] for name, values in fields.items()}
    return Ragged(flat, offsets, present), quarantine, stored


def _unfolded(
    table: Table, spec: ObservationSpec, names: np.ndarray, place: np.ndarray
) -> tuple[Table, np.ndarray, np.ndarray, Lost]:
    """Give a table with one value a row.

    Second, the object of each of its lists (or rows), -1 for none; third, how long each is; fourth,
    what cannot be used, and why.
    """
    unfolded = unfold(table, places_of(spec, table), spec.kind)
    if unfolded is None:
        return table, place, np.ones(len(names), np.int64), []
    own = place[unfolded.rows]
    lost = [(names[row], reason) for row, reason in unfolded.reasons.items()]
    if spec.kind == "spectrum":
        _, first = np.unique(own, return_index=True)
        again = np.isin(np.arange(len(own)), first, invert=True) & (own >= 0)
        lost += [
            (names[row], f"a second spectrum of the object (row {row + 1})")
            for row in unfolded.rows[again].tolist()
        ]
        own = np.where(again, -1, own)
    return unfolded.table, own, unfolded.lengths, lost


def unknown_object(spec: ObservationSpec) -> str:
    """Say why an observation has no object."""
    return UNKNOWN_OBJECT if spec.join is None else NO_OBJECT_NEAR


def _places(names: np.ndarray, object_id: np.ndarray, unknown: str) -> tuple[np.ndarray, Lost]:
    """Find the object of each name, -1 for none; second, names without an object, and why."""
    wanted = pa.array(names.tolist(), pa.string())
    place = pc.index_in(wanted, value_set=pa.array(object_id.tolist(), pa.string()))
    lost = []
    for entry in wanted.filter(place.is_null()).value_counts().to_pylist():
        n = f"{entry['counts']} row{'s' if entry['counts'] > 1 else ''}"
        reason = f"{n} without an id" if entry["values"] == "" else f"{unknown} ({n})"
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

    @property
    def observed(self) -> np.ndarray:
        """Which objects have rows, shape (n,)."""
        return self._whole.present

    def source(self, row: int) -> str:
        """Where the observation of an object comes from, for the quarantine."""
        return self.file


def _first_visits(owner: np.ndarray, visit: np.ndarray) -> tuple[np.ndarray, dict[int, int]]:
    """Rows of the first visit of each object (the others get the owner -1), and numbers of visits.

    The first is the smallest number, or of text the first in the alphabet.
    """
    values, bad = numbers(visit)
    _, code = np.unique(texts(visit).astype(str) if bad.any() else values, return_inverse=True)
    mine = owner >= 0
    pairs = np.unique(np.stack([owner[mine], code[mine]]), axis=1)
    rows, first, counts = np.unique(pairs[0], return_index=True, return_counts=True)
    smallest = np.full(int(owner.max(initial=-1)) + 1, -1)
    smallest[rows] = pairs[1][first]
    taken = mine & (code == smallest[np.maximum(owner, 0)]) if len(smallest) else mine
    several = {int(row): int(n) for row, n in zip(rows, counts, strict=True) if n > 1}
    return np.where(taken, owner, -1), several


def _row(object_id: str, source: str, modality: str, reason: str) -> dict[str, str]:
    return {"object_id": object_id, "source": source, "modality": modality, "reason": reason}
