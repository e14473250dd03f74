"""Rounding of vectors: to one of many centres, and what is left of them to a few bytes.

An index groups vectors around centres and keeps of each only a product-quantised residual (Jegou,
Douze & Schmid 2011, IEEE TPAMI 33, 117, sections II and IV): its parts of a few numbers are each
replaced by the nearest of 256 entries of a codebook.
"""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from skybind.errors import DataError

#: Entries of a codebook: a byte each.
ENTRIES = 256
#: Numbers of a vector that share a byte, and the most bytes of a vector.
PART, MOST_BYTES = 4, 64
#: Rounds of k-means: the centres need not be perfect.
ROUNDS = 8
#: Vectors that the codebooks are trained with.
_FOR_BOOKS = 65_536
#: Cosines that are held at once: 64 MB.
_BLOCK = 1 << 24


@dataclass(frozen=True)
class Quantiser:
    """Centres and codebooks.

    Attributes
    ----------
    centres : ndarray of float32, shape (L, D)
        Unit vectors.
    books : ndarray of float32, shape (M, 256, d)
        M d is D, or a little more: then vectors are filled with zeros.
    """

    centres: np.ndarray
    books: np.ndarray

    def lists_of(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Centre nearest to each unit vector, and their cosine; both of shape (n,)."""
        number = np.empty(len(vectors), np.int32)
        cosine = np.empty(len(vectors), np.float32)
        step = max(1, _BLOCK // len(self.centres))
        for start in range(0, len(vectors), step):
            some = slice(start, start + step)
            cosines = vectors[some] @ self.centres.T
            number[some] = cosines.argmax(axis=1)
            cosine[some] = cosines.max(axis=1)
        return number, cosine

    def codes_of(self, vectors: np.ndarray, lists: np.ndarray) -> np.ndarray:
        """Codes of the vectors' residuals, shape (n, M) of uint8."""
        faiss = import_faiss()
        m, _, d = self.books.shape
        coder = faiss.ProductQuantizer(m * d, m, 8)
        faiss.copy_array_to_vector(self.books.ravel(), coder.centroids)
        codes: np.ndarray = coder.compute_codes(_filled(vectors - self.centres[lists], m * d))
        return codes

    def table_of(self, query: np.ndarray) -> np.ndarray:
        """Products of a query, shape (D,), with all entries of the codebooks, shape (M, 256)."""
        m, _, d = self.books.shape
        parts = _filled(query[None], m * d).reshape(m, d, 1)
        table: np.ndarray = (self.books @ parts)[:, :, 0]
        return table

    def write(self, path: Path) -> None:
        """Write it to a file, which has checksums."""
        with path.open("wb") as file:
            np.savez(file, centres=self.centres, books=self.books)


def train_quantiser(sample: np.ndarray, lists: int, seed: int) -> Quantiser:
    """Find centres and codebooks.

    Parameters
    ----------
    sample : ndarray of float32, shape (n, D)
        Unit vectors, in random order, at least as many as lists.
    lists : int
        Number of centres.
    seed : int
        Of the first centres.

    Raises
    ------
    DataError
        If faiss is not installed.
    """
    faiss = import_faiss()
    sample = np.ascontiguousarray(sample, np.float32)
    kmeans = faiss.Kmeans(
        sample.shape[1],
        lists,
        niter=ROUNDS,
        seed=seed,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=len(sample),
    )
    kmeans.train(sample)
    quantiser = Quantiser(kmeans.centroids.copy(), np.zeros((0, ENTRIES, 0), np.float32))
    some = sample[:_FOR_BOOKS]
    width = max(PART, -(-some.shape[1] // MOST_BYTES))
    m = -(-some.shape[1] // width)
    left = _filled(some - quantiser.centres[quantiser.lists_of(some)[0]], m * width)
    if len(left) < ENTRIES:  # repeated: there must be as many as entries
        left = np.tile(left, (-(-ENTRIES // len(left)), 1))
    coder = faiss.ProductQuantizer(m * width, m, 8)
    coder.cp.seed, coder.cp.min_points_per_centroid = seed, 1
    coder.train(left)
    books = faiss.vector_to_array(coder.centroids).reshape(m, ENTRIES, width)
    return Quantiser(quantiser.centres, books.copy())


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
            "To build an index needs faiss, which is not installed: pip install 'skybind[ann]', or "
            "search without --index."
        ) from error
    module: ModuleType = faiss
    return module


def _filled(vectors: np.ndarray, width: int) -> np.ndarray:
    """Give vectors a length by zeros at their end."""
    if vectors.shape[1] == width:
        return np.ascontiguousarray(vectors, np.float32)
    filled = np.zeros((len(vectors), width), np.float32)
    filled[:, : vectors.shape[1]] = vectors
    return filled
