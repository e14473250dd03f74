"""Prepared observations kept as memory-mapped arrays."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from skybind.errors import DataError
from skybind.files import json_hash, raise_of_machine
from skybind.locks import waiting_for
from skybind.modalities.base import Modality, Prepared
from skybind.modalities.rows import stacked, taken
from skybind.modalities.stored_text import StoredText
from skybind.once import fill_once
from skybind.record import read_record, write_sealed, wrong_in
from skybind.sums import block_sums, verify_sums

#: Counts up when preparing gives other numbers for the same options.
PREPARED_VERSION = 1
#: Shapes and checksums of the arrays.
INDEX = "index.json"
Progress = Callable[[int], None]


class Tables(Protocol):
    """What preparing asks of a dataset."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def columns(self) -> Sequence[str]: ...

    def iter_tables(self, columns: Sequence[str], rows: int) -> Iterable[pa.Table]: ...

    def table(self, columns: Sequence[str], rows: np.ndarray | None = None) -> pa.Table: ...

    def __len__(self) -> int: ...


def prepared_key(modality: Modality, fingerprint: str) -> str:
    """Hash of all that decides the prepared arrays of a modality."""
    options = modality.options.model_dump(mode="json")
    return json_hash(
        [PREPARED_VERSION, modality.kind, modality.column, modality.columns, options, fingerprint]
    )


def prepared_folder(root: Path, modality: Modality, fingerprint: str) -> Path:
    """Folder below `root` for the prepared arrays of a modality of a dataset."""
    return root / f"{modality.name}-{prepared_key(modality, fingerprint)}"


@dataclass(frozen=True)
class Earlier:
    """What was prepared of a dataset before something was appended to it.

    Attributes
    ----------
    folder : Path
        Of the prepared arrays; they are of the first rows of the dataset as it is.
    touched : ndarray of int64
        Rows of the dataset as it is that are new or changed, ascending.
    """

    folder: Path
    touched: np.ndarray


def prepare(
    dataset: Tables,
    modality: Modality,
    folder: str | Path,
    progress: Progress | None = None,
    earlier: Earlier | None = None,
) -> Prepared:
    """Prepare one modality of a dataset, or open what was prepared before.

    Parameters
    ----------
    dataset : Dataset
    modality : Modality
    folder : str or Path
        Of these arrays, see `prepared_folder`; made if it does not exist.
    progress : callable, optional
        Called with the number of objects prepared so far.
    earlier : Earlier, optional
        What is taken over, so that only the rest is prepared.
    """
    target = Path(folder)
    fill_once(
        target,
        lambda workplace: _write(_chunks(dataset, modality, earlier), workplace.work, progress),
        waiting_for(f"prepares {modality.name}"),
    )
    prepared = open_prepared(target)
    if len(prepared) != len(dataset):
        raise DataError(
            f"The prepared arrays in {target} are of {len(prepared)} objects, the dataset has "
            f"{len(dataset)}: delete the folder and start again."
        )
    return prepared


def _chunks(dataset: Tables, modality: Modality, earlier: Earlier | None) -> Iterator[Prepared]:
    """Prepare some objects at a time; what was prepared earlier is taken over."""
    more = [column for column in modality.also_reads if column in dataset.columns]
    columns = [*modality.columns, *more]
    if earlier is None:
        for table in dataset.iter_tables(columns, modality.chunk):
            yield modality.prepare(table)
        return
    old, n = open_prepared(earlier.folder), len(dataset)
    for start in range(0, n, modality.chunk):
        stop = min(start + modality.chunk, n)
        low, high = np.searchsorted(earlier.touched, [start, stop])
        own = earlier.touched[low:high]
        kept = np.setdiff1d(np.arange(start, stop), own)
        chunk = taken(old, kept)
        if len(own):
            fresh = modality.prepare(dataset.table(columns, own))
            chunk = taken(stacked(chunk, fresh), np.argsort(np.concatenate([kept, own])))
        yield chunk


def _write(chunks: Iterable[Prepared], folder: Path, progress: Progress | None) -> None:
    """Write chunk after chunk; raw binary files, their shapes in index.json."""
    shapes: dict[str, dict[str, Any]] = {}
    flat: tuple[str, ...] = ()
    done = total = 0
    for chunk in chunks:
        arrays = {**chunk.arrays, "_present": chunk.present}
        arrays["_reason"] = np.asarray(chunk.reason, object).astype("S80")
        if chunk.offsets is not None:
            arrays["_offsets"] = chunk.offsets[:-1] + total
            total += int(chunk.offsets[-1])
        flat = chunk.flat
        for name, array in arrays.items():
            array = np.ascontiguousarray(array)
            entry = shapes.setdefault(
                name, {"dtype": array.dtype.str, "shape": [0, *array.shape[1:]]}
            )
            entry["shape"][0] += len(array)
            with (folder / f"{name}.bin").open("ab") as file:
                file.write(array.tobytes())
        done += len(chunk)
        if progress:
            progress(done)
    if "_offsets" in shapes:
        with (folder / "_offsets.bin").open("ab") as file:
            file.write(np.asarray([total], np.int64).tobytes())
        shapes["_offsets"]["shape"][0] += 1
    for name, entry in shapes.items():
        entry["sums"] = block_sums(folder / f"{name}.bin")
    write_sealed(folder / INDEX, {"arrays": shapes, "flat": list(flat)})


class _Array(BaseModel):
    dtype: str
    shape: list[int]
    sums: list[int] | None = None  # version 0.1 had none


class _Index(BaseModel):
    """What `index.json` must hold."""

    arrays: dict[str, _Array]
    flat: list[str]


def open_prepared(folder: Path, *, whole: bool = False) -> Prepared:
    """Open prepared arrays as memory maps; their checksums are verified, of large ones in samples.

    Parameters
    ----------
    folder : Path
    whole : bool
        Verify all of large ones too.

    Raises
    ------
    DataError
        If a file is damaged or gone.
    """
    again = f"delete {folder}, and the observations are prepared again"
    try:
        index = read_record(folder / INDEX, _Index, again)
        arrays = {name: _mapped(folder, name, e, again, whole) for name, e in index.arrays.items()}
        if not {"_present", "_reason"} <= set(arrays):
            raise ValueError("arrays are missing")
    except (OSError, ValueError, TypeError) as error:
        raise_of_machine(error)
        raise DataError(f"{folder} is damaged ({wrong_in(error)}): {again}.") from error
    # maps stay maps: so they are in no process's memory, and reach another by the file's name
    offsets, present = arrays.pop("_offsets", None), arrays.pop("_present")
    reason = StoredText(arrays.pop("_reason"))
    return Prepared(arrays, present, reason, offsets, tuple(index.flat))


def _mapped(folder: Path, name: str, entry: _Array, again: str, whole: bool) -> np.ndarray:
    shape, path = tuple(entry.shape), folder / f"{name}.bin"
    if entry.sums is not None:
        verify_sums(path, entry.sums, again, whole=whole)
    if 0 in shape:
        return np.zeros(shape, entry.dtype)
    return np.memmap(path, entry.dtype, "r", shape=shape)
