"""An index beside the embeddings, for approximate search among many objects (extra `ann`).

Inverted lists (Jegou et al. 2011, IEEE TPAMI 33, 117): the vectors are grouped around centres,
and a query is compared with those of the `probes` nearest centres only. Vectors are kept with 8
bits a number: a quarter of their size. How many lists are looked at is found by measuring.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.files import atomic_path
from skybind.measures.neighbours import Nearest, exact_nearest
from skybind.progress import step
from skybind.record import read_record, write_sealed
from skybind.sums import block_sums, verify_sums

INDEX_VERSION = 1


TRAINING = 40  # objects for the centres, a list


ROUNDS = 6  # of k-means: the centres need not be perfect


SAMPLE = 200  # objects by which the probes are chosen, and as many by which recall is measured


NEIGHBOURS = 10  # recall is of the 10 nearest


NOTE, INDEX = "index.json", "index.faiss"


@dataclass(frozen=True)
class IndexNote:
    """What an index was made of and how well it finds.

    Attributes
    ----------
    modalities : list of str
        Whose (mean) vectors it holds.
    fingerprint : str
        Hash of the embeddings.
    weights : str
        Hash of the model's weights.
    n, dimension : int
        Number and length of the vectors.
    lists, probes : int
        Number of lists, and how many are looked at.
    recall : dict of str to float
        Query modality -> fraction of the 10 nearest by exact search that are found, by objects
        that played no part in the choice of `probes`.
    version : int
    sums : list of int, optional
        Checksums of its file, see `skybind.sums`.
    """

    modalities: list[str]
    fingerprint: str
    weights: str
    n: int
    dimension: int
    lists: int
    probes: int
    recall: dict[str, float] = field(default_factory=dict)
    version: int = INDEX_VERSION
    sums: list[int] | None = field(default=None, compare=False)


class EmbeddingIndex:
    """An index over the embeddings of one modality, or over the mean of several.

    Use `build_index` or `open_index`.
    """

    def __init__(self, index: Any, note: IndexNote) -> None:
        self._index = index
        self.note = note

    def search(
        self,
        query: np.ndarray,
        k: int,
        keep: np.ndarray | None = None,
        probes: int | None = None,
    ) -> Nearest:
        """Find about the k nearest vectors of each query.

        Parameters
        ----------
        query : ndarray, shape (m, D)
            Unit vectors.
        k : int
        keep : ndarray of bool, shape (n,), optional
            Leave out all other objects.
        probes : int, optional
            How many lists to look at; by default those that the recall was measured with.

        Returns
        -------
        Nearest
            Cosines are those of the rounded vectors: off by some 0.001.
        """
        faiss = import_faiss()
        options: dict[str, Any] = {"nprobe": min(probes or self.note.probes, self.note.lists)}
        if keep is not None:
            options["sel"] = faiss.IDSelectorBatch(np.flatnonzero(keep).astype(np.int64))
        cosine, row = self._index.search(
            np.ascontiguousarray(query, np.float32),
            k,
            params=faiss.SearchParametersIVF(**options),
        )
        return Nearest(row, np.where(row >= 0, cosine.astype(float), np.nan))


def import_faiss() -> ModuleType:
    """Import faiss.

    Raises
    ------
    DataError
        If it is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise DataError(
            "An index needs faiss, which is not installed: pip install 'skybind[ann]', or search "
            "without --index."
        ) from error
    module: ModuleType = faiss
    return module


def index_folder(embeddings: str | Path, modalities: Sequence[str]) -> Path:
    """Where the index of some modalities stands: beside the folder of the embeddings."""
    folder = Path(embeddings)
    return folder.parent / f"{folder.name}.index" / "+".join(modalities)


@step("building the index")
def build_index(
    stream: EmbeddingStream,
    modalities: Sequence[str],
    *,
    recall: float = 0.95,
    lists: int | None = None,
    seed: int = 0,
) -> EmbeddingIndex:
    """Build an index and write it beside the embeddings.

    Queries of every modality are tried, for a query of another modality lies apart from the
    vectors and needs more lists; the worst of them decides.

    Parameters
    ----------
    stream : EmbeddingStream
    modalities : sequence of str
        One modality, or several whose mean is searched.
    recall : float
        Fraction of the 10 nearest to be found.
    lists : int, optional
        About 4 sqrt(n) by default.
    seed : int
        Of the samples and the centres.

    Raises
    ------
    DataError
        If faiss is missing, no object has the modality, or the recall is no fraction.
    """
    if not 0 < recall <= 1:
        raise DataError(f"A recall of {recall} is impossible: give one above 0, at most 1.")
    faiss = import_faiss()
    stream.require(modalities)
    rng = np.random.default_rng(seed)
    present = _rows(stream, modalities)
    if not len(present):
        raise DataError(
            f"No object has {' or '.join(modalities)}: there is nothing to build an index of."
        )
    lists = lists or _default_lists(len(present))
    dimension = stream.modalities[modalities[0]]
    index = faiss.index_factory(dimension, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter, index.cp.min_points_per_centroid = seed, ROUNDS, 1
    index.train(_sample(stream, modalities, present, TRAINING * lists, rng)[1])
    for rows, vectors in stream.chunks(modalities):
        index.add_with_ids(np.ascontiguousarray(vectors), rows)
    note = IndexNote(
        list(modalities),
        stream.fingerprint,
        str(stream.model.get("weights", "")),
        len(present),
        dimension,
        lists,
        probes=lists,
    )
    built = _tune(EmbeddingIndex(index, note), stream, recall, rng)
    _write(built, index_folder(stream.folder, modalities))
    return built


def _write(built: EmbeddingIndex, folder: Path) -> None:
    with atomic_path(folder) as temporary:
        temporary.mkdir(parents=True)
        import_faiss().write_index(built._index, str(temporary / INDEX))
        sums = block_sums(temporary / INDEX)
        write_sealed(temporary / NOTE, asdict(replace(built.note, sums=sums)))


def open_index(stream: EmbeddingStream, modalities: Sequence[str]) -> EmbeddingIndex:
    """Open the index that stands beside the embeddings.

    Raises
    ------
    DataError
        If there is none, it cannot be read, or it was made of other embeddings.
    """
    faiss = import_faiss()
    folder = index_folder(stream.folder, modalities)
    try:
        note = read_note(folder)
    except FileNotFoundError:
        raise DataError(
            f"There is no index of {'+'.join(modalities)} beside {stream.folder}: search with "
            "--index to build it."
        ) from None
    if note.version != INDEX_VERSION:
        raise DataError(f"The index in {folder} has version {note.version}: build it again.")
    weights = str(stream.model.get("weights", ""))
    if note.fingerprint != stream.fingerprint or note.weights != weights:
        raise DataError(
            f"The index in {folder} was made of other embeddings than those in {stream.folder}: "
            "search with --index to build it again."
        )
    try:
        # mapped into memory: a search reads only the lists that it looks at
        verify_index(folder, note)
        index = faiss.read_index(str(folder / INDEX), faiss.IO_FLAG_MMAP)
    except RuntimeError as error:
        raise DataError(f"The index in {folder} is damaged: delete it.") from error
    return EmbeddingIndex(index, note)


def read_note(folder: Path) -> IndexNote:
    """Read what an index was made of.

    Raises
    ------
    DataError
        If it is damaged.
    FileNotFoundError
        If there is none.
    """
    return read_record(folder / NOTE, IndexNote, f"delete {folder}, and search with --index")


def verify_index(folder: Path, note: IndexNote, *, whole: bool = False) -> None:
    """Refuse an index that is damaged; of a large one a sample is verified, unless `whole`.

    Raises
    ------
    DataError
    """
    if note.sums is not None:  # version 0.1 noted none
        again = f"delete {folder}, and search with --index to build it again"
        verify_sums(folder / INDEX, note.sums, again, whole=whole)


def has_index(stream: EmbeddingStream, modalities: Sequence[str]) -> bool:
    """Whether an index that fits stands beside the embeddings."""
    try:
        open_index(stream, modalities)
    except DataError:
        return False
    return True


def recall_of(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Fraction of the exact neighbours of each query that were found.

    Parameters
    ----------
    found, exact : ndarray of int, shape (m, k)
        Rows of the neighbours; -1 for none.

    Returns
    -------
    ndarray of float64, shape (m,)
        1 for a query that has no neighbours.
    """
    known = exact >= 0
    hits = (exact[:, :, None] == found[:, None, :]).any(axis=2) & known
    n = known.sum(axis=1)
    return np.where(n > 0, hits.sum(axis=1) / np.maximum(n, 1), 1.0)


def _tune(
    built: EmbeddingIndex, stream: EmbeddingStream, recall: float, rng: np.random.Generator
) -> EmbeddingIndex:
    """Find how many lists to look at, and measure the recall with other objects."""
    note = built.note
    own, queries, names = [], [], []
    for name in stream.modalities:
        rows = _rows(stream, [name])
        if stream.modalities[name] == note.dimension and len(rows):
            some, vectors = _sample(stream, [name], rows, 2 * SAMPLE, rng)
            own.append(some)
            queries.append(vectors)
            names.append(name)
    k = min(NEIGHBOURS, max(1, note.n - 1))
    # the object itself is found all too easily
    exact = exact_nearest(stream.chunks(note.modalities), np.concatenate(queries), k + 1).row
    ends = np.cumsum([len(some) for some in own])
    parts = np.split(exact, ends[:-1])
    truth = [_without(part, some, k) for part, some in zip(parts, own, strict=True)]

    def recalls(probes: int, half: int) -> list[np.ndarray]:
        """Recall of each query, a modality each, by one half of the sample."""
        values = []
        for some, vectors, exact in zip(own, queries, truth, strict=True):
            part = np.arange(len(some))[half::2] if len(some) > 1 else np.arange(1)
            found = built.search(vectors[part], k + 1, probes=probes).row
            values.append(recall_of(_without(found, some[part], k), exact[part]))
        return values

    def enough(probes: int) -> bool:
        """Whether the recall is reached for certain: by more than its standard error."""
        return all(
            r.mean() - r.std() / np.sqrt(len(r)) >= recall or r.mean() == 1
            for r in recalls(probes, 0)
        )

    # the smallest number that gives the recall: double, then halve the interval
    low, high = 0, 1
    while high < note.lists and not enough(high):
        low, high = high, min(2 * high, note.lists)
    while high - low > max(1, high // 8):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    measured = {n: float(r.mean()) for n, r in zip(names, recalls(high, 1), strict=True)}
    return EmbeddingIndex(
        built._index, IndexNote(**{**asdict(note), "probes": high, "recall": measured})
    )


def _without(found: np.ndarray, own: np.ndarray, k: int) -> np.ndarray:
    """Leave the own row out of each line of rows found, and give the first k that remain."""
    place = np.argsort(found == own[:, None], axis=1, kind="stable")
    return np.take_along_axis(found, place, axis=1)[:, :k]


def _default_lists(n: int) -> int:
    """About 4 sqrt(n), as a power of two, and no more than leaves 32 objects a list."""
    wanted = 2 ** round(np.log2(4 * np.sqrt(n)))
    return int(max(1, min(wanted, n // 32)))


def _rows(stream: EmbeddingStream, modalities: Sequence[str]) -> np.ndarray:
    return np.flatnonzero(stream.present(modalities))


def _sample(
    stream: EmbeddingStream,
    modalities: Sequence[str],
    rows: np.ndarray,
    n: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Read n objects drawn from `rows`, in random order: their rows and vectors."""
    keep = np.zeros(len(stream), bool)
    keep[rng.choice(rows, min(n, len(rows)), replace=False)] = True
    parts = [(found, vectors.copy()) for found, vectors in stream.chunks(modalities, keep)]
    order = rng.permutation(int(keep.sum()))
    chosen, vectors = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return chosen[order], vectors[order]
