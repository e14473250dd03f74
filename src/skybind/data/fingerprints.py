"""Fingerprints of observations: the same light curve, spectrum or image under any name.

A fingerprint is a 64-bit hash of the values of one object's observation, as they are stored: of a
light curve times and brightness in order of time, of a spectrum wavelength and flux, of an image
the pixels of all bands. Names, positions, errors and the order of objects and epochs do not
count, so that it is the same after a renaming and after another import of the same files. Values
that were converted to another unit, or written with fewer digits, have another one.
"""

import errno
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.lineage import growth_since, older_states
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
    compared = [name for name in _COMPARED.get(kind, tuple(ragged.fields)) if name in ragged.fields]
    fields = {n: ragged.fields[n] for n in compared if ragged.fields[n].dtype.kind in "fiu"}
    made = np.zeros(len(rows), np.uint64)
    if not fields:
        return made
    measured = [values for name, values in fields.items() if name not in ("time", "wavelength")]
    for number, row in enumerate(rows.tolist()):
        start, stop = int(ragged.offsets[row]), int(ragged.offsets[row + 1])
        if stop - start < least or not ragged.present[row]:
            continue
        if not any(_varies(values[start:stop]) for values in measured):
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
        made[number] = _hash(own)
    return made


def _varies(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return len(finite) > 1 and bool((finite != finite[0]).any())


def _hash(arrays: Sequence[np.ndarray]) -> int:
    digest = hashlib.blake2b(digest_size=8)
    for values in arrays:
        digest.update(np.ascontiguousarray(values).data)
    return int.from_bytes(digest.digest(), "little") or 1


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
