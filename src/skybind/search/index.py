"""An index beside the embeddings, for approximate search among many objects.

Inverted lists with product-quantised residuals (Jegou, Douze & Schmid 2011, IEEE TPAMI 33, 117,
section IV): a query is compared with the codes of the objects in the `probes` lists whose centres
are nearest to it, and the most promising of these are compared again with their vectors, which are
read in place. So the cosines are exact, and what may be missing is a match.

    EMBEDDINGS.index/MODALITY+.../
      index.json                          what it was made of, how well it finds, checksums
      quantiser.npz                       centres and codebooks
      starts.npy, rows.npy, codes.npy     the lists (`skybind.search.lists`)
      places-0.npy ...                    where each vector stands (`skybind.embeddings.located`)
      truth.npz                           the exact neighbours that recall is measured with

It is built by `skybind.search.index_build`, and searched without faiss.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np

from skybind.embeddings.located import LocatedVectors
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.measures.neighbours import Nearest, exact_nearest
from skybind.record import read_record
from skybind.search.lists import Lists
from skybind.search.quantiser import Quantiser
from skybind.sums import verify_sums

INDEX_VERSION = 2
NOTE, QUANTISER, TRUTH = "index.json", "quantiser.npz", "truth.npz"
#: Candidates whose exact cosines are computed: so many a match, and at least so many.
CANDIDATES, FEWEST_CANDIDATES = 20, 200
#: Recall to be reached unless another is asked for, and the number of the nearest that it is of.
RECALL, NEIGHBOURS = 0.95, 10
#: Among fewer objects than this no index is used, but every one of them is compared.
FEW = 20_000
#: What is said of an index that grew: more objects than this many times those that it began with.
GROWN = 2.0
#: Or that objects which were added lie so many times as far from their centres.
FARTHER = 1.5


@dataclass(frozen=True)
class IndexNote:
    """What an index was made of and how well it finds.

    Attributes
    ----------
    modalities : list of str
        Whose (mean) vectors it holds.
    files : list of str
        Hashes of the files of the embeddings.
    weights : str
        Hash of the model's weights.
    rows, n, dimension : int
        Objects of the embeddings, those of them that it holds, and the length of their vectors.
    lists, probes : int
        Number of lists, and how many are looked at (nprobe).
    candidates : int
        Objects of these lists whose exact cosines are computed, a match.
    seed : int
        Of the sample that centres and codebooks were found with.
    trained : int
        Objects that it held when these were found.
    apart, added_apart : float
        Mean of 1 - cosine between an object and its centre: of these, and of those that were added
        later (NaN of none).
    recall : dict of str to float
        Modality of the query (several joined by '+') -> fraction of the 10 nearest by exact search
        that are found, by objects that played no part in the choice of `probes`.
    alike : dict of str to float
        Likewise: the cosine from which a match is alike (`skybind.search.alike`).
    wanted : float
        The recall that it was to reach.
    version : int
    key : str
        What decided its parts; "" of an older index.
    sums : dict of str to list of int
        Checksums of its files, see `skybind.sums`.
    """

    modalities: list[str]
    files: list[str]
    weights: str
    rows: int
    n: int
    dimension: int
    lists: int
    probes: int
    candidates: int
    seed: int
    trained: int
    apart: float
    added_apart: float | None = None
    recall: dict[str, float] = field(default_factory=dict)
    alike: dict[str, float | None] = field(default_factory=dict)
    wanted: float = RECALL
    version: int = INDEX_VERSION
    key: str = ""
    sums: dict[str, list[int]] = field(default_factory=dict, compare=False)

    @property
    def advice(self) -> str | None:
        """A sentence where the index has outgrown what it was trained with."""
        added = self.n - self.trained
        if self.n > GROWN * self.trained:
            why = f"It was trained with {self.trained:,} objects and holds {self.n:,}"
        elif self.added_apart is not None and self.added_apart > FARTHER * self.apart:
            why = (
                f"The {added:,} objects added to it are unlike those it was trained with "
                f"(1 - cosine to their centres is {self.added_apart:.2g}, was {self.apart:.2g})"
            )
        else:
            return None
        return f"{why}: rebuild the index with 'skybind index --anew', and searches are quicker."


class EmbeddingIndex:
    """An index over the embeddings of one modality, or over the mean of several.

    Use `open_index`, or `skybind.search.index_build.build_index`.
    """

    def __init__(self, stream: EmbeddingStream, folder: Path, note: IndexNote) -> None:
        self.note = note
        self.folder = folder
        self.quantiser = read_quantiser(folder)
        self._lists = Lists.open(folder)
        places = {
            name: np.load(folder / places_name(number), mmap_mode="r")
            for number, name in enumerate(note.modalities)
        }
        self.vectors = LocatedVectors(stream, places)

    def search(
        self,
        query: np.ndarray,
        k: int,
        keep: np.ndarray | None = None,
        probes: int | None = None,
        candidates: int | None = None,
    ) -> Nearest:
        """Find about the k nearest vectors of each query.

        Parameters
        ----------
        query : ndarray, shape (m, D)
            Unit vectors.
        k : int
        keep : ndarray of bool, shape (n,), optional
            Leave out all other objects. Where they are few, all are compared; otherwise more lists
            are looked at, until they hold as many of them as `probes` lists do of all.
        probes, candidates : int, optional
            How many lists to look at, and objects a match to compare exactly; by default those
            that the recall was measured with, and as many more lists as hold the objects that are
            to be compared.

        Returns
        -------
        Nearest
            With exact cosines.
        """
        query = np.ascontiguousarray(query, np.float32)
        if keep is not None:
            rows = np.flatnonzero(keep)
            if len(rows) <= FEW:
                return self.compare(query, k, rows)
        most = max((candidates or self.note.candidates) * k, FEWEST_CANDIDATES)
        least = most if probes is None else 0
        probes = min(probes or self.note.probes, self.note.lists)
        row = np.full((len(query), k), -1, np.int64)
        cosine = np.full((len(query), k), np.nan)
        for i, one in enumerate(query):
            found, scores = self._promising(one, probes, keep, least)
            if len(found) > most:
                found = found[np.argpartition(-scores, most - 1)[:most]]
            best = self.compare(one[None], k, np.sort(found))
            row[i], cosine[i] = best.row[0], best.cosine[0]
        return Nearest(row, cosine)

    def compare(self, query: np.ndarray, k: int, rows: np.ndarray) -> Nearest:
        """Find the k nearest of some objects, rows ascending, exactly."""
        steps = range(0, len(rows), FEW)
        names = self.note.modalities
        chunks = (self.vectors.take(rows[first : first + FEW], names) for first in steps)
        return exact_nearest(chunks, query, k)

    def _promising(
        self, query: np.ndarray, probes: int, keep: np.ndarray | None, least: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows of at least so many objects in the nearest lists, and their estimated cosines."""
        cosines = self.quantiser.centres @ query
        table = self.quantiser.table_of(query)
        if keep is None:
            near = np.argpartition(-cosines, probes - 1)[:probes]
            sizes = np.diff(self._lists.starts)
            if sizes[near].sum() < least:
                order = np.argsort(-cosines, kind="stable")
                near = order[: int(np.searchsorted(np.cumsum(sizes[order]), least)) + 1]
            return self._lists.scores(near, cosines[near], table, None)
        order = np.argsort(-cosines, kind="stable")
        wanted = max(len(self._lists) * probes / self.note.lists, least)
        found: list[tuple[np.ndarray, np.ndarray]] = []
        start, held = 0, 0
        while start < len(order) and (held < wanted or not found):
            near = order[start : start + max(probes, start)]
            found.append(self._lists.scores(near, cosines[near], table, keep))
            start, held = start + len(near), held + len(found[-1][0])
        rows, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return rows, scores


def index_folder(embeddings: str | Path, modalities: Sequence[str]) -> Path:
    """Where the index of some modalities stands: beside the folder of the embeddings."""
    folder = Path(embeddings)
    return folder.parent / f"{folder.name}.index" / "+".join(modalities)


def places_name(number: int) -> str:
    """File with the places of the vectors of the index's modality of that number."""
    return f"places-{number}.npy"


def read_quantiser(folder: Path) -> Quantiser:
    """Read centres and codebooks.

    Raises
    ------
    DataError
        If they are damaged.
    """
    found = read_arrays(folder / QUANTISER)
    return Quantiser(found["centres"], found["books"])


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a file that has checksums.

    Raises
    ------
    DataError
        If it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, EOFError, KeyError, BadZipFile, ZlibError) as error:
        raise_of_machine(error)
        raise DataError(f"{path} is damaged: {_again(path.parent)}.") from error


def open_index(stream: EmbeddingStream, modalities: Sequence[str]) -> EmbeddingIndex:
    """Open the index that stands beside the embeddings.

    Raises
    ------
    DataError
        If there is none, it is damaged, or it was made of other embeddings.
    """
    folder = index_folder(stream.folder, modalities)
    try:
        note = read_note(folder)
    except FileNotFoundError:
        raise DataError(
            f"There is no index of {'+'.join(modalities)} beside {stream.folder}: build it with "
            "'skybind index'."
        ) from None
    held = len(note.files)
    weights = str(stream.model.get("weights", ""))
    if note.files != stream.fingerprints[:held] or note.weights != weights:
        raise DataError(
            f"The index in {folder} was made of other embeddings than those in {stream.folder}: "
            "build it again with 'skybind index'."
        )
    if held < len(stream.parts):
        raise DataError(
            f"The index in {folder} lacks {len(stream) - note.rows:,} objects that were added to "
            f"{stream.folder}: add them with 'skybind index'."
        )
    verify_index(folder, note)
    return EmbeddingIndex(stream, folder, note)


def has_index(stream: EmbeddingStream, modalities: Sequence[str]) -> bool:
    """Whether an index stands beside the embeddings, of whatever state of them."""
    return (index_folder(stream.folder, modalities) / NOTE).exists()


def read_note(folder: Path) -> IndexNote:
    """Read what an index was made of.

    Raises
    ------
    DataError
        If it is damaged, or of another version.
    FileNotFoundError
        If there is none.
    """
    said = read_record(folder / NOTE, dict[str, object], _again(folder))
    if said.get("version", INDEX_VERSION) != INDEX_VERSION:
        raise DataError(f"The index in {folder} has version {said['version']}: {_again(folder)}.")
    return read_record(folder / NOTE, IndexNote, _again(folder))


def verify_index(folder: Path, note: IndexNote, *, whole: bool = False) -> None:
    """Refuse an index that is damaged; of large files a sample is verified, unless `whole`.

    Raises
    ------
    DataError
    """
    for name, sums in note.sums.items():
        verify_sums(folder / name, sums, _again(folder), whole=whole)


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


def _again(folder: Path) -> str:
    return f"delete {folder}, and build it again with 'skybind index'"
