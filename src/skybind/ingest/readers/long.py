"""Long tables: one row an epoch or pixel, joined to the objects on an id."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skybind.ingest.flagged import columns_read
from skybind.ingest.name_column import Names
from skybind.ingest.names import object_names, places_of_names
from skybind.ingest.observation_spec import ObservationSpec, SpectrumSpec
from skybind.ingest.observed import Stored, observation_fields, settle
from skybind.ingest.plan import quarantine_row
from skybind.ingest.readers.parts import read_parts
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.unfold import Unfolded, places_of, unfold
from skybind.ingest.readers.values import numbers
from skybind.ingest.visits import RowVisits, row_visits, unit_of_visits
from skybind.ragged import Ragged, offsets_of
from skybind.visits import Visits

UNKNOWN_OBJECT = "no such object in the table of objects"
NO_OBJECT_NEAR = "a source that belongs to no object by its position"

#: Names of no object that are kept of a table.
NAMED = 100_000

Rows = list[dict[str, str]]


def read_long(
    spec: ObservationSpec, base: Path, modality: str, object_id: np.ndarray | Names
) -> tuple[Ragged | Visits, Rows, Stored]:
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
    Ragged or Visits
        Of n objects; one without any row is absent.
    quarantine : list of dict
        Ids that no object has, and rows that could not be read.
    stored : Stored
        How the fields are kept.
    """
    assert spec.file is not None
    assert spec.id is not None
    table = read_parts(spec, base, **long_options(spec))
    names = object_names(table[spec.id], f"{spec.file}, column '{spec.id}'")
    quarantine = [quarantine_row("", spec.file, modality, why) for why in table.bad_rows]
    place = places_of_names(names, object_id, f"{modality}, {spec.file}")
    unknown = Unknown(unknown_object(spec))
    unknown.add(Counter(names[place < 0].tolist()))
    found = bind_rows(table, spec, place, len(object_id))
    lost = [*unknown.reasons(), *((object_id[row], reason) for row, reason in found.lost)]
    quarantine += [quarantine_row(name, spec.file, modality, reason) for name, reason in lost]
    return found.ragged, quarantine, found.stored


def long_options(spec: ObservationSpec) -> dict[str, list[str]]:
    """Tell the columns that are read of a long table, and those of them that are text."""
    band = [spec.fields()["band"].column] if "band" in spec.fields() else []
    visit = visit_of(spec)
    columns = [str(spec.id), *columns_read(spec), *([] if visit is None else [visit])]
    return {"text": [str(spec.id), *band], "columns": columns}


def visit_of(spec: ObservationSpec) -> str | None:
    """Column that tells several spectra of an object apart."""
    if isinstance(spec, SpectrumSpec) and spec.visit is not None:
        return spec.visit.column
    return None


class Bound(NamedTuple):
    """Rows of a long table, bound to their objects.

    Attributes
    ----------
    ragged : Ragged or Visits
        Of all objects.
    lost : list of (int, str)
        Objects of which something cannot be used, and why.
    stored : Stored
        How the fields are kept.
    """

    ragged: Ragged | Visits
    lost: list[tuple[int, str]]
    stored: Stored


def bind_rows(
    table: Table,
    spec: ObservationSpec,
    place: np.ndarray,
    objects: int,
    whole: "Whole | None" = None,
) -> Bound:
    """Give every object its rows, in the table's order.

    Parameters
    ----------
    table : Table
    spec : ObservationSpec
    place : ndarray of int, shape (rows,)
        Object of each row, -1 for none.
    objects : int
    whole : Whole, optional
        Where these are some rows of a longer table.
    """
    unfolded = unfold(table, places_of(spec, table), spec.kind)
    visits = _visits(table, spec, place, whole, each=unfolded is not None)
    if visits is not None:
        found = _bind(table, unfolded, spec, visits.place, len(visits.owner), whole)
        assert isinstance(found.ragged, Ragged)
        counts = np.bincount(visits.owner, minlength=objects)
        bound = Visits(found.ragged, offsets_of(counts), visits.name, visits.time)
        lost = [
            (int(visits.owner[row]), f"{why} (visit {visits.name[row]})") for row, why in found.lost
        ]
        lost += visits.untimed()
        return Bound(bound, lost, found.stored)
    return _bind(table, unfolded, spec, place, objects, whole)


def _visits(
    table: Table, spec: ObservationSpec, place: np.ndarray, whole: "Whole | None", each: bool
) -> RowVisits | None:
    """Tell the visits of the rows apart, where a column does; perhaps each row is one."""
    column = visit_of(spec)
    if column is None:
        return None
    assert isinstance(spec, SpectrumSpec)
    assert spec.visit is not None
    as_text = whole.visits_are_text if whole is not None else visits_are_text(table[column])
    unit = unit_of_visits(spec.visit, table.units.get(column))
    where = f"{table.name}, column '{column}' (visit)"
    return row_visits(place, table[column], unit, where, as_text=as_text, each=each)


def _bind(
    table: Table,
    unfolded: Unfolded | None,
    spec: ObservationSpec,
    place: np.ndarray,
    objects: int,
    whole: "Whole | None",
) -> "Bound":
    at = np.arange(len(table)) if whole is None else whole.numbers
    table, own, lengths, lost = _unfolded(table, unfolded, spec, place, at)
    stored = settle(spec, table) if whole is None else whole.stored
    fields = observation_fields(table, spec, stored)
    owner = np.repeat(own, lengths)
    order = np.argsort(owner, kind="stable")
    order = order[owner[order] >= 0]
    counts = np.bincount(owner[order], minlength=objects)
    present = np.isin(np.arange(objects), own)
    offsets = offsets_of(counts)
    flat = {name: values[order] for name, values in fields.items()}
    return Bound(Ragged(flat, offsets, present), lost, stored)


@dataclass(frozen=True)
class Whole:
    """What is known of a whole table, where some rows of it are bound.

    Attributes
    ----------
    stored : Stored
        How the fields are kept.
    visits_are_text : bool
        Whether visits are ordered as text.
    numbers : ndarray of int, shape (rows,)
        Which rows of the whole these are.
    """

    stored: Stored
    visits_are_text: bool
    numbers: np.ndarray


def _unfolded(
    table: Table,
    unfolded: Unfolded | None,
    spec: ObservationSpec,
    place: np.ndarray,
    at: np.ndarray,
) -> tuple[Table, np.ndarray, np.ndarray, list[tuple[int, str]]]:
    """Give a table with one value a row.

    Second, the object of each of its lists (or rows), -1 for none; third, how long each is; fourth,
    the objects of which something cannot be used, and why.
    """
    if unfolded is None:
        return table, place, np.ones(len(place), np.int64), []
    own = place[unfolded.rows]
    lost = [(int(place[row]), why) for row, why in unfolded.reasons.items() if place[row] >= 0]
    if spec.kind == "spectrum":
        _, first = np.unique(own, return_index=True)
        again = np.isin(np.arange(len(own)), first, invert=True) & (own >= 0)
        lost += [
            (int(place[row]), f"a second spectrum of the object (row {at[row] + 1})")
            for row in unfolded.rows[again].tolist()
        ]
        own = np.where(again, -1, own)
    return unfolded.table, own, unfolded.lengths, lost


def unknown_object(spec: ObservationSpec) -> str:
    """Say why an observation has no object."""
    return UNKNOWN_OBJECT if spec.join is None else NO_OBJECT_NEAR


class Unknown:
    """Rows of names that no object has, counted.

    Of a whole survey beside a few objects not all names are kept: the rows of those beyond the
    first `NAMED` are counted together.

    Parameters
    ----------
    why : str
        Why they have no object (`unknown_object`).
    """

    def __init__(self, why: str) -> None:
        self.why = why
        self._rows: dict[str, int] = {}
        self._more = 0

    def add(self, rows: Mapping[str, int]) -> None:
        """Count rows of some names."""
        for name, n in rows.items():
            if name in self._rows or not name or len(self._rows) < NAMED:
                self._rows[name] = self._rows.get(name, 0) + n
            else:
                self._more += n

    def reasons(self) -> list[tuple[str, str]]:
        """Give the names, and why they cannot be used."""
        made = []
        for name, n in self._rows.items():
            rows = f"{n} row{'s' if n > 1 else ''}"
            made.append((name, f"{self.why} ({rows})" if name else f"{rows} without an id"))
        if self._more:
            made.append(("", f"{self.why}: {self._more:,} rows of more names than are listed"))
        return made


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
        self, spec: ObservationSpec, base: Path, modality: str, object_id: np.ndarray | Names
    ) -> None:
        self.file = str(spec.file)
        self._whole, self.quarantine, self.stored = read_long(spec, base, modality, object_id)

    def read(self, rows: np.ndarray, object_id: np.ndarray | Names) -> tuple[Ragged | Visits, Rows]:
        """Give the observations of some objects."""
        return self._whole.take(rows), []

    @property
    def observed(self) -> np.ndarray:
        """Which objects have rows, shape (n,)."""
        return self._whole.present

    def source(self, row: int) -> str:
        """Where the observation of an object comes from, for the quarantine."""
        return self.file


def visits_are_text(visit: np.ndarray) -> bool:
    """Whether some visits are no numbers, so that all are ordered as text."""
    return bool(numbers(visit)[1].any())
