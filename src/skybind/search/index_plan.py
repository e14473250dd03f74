"""What an index is to be built of, and what of it is there already."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from skybind.embeddings.located import Group, row_groups
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.files import json_hash
from skybind.search.index import QUANTISER, IndexNote, index_folder, read_note
from skybind.shards import Shard
from skybind.version import __version__


@dataclass(frozen=True)
class Building:
    """What an index is built of.

    Attributes
    ----------
    embeddings : Path
        Folder of the embeddings.
    modalities : list of str
        One modality, or several whose mean is searched.
    lists : int, optional
        About 1.3 sqrt(n) by default.
    seed : int
        Of the samples and the centres.
    anew : bool
        Train again where there is an index that could be added to.
    """

    embeddings: Path
    modalities: list[str]
    lists: int | None = None
    seed: int = 0
    anew: bool = False

    @cached_property
    def stream(self) -> EmbeddingStream:
        """The embeddings, open."""
        return EmbeddingStream.open(self.embeddings)

    @property
    def folder(self) -> Path:
        """Where the index stands."""
        return index_folder(self.embeddings, self.modalities)

    @cached_property
    def there(self) -> IndexNote | None:
        """The index that is there, whatever it is of."""
        try:
            return read_note(self.folder)
        except (DataError, FileNotFoundError):
            return None

    @property
    def whole(self) -> bool:
        """Whether the index that is there is the one that would be built."""
        if self.anew:
            return self.there is not None and self.there.key == self.key
        return self.begun is not None and self.first == len(self.stream)

    @cached_property
    def begun(self) -> IndexNote | None:
        """The index that is there, if the embeddings are those that it holds and more."""
        note, stream = None if self.anew else self.there, self.stream
        fits = note is not None and note.weights == str(stream.model.get("weights", ""))
        return (
            note if note and fits and note.files == stream.fingerprints[: len(note.files)] else None
        )

    @property
    def first(self) -> int:
        """First row that has to be done."""
        return 0 if self.begun is None else self.begun.rows

    @cached_property
    def groups(self) -> list[Group]:
        """Row groups that have to be done."""
        stream = self.stream
        dimension = stream.modalities[self.modalities[0]]
        names = [name for name, length in stream.modalities.items() if length == dimension]
        parts = [part for part in stream.parts if part.first >= self.first]
        return row_groups(parts, names)

    @cached_property
    def key(self) -> str:
        """What decides the bytes of a part."""
        old = self.begun and self.begun.sums[QUANTISER]
        of = (self.stream.model.get("weights", ""), self.stream.fingerprints, self.modalities)
        return json_hash([__version__, *of, self.lists, self.seed, self.first, old])

    def stretch(self, shard: Shard) -> list[Group]:
        """Row groups of a shard."""
        starts = np.array([group.first - self.first for group in self.groups])
        low, high = shard.stretch(starts, len(self.stream) - self.first)
        return [group for group in self.groups if low <= group.first - self.first < high]
