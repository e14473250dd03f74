"""Search in embeddings: exact nearest vectors, contrast, prediction by neighbours, duplicates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from skybind.errors import DataError

#: Row numbers (ascending over all chunks) and their unit vectors.
Chunk = tuple[np.ndarray, np.ndarray]


BLOCK = 4096  # vectors compared at once


QUERIES = 1024  # queries compared at once: a block of cosines is 16 MB


GATHERED = 1 << 22  # numbers (32 MB) gathered at once for exact cosines


ARCSEC = np.pi / 180 / 3600


@dataclass(frozen=True)
class Nearest:
    """The k nearest vectors of m queries, the nearest first.

    Attributes
    ----------
    row : ndarray of int64, shape (m, k)
        Row numbers; -1 where there were fewer than k vectors.
    cosine : ndarray of float64, shape (m, k)
        Cosine similarities; NaN where there is none.
    """

    row: np.ndarray
    cosine: np.ndarray


def exact_nearest(chunks: Iterable[Chunk], query: np.ndarray, k: int) -> Nearest:
    """Find the k vectors with the largest cosine to each query, reading every vector once.

    Besides the chunk at hand only a block of cosines (`QUERIES` x `BLOCK`) is held. A block is
    compared by one matrix product; vectors that beat a query's k-th best so far are few, and
    only their cosines are computed again in double precision, which does not depend on how the
    vectors were cut into chunks. Equal cosines are ordered by row.

    Parameters
    ----------
    chunks : iterable of (rows, vectors)
        Row numbers (n,) and unit vectors (n, D); rows ascend from chunk to chunk.
    query : ndarray, shape (m, D)
        Unit vectors.
    k : int

    Raises
    ------
    DataError
        If k is not positive, or the vectors have another length than the queries.
    """
    if k < 1:
        raise DataError(f"The number of matches is {k}: give at least 1.")
    query = np.ascontiguousarray(query, np.float32)
    m, dimension = query.shape
    best = _Best(m, k, 4e-7 * np.sqrt(dimension))
    for rows, vectors in chunks:
        if vectors.shape[1] != dimension:
            raise DataError(
                f"The query has {dimension} numbers, the embeddings have {vectors.shape[1]}: they "
                "come from different models."
            )
        for start in range(0, len(rows), BLOCK):
            block = np.asarray(vectors[start : start + BLOCK], np.float32)
            for first in range(0, m, QUERIES):
                some = slice(first, min(first + QUERIES, m))
                best.add(some, query[some], rows[start : start + BLOCK], block)
    return Nearest(best.row, best.cosine)


class _Best:
    """The k best rows of each query so far, and what a vector must reach to matter."""

    def __init__(self, m: int, k: int, margin: float) -> None:
        self.k = k
        self.row = np.full((m, k), -1, np.int64)
        self.cosine = np.full((m, k), np.nan)
        # a cosine in single precision may be off by this much
        self.margin = margin
        self.least = np.full(m, -np.inf, np.float32)

    def add(self, some: slice, query: np.ndarray, rows: np.ndarray, vectors: np.ndarray) -> None:
        """Take the vectors of one block into account for the queries `some`."""
        cosines = query @ vectors.T
        # "not below" also holds where one vector of the block is NaN
        promising = np.flatnonzero(~(cosines.max(axis=1) <= self.least[some]))
        if not len(promising):
            return
        cosines = cosines[promising] if len(promising) < len(query) else cosines
        least = self.least[some][promising]
        who, which = _places(cosines > least[:, None])
        crowded = np.flatnonzero(np.bincount(who, minlength=len(least)) > 4 * self.k)
        if len(crowded):
            place = cosines.shape[1] - self.k
            filled = np.nan_to_num(cosines[crowded], nan=-np.inf)
            kth = np.partition(filled, place, axis=1)[:, place]
            least[crowded] = np.maximum(least[crowded], kth - self.margin)
            who, which = _places(cosines > least[:, None])
        who = promising[who]
        exact = np.empty(len(who))
        step = max(1, GATHERED // query.shape[1])
        for start in range(0, len(who), step):
            part = slice(start, start + step)
            a, b = query[who[part]].astype(float), vectors[which[part]].astype(float)
            exact[part] = np.einsum("ij,ij->i", a, b)
        self._merge(some.start + who, rows[which], exact)

    def _merge(self, who: np.ndarray, row: np.ndarray, cosine: np.ndarray) -> None:
        touched = np.unique(who)
        who = np.concatenate([np.repeat(touched, self.k), who])
        row = np.concatenate([self.row[touched].ravel(), row])
        cosine = np.concatenate([self.cosine[touched].ravel(), cosine])
        kept = row >= 0
        who, row, cosine = who[kept], row[kept], cosine[kept]
        order = np.lexsort((row, -cosine, who))
        who, row, cosine = who[order], row[order], cosine[order]
        place = np.arange(len(who)) - np.searchsorted(who, who)
        kept = place < self.k
        who, place = who[kept], place[kept]
        self.row[who, place], self.cosine[who, place] = row[kept], cosine[kept]
        full = touched[self.row[touched, -1] >= 0]
        self.least[full] = self.cosine[full, -1] - self.margin


def _places(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of what is true; quicker than numpy's own for few."""
    return np.divmod(np.flatnonzero(flags), flags.shape[1])


def contrast_order(alike: np.ndarray, unlike: np.ndarray) -> np.ndarray:
    """Rank matches that are alike in one modality by how unlike they are in another.

    Parameters
    ----------
    alike : ndarray, shape (k,)
        Cosines in the modality that was searched; the larger goes first between equals.
    unlike : ndarray, shape (k,)
        Cosines in the other modality; NaN (not observed) goes last.

    Returns
    -------
    ndarray of int, shape (k,)
        The order, the most unlike first.
    """
    return np.lexsort((-np.asarray(alike), np.asarray(unlike)))


@dataclass(frozen=True)
class NumberPrediction:
    """A number predicted by the mean of the matches.

    Attributes
    ----------
    column : str
    n : int
        Matches in which it is known.
    mean, spread : float
        Their mean and standard deviation (n - 1); NaN with none, and with one for the spread.
    median : float
    """

    column: str
    n: int
    mean: float
    spread: float
    median: float


@dataclass(frozen=True)
class ClassPrediction:
    """A class predicted by the matches' votes.

    Attributes
    ----------
    column : str
    n : int
        Matches in which it is known.
    fractions : dict of str to float
        Share of the votes of each class, the largest first.
    """

    column: str
    n: int
    fractions: dict[str, float]


def predict_column(column: str, values: np.ndarray) -> NumberPrediction | ClassPrediction:
    """Predict what a column holds for an object from its matches.

    Parameters
    ----------
    column : str
        Its name.
    values : ndarray, shape (k,)
        Of the matches: numbers (NaN where not known), or text ("" where not known).
    """
    values = np.asarray(values)
    if values.dtype.kind in "UO":
        names, counts = np.unique(values[values != ""].astype(str), return_counts=True)
        order = np.lexsort((names, -counts))
        n = int(counts.sum())
        shares = {str(names[i]): float(counts[i] / n) for i in order}
        return ClassPrediction(column, n, shares)
    known = values[np.isfinite(values.astype(float))].astype(float)
    n = len(known)
    return NumberPrediction(
        column,
        n,
        float(known.mean()) if n else np.nan,
        float(known.std(ddof=1)) if n > 1 else np.nan,
        float(np.median(known)) if n else np.nan,
    )


@dataclass(frozen=True)
class SpectrumPrediction:
    """The spectrum that the matches say an object should have, up to a factor.

    Attributes
    ----------
    wavelength : ndarray, shape (W,)
        [Angstrom]
    flux : ndarray, shape (W,)
        Mean of the matches' fluxes, each divided by its median over the common range; NaN where
        none was observed. Spectra without a positive median have no level and are left out.
    spread : ndarray, shape (W,)
        Their standard deviation (n - 1); NaN where fewer than two were observed.
    n : ndarray of int, shape (W,)
        Number of matches observed at each wavelength.
    """

    wavelength: np.ndarray
    flux: np.ndarray
    spread: np.ndarray
    n: np.ndarray


def predict_spectrum(
    spectra: Sequence[tuple[np.ndarray, np.ndarray]], grid: np.ndarray | None = None
) -> SpectrumPrediction:
    """Average the spectra of matches.

    Parameters
    ----------
    spectra : sequence of (wavelength, flux)
        Wavelengths [Angstrom] increase; a flux that is NaN is masked, and so is what lies
        between it and the next pixels.
    grid : ndarray, optional
        Wavelengths [Angstrom] to give it at; those of the spectrum with most pixels by default.

    Raises
    ------
    DataError
        If there is no spectrum with a finite flux, or none has a level.
    """
    every = [(np.asarray(w, float), np.asarray(f, float)) for w, f in spectra]
    usable = [(w, f) for w, f in every if np.isfinite(f).sum() > 1]
    if not usable:
        raise DataError("None of the matches has a spectrum: none can be predicted.")
    if grid is None:
        grid = max((w for w, _ in usable), key=len)
    stack = np.stack([np.interp(grid, w, f, left=np.nan, right=np.nan) for w, f in usable])
    common = np.isfinite(stack).all(axis=0)
    if not common.any():
        common[:] = True
    level = np.nanmedian(np.where(common, stack, np.nan), axis=1)
    # dividing by a level below zero would turn a spectrum upside down
    stack = stack[level > 0] / level[level > 0, None]
    if not len(stack):
        raise DataError("The spectra of the matches are noise around zero: none can be predicted.")
    n = np.isfinite(stack).sum(axis=0)
    filled = np.where(np.isfinite(stack), stack, 0.0)
    mean = np.divide(filled.sum(0), n, out=np.full(len(grid), np.nan), where=n > 0)
    squares = np.where(np.isfinite(stack), (stack - mean) ** 2, 0.0).sum(axis=0)
    spread = np.sqrt(np.divide(squares, n - 1, out=np.full(len(grid), np.nan), where=n > 1))
    return SpectrumPrediction(np.asarray(grid, float), mean, spread, n)


@dataclass(frozen=True)
class DuplicateRule:
    """When a match counts as the same object, and when as the same data.

    Attributes
    ----------
    radius : float
        Largest separation of two positions of one object [arcsec].
    same_data : float
        Cosine above which two observations are one and the same: noise keeps two separate
        observations of one object below it, so that only equal (or copied) data reach it.
    """

    radius: float = 1.0
    same_data: float = 1 - 1e-6


#: What a match is to the query, from the surest to the least.
RELATIONS = ("itself", "same position", "same data", "unlike", "alike")
#: Those that are the query itself.
SAME = RELATIONS[:3]


def tell_relation(
    cosine: np.ndarray,
    same_id: np.ndarray,
    separation: np.ndarray,
    rule: DuplicateRule | None = None,
    unlike: np.ndarray | None = None,
) -> np.ndarray:
    """Tell for every match what it is to the query.

    `itself`: the same name. `same position`: another entry of the same object. `same data`: the
    observation is a copy, under another name and position. `unlike`: the nearest there is, but
    farther than objects of the survey are from their nearest. `alike`: all others.

    Parameters
    ----------
    cosine : ndarray, shape (k,)
        Between observations of the same modality; NaN where they are of different ones.
    same_id : ndarray of bool, shape (k,)
    separation : ndarray, shape (k,)
        Distance in the sky [arcsec]; NaN where a position is not known.
    rule : DuplicateRule, optional
    unlike : ndarray of bool, shape (k,), optional
        Which are too far to be alike (`skybind.search.alike`); none by default.
    """
    rule = rule or DuplicateRule()
    far = np.zeros(len(cosine), bool) if unlike is None else unlike
    with np.errstate(invalid="ignore"):
        conditions = [
            np.asarray(same_id, bool),
            separation <= rule.radius,
            cosine >= rule.same_data,
            far,
        ]
    return np.select(conditions, list(RELATIONS[:-1]), RELATIONS[-1])


def separation(ra: float, dec: float, ras: np.ndarray, decs: np.ndarray) -> np.ndarray:
    """Angular distance of positions from one position [arcsec]; all in degrees.

    By the haversine formula, which keeps its precision at small distances.
    """
    a, d = np.radians(ra), np.radians(dec)
    b, e = np.radians(ras), np.radians(decs)
    h = np.sin((e - d) / 2) ** 2 + np.cos(d) * np.cos(e) * np.sin((b - a) / 2) ** 2
    return 2 * np.arcsin(np.sqrt(np.clip(h, 0, 1))) / ARCSEC
