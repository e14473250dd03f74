"""Fingerprints of objects: the same light curve, spectrum, image or row under any name.

A fingerprint is a 64-bit hash of the values of one object's observation, as they are stored: of a
light curve times and brightness in order of time, of a spectrum wavelength and flux, of an image
the pixels of all bands. Names, positions, errors and the order of objects and epochs do not
count, so that it is the same after a renaming and after another import of the same files. Values
that were converted to another unit, or written with fewer digits, have another one.

The row of a catalogue has a hash of the features that a modality reads, in single precision.
Positions are no hashes, but are kept with these (`skybind.data.places`).
"""

import errno
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.lineage import growth_since, older_states
from skybind.data.places import places_of, without_far, without_many
from skybind.data.seen import PLACE, ROW, Observed
from skybind.files import read_array, write_array
from skybind.progress import progress_bar
from skybind.ragged import Ragged

#: What is compared of an observation, by kind; of any other all fields.
_COMPARED = {
    "photometry": ("time", "flux", "magnitude"),
    "transient": ("time", "flux", "magnitude"),
    "spectrum": ("wavelength", "flux"),
}
#: Kinds whose samples have no order but that of time.
_BY_TIME = ("photometry", "transient")
#: Observations of fewer values than this may be the same by chance.
LEAST = 5
#: A number of this many significant digits or fewer, such as a count, a flag or a magnitude of few,
#: does not tell one object from another: similar stars have it too.
COARSE = 5
#: Observations that are read at a time where few are wanted.
_SOME = 1024
#: Why a place cannot be written to: it is read-only, forbidden or full.
_NO_PLACE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT)


def observation_hashes(
    dataset: Dataset, column: str, rows: np.ndarray | None = None, least: int = LEAST
) -> np.ndarray:
    """Hash the observations of a column.

    Parameters
    ----------
    dataset : Dataset
    column : str
    rows : ndarray of int, optional
        Only of these objects, in ascending order; all by default.
    least : int
        An observation of fewer values has no fingerprint.

    Returns
    -------
    ndarray of uint64, shape (n,)
        0 where an object was not observed, has too few values, or all are the same.
    """
    kind = dataset.schema.kinds[column]
    found: list[np.ndarray] = [np.zeros(0, np.uint64)]
    wanted = None if rows is None else np.asarray(rows, np.int64)
    start = 0
    with progress_bar(f"fingerprints of {column}", len(dataset)) as report:
        for table in dataset.iter_tables([column]):
            ragged = Ragged.from_arrow(table[column])
            if wanted is None:
                own = np.arange(len(ragged))
            else:
                low, high = np.searchsorted(wanted, [start, start + len(ragged)])
                own = wanted[low:high] - start
            found.append(hash_rows(ragged, kind, own, least))
            start += len(ragged)
            report(start)
    return np.concatenate(found)


def hash_rows(ragged: Ragged, kind: str, rows: np.ndarray, least: int = LEAST) -> np.ndarray:
    """Hash observations of a kind; see `observation_hashes`.

    Parameters
    ----------
    ragged : Ragged
    kind : str
    rows : ndarray of int, shape (m,)
    least : int

    Returns
    -------
    ndarray of uint64, shape (m,)
    """
    made = np.zeros(len(rows), np.uint64)
    for number, own in enumerate(compared(ragged, kind, rows, least)):
        if own is not None:
            made[number] = _hash(own)
    return made


def compared(
    ragged: Ragged, kind: str, rows: np.ndarray, least: int = LEAST
) -> Iterator[list[np.ndarray] | None]:
    """Give what counts of observations of a kind, field by field; those of a curve by time.

    None of one that is not there, has fewer than `least` values, or the same throughout.
    """
    names = [name for name in _COMPARED.get(kind, tuple(ragged.fields)) if name in ragged.fields]
    fields = {n: ragged.fields[n] for n in names if ragged.fields[n].dtype.kind in "fiu"}
    measured = [values for name, values in fields.items() if name not in ("time", "wavelength")]
    for row in rows.tolist():
        start, stop = int(ragged.offsets[row]), int(ragged.offsets[row + 1])
        few = stop - start < least or not ragged.present[row]
        if few or not any(_varies(values[start:stop]) for values in measured):
            yield None
            continue
        own = [values[start:stop] for values in fields.values()]
        if (
            kind in _BY_TIME
            and "time" in fields
            and not (np.diff(fields["time"][start:stop]) > 0).all()
        ):
            # by all that is hashed, time first: what is left in any order has the same bytes
            order = np.lexsort(own[::-1])
            own = [values[order] for values in own]
        yield own


def _varies(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return len(finite) > 1 and bool((finite != finite[0]).any())


def _hash(arrays: Sequence[np.ndarray]) -> int:
    digest = hashlib.blake2b(digest_size=8)
    for values in arrays:
        digest.update(np.ascontiguousarray(values).data)
    return int.from_bytes(digest.digest(), "little") or 1


def known_by(dataset: Dataset, modalities: Iterable[Sequence[str]]) -> Observed:
    """Find what objects of any dataset are known by but their names.

    Parameters
    ----------
    dataset : Dataset
    modalities : iterable of sequence of str
        The columns that each modality reads.
    """
    modalities = list(modalities)
    kinds = dataset.schema.kinds
    columns = sorted({column for columns in modalities for column in columns} & set(kinds))
    found = [(kinds[column], observation_hashes(dataset, column)) for column in columns]
    return [*found, *catalogued(dataset, modalities, common=True)]


def catalogued(
    dataset: Dataset, modalities: Iterable[Sequence[str]], common: bool = False
) -> Observed:
    """Find what objects of a dataset are known by in a catalogue: positions and rows.

    Parameters
    ----------
    dataset : Dataset
    modalities : iterable of sequence of str
        The columns that each modality reads.
    common : bool
        Keep what very many objects share, such as a place-holder for a position, and rows that
        objects far from each other share: they tell nothing of what has been seen, and need not be
        left out of what is looked for there.
    """
    observations = set(dataset.schema.observations)
    flat = [[name for name in columns if name not in observations] for columns in modalities]
    places = places_of(dataset)
    rows = [row_hashes(dataset, own) for own in flat if len(own) >= LEAST]
    if common:
        return [(PLACE, places), *((ROW, codes) for codes in rows)]
    kept = [without_many(without_far(codes, places)) for codes in rows]
    return [(PLACE, without_many(places)), *((ROW, codes) for codes in kept)]


def row_hashes(dataset: Dataset, columns: Sequence[str]) -> np.ndarray:
    """Hash the numbers of some columns, in single precision.

    Returns
    -------
    ndarray of uint64, shape (n,)
        0 for an object whose numbers tell too little (`telling`).
    """
    names = sorted(columns)
    have = [name for name in names if name in dataset.schema.columns]
    found: list[np.ndarray] = [np.zeros(0, np.uint64)]
    for table in dataset.iter_tables(have) if have else ():
        values = np.full((len(table), len(names)), np.nan)
        for name in have:
            values[:, names.index(name)] = table[name].cast(pa.float64(), safe=False).to_numpy()
        found.append(hash_numbers(names, values))
    return np.concatenate(found) if have else np.zeros(len(dataset), np.uint64)


def hash_numbers(names: Sequence[str], values: np.ndarray) -> np.ndarray:
    """Hash rows of numbers as `row_hashes` does; the names ascend.

    Parameters
    ----------
    names : sequence of str, of length f
    values : ndarray of float64, shape (n, f)
        NaN where not known.
    """
    begun = hashlib.blake2b("\t".join(names).encode(), digest_size=8)
    single = _single(values)
    found = np.zeros(len(values), np.uint64)
    for number in np.flatnonzero(telling(values)).tolist():
        digest = begun.copy()
        digest.update(single[number].data)
        found[number] = int.from_bytes(digest.digest(), "little") or 1
    return found


def telling(values: np.ndarray) -> np.ndarray:
    """Return which rows of numbers no two objects share by chance, (n,) bool.

    At least `LEAST` of their numbers differ, are not whole, and have more than `COARSE` significant
    digits in single precision.

    Parameters
    ----------
    values : ndarray of float64, shape (n, f)
        NaN where not known.
    """
    single = _single(values)
    size = np.abs(np.nan_to_num(single)).astype(np.float64)
    step = 10.0 ** (np.floor(np.log10(np.where(size > 0, size, 1))) - COARSE + 1)
    rounded = (np.rint(size / step) * step).astype(np.float32)
    fine = (rounded != size) & (size != np.rint(size))
    ordered = np.sort(np.where(fine, single, np.nan), axis=1)  # what does not count comes last
    first = np.isfinite(ordered[:, :1])
    new = np.isfinite(ordered[:, 1:]) & (ordered[:, 1:] != ordered[:, :-1])
    return np.asarray(np.hstack([first, new]).sum(axis=1) >= LEAST)


def _single(values: np.ndarray) -> np.ndarray:
    """Give numbers in single precision: one zero, and one NaN for all that is not known there."""
    with np.errstate(over="ignore"):
        single = values.astype("<f4") + np.float32(0)  # there is no negative zero left
    single[~np.isfinite(single)] = np.nan
    return single


def stored_hashes(dataset: Dataset, root: Path, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Give the fingerprints of observations of a dataset, by column; computed once.

    Parameters
    ----------
    dataset : Dataset
    root : Path
        Folder for prepared arrays, in which they are kept; where it cannot be written (read-only,
        forbidden, full) they are computed again.
    columns : sequence of str
    """
    found = {}
    for column in columns:
        path = _place(root, column, dataset.fingerprint)
        known = read_array(path)
        if known is None or known.shape != (len(dataset),) or known.dtype != np.uint64:
            known = _taken_over(dataset, root, column)
            try:
                write_array(path, known)
            except OSError as error:
                if error.errno not in _NO_PLACE:
                    raise
        found[column] = known
    return found


def _place(root: Path, column: str, fingerprint: str) -> Path:
    return root / f"observations-{column}-{fingerprint}.2.npz"


def _taken_over(dataset: Dataset, root: Path, column: str) -> np.ndarray:
    """Hash observations; of a dataset that grew those that are new or changed."""
    for state in older_states(dataset):
        known = read_array(_place(root, column, state))
        growth = None if known is None else growth_since(dataset, state)
        if known is None or growth is None or known.shape != (growth.kept,):
            continue
        found = np.concatenate([known, np.zeros(growth.n_new, np.uint64)])
        touched = growth.touched([column])
        for start in range(0, len(touched), _SOME):
            rows = touched[start : start + _SOME]
            ragged = dataset.ragged(column, rows)
            found[rows] = hash_rows(ragged, dataset.schema.kinds[column], np.arange(len(rows)))
        return found
    return observation_hashes(dataset, column)
