"""More tables of the same objects, joined to the table of objects by name or by position."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from skybind.data.flat import with_missing
from skybind.errors import DataError
from skybind.ingest.by_position import nearest_sources, objects_frame
from skybind.ingest.frames import Frame
from skybind.ingest.mapping import JoinSpec, ObjectsSpec
from skybind.ingest.name_column import Names
from skybind.ingest.names import column_names
from skybind.ingest.near import NearSpec
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.whole import read_whole


@dataclass
class Joined:
    """What became of the tables that are joined to the table of objects.

    Attributes
    ----------
    notes : list of str
        How many objects have a row, and which rows do not count.
    bad_rows : list of (str, str)
        Files, and sentences about rows that could not be read.
    left_out : list of (int, str, str)
        Rows of the table of objects that get none, the file, and why.
    """

    notes: list[str] = field(default_factory=list)
    bad_rows: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[int, str, str]] = field(default_factory=list)


def join_tables(
    objects: Table,
    spec: ObjectsSpec,
    base: Path,
    text: Sequence[str],
    columns: Sequence[str],
    positions: Callable[[], dict[str, np.ndarray]],
) -> Joined:
    """Give the table of objects the columns of the other tables that a mapping names.

    Each object gets the row of its name, or that of its position; without one its cells are
    missing. Of rows of one name the first counts.

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
    positions : callable
        Gives `ra` and `dec` [deg] of every row, as far as its tables are read.

    Raises
    ------
    DataError
        If a table cannot be read, no object has a row in it, or two tables have a column of one
        name that is wanted.
    """
    made, own_columns = Joined(), set(objects.columns)
    for join in spec.join:
        other = _read(join, base, text, columns)
        made.bad_rows += [(join.file, sentence) for sentence in other.bad_rows]
        if join.near is not None:
            names = column_names(objects, spec.id, f"{spec.file}, column '{spec.id}'")
            own = np.flatnonzero(names.first() & names.known())
            place = _by_position(join, join.near, objects, other, positions(), own, made)
        else:
            match = join.match or spec.id
            wanted = column_names(objects, match, f"{spec.file}, column '{match}'")
            names = column_names(other, str(join.id), f"{join.file}, column '{join.id}'")
            place, note = _places(wanted, names, join)
            made.notes.append(note)
        called = join.prefix + str(join.id)
        # names by which rows were found are those of the objects
        left = {called} if called in own_columns or called == join.match else set()
        _enter(objects, other, join, place, set(columns) - left)
    return made


def _enter(
    objects: Table, other: Table, join: JoinSpec, place: np.ndarray, wanted: set[str]
) -> None:
    """Give the table of objects the columns of another that are wanted, its names among them."""
    taken = {join.prefix + name: name for name in other.columns if join.prefix + name in wanted}
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
    known = [join.prefix + name for name in other.known or other.columns]
    objects.known = list(dict.fromkeys([*(objects.known or []), *known]))


def _read(join: JoinSpec, base: Path, text: Sequence[str], columns: Sequence[str]) -> Table:
    """Read the columns that are wanted of a table; all where those of positions are not named."""
    name = [] if join.id is None else [join.id]
    as_text = [*name, *(column.removeprefix(join.prefix) for column in text)]
    own = [*name, *(column.removeprefix(join.prefix) for column in columns)]
    near = join.near
    if near is None:
        return read_whole(join, base, spill=True, text=as_text, nested=False, columns=own)
    if near.ra is not None and near.dec is not None:
        named = [*own, near.ra, near.dec]
        return read_whole(join, base, text=as_text, nested=False, columns=named)
    return read_whole(join, base, text=as_text, nested=False)


def _by_position(
    join: JoinSpec,
    near: NearSpec,
    objects: Table,
    other: Table,
    places: dict[str, np.ndarray],
    own: np.ndarray,
    made: Joined,
) -> np.ndarray:
    """Find the row of the nearest source of each object, -1 for none.

    Only the rows `own` are objects: one whose name stands before takes no source from another.
    """
    rows = np.asarray([str(row) for row in own.tolist()], object)
    moving = {column: objects[column][own] for column in near.pm or ()}
    place = {axis: values[own] for axis, values in places.items()}
    frame = objects_frame({"object_id": rows, **place}, moving, objects.units)
    sources = Frame(join.file, len(other), dict(other.columns), units=dict(other.units))
    found = nearest_sources(near, frame, sources, join.id, join.file)
    made.notes += found.notes
    made.left_out += [(int(own[r]), join.file, reason) for r, reason in found.left_out.items()]
    full = np.full(len(objects), -1, np.int64)
    full[own] = found.rows
    return full


def _places(wanted: Names, names: Names, join: JoinSpec) -> tuple[np.ndarray, str]:
    """Find the row of each object in the other table, -1 for none, and count them in a sentence."""
    known = names.known()
    place = np.where(wanted.known(), wanted.places_in(names), -1)
    matched = int((place >= 0).sum())
    if not matched:
        own, other = (each[np.flatnonzero(each.known())[:1]].tolist() for each in (wanted, names))
        raise DataError(
            f"{join.file} has no row of any object: the first name among the objects is "
            f"'{next(iter(own), '')}', the first in its column '{join.id}' is "
            f"'{next(iter(other), '')}'."
        )
    first = names.first() & known
    met = np.zeros(len(names), bool)
    met[place[place >= 0]] = True
    note = f"{join.file}: {matched:,} of {len(wanted):,} objects have a row in it"
    others, again = int((first & ~met).sum()), int((known & ~first).sum())
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
