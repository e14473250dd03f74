"""More tables of the same objects, joined to the table of objects by name."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from skybind.errors import DataError
from skybind.ingest.mapping import JoinSpec, ObjectsSpec
from skybind.ingest.names import first_rows, object_names
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.values import with_missing
from skybind.ingest.readers.whole import read_whole


def join_tables(
    objects: Table, spec: ObjectsSpec, base: Path, text: Sequence[str], columns: Sequence[str]
) -> tuple[list[str], list[tuple[str, str]]]:
    """Give the table of objects the columns of the other tables that a mapping names.

    Each object gets the row of its name; without one its cells are missing. Of rows of one name
    the first counts.

    Parameters
    ----------
    objects : Table
        Gets the columns.
    spec : ObjectsSpec
        Names the tables.
    base : Path
        Folder that the mapping's paths are relative to.
    text : sequence of str
        Columns to read as text, prefix included.
    columns : sequence of str
        All columns that are wanted, prefix included.

    Returns
    -------
    notes : list of str
        How many objects have a row, and which rows do not count.
    bad_rows : list of (str, str)
        Files, and sentences about rows that could not be read.

    Raises
    ------
    DataError
        If a table cannot be read, no object has a row in it, or two tables have a column of one
        name that is wanted.
    """
    notes, bad = [], []
    for join in spec.join:
        as_text = [join.id, *(name.removeprefix(join.prefix) for name in text)]
        own = [join.id, *(name.removeprefix(join.prefix) for name in columns)]
        other = read_whole(join, base, text=as_text, nested=False, columns=own)
        bad += [(join.file, sentence) for sentence in other.bad_rows]
        match = join.match or spec.id
        wanted = object_names(objects[match], f"{spec.file}, column '{match}'")
        names = object_names(other[join.id], f"{join.file}, column '{join.id}'")
        place, note = _places(wanted, names, join)
        notes.append(note)
        taken = {join.prefix + column: column for column in other.columns if column != join.id}
        twice = next((name for name in taken if name in objects.columns), None)
        if twice is not None:
            raise DataError(
                f"'{twice}' is a column of {join.file} and of a table before it: give the columns "
                "of one a prefix (prefix: NAME_)."
            )
        for name, column in taken.items():
            objects.columns[name] = _taken(other.columns[column], place)
            if column in other.units:
                objects.units[name] = other.units[column]
        known = [join.prefix + name for name in other.known if name != join.id]
        objects.known = [*(objects.known or []), *known]
    return notes, bad


def _places(wanted: np.ndarray, names: np.ndarray, join: JoinSpec) -> tuple[np.ndarray, str]:
    """Find the row of each object in the other table, -1 for none, and count them in a sentence."""
    found, _, repeated = first_rows(names)
    place = np.asarray([found.get(name, -1) for name in wanted.tolist()], np.int64)
    matched = int((place >= 0).sum())
    if not matched:
        raise DataError(
            f"{join.file} has no row of any object: the first name among the objects is "
            f"'{next((w for w in wanted.tolist() if w), '')}', the first in its column '{join.id}' "
            f"is '{next(iter(found), '')}'."
        )
    note = f"{join.file}: {matched:,} of {len(wanted):,} objects have a row in it"
    others = len(found) - len(set(found) & set(wanted.tolist()))
    again = len(repeated)
    if others:
        note += f"; {others:,} of its names {'are' if others > 1 else 'is'} of no object"
    if again:
        note += f"; {again:,} row{'s repeat' if again > 1 else ' repeats'} a name and "
        note += "do not count" if again > 1 else "does not count"
    return place, f"{note}."


def _taken(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Take the rows of the objects; what is missing is NaN, NaT, or None among text."""
    absent = place < 0
    if not len(values):
        return np.full(len(place), np.nan)
    taken = values[np.where(absent, 0, place)]
    if not absent.any():
        return taken
    if taken.dtype.kind == "f":
        return np.where(absent, np.nan, taken)
    if taken.dtype.kind in "iu":
        return with_missing(taken, absent)
    if taken.dtype.kind in "Mm":
        taken = taken.copy()
        taken[absent] = "NaT"
        return taken
    taken = taken.astype(object)
    taken[absent] = None
    return taken
