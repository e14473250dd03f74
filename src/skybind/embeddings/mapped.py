"""Embeddings in memory-mapped files: for many questions to the same vectors, one after another."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.embeddings.means import unit_mean
from skybind.embeddings.shards import Shards
from skybind.embeddings.stream import EmbeddingStream
from skybind.files import atomic_path

_ROWS = 65536  # objects of a chunk: with a modality of 128 numbers, 32 MB


class MappedEmbeddings(EmbeddingStream):
    """The embeddings of a folder, copied once to plain arrays that the system maps into memory.

    Parquet has to be decoded for every search; arrays have not, and what is asked for often stays
    in the system's cache without being this program's memory. Names stay in memory.

    Use `MappedEmbeddings.of`.
    """

    def __init__(self, shards: Shards, folder: Path) -> None:
        super().__init__(shards)
        self._vectors: dict[str, np.ndarray] = {}
        self._present: dict[str, np.ndarray] = {}
        self._split = pa.chunked_array(
            [chunk for shard in self._shards for chunk in self._read(shard, "split").chunks],
            pa.string(),
        )
        for number, name in enumerate(self.modalities):  # a name may be none for a file
            self._vectors[name] = np.load(folder / f"vectors-{number}.npy", mmap_mode="r")
            self._present[name] = np.load(folder / f"present-{number}.npy")

    @classmethod
    def of(cls, folder: str | Path, cache: str | Path) -> "MappedEmbeddings":
        """Open the embeddings in a folder; their arrays are made if there are none yet.

        Parameters
        ----------
        folder : str or Path
            Of the embeddings (`part-*.parquet`).
        cache : str or Path
            Folder in which the arrays stand, in a folder named after the embeddings' fingerprint;
            those of other embeddings are deleted.

        Raises
        ------
        DataError
            If there are no embeddings, or one is damaged.
        """
        stream = EmbeddingStream.open(folder)
        place = Path(cache) / f"vectors-{stream.fingerprint}"
        if not place.exists():
            for old in Path(cache).glob("vectors-*"):
                shutil.rmtree(old, ignore_errors=True)
            with atomic_path(place) as temporary:
                temporary.mkdir(parents=True)
                for number, name in enumerate(stream.modalities):
                    _write(stream, name, temporary, number)
        return cls(Shards.open(folder), place)

    def in_split(self, part: str, keep: np.ndarray | None = None) -> np.ndarray:
        """Which objects belong to a part of the split; as of `EmbeddingStream`."""
        found = np.asarray(pc.equal(self._split, part))
        return found if keep is None else found & keep

    def names(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Names and parts of the split of a few objects, in the order given."""
        wanted = pa.array(np.asarray(rows, np.int64))
        found = (column.take(wanted).to_pylist() for column in (self.object_id, self._split))
        names, parts = (np.asarray(texts, dtype=str) for texts in found)
        return names, parts

    def present(self, modalities: Sequence[str], keep: np.ndarray | None = None) -> np.ndarray:
        """Which objects have at least one of the modalities; as of `EmbeddingStream`."""
        self.require(modalities)
        found = np.logical_or.reduce([self._present[name] for name in modalities])
        return found if keep is None else found & keep

    def chunks(
        self, modalities: Sequence[str], keep: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read unit vectors chunk by chunk, in order; as of `EmbeddingStream`."""
        self.require(modalities)
        wanted = self.present(modalities)
        if keep is not None:
            wanted = wanted & keep
        for start in range(0, len(self), _ROWS):
            own = slice(start, min(start + _ROWS, len(self)))
            rows = start + np.flatnonzero(wanted[own])
            if len(rows):
                # a slice is no copy, as the taking of rows is
                some = own if len(rows) == own.stop - own.start else rows
                yield rows, self._mean(modalities, some)

    def take(self, rows: np.ndarray, modality: str) -> tuple[np.ndarray, np.ndarray]:
        """Read the vectors of a few objects; as of `EmbeddingStream`."""
        self.require([modality])
        rows = np.asarray(rows, np.int64)
        return np.asarray(self._vectors[modality][rows]), self._present[modality][rows]

    def _mean(self, modalities: Sequence[str], rows: slice | np.ndarray) -> np.ndarray:
        vectors = [self._vectors[name][rows] for name in modalities]
        if len(modalities) == 1:
            return vectors[0]
        return unit_mean(vectors, [self._present[name][rows] for name in modalities])

    def _find(self, object_id: str) -> int | None:
        found = int(pc.index(self.object_id, object_id).as_py())
        return found if found >= 0 else None


def _write(stream: EmbeddingStream, name: str, folder: Path, number: int) -> None:
    """Write the vectors of a modality, zeros where absent, and who has one."""
    shape = (len(stream), stream.modalities[name])
    path = folder / f"vectors-{number}.npy"
    vectors = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    present = np.zeros(len(stream), bool)
    for rows, values in stream.chunks([name]):
        vectors[rows], present[rows] = values, True
    vectors.flush()
    np.save(folder / f"present-{number}.npy", present)
