"""`skybind index`: all that makes searches of many objects quick, beside their embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skybind.data.schema import DEC, RA
from skybind.embeddings.stream import EmbeddingStream
from skybind.search.index import EmbeddingIndex
from skybind.search.index_build import build_index, build_shard
from skybind.search.places import Places
from skybind.search.positions import build_positions, open_positions
from skybind.shards import Shard


@dataclass(frozen=True)
class Indexed:
    """What was made.

    Attributes
    ----------
    place : Path
        Of the index, or of a shard of it.
    n : int
        Objects that it holds.
    index : EmbeddingIndex, optional
        None where only a shard was made.
    positions : int, optional
        Objects whose positions are sorted; None where the dataset is not known, or has none.
    """

    place: Path
    n: int
    index: EmbeddingIndex | None = None
    positions: int | None = None


def index_survey(
    folder: str | Path,
    target: Sequence[str] | None = None,
    *,
    data: str | Path | None = None,
    recall: float | None = None,
    shard: Shard | None = None,
    anew: bool = False,
    processes: int = 1,
) -> Indexed:
    """Index the embeddings of a survey for searches, and sort its positions for cones.

    Objects that were added to the embeddings are added to the index that is there. Shards that were
    made are put together. Interrupted, the same call goes on.

    Parameters
    ----------
    folder : str or Path
        Of a run, or of embeddings.
    target : sequence of str, optional
        Modalities that will be searched; all, as their mean, by default.
    data : str or Path, optional
        Dataset, where the folder does not tell.
    recall : float, optional
        Fraction of the 10 nearest to be found; that of the index that is there by default, or 0.95.
    shard : Shard, optional
        Only this part of the index.
    anew : bool
        Train again, instead of adding to an index that is there.
    processes : int

    Raises
    ------
    DataError
        If there are no embeddings, no object has the modality, or shards are missing or of another
        kind.
    """
    places = Places(Path(folder), data, None)
    stream = EmbeddingStream.open(places.embeddings)
    names = list(target or stream.modalities)
    if shard is not None:
        return Indexed(*build_shard(stream, names, shard, anew=anew))
    index = build_index(stream, names, recall=recall, anew=anew, processes=processes)
    positions = None
    if places.has_data and {RA, DEC} <= set(places.dataset.schema.columns):
        found = open_positions(stream, places.dataset) or build_positions(stream, places)
        positions = found.note.n
    return Indexed(index.folder, index.note.n, index, positions)
