"""Is a number in the catalogue right, such as a redshift? Asked of the neighbours.

What an object's neighbours in the embedding have for the number, and how much they scatter, says
what is to be expected. Each modality is asked alone, and all together; the one whose neighbours
agree best counts. An object never votes for itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from skybind.discovery.measures.density import ASKED, neighbours_of
from skybind.memory import at_once

NMAD = 1.4826


#: Fewer reference objects with the number than this say nothing.
FEWEST = 30


@dataclass(frozen=True)
class TargetDoubt:
    """What the neighbours say of a number.

    Attributes
    ----------
    name : str
        The column.
    expected, spread : ndarray of float, shape (n,)
        What the neighbours have, and the standard deviation by which the object's own number
        should differ from it; NaN where there is none.
    doubt : ndarray of float, shape (n,)
        How far the number lies from the expected one, in spreads; NaN without a number or an
        observation. Neighbours cannot extrapolate: what a number lies beyond all that they ever
        say is no evidence, up to the width of the range of this.
    modality : ndarray of str, shape (n,)
        Whose neighbours were believed; "" for none.
    """

    name: str
    expected: np.ndarray
    spread: np.ndarray
    doubt: np.ndarray
    modality: np.ndarray

    @property
    def tail(self) -> np.ndarray:
        """Probability of so large a doubt by chance, shape (n,).

        By Student's t of 3 degrees of freedom: residuals have longer tails than normal ones.
        """
        from scipy.stats import t

        return np.asarray(2 * t.sf(self.doubt, 3))


def target_doubt(
    name: str,
    values: np.ndarray,
    vectors: Mapping[str, np.ndarray],
    present: Mapping[str, np.ndarray],
    reference: np.ndarray,
    *,
    redshift: bool = False,
    neighbours: int = 16,
) -> TargetDoubt:
    """Compare every object's number with its neighbours'.

    Expected is the median of the neighbours. Its uncertainty is a function of how much they
    scatter: the reference objects, each judged by the others, are ordered by the scatter of
    their neighbours, and the residuals of those with a like scatter give it. So one is not taken
    in by 16 neighbours that agree by chance.

    Parameters
    ----------
    name : str
        Of the column.
    values : ndarray, shape (n,)
        The catalogue's numbers; NaN where unknown.
    vectors : mapping of modality to ndarray, shape (n, D)
        Unit vectors.
    present : mapping of modality to ndarray of bool, shape (n,)
    reference : ndarray of int
        Rows that are asked.
    redshift : bool
        Compare log(1 + z) instead of z.
    neighbours : int
        How many are asked.
    """
    values = np.asarray(values, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.log1p(values) if redshift else values
    scale = np.where(np.isfinite(scale), scale, np.nan)
    n = len(values)
    expected, spread = np.full(n, np.nan), np.full(n, np.inf)
    within = np.full(n, np.nan)  # the number, as far as neighbours can tell it
    modality = np.full(n, "", dtype=object)
    for which, own in vectors.items():
        found = _ask(scale, own, present[which], reference, neighbours)
        if found is None:
            continue
        better = found[1] < spread
        expected = np.where(better, found[0], expected)
        spread = np.where(better, found[1], spread)
        within = np.where(better, _within(scale, *found[2]), within)
        modality[better] = which
    spread = np.where(np.isfinite(spread), spread, np.nan)
    doubt = np.abs(within - expected) / spread
    if redshift:  # given as z
        expected = np.expm1(expected)
        spread = spread * (1 + expected)
    return TargetDoubt(name, expected, spread, doubt, modality.astype(str))


def _ask(
    values: np.ndarray, vectors: np.ndarray, present: np.ndarray, reference: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, tuple[float, float]] | None:
    """Median of the neighbours' numbers, its uncertainty, and the range of all such medians.

    None if too few can be asked.
    """
    library = reference[present[reference] & np.isfinite(values[reference])]
    rows = np.flatnonzero(present)
    if len(library) < max(FEWEST, 2 * k):
        return None
    shelf, (middle, scatter) = vectors[library], np.zeros((2, len(rows)))
    step = at_once(64 * k, ASKED)
    for some in (slice(start, start + step) for start in range(0, len(rows), step)):
        index, _ = neighbours_of(vectors, library, rows[some], k, shelf)
        others = values[library[index]]
        middle[some] = np.median(others, axis=1)
        scatter[some] = NMAD * np.median(np.abs(others - middle[some, None]), axis=1)
    place = np.full(len(values), -1)
    place[rows] = np.arange(len(rows))
    own = place[library]
    error = _calibrated(scatter, scatter[own], values[library] - middle[own])
    expected, spread = np.full(len(values), np.nan), np.full(len(values), np.inf)
    expected[rows], spread[rows] = middle, error
    return expected, spread, (float(middle[own].min()), float(middle[own].max()))


def _within(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Bring numbers that lie beyond a range back towards it, by its width at most."""
    width = high - low
    above, below = np.clip(values - high, 0, width), np.clip(low - values, 0, width)
    return np.asarray(values - above + below)


def _calibrated(scatter: np.ndarray, known: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Turn the neighbours' scatter into an uncertainty, by residuals at like scatter."""
    order = np.argsort(known, kind="stable")
    bins = np.array_split(order, int(np.clip(len(order) // 60, 1, 20)))
    centre = np.array([np.median(known[b]) for b in bins])
    error = np.array([NMAD * np.median(np.abs(residual[b])) for b in bins])
    # more scatter never means less uncertainty
    error = np.maximum.accumulate(np.maximum(error, 1e-6))
    return np.interp(scatter, centre, error)
