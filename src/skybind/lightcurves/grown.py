"""Computed columns of a dataset that grew: those of new and changed light curves are computed.

Each row depends on its own light curve alone, so that the others are taken over as they are.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from skybind.data.computed import ROW_GROUP, ComputedTable, write_computed
from skybind.data.dataset import Dataset
from skybind.data.schema import ID
from skybind.errors import DataError
from skybind.files import array_hash, atomic_path
from skybind.lightcurves.stored import Task, compute_chunk, is_current
from skybind.parquet import read_parquet, write_parquet
from skybind.processes import allowed, in_order
from skybind.progress import progress_bar
from skybind.ragged import Ragged

#: Light curves of one chunk: of features a minute of work.
CHUNK = 500


def refuse_older_columns(table: ComputedTable, path: Path) -> None:
    """Refuse columns of a definition by which this skybind cannot compute new rows.

    Raises
    ------
    DataError
    """
    if not is_current(table, table.fingerprint, periods_only=True):
        raise DataError(
            f"The columns in {table.path} are of an older definition, by which none of new objects "
            f"can be computed: compute them again ('skybind data features {path} --again'), or "
            "delete that file."
        )


def grow_columns(
    before: ComputedTable,
    grown: Dataset,
    touched: np.ndarray,
    target: Path,
    aside: Path,
    processes: int | None = None,
) -> int:
    """Write the computed columns of a grown dataset.

    Parameters
    ----------
    before : ComputedTable
        Of the dataset as it was, whose rows are the first of the grown one's.
    grown : Dataset
    touched : ndarray of int64
        Rows whose light curves are new or changed, ascending.
    target : Path
        The table to write.
    aside : Path
        Folder for chunks that are done: after an interruption the same call goes on with them.
    processes : int, optional
        As of `skybind.lightcurves.stored.compute_features`.

    Returns
    -------
    int
        Light curves that were computed.
    """
    files = _compute(before, grown, touched, aside, processes or allowed())
    chunks = _merged(before, len(grown), touched, files)
    write_computed(target, before.observation, grown.fingerprint, before.columns, chunks)
    return int(grown.table([before.observation], touched)[0].is_valid().to_numpy().sum())


def _compute(
    before: ComputedTable, grown: Dataset, touched: np.ndarray, aside: Path, processes: int
) -> list[Path]:
    """Compute the rows chunk by chunk; gives the files of the chunks."""
    aside.mkdir(parents=True, exist_ok=True)
    name = before.observation
    definitions = {column: c.attributes for column, c in before.columns.items()}
    chunk = partial(compute_chunk, definitions=definitions, observation=name)
    parts = [touched[start : start + CHUNK] for start in range(0, len(touched), CHUNK)]
    # named by their rows: an interrupted work may have had others to compute
    which = array_hash(touched)
    files = [aside / f"{name}-{which}-{number:06d}.parquet" for number in range(len(parts))]
    missing = [number for number, file in enumerate(files) if not file.exists()]

    def tasks() -> Iterator[Task]:
        for number in missing:
            table = grown.table([ID, name], parts[number])
            yield Task(table[ID].to_pylist(), Ragged.from_arrow(table[name]), None)

    with progress_bar(f"periods and features of {name}", len(touched)) as advance:
        done = len(touched) - sum(len(parts[number]) for number in missing)
        for number, made in zip(missing, in_order(chunk, tasks(), processes), strict=True):
            with atomic_path(files[number]) as temporary:
                write_parquet(made, temporary)
            advance(done := done + made.num_rows)
    return files


def _merged(
    before: ComputedTable, n: int, touched: np.ndarray, files: list[Path]
) -> Iterator[pa.Table]:
    """Put old and computed rows together, in the order of the objects."""
    names = [ID, *before.columns]
    computed = [read_parquet(file).select(names) for file in files]
    fresh = pa.concat_tables(computed).combine_chunks() if computed else None
    start = 0
    for old in before.source.batches(names, ROW_GROUP):
        stop = start + old.num_rows
        low, high = np.searchsorted(touched, [start, stop])
        if fresh is not None and high > low:
            index = np.arange(old.num_rows)
            index[touched[low:high] - start] = old.num_rows + np.arange(high - low)
            some = fresh.slice(low, high - low).cast(old.schema)
            old = pa.concat_tables([old, some]).take(pa.array(index))
        yield old
        start = stop
    if fresh is not None and n > start:
        yield fresh.slice(int(np.searchsorted(touched, start)))
