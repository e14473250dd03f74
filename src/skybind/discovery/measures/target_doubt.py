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


#: Neighbours that are asked.
NEIGHBOURS = 16


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


def neighbour_medians(
    values: np.ndarray,
    vectors: np.ndarray,
    present: np.ndarray,
    reference: np.ndarray,
    *,
    redshift: bool = False,
    neighbours: int = NEIGHBOURS,
    rows: np.ndarray | None = None,
) -> np.ndarray | None:
    """Give the median of the neighbours' numbers, and how much these scatter.

    Parameters
    ----------
    values : ndarray, shape (n,)
        The catalogue's numbers; NaN where unknown.
    vectors : ndarray, shape (n, D)
        Unit vectors.
    present : ndarray of bool, shape (n,)
    reference : ndarray of int
        Rows that are asked.
    redshift : bool
        Take log(1 + z) instead of z.
    neighbours : int
        How many are asked.
    rows : ndarray of int, shape (m,), optional
        The objects that they are asked about; all by default.

    Returns
    -------
    ndarray of float64, shape (m, 2), or None
        NaN where not observed; None if too few can be asked.
    """
    scale = _on_scale(values, redshift)
    library = reference[present[reference] & np.isfinite(scale[reference])]
    if len(library) < max(FEWEST, 2 * neighbours):
        return None
    asked = np.arange(len(values)) if rows is None else rows
    found, shelf = np.full((len(asked), 2), np.nan), vectors[library]
    places = np.flatnonzero(present[asked])
    step = at_once(64 * neighbours, ASKED)
    for some in (places[start : start + step] for start in range(0, len(places), step)):
        index, _ = neighbours_of(vectors, library, asked[some], neighbours, shelf)
        others = scale[library[index]]
        middle = np.median(others, axis=1)
        found[some, 0] = middle
        found[some, 1] = NMAD * np.median(np.abs(others - middle[:, None]), axis=1)
    return found


def target_doubt(
    name: str,
    values: np.ndarray,
    vectors: Mapping[str, np.ndarray],
    present: Mapping[str, np.ndarray],
    reference: np.ndarray,
    *,
    redshift: bool = False,
    neighbours: int = NEIGHBOURS,
) -> TargetDoubt:
    """Return `judge_target` by the `neighbour_medians` in each modality.

    Parameters
    ----------
    name : str
        Of the column.
    vectors : mapping of modality to ndarray, shape (n, D)
        Unit vectors.
    present : mapping of modality to ndarray of bool, shape (n,)
    values, reference, redshift, neighbours
        As of `neighbour_medians`.
    """
    medians = {
        which: neighbour_medians(
            values,
            own,
            present[which],
            reference,
            redshift=redshift,
            neighbours=neighbours,
        )
        for which, own in vectors.items()
    }
    known = {which: found for which, found in medians.items() if found is not None}
    return judge_target(name, values, known, reference, redshift=redshift)


def judge_target(
    name: str,
    values: np.ndarray,
    medians: Mapping[str, np.ndarray],
    reference: np.ndarray,
    *,
    redshift: bool = False,
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
    medians : mapping of modality to ndarray, shape (n, 2)
        What `neighbour_medians` gives of each that can be asked.
    reference : ndarray of int
        Rows that were asked.
    redshift : bool
        As of `neighbour_medians`.
    """
    scale = _on_scale(values, redshift)
    n = len(scale)
    expected, spread = np.full(n, np.nan), np.full(n, np.inf)
    within = np.full(n, np.nan)  # the number, as far as neighbours can tell it
    modality = np.full(n, "", dtype=object)
    for which, own in medians.items():
        found = _expected(scale, own, reference)
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


def _on_scale(values: np.ndarray, redshift: bool) -> np.ndarray:
    """Put numbers on the scale on which they are compared; NaN where they are not known."""
    values = np.asarray(values, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.log1p(values) if redshift else values
    return np.where(np.isfinite(scale), scale, np.nan)


def _expected(
    values: np.ndarray, medians: np.ndarray, reference: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Median of the neighbours' numbers, its uncertainty, and the range of all such medians."""
    middle, scatter = medians.T
    rows = np.flatnonzero(np.isfinite(middle))
    own = reference[np.isfinite(middle[reference]) & np.isfinite(values[reference])]
    error = _calibrated(scatter[rows], scatter[own], values[own] - middle[own])
    expected, spread = np.full(len(values), np.nan), np.full(len(values), np.inf)
    expected[rows], spread[rows] = middle[rows], error
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
