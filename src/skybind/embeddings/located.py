"""Where each vector stands in the files of embeddings, so that a few of many are read in place.

To give one vector Parquet decodes thousands. Ours stand in it uncompressed, one after another, so
that one can be read at its byte. Which byte that is, is found once, by comparing the file with
what Arrow decodes of it. A vector read so has a checksum of its own, for those of Parquet are of
whole pages. Files that an older skybind wrote are compressed: they are decoded as ever.
"""

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow.parquet as pq

from skybind.embeddings.means import unit_mean
from skybind.embeddings.shards import Shard, readable
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.parquet import open_parquet

#: Of a vector: its first byte in the file of its shard, and its CRC-32.
PLACE = np.dtype([("at", "<i8"), ("crc", "<u4")])
#: In place of the byte: the object has no vector, or it has to be decoded.
ABSENT, DECODED = -1, -2
_STORED = np.dtype("<f4")


@dataclass(frozen=True)
class Group:
    """A row group.

    Attributes
    ----------
    part : Shard
        The file.
    index : int
        Its number there.
    first, n : int
        Row of its first object among all, and how many it holds.
    present : dict of str to int
        Objects in it with each modality.
    """

    part: Shard
    index: int
    first: int
    n: int
    present: dict[str, int]


@dataclass(frozen=True)
class Located:
    """What a row group holds of some modalities, in arrays of one row an object.

    Attributes
    ----------
    first : int
        Row of its first object among all.
    vectors : dict of str to ndarray of float32, shape (n, D)
        Zeros where absent.
    present : dict of str to ndarray of bool, shape (n,)
    places : dict of str to ndarray of PLACE, shape (n,)
    """

    first: int
    vectors: dict[str, np.ndarray]
    present: dict[str, np.ndarray]
    places: dict[str, np.ndarray]

    def mean(self, modalities: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the objects that have any of the modalities, and their mean unit vectors."""
        seen = np.logical_or.reduce([self.present[name] for name in modalities])
        some = [self.vectors[name][seen] for name in modalities]
        if len(modalities) > 1:
            some = [unit_mean(some, [self.present[name][seen] for name in modalities])]
        return self.first + np.flatnonzero(seen), some[0]


def row_groups(parts: Sequence[Shard], modalities: Sequence[str]) -> list[Group]:
    """List the row groups of embeddings; only the footers are read."""
    found = []
    for part in parts:
        first = part.first
        with readable(part.path), open_parquet(part.path) as file:
            for index in range(file.num_row_groups):
                meta = file.metadata.row_group(index)
                present = {name: _present(meta, name) for name in modalities}
                found.append(Group(part, index, first, meta.num_rows, present))
                first += meta.num_rows
    return found


def read_groups(
    groups: Sequence[Group], modalities: Sequence[str], *, places: bool = False
) -> Iterator[Located]:
    """Read row groups, one at a time.

    Parameters
    ----------
    groups : sequence of Group
        In the order of their rows.
    modalities : sequence of str
    places : bool
        Find where each vector stands, too.
    """
    for part in dict.fromkeys(group.part for group in groups):
        with (
            readable(part.path),
            open_parquet(part.path) as file,
            part.path.open("rb") as raw,
        ):
            for group in [group for group in groups if group.part == part]:
                table = file.read_row_group(group.index, list(modalities), use_threads=False)
                found = Located(group.first, {}, {}, {})
                for name in modalities:
                    column = table[name].combine_chunks()
                    there = np.asarray(column.is_valid())
                    values = np.zeros((len(column), column.type.list_size), _STORED)
                    values[there] = np.asarray(column.flatten()).reshape(-1, values.shape[1])
                    found.vectors[name], found.present[name] = values, there
                    if places:
                        own = np.zeros(len(column), PLACE)
                        own["at"] = ABSENT
                        own[there] = _placed(raw, _chunk(file, group.index, name), values[there])
                        found.places[name] = own
                yield found


class LocatedVectors:
    """Vectors of embeddings, a few read in place.

    Parameters
    ----------
    stream : EmbeddingStream
    places : mapping of str to ndarray of PLACE, shape (n,)
        Of each modality, as `read_groups` found them.
    """

    def __init__(self, stream: EmbeddingStream, places: Mapping[str, np.ndarray]) -> None:
        self._stream = stream
        self._places = places
        self._starts = np.array([part.first for part in stream.parts])

    def take(self, rows: np.ndarray, modalities: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Read the unit vectors of some objects; of several modalities their mean.

        Parameters
        ----------
        rows : ndarray of int, shape (m,)
            In ascending order, to be quick.
        modalities : sequence of str

        Returns
        -------
        rows : ndarray of int64
            Those of the rows whose object has any of the modalities.
        vectors : ndarray of float32, shape (len(rows), D)

        Raises
        ------
        DataError
            If a vector is not what was written.
        """
        rows = np.asarray(rows, np.int64)
        found = [self._one(rows, name) for name in modalities]
        seen = np.logical_or.reduce([there for _, there in found])
        if len(modalities) == 1:
            return rows[seen], found[0][0][seen]
        mean = unit_mean([v[seen] for v, _ in found], [there[seen] for _, there in found])
        return rows[seen], mean

    def _one(self, rows: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
        place = self._places[name][rows]
        at = place["at"]
        vectors = np.zeros((len(rows), self._stream.modalities[name]), _STORED)
        direct = np.flatnonzero(at >= 0)
        owner = np.searchsorted(self._starts, rows[direct], "right") - 1
        order = np.argsort(owner, kind="stable")
        direct, owner = direct[order], owner[order]
        for mine in np.split(direct, np.flatnonzero(np.diff(owner)) + 1) if len(direct) else ():
            number = np.searchsorted(self._starts, rows[mine[0]], "right") - 1
            self._read(self._stream.parts[number].path, vectors, mine, at[mine], place["crc"][mine])
        decoded = np.flatnonzero(at == DECODED)
        if len(decoded):
            vectors[decoded] = self._stream.take(rows[decoded], name)[0]
        return vectors, at != ABSENT

    def _read(
        self, path: Path, out: np.ndarray, mine: np.ndarray, at: np.ndarray, sums: np.ndarray
    ) -> None:
        """Read the vectors of one file into their rows of `out`."""
        size = out.shape[1] * _STORED.itemsize
        memory = out.data.cast("B")
        first = size * mine
        with readable(path):
            handle = os.open(path, os.O_RDONLY)
            try:
                for i, place, crc in zip(first.tolist(), at.tolist(), sums.tolist(), strict=True):
                    own = memory[i : i + size]
                    if os.preadv(handle, (own,), place) != size or zlib.crc32(own) != crc:
                        raise DataError(
                            f"{path} is damaged, a vector's checksum differs: delete the folder, "
                            "and run 'skybind embed' again."
                        )
            finally:
                os.close(handle)


def _chunk(file: pq.ParquetFile, group: int, name: str) -> pq.ColumnChunkMetaData:
    """Return what the footer says of a modality's vectors in a row group."""
    return _of(file.metadata.row_group(group), name)


def _of(meta: pq.RowGroupMetaData, name: str) -> pq.ColumnChunkMetaData:
    chunks = (meta.column(i) for i in range(meta.num_columns))
    return next(c for c in chunks if c.path_in_schema.startswith(f"{name}.list."))


def _present(meta: pq.RowGroupMetaData, name: str) -> int:
    """Objects of a row group that have a modality, by the footer."""
    statistics = _of(meta, name).statistics
    if statistics is None or not statistics.has_null_count:
        return int(meta.num_rows)
    return int(meta.num_rows - statistics.null_count)


def _placed(file: BinaryIO, chunk: pq.ColumnChunkMetaData, vectors: np.ndarray) -> np.ndarray:
    """Find the vectors of a row group in the bytes of the file."""
    stored = memoryview(vectors.tobytes())
    size = vectors.shape[1] * _STORED.itemsize
    found = np.zeros(len(vectors), PLACE)
    found["at"] = DECODED
    found["crc"] = [zlib.crc32(stored[i : i + size]) for i in range(0, len(stored), size)]
    if chunk.compression == "UNCOMPRESSED":
        file.seek(chunk.data_page_offset)
        raw = file.read(chunk.total_compressed_size)
        at = _find(raw, stored, size)
        found["at"][: len(at)] = at + chunk.data_page_offset
    return found


def _find(raw: bytes, stored: memoryview, size: int) -> np.ndarray:
    """Find vectors in bytes, each after the one before; gives as many places as are found."""
    places: list[np.ndarray] = []
    place = done = 0
    while done < len(stored):
        place = raw.find(stored[done : done + size], place)
        if place < 0:
            break
        most = min(len(raw) - place, len(stored) - done) // size * size
        own = np.frombuffer(raw, np.uint8, most, place).reshape(-1, size)
        same = (own == np.frombuffer(stored, np.uint8, most, done).reshape(-1, size)).all(axis=1)
        run = len(same) if same.all() else int(np.argmin(same))
        places.append(place + size * np.arange(run))
        place, done = place + run * size, done + run * size
    return np.concatenate([np.zeros(0, np.int64), *places])
