"""Reading embeddings in chunks, so that any number of them fits any memory."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skybind.embeddings.means import unit_mean
from skybind.embeddings.shards import ID, SPLIT, Shard, Shards, readable
from skybind.errors import DataError
from skybind.files import json_hash
from skybind.memory import block_bytes
from skybind.parquet import open_parquet, read_parquet
from skybind.words import nearest, nearest_of_many

_ROWS = 8192  # most objects of a chunk: larger ones are no quicker
_PLACES, _BLOCK = 64, 4096  # bytes of a shard that its fingerprint sees
_BUFFER = 1 << 20  # bytes that Parquet reads at once: a column is never held compressed and whole


class EmbeddingStream:
    """The embeddings of a folder, of which only a chunk is ever in memory.

    Use `EmbeddingStream.open`, which reads the footers only.

    Attributes
    ----------
    folder : Path
    modalities : dict of str to int
        Names and lengths of the vectors.
    model : dict
        Identity of the model that made them.
    memory_gb : float
        Most memory for vectors, beside about 0.1 GB for everything else; of `skybind.memory` what a
        block may take by default.
    limits : dict
        From which cosine on a match is alike, by what was searched by and in: measured by the first
        search, for the ones that follow (`skybind.search.search`).
    indices : dict
        Indices of them that are open, by what is searched in (`skybind.search.engine`).
    """

    def __init__(self, shards: Shards, memory_gb: float | None = None) -> None:
        self.folder = shards.folder
        self.modalities = shards.modalities
        self.model = shards.model
        self.memory_gb = block_bytes() / 1e9 if memory_gb is None else memory_gb
        self._shards = shards.parts
        self.limits: dict[tuple[object, ...], float] = {}
        self.indices: dict[tuple[str, ...], Any] = {}

    @classmethod
    def open(cls, folder: str | Path, memory_gb: float | None = None) -> "EmbeddingStream":
        """Open the embeddings in a folder (`part-*.parquet`).

        Raises
        ------
        DataError
            If there are none, one is damaged, they come from different models, or the memory
            is not positive.
        """
        if memory_gb is not None and not memory_gb > 0:
            raise DataError(f"A memory of {memory_gb} GB is impossible: give more than 0.")
        return cls(Shards.open(folder), memory_gb)

    def __len__(self) -> int:
        last = self._shards[-1]
        return last.first + last.n

    @property
    def parts(self) -> list[Shard]:
        """The files, in order."""
        return self._shards

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the shards' names, sizes, footers and samples of their bytes, 16 hex digits.

        A footer holds the model's identity and the extremes of every column; `_PLACES` blocks
        evenly spaced over each file see what these do not. Quick for any number of objects; a
        change of a few vectors by hand may escape it, embedding anew does not.
        """
        return json_hash(self.fingerprints)

    @cached_property
    def fingerprints(self) -> list[str]:
        """The same of each shard."""
        return [_fingerprint(shard) for shard in self._shards]

    @cached_property
    def object_id(self) -> pa.ChunkedArray:
        """Names of all objects, in order."""
        chunks = [chunk for names in self.names_by_part() for chunk in names.chunks]
        return pa.chunked_array(chunks, pa.string())

    def names_by_part(self) -> Iterator[pa.ChunkedArray]:
        """Names of the objects, file by file."""
        return (self._read(shard, ID) for shard in self._shards)

    def split_parts(self) -> list[str]:
        """Names of the split's parts that objects belong to."""
        parts: set[str] = set()
        for shard in self._shards:
            parts |= set(self._read(shard, SPLIT).unique().to_pylist())
        return sorted(parts - {""})

    def in_split(self, part: str, keep: np.ndarray | None = None) -> np.ndarray:
        """Which objects belong to a part of the split, shape (n,) bool.

        Parameters
        ----------
        part : str
        keep : ndarray of bool, shape (n,), optional
            No others than these, which alone are read.
        """
        found = np.zeros(len(self), bool)
        for rows, batch in self._batches([SPLIT], _ROWS, keep):
            found[rows] = pc.equal(batch[SPLIT], part).to_numpy(zero_copy_only=False)
        return found if keep is None else found & keep

    def names(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Names and parts of the split of a few objects, in the order given."""
        rows = np.asarray(rows, np.int64)
        found = {name: np.full(len(rows), "", dtype=object) for name in (ID, SPLIT)}
        for shard in self._shards:
            mine = np.flatnonzero((rows >= shard.first) & (rows < shard.first + shard.n))
            for name in found if len(mine) else ():
                texts = self._read(shard, name).take(pa.array(rows[mine] - shard.first))
                found[name][mine] = texts.to_pylist()
        return found[ID].astype(str), found[SPLIT].astype(str)

    def __contains__(self, object_id: str) -> bool:
        """Whether there is an object of this name."""
        return self._find(object_id) is not None

    def row(self, object_id: str) -> int:
        """Row number of an object.

        Raises
        ------
        DataError
            If it is not there; the nearest name is given.
        """
        found = self._find(object_id)
        if found is not None:
            return found
        raise DataError(
            f"The embeddings in {self.folder} have no object '{object_id}': "
            f"{nearest_of_many(object_id, self.object_id.to_pylist())}"
        )

    def _find(self, object_id: str) -> int | None:
        for shard in self._shards:
            found = pc.index(self._read(shard, ID), object_id).as_py()
            if found >= 0:
                return shard.first + int(found)
        return None

    def require(self, modalities: Sequence[str]) -> None:
        """Refuse modalities that are not there, or whose vectors differ in length."""
        for name in modalities:
            if name not in self.modalities:
                raise DataError(
                    f"The embeddings in {self.folder} have no modality '{name}': "
                    f"{nearest(name, list(self.modalities))}"
                )
        if len({self.modalities[name] for name in modalities}) > 1:
            raise DataError(f"The embeddings of {', '.join(modalities)} have different lengths.")

    def present(self, modalities: Sequence[str], keep: np.ndarray | None = None) -> np.ndarray:
        """Which objects have at least one of the modalities, shape (n,).

        Parameters
        ----------
        modalities : sequence of str
        keep : ndarray of bool, shape (n,), optional
            No others than these, which alone are read.
        """
        self.require(modalities)
        seen = np.zeros(len(self), bool)
        for rows, batch in self._batches(modalities, _ROWS, keep):
            for name in modalities:
                seen[rows] |= batch[name].is_valid().to_numpy(zero_copy_only=False)
        return seen if keep is None else seen & keep

    def chunks(
        self, modalities: Sequence[str], keep: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read unit vectors chunk by chunk, in order.

        Parameters
        ----------
        modalities : sequence of str
            One, or several whose mean (to unit length) is given, of those that are present.
        keep : ndarray of bool, shape (n,), optional
            Leave out all other objects.

        Yields
        ------
        rows : ndarray of int64, shape (m,)
            Row numbers of the objects that have at least one of the modalities.
        vectors : ndarray of float32, shape (m, D)
        """
        self.require(modalities)
        dimension = self.modalities[modalities[0]]
        # a column takes six times its size while it is decoded (as measured)
        each = 4 * dimension * (6 * len(modalities) + 3)
        size = int(np.clip(self.memory_gb * 1e9 / each, 1, _ROWS))
        for rows, batch in self._batches(modalities, size, keep):
            some = None if keep is None else keep[rows]
            if some is None or some.any():
                yield _combine(batch, modalities, rows, some)

    def _batches(
        self, columns: Sequence[str], size: int, keep: np.ndarray | None
    ) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
        """Read columns in pieces, with row numbers, of row groups that hold a wanted object."""
        for shard in self._shards:
            wanted = None if keep is None else keep[shard.first : shard.first + shard.n]
            if wanted is not None and not wanted.any():
                continue
            with _opened(shard) as file:
                groups, rows = _needed(file, wanted)
                rows += shard.first
                done = 0
                for batch in file.iter_batches(
                    size, row_groups=groups, columns=list(columns), use_threads=False
                ):
                    yield rows[done : done + len(batch)], batch
                    done += len(batch)

    def take(self, rows: np.ndarray, modality: str) -> tuple[np.ndarray, np.ndarray]:
        """Read the vectors of a few objects.

        Returns
        -------
        vectors : ndarray of float32, shape (len(rows), D)
            Zeros where absent.
        present : ndarray of bool, shape (len(rows),)
        """
        self.require([modality])
        rows = np.asarray(rows, np.int64)
        vectors = np.zeros((len(rows), self.modalities[modality]), np.float32)
        present = np.zeros(len(rows), bool)
        if not len(rows):
            return vectors, present
        keep = np.zeros(len(self), bool)
        keep[rows] = True
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        for found, values in self.chunks([modality], keep):
            # a row may be asked for more than once
            place = np.searchsorted(found, ordered)
            hit = np.flatnonzero(place < len(found))
            hit = hit[found[place[hit]] == ordered[hit]]
            vectors[order[hit]], present[order[hit]] = values[place[hit]], True
        return vectors, present

    def _read(self, shard: Shard, name: str) -> pa.ChunkedArray:
        with readable(shard.path):
            return read_parquet(shard.path, [name], memory_map=True)[name]


def _fingerprint(shard: Shard) -> str:
    digest = hashlib.sha256()
    with readable(shard.path), shard.path.open("rb") as file:
        size = file.seek(-8, os.SEEK_END) + 8
        length = int.from_bytes(file.read(4), "little")
        digest.update(f"{shard.path.name} {size}".encode())
        for place in np.linspace(0, max(size - _BLOCK, 0), _PLACES).astype(int).tolist():
            file.seek(place)
            digest.update(file.read(_BLOCK))
        file.seek(-8 - length, os.SEEK_END)
        digest.update(file.read())
    return digest.hexdigest()[:16]


@contextmanager
def _opened(shard: Shard) -> Iterator[pq.ParquetFile]:
    """Open a shard to be read in pieces."""
    with (
        readable(shard.path),
        open_parquet(shard.path, buffer_size=_BUFFER, pre_buffer=False) as file,
    ):
        yield file


def _needed(file: pq.ParquetFile, keep: np.ndarray | None) -> tuple[list[int], np.ndarray]:
    """Row groups that hold a wanted object, and the row numbers of all objects in them."""
    counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    starts = np.cumsum([0, *counts])
    groups = [
        i for i in range(len(counts)) if keep is None or bool(keep[starts[i] : starts[i + 1]].any())
    ]
    rows = [np.arange(starts[i], starts[i + 1]) for i in groups]
    return groups, np.concatenate(rows) if rows else np.zeros(0, np.int64)


def _combine(
    batch: pa.RecordBatch, modalities: Sequence[str], rows: np.ndarray, keep: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Give rows and unit vectors of a batch: of one modality, or the mean of several."""
    seen = np.zeros((len(modalities), len(batch)), bool)
    for i, name in enumerate(modalities):
        seen[i] = batch[name].is_valid().to_numpy(zero_copy_only=False)
    chosen = seen.any(axis=0) if keep is None else seen.any(axis=0) & keep
    if len(modalities) == 1:
        column = batch[modalities[0]]
        if not chosen.all():
            column = column.filter(pa.array(chosen))
        return rows[chosen], _matrix(column)
    kept = pa.array(chosen)
    vectors = [_matrix(batch[name].filter(kept)) for name in modalities]
    return rows[chosen], unit_mean(vectors, list(seen[:, chosen]))


def _matrix(column: pa.FixedSizeListArray) -> np.ndarray:
    """Turn vectors to a matrix, zeros where null, without copying where Arrow allows."""
    size = column.type.list_size
    values = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, size)
    if not column.null_count:
        return values
    filled = np.zeros((len(column), size), values.dtype)
    filled[column.is_valid().to_numpy(zero_copy_only=False)] = values
    return filled
