"""Objects that are in a dataset already and come again: which values stay, and which are taken.

- **Epochs** of light curves and of their upper limits are merged by time: an epoch at a time (in a
  band) at which there is one already is the same epoch. With `replace` it takes the other's place
  where it differs.
- **Visits** are merged by their names, in the same way.
- **Any other observation, and any flat column**: what was null is filled; what is known stays, or
  is replaced where it differs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.fingerprints import hash_rows
from skybind.data.schema import DEC, ID, RA, DatasetSchema
from skybind.data.sky import ARCSEC, unit_vectors
from skybind.ingest.fields import unknown_values
from skybind.ragged import Ragged, flat_index, offsets_of
from skybind.visits import Visits, visits_of

#: Epochs of one band that lie this near are one [d]: 9 ms, rounding of Julian dates is 0.04 ms.
SAME_TIME = 1e-7


@dataclass
class Merged:
    """Rows of a dataset with what was appended to them.

    Attributes
    ----------
    table : Table
        As the dataset holds it.
    changed : dict of str to ndarray of bool, shape (n,)
        Column -> rows in which it is not what it was.
    hashes : dict of str to tuple of ndarray of uint64, shape (n,)
        Column of observations that changed -> fingerprints before and after.
    counts : Counter
        What happened, in words.
    """

    table: pa.Table
    changed: dict[str, np.ndarray] = field(default_factory=dict)
    hashes: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


def merge_rows(
    old: pa.Table,
    new: pa.Table,
    schema: DatasetSchema,
    replacing: bool = False,
    unknown: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Merged:
    """Merge rows of the same objects.

    Parameters
    ----------
    old, new : Table
        Of the same objects in the same order, with the same columns.
    schema : DatasetSchema
        What the columns mean.
    replacing : bool
        Take what differs from the new rows.
    unknown : mapping of str to sequence of str
        Column -> fields (errors, masks) of which the new rows know nothing; what differs in these
        alone is the same.
    """
    merged = Merged(old)
    before = {name: _one(old[name]) for name in old.column_names}
    columns = dict(before)
    given = {name: _one(new[name]) for name in old.column_names}
    of_visits = {visits_of(name): name for name in schema.visits}
    for name, column in schema.columns.items():
        if name == ID or name not in columns or visits_of(name) in columns:
            continue  # the first of the visits is merged with them
        less = unknown.get(name, ())
        if column.role == "visits":
            first = of_visits[name]
            _merge_visits(columns, given, (name, first), replacing, merged.counts, less)
            _note(merged, before[first], columns[first], first, schema)
        elif column.nested and "time" in column.fields:
            columns[name] = _merge_curves(
                columns[name], given[name], name, replacing, merged.counts, less
            )
        else:
            what = name if not column.nested else f"{name} (observation)"
            columns[name] = _fill(columns[name], given[name], what, replacing, merged.counts, less)
        _note(merged, before[name], columns[name], name, schema)
    arrays = [columns[name] for name in old.column_names]
    merged.table = pa.Table.from_arrays(arrays, schema=old.schema)
    return merged


def _note(
    merged: Merged, before: pa.Array, after: pa.Array, name: str, schema: DatasetSchema
) -> None:
    """Note in which rows a column changed."""
    changed = ~equal_rows(before, after) if after is not before else np.zeros(0, bool)
    if not changed.any():
        return
    merged.changed[name] = changed
    if name in schema.observations:
        kind, rows = schema.kinds[name], np.arange(len(before))
        merged.hashes[name] = (
            hash_rows(Ragged.from_arrow(before), kind, rows),
            hash_rows(Ragged.from_arrow(after), kind, rows),
        )


def equal_rows(one: pa.Array, other: pa.Array, unknown: Sequence[str] = ()) -> np.ndarray:
    """Which rows of two arrays of one type are the same, nulls and NaN included, (n,) bool.

    Some fields of observations may be left out, of which nothing is known.
    """
    if pa.types.is_list(one.type):  # visits
        return np.asarray([a.equals(b) for a, b in zip(one, other, strict=True)], bool)
    if pa.types.is_struct(one.type):
        return _same(Ragged.from_arrow(one), Ragged.from_arrow(other), unknown)
    known = np.asarray(one.is_valid()), np.asarray(other.is_valid())
    same = pc.fill_null(pc.equal(one, other), False).to_numpy(zero_copy_only=False)
    return np.asarray(same | ~(known[0] | known[1]))


def _same(one: Ragged, other: Ragged, unknown: Sequence[str] = ()) -> np.ndarray:
    """Which objects have the same values in all fields that are known."""
    same = (one.present == other.present) & (one.lengths == other.lengths)
    rows = np.flatnonzero(same & (one.lengths > 0))
    lengths = one.lengths[rows]
    places = [flat_index(r.offsets[rows], lengths) for r in (one, other)]
    starts = offsets_of(lengths)[:-1]
    for name in (one.fields.keys() & other.fields.keys()) - set(unknown):
        a, b = one.fields[name][places[0]], other.fields[name][places[1]]
        equal = a == b
        if a.dtype.kind == "f":
            equal |= np.isnan(a) & np.isnan(b)
        if len(rows):
            same[rows] &= np.logical_and.reduceat(equal.astype(bool), starts)
    return np.asarray(same)


def _fill(
    old: pa.Array,
    new: pa.Array,
    what: str,
    replacing: bool,
    counts: Counter[str],
    unknown: Sequence[str],
) -> pa.Array:
    """Fill what is null, and keep or replace what differs."""
    known, given = np.asarray(old.is_valid()), np.asarray(new.is_valid())
    filled = ~known & given
    differ = known & given
    if differ.any():
        differ &= ~equal_rows(old, new, unknown)
    counts[f"{what}: filled"] += int(filled.sum())
    counts[f"{what}: {'replaced' if replacing else 'kept, though another was given'}"] += int(
        differ.sum()
    )
    taken = filled | differ if replacing else filled
    return _chosen(old, new, taken)


def _chosen(old: pa.Array, new: pa.Array, taken: np.ndarray) -> pa.Array:
    """Give the old rows, and the new ones where they are taken."""
    if not taken.any():
        return old
    rows = np.arange(len(old))
    return pa.concat_arrays([old, new]).take(pa.array(np.where(taken, rows + len(old), rows)))


def _merge_curves(
    old: pa.Array,
    new: pa.Array,
    what: str,
    replacing: bool,
    counts: Counter[str],
    unknown: Sequence[str],
) -> pa.Array:
    """Merge light curves by time; see this module."""
    mine, given = Ragged.from_arrow(old), Ragged.from_arrow(new)
    whole = _joined(mine, given, [field.name for field in old.type])
    owner = np.concatenate([mine.owner, given.owner])
    is_new = np.repeat([False, True], [len(mine.owner), len(given.owner)])
    cells = _cells(owner, whole)
    n = int(cells.max()) + 1 if len(cells) else 0
    # an epoch of a cell in which the dataset has one already is that one, unless it differs
    had = np.bincount(cells[~is_new], minlength=n) > 0
    again = is_new & had[cells]
    compared = {name: values for name, values in whole.items() if name not in unknown}
    differs = again & ~_known(compared, cells, ~is_new, again)
    other = np.bincount(cells[differs], minlength=n) > 0
    dropped = again & ~other[cells] if replacing else again
    if replacing:
        dropped |= ~is_new & other[cells]
    counts[f"{what}: new epochs"] += int((is_new & ~had[cells]).sum())
    counts[f"{what}: epochs that were there already"] += int((again & ~differs).sum())
    word = "replaced" if replacing else "kept, though another was given"
    counts[f"{what}: epochs {word}"] += int(differs.sum())
    keep = np.flatnonzero(~dropped)
    order = keep[np.lexsort([is_new[keep], whole["time"][keep], owner[keep]])]
    lengths = np.bincount(owner[order], minlength=len(mine))
    fields = {name: values[order] for name, values in whole.items()}
    made = Ragged(fields, offsets_of(lengths), mine.present | given.present)
    touched = np.bincount(owner[is_new & ~dropped], minlength=len(mine)) > 0
    touched |= given.present & ~mine.present
    # rows to which nothing comes stay as they are, in whatever order they were written
    return _chosen(old, pc.cast(made.to_arrow(), old.type), touched)


def _joined(one: Ragged, other: Ragged, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Put the values of two one after the other; a list that all objects lack is not known."""
    return {
        name: np.concatenate(
            [r.fields.get(name, unknown_values(name, int(r.offsets[-1]))) for r in (one, other)]
        )
        for name in names
    }


def _cells(owner: np.ndarray, fields: dict[str, np.ndarray]) -> np.ndarray:
    """Number the times of each object and band; epochs of one number are the same."""
    time = fields["time"]
    band = np.zeros(len(time), np.int64)
    if "band" in fields:
        names = np.asarray([str(name or "") for name in fields["band"].tolist()], str)
        band = np.unique(names, return_inverse=True)[1].ravel()
    order = np.lexsort([time, band, owner])
    new = np.ones(len(time), bool)
    for key in (owner, band):
        new[1:] &= key[order][1:] == key[order][:-1]
    new[1:] &= np.diff(time[order]) <= SAME_TIME
    new[:1] = False
    cells = np.empty(len(time), np.int64)
    cells[order] = np.cumsum(~new) - 1
    return cells


def _known(
    fields: dict[str, np.ndarray], cells: np.ndarray, old: np.ndarray, again: np.ndarray
) -> np.ndarray:
    """Which epochs have the values of an old one in their cell, (E,) bool."""
    found = np.zeros(len(cells), bool)
    if not again.any():
        return found
    own = np.flatnonzero(again | (old & np.isin(cells, cells[again])))
    codes = [cells[own]]
    for name, values in fields.items():
        if name not in ("time", "flag"):
            some = values[own]
            if some.dtype.kind == "O":
                some = np.asarray([str(value or "") for value in some.tolist()], str)
            codes.append(np.unique(some, return_inverse=True)[1].ravel())
    group = np.unique(np.column_stack(codes), axis=0, return_inverse=True)[1].ravel()
    of_old = np.zeros(int(group.max()) + 1, bool)
    of_old[group[old[own]]] = True
    found[own] = of_old[group]
    return found & again


def _merge_visits(
    columns: dict[str, pa.Array],
    given: dict[str, pa.Array],
    names_of: tuple[str, str],
    replacing: bool,
    counts: Counter[str],
    unknown: Sequence[str],
) -> None:
    """Merge visits by their names, and set the observation that is the first of them."""
    name, first = names_of
    mine, new = Visits.from_arrow(columns[name]), Visits.from_arrow(given[name])
    # what was the one observation of an object stays its first
    mine = mine.or_first(Ragged.from_arrow(columns[first]))
    owner = np.concatenate([mine.owner, new.owner])
    names = np.concatenate([mine.name.astype(str), new.name.astype(str)])
    ragged = _stacked(mine.ragged, new.ragged)
    is_new = np.repeat([False, True], [len(mine.name), len(new.name)])
    key = np.column_stack([owner, np.unique(names, return_inverse=True)[1].ravel()])
    cell = np.unique(key, axis=0, return_inverse=True)[1].ravel()
    n = int(cell.max()) + 1 if len(cell) else 0
    place = np.full(n, -1)
    place[cell[~is_new]] = np.flatnonzero(~is_new)
    had = is_new & (place[cell] >= 0)
    differs = np.zeros(len(owner), bool)
    both = np.flatnonzero(had)
    differs[both] = ~_same(ragged.take(both), ragged.take(place[cell[both]]), unknown)
    counts[f"{name}: new visits"] += int((is_new & ~had).sum())
    word = "replaced" if replacing else "kept, though another was given"
    counts[f"{name}: visits {word}"] += int(differs.sum())
    dropped = had.copy()
    source = np.arange(len(owner))
    if replacing:  # it stands where the old one stood
        source[place[cell[differs]]] = np.flatnonzero(differs)
    keep = np.flatnonzero(~dropped)
    order = source[keep[np.lexsort([is_new[keep], owner[keep]])]]
    touched = np.bincount(owner[is_new & ~had], minlength=len(mine)) > 0
    touched |= np.bincount(owner[differs], minlength=len(mine)) > 0 if replacing else False
    if not touched.any():
        return
    times = np.concatenate([mine.time, new.time])
    offsets = offsets_of(np.bincount(owner[order], minlength=len(mine)))
    made = Visits(ragged.take(order), offsets, names.astype(object)[order], times[order])
    columns[name] = _chosen(columns[name], pc.cast(made.to_arrow(), columns[name].type), touched)
    firsts = pc.cast(made.first().to_arrow(), columns[first].type)
    columns[first] = _chosen(columns[first], firsts, touched)


def _stacked(one: Ragged, other: Ragged) -> Ragged:
    """Put the rows of two sets of observations one after the other."""
    lengths = np.concatenate([one.lengths, other.lengths])
    present = np.concatenate([one.present, other.present])
    names = list(dict.fromkeys([*one.fields, *other.fields]))
    return Ragged(_joined(one, other, names), offsets_of(lengths), present)


def _one(column: pa.ChunkedArray) -> pa.Array:
    """Give a column as one array."""
    array = column.combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def misplaced(old: pa.Table, new: pa.Table, most: float) -> np.ndarray:
    """Which objects lie further than an angle [arcsec] from where they were, (n,) bool."""
    one, other = (
        unit_vectors(table[RA].to_numpy().astype(float), table[DEC].to_numpy().astype(float))
        for table in (old, new)
    )
    with np.errstate(invalid="ignore"):
        return np.asarray(np.linalg.norm(one - other, axis=1) > 2 * np.sin(most * ARCSEC / 2))


def spread(merged: Merged, old: pa.Table, kept: np.ndarray) -> Merged:
    """Give the merged rows among those that stay as they were."""
    n, m = len(kept), int(kept.sum())
    index = np.arange(n)
    index[kept] = n + np.arange(m)
    table = pa.concat_tables([old, merged.table]).take(pa.array(index))

    def wide(values: np.ndarray) -> np.ndarray:
        found = np.zeros(n, values.dtype)
        found[kept] = values
        return found

    changed = {name: wide(values) for name, values in merged.changed.items()}
    hashes = {name: (wide(a), wide(b)) for name, (a, b) in merged.hashes.items()}
    return Merged(table, changed, hashes, merged.counts)
