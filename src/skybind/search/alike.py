"""From which cosine on a match is alike: measured on the objects that are searched."""

from collections.abc import Sequence

import numpy as np

from skybind.embeddings.means import unit_mean
from skybind.embeddings.stream import EmbeddingStream
from skybind.measures.neighbours import Nearest

#: Objects that are asked for their own nearest. They are scattered, for neighbouring rows often are
#: of one class or field; of embeddings in Parquet at most as many row groups are read for them.
ASKED = 256


#: Fewer objects than this do not tell what is usual.
FEWEST = 20


#: Share of the objects that have nothing as near as what is called alike.
RARE = 0.01


def asked_objects(
    stream: EmbeddingStream, modalities: Sequence[str], keep: np.ndarray | None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw some of the objects that are searched, to ask them what is nearest to them.

    Parameters
    ----------
    stream : EmbeddingStream
    modalities : sequence of str
        That the query is searched by; several stand for their mean.
    keep : ndarray of bool, shape (n,), optional
        The objects that are searched; all by default.
    seed : int

    Returns
    -------
    rows : ndarray of int64, shape (m,)
    vectors : ndarray of float32, shape (m, D)
        Of those that have one of the modalities.
    """
    rows = np.arange(len(stream)) if keep is None else np.flatnonzero(keep)
    if len(rows) > ASKED:
        rows = np.sort(np.random.default_rng(seed).choice(rows, ASKED, replace=False))
    found = [stream.take(rows, name) for name in modalities]
    present = np.logical_or.reduce([seen for _, seen in found])
    vectors = unit_mean([v[present] for v, _ in found], [seen[present] for _, seen in found])
    return rows[present], np.asarray(vectors, np.float32)


def least_alike(rows: np.ndarray, found: Nearest) -> float:
    """Return the cosine that all but one in a hundred objects reach with their nearest other.

    Parameters
    ----------
    rows : ndarray of int64, shape (m,)
        The objects that were asked.
    found : Nearest
        At least two matches of each, perhaps itself among them.

    Returns
    -------
    float
        NaN of fewer than 20 objects: so few do not tell what is usual.
    """
    other = (found.row >= 0) & (found.row != rows[:, None])
    best = np.where(other, found.cosine, -np.inf).max(axis=1)
    known = best[np.isfinite(best)]
    return float(np.quantile(known, RARE)) if len(known) >= FEWEST else np.nan
