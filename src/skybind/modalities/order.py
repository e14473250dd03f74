"""Order of what an observation holds: sorting, and what repeats."""

import numpy as np

from skybind.ragged import Ragged, flat_index, padded_blocks


def sorted_by(r: Ragged, field: str) -> tuple[Ragged, int]:
    """Sort each object by a field (stable); gives a new Ragged and how many were unsorted."""
    fields = dict(r.fields)
    key = fields[field]
    falls = np.flatnonzero(key[1:] < key[:-1]) + 1
    falls = falls[~np.isin(falls, r.offsets)]
    unsorted = np.unique(np.searchsorted(r.offsets, falls, side="right") - 1)
    if len(unsorted):
        lengths = r.lengths
        order = np.arange(len(key))
        for rows, filled in padded_blocks(lengths[unsorted]):
            flat = flat_index(r.offsets[unsorted[rows]], lengths[unsorted[rows]])
            block = np.full(filled.shape, np.inf, key.dtype)
            block[filled] = key[flat]
            # padding is last and the sort stable, so the first cells are the object's own
            place = np.argsort(block, axis=1, kind="stable")[filled]
            order[flat] = place + np.repeat(r.offsets[unsorted[rows]], lengths[unsorted[rows]])
        fields = {name: values[order] for name, values in fields.items()}
    return Ragged(fields, r.offsets, r.present), len(unsorted)


def by_value(r: Ragged) -> Ragged:
    """Sort light curves by time, value and its error, as the unique rows of AstroM3's release."""
    names = [name for name in ("flux", "magnitude") if name in r.fields]
    keys = [f"{name}_err" for name in names if f"{name}_err" in r.fields] + names
    order = np.lexsort([*(r.fields[key] for key in keys), r.fields["time"], r.owner])
    fields = {name: values[order] for name, values in r.fields.items()}
    return Ragged(fields, r.offsets, r.present)


def same_as_before(r: Ragged, values: np.ndarray) -> np.ndarray:
    """Which flat values equal the one before them in the same object."""
    same = np.zeros(len(values), bool)
    same[1:] = values[1:] == values[:-1]
    starts = r.offsets[:-1]
    same[starts[starts < len(values)]] = False
    return same


def without_duplicates(r: Ragged) -> tuple[Ragged, int]:
    """Drop exact duplicates of epochs; also how many there were."""
    repeated = _exact_duplicates(r)
    out = r.filter(~repeated) if repeated.any() else r
    return Ragged(dict(out.fields), out.offsets, out.present), int(repeated.sum())


def _exact_duplicates(r: Ragged) -> np.ndarray:
    """Which epochs repeat an earlier one in every field but `flag`; curves are sorted by time."""
    same = same_as_before(r, r.fields["time"])
    repeated = np.zeros(len(same), bool)
    if not same.any():
        return repeated
    tied = np.flatnonzero(same | np.append(same[1:], False))
    owner = np.searchsorted(r.offsets, tied, side="right") - 1
    fields = [values for name, values in r.fields.items() if name != "flag"]
    keys = [owner, *(_sortable(values[tied]) for values in fields)]
    order = np.lexsort(keys)
    equal = np.ones(len(tied) - 1, bool)
    for key in keys:
        equal &= key[order][1:] == key[order][:-1]
    repeated[tied[order[1:][equal]]] = True
    return repeated


def _sortable(values: np.ndarray) -> np.ndarray:
    """Numbers whose equality is that of the values, NaN and missing text included."""
    if values.dtype.kind == "O":
        values = np.asarray(["" if value is None else str(value) for value in values.tolist()])
    return np.unique(values, return_inverse=True)[1]


def first_and_last(time: np.ndarray, curves: Ragged) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last time of each sorted curve; zeros where there is none."""
    some = curves.lengths > 0
    first, last = np.zeros(len(curves)), np.zeros(len(curves))
    first[some] = time[curves.offsets[:-1][some]]
    last[some] = time[curves.offsets[1:][some] - 1]
    return first, last
