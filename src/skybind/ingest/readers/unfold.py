"""Tables with a list in each cell, one row an object, made into tables with one value a row."""

from dataclasses import dataclass

import numpy as np

from skybind.errors import DataError
from skybind.ingest.fields import NEEDED
from skybind.ingest.flagged import flag_columns
from skybind.ingest.lists import Lists, lists_of_text, why_unusable
from skybind.ingest.observation_spec import ObservationSpec
from skybind.ingest.readers.tables import Table


@dataclass
class Unfolded:
    """A table with one value a row.

    Attributes
    ----------
    table : Table
        The values of all lists that can be used, one after the other.
    rows : ndarray of int, shape (m,)
        Rows of the folded table that have such lists.
    lengths : ndarray of int, shape (m,)
        Of their lists.
    reasons : dict of int to str
        Rows whose lists cannot be used.
    """

    table: Table
    rows: np.ndarray
    lengths: np.ndarray
    reasons: dict[int, str]


def unfold(table: Table, places: dict[str, str], kind: str) -> Unfolded | None:
    """Unfold the columns of an observation; None if none of them holds lists.

    Lists may be those of Parquet (also in structs), arrays of FITS, VOTable and ECSV, or text such
    as `[1, 2, 3]`. A number beside them, such as the band of a row, holds for the whole list.

    Parameters
    ----------
    table : Table
    places : dict of str to str
        Field -> column; a column that is not there is left out.
    kind : str
        photometry or spectrum.

    Raises
    ------
    DataError
        If some of what is needed are lists and some are not.
    """
    lists: dict[str, Lists] = {}
    for field, column in places.items():
        found = table.lists.get(column)
        if found is None and column in table.columns:
            found = lists_of_text(table.columns[column], first=table.first.get(column))
        if found is not None:
            lists[field] = found
    if not lists:
        return None
    flat = {field: column for field, column in places.items() if column in table.columns}
    flat = {field: column for field, column in flat.items() if field not in lists}
    needed = {field for group in NEEDED.get(kind, ()) for field in group}
    wrong = next((column for field, column in flat.items() if field in needed), None)
    if wrong is not None:
        other = places[next(iter(lists))]
        raise DataError(f"{table.name}: '{wrong}' holds no lists where '{other}' does.")
    reason = why_unusable(lists, places, kind)
    whole = np.max([each.lengths for each in lists.values()], axis=0)
    rows = np.flatnonzero((whole >= 0) & (reason == ""))
    lengths = whole[rows]
    columns = {places[field]: each.of_rows(rows, lengths) for field, each in lists.items()}
    columns |= {column: np.repeat(table.columns[column][rows], lengths) for column in flat.values()}
    known = [*(table.known or table.columns), *table.lists]
    reasons = {row: str(reason[row]) for row in np.flatnonzero(reason != "").tolist()}
    made = Table(table.name, columns, table.units, known=known, notes=table.notes)
    return Unfolded(made, rows, lengths, reasons)


def places_of(spec: ObservationSpec, table: Table) -> dict[str, str]:
    """Give the columns that an observation reads, by field; those of flags by their own names."""
    more = flag_columns(spec, [*table.columns, *table.lists])
    places = {f"column {column}": column for column in more}
    return places | {field: column.column for field, column in spec.fields().items()}


def unfold_one(table: Table, spec: ObservationSpec) -> Table:
    """Unfold a table of one object; of a table with one value a row, that.

    Raises
    ------
    DataError
        If its lists cannot be used, or it holds several spectra.
    """
    unfolded = unfold(table, places_of(spec, table), spec.kind)
    if unfolded is None:
        return table
    if unfolded.reasons:
        raise DataError(f"{table.name}: {next(iter(unfolded.reasons.values()))}.")
    if spec.kind == "spectrum" and len(unfolded.rows) > 1:
        raise DataError(f"{table.name} holds {len(unfolded.rows)} spectra: one is read of a file.")
    unfolded.table.bad_rows = table.bad_rows
    return unfolded.table
