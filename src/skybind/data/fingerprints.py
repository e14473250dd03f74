"""Fingerprints of objects: the same light curve, spectrum, image or row under any name.

A fingerprint is a 64-bit hash of the values of one object's observation, as they are stored: of a
light curve times and brightness in order of time, of a spectrum wavelength and flux, of an image
the pixels of all bands. Names, positions, errors and the order of objects and epochs do not
count, so that it is the same after a renaming and after another import of the same files. Values
that were converted to another unit, or written with fewer digits, have another one.

The row of a catalogue has a hash of the features that a modality reads, rounded. Positions are no
hashes, but are kept with these (`skybind.data.places`).
"""

import errno
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.lineage import growth_since, older_states
from skybind.data.places import places_of, without_many
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
#: Significant digits of a feature that count; of each as many values have to differ as `LEAST`.
DIGITS = 4
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
        Keep what very many objects share, such as a place-holder for a position: it tells nothing
        of what has been seen, and need not be left out of what is looked for there.
    """
    observations = set(dataset.schema.observations)
    flat = [[name for name in columns if name not in observations] for columns in modalities]
    found = [(PLACE, places_of(dataset))]
    found += [(ROW, row_hashes(dataset, own)) for own in flat if len(own) >= LEAST]
    return found if common else [(kind, without_many(codes)) for kind, codes in found]


def row_hashes(dataset: Dataset, columns: Sequence[str]) -> np.ndarray:
    """Hash the numbers of some columns, rounded to `DIGITS` significant digits.

    Returns
    -------
    ndarray of uint64, shape (n,)
        0 for an object of which fewer than `LEAST` different numbers are known.
    """
    names = sorted(columns)
    have = [name for name in names if name in dataset.schema.columns]
    found: list[np.ndarray] = [np.zeros(0, np.uint64)]
    for table in dataset.iter_tables(have) if have else ():
        values = np.full((len(table), len(names)), np.nan)
        for name in have:
            values[:, names.index(name)] = table[name].cast(pa.float64()).to_numpy()
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
    codes = _rounded(values)
    ordered = np.sort(codes, axis=1)  # what is not known comes first
    different = (np.diff(ordered, axis=1) != 0).sum(axis=1) + (ordered[:, 0] != _UNKNOWN)
    found = np.zeros(len(values), np.uint64)
    for number in np.flatnonzero(different >= LEAST).tolist():
        digest = begun.copy()
        digest.update(codes[number].data)
        found[number] = int.from_bytes(digest.digest(), "little") or 1
    return found


#: Stands for a number that is not known, among rounded ones.
_UNKNOWN = np.iinfo(np.int64).min


def _rounded(values: np.ndarray) -> np.ndarray:
    """Round numbers to `DIGITS` digits, through single precision: digits and exponent in one."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        values = values.astype(np.float32).astype(np.float64)
        known = np.isfinite(values)
        size = np.abs(np.where(known, values, 0))
        exponent = np.floor(np.log10(np.where(size > 0, size, 1)))
        digits = np.rint(size / 10.0 ** (exponent - DIGITS + 1))
    over = digits >= 10**DIGITS  # such as 9.9999
    digits, exponent = np.where(over, digits / 10, digits), exponent + over
    codes = np.sign(np.where(known, values, 0)) * digits * 1000 + exponent
    return np.where(known, np.where(size > 0, codes, 0), _UNKNOWN).astype(np.int64)


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
