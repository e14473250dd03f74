"""The nearest vectors of queries: exactly, or by an index, whichever the search is to use."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.measures.neighbours import Nearest, exact_nearest
from skybind.search.alike import asked_objects, least_alike
from skybind.search.index import FEW, NEIGHBOURS, EmbeddingIndex, has_index, open_index
from skybind.search.result import SEARCHED

#: An index that looks at more than one list of this many is mentioned.
MANY_LISTS = 8
#: From so many objects on an index that is there is used without being asked for.
LARGE = 1_000_000

Names = tuple[str, ...]


@dataclass
class Found:
    """What was found.

    Attributes
    ----------
    nearest : Nearest
        Of the queries.
    searched : int
        Objects that were compared: those that the filters left and that have the modality (by an
        index with filters: at most so many).
    limits : dict of tuple to float
        From which cosine on a match is alike, by the modalities that are searched by.
    among : str
        Among which objects that was measured.
    recall : float, optional
        Of the index, where it was looked at in part; None of an exact search.
    probes, lists : int, optional
        How many of its lists were looked at.
    notes : list of str
    """

    nearest: Nearest
    searched: int
    limits: dict[Names, float]
    among: str = SEARCHED
    recall: float | None = None
    probes: int | None = None
    lists: int | None = None
    notes: list[str] = field(default_factory=list)


def find_nearest(
    stream: EmbeddingStream,
    target: Sequence[str],
    vectors: np.ndarray,
    by: Sequence[Sequence[str]],
    k: int,
    keep: np.ndarray | None,
    index: EmbeddingIndex | None,
    known: dict[Names, float],
) -> Found:
    """Find the k nearest vectors of each query.

    Parameters
    ----------
    stream : EmbeddingStream
    target : sequence of str
        Modalities that are searched.
    vectors : ndarray, shape (m, D)
        Of the queries.
    by : sequence of sequence of str
        Modalities that each of them is searched by.
    k : int
    keep : ndarray of bool, shape (n,), optional
        Leave out all other objects.
    index : EmbeddingIndex, optional
        Search by it.
    known : dict
        Limits of alikeness that are known already.
    """
    kinds = list(dict.fromkeys(tuple(names) for names in by))
    if index is None:
        return _exactly(stream, target, vectors, kinds, k, keep, known)
    note = index.note
    limits = dict(known)
    for names in kinds:
        stored = note.alike.get("+".join(names))
        limits.setdefault(names, np.nan if stored is None else stored)
    kept = None if keep is None else int(keep.sum())
    among = SEARCHED if kept is None else "all objects"  # measured when it was built
    found = Found(index.search(vectors, k, keep), min(note.n, kept or note.n), limits, among)
    if kept is not None and kept <= FEW:
        return found  # every one of them was compared
    found.recall = min(note.recall.get("+".join(n), min(note.recall.values())) for n in kinds)
    found.probes, found.lists = note.probes, note.lists
    if k > NEIGHBOURS + 1:  # a query may find itself
        found.notes.append(
            f"The recall of {found.recall:.3f} is of the {NEIGHBOURS} nearest: of more matches a "
            "smaller share may be found ('--exact' finds all)."
        )
    if kept is not None:
        found.notes.append(
            f"The recall of {found.recall:.3f} was measured without conditions; with them the "
            "index looks at more lists, until as many objects are compared."
        )
    if note.probes * MANY_LISTS > note.lists:
        found.notes.append(
            f"For that recall the index looks at {note.probes:,} of its {note.lists:,} lists: "
            "these vectors have little structure that it could use."
        )
    return found


def chosen_index(
    stream: EmbeddingStream, target: Sequence[str], wanted: bool | None, recall: float | None
) -> tuple[EmbeddingIndex | None, list[str]]:
    """Open the index that a search is to use, with what is to be said of it.

    Parameters
    ----------
    stream : EmbeddingStream
    target : sequence of str
    wanted : bool, optional
        True: it is built where there is none that fits. None: one that fits is used where objects
        are many.
    recall : float, optional
        What an index that is built has to reach.
    """
    if wanted is False or (
        wanted is None and not (len(stream) >= LARGE and has_index(stream, target))
    ):
        return None, []
    key, said = tuple(target), []
    if key not in stream.indices:  # for the searches that follow
        try:
            stream.indices[key] = open_index(stream, target)
        except DataError as error:
            if wanted is None:
                return None, [f"Every object was compared, without the index. {error}"]
            from skybind.search.index_build import build_index

            stream.indices[key] = build_index(stream, target, recall=recall)
            said.append("The index was built and stands beside the embeddings.")
    return stream.indices[key], said


class _Counted:
    """Chunks of vectors, and how many vectors there were."""

    def __init__(self, chunks: Iterator[tuple[np.ndarray, np.ndarray]]) -> None:
        self.chunks, self.n = chunks, 0

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for rows, vectors in self.chunks:
            self.n += len(rows)
            yield rows, vectors


def _exactly(
    stream: EmbeddingStream,
    target: Sequence[str],
    vectors: np.ndarray,
    kinds: Sequence[Names],
    k: int,
    keep: np.ndarray | None,
    known: dict[Names, float],
) -> Found:
    """Compare all; objects are asked for their nearest in the same pass, where it is not known."""
    open_ = [names for names in kinds if names not in known]
    asked = [asked_objects(stream, names, keep) for names in open_]
    counted = _Counted(stream.chunks(target, keep))
    found = exact_nearest(counted, np.concatenate([vectors, *(own for _, own in asked)]), k)
    limits, first = dict(known), len(vectors)
    for names, (rows, _) in zip(open_, asked, strict=True):
        own = slice(first, first + len(rows))
        first += len(rows)
        limits[names] = least_alike(rows, Nearest(found.row[own], found.cosine[own]))
    mine = slice(0, len(vectors))
    return Found(Nearest(found.row[mine], found.cosine[mine]), counted.n, limits)
