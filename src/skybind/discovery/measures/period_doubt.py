"""Is the catalogue period right, or off by two? Asked of the embeddings, without any label.

A light curve that is folded at a wrong period looks unlike other light curves, and agrees less
with the spectrum and the catalogue row of its star. How much less is learned by making wrong
periods: every light curve is embedded at a quarter, half, once, twice and four times its catalogue
period; a classifier learns to tell the catalogue's from those that were halved or doubled on
purpose. An object is always judged by a classifier that never saw it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from skybind.errors import DataError
from skybind.measures.forests import forest_probability
from skybind.measures.neighbours import nearest

#: What the catalogue period is multiplied by; an object whose period is off by two in the catalogue
#: needs those of the two neighbours on either side.
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


#: Library light curves that an embedding is compared with.
NEIGHBOURS = 8


#: What is taught: the period as given, halved, doubled.
_TAUGHT = (1.0, 0.5, 2.0)


@dataclass(frozen=True)
class PeriodDoubt:
    """What the embeddings say of each catalogue period.

    Attributes
    ----------
    probability : ndarray of float, shape (n, 3)
        Of the catalogue period being right, half the true one, twice the true one; NaN for an
        object that could not be judged. The classifier was taught as many wrong periods as right
        ones, so these are no frequencies: they rank.
    """

    probability: np.ndarray

    @property
    def doubt(self) -> np.ndarray:
        """Probability that the period is wrong, shape (n,)."""
        return 1 - self.probability[:, 0]

    @property
    def factor(self) -> np.ndarray:
        """What the catalogue period should be multiplied by: 1, 2 or 0.5; NaN unknown."""
        known = np.isfinite(self.probability).all(axis=1)
        best = np.where(known[:, None], self.probability, 0).argmax(axis=1)
        return np.where(known, np.array([1.0, 2.0, 0.5])[best], np.nan)


def period_doubt(
    folded: Mapping[float, np.ndarray],
    others: np.ndarray | None,
    usable: np.ndarray,
    reference: np.ndarray,
    *,
    typical: Mapping[float, np.ndarray] | None = None,
    folds: int = 5,
    seed: int = 0,
) -> PeriodDoubt:
    """Judge catalogue periods by how light curves embed at half and twice of them.

    Parameters
    ----------
    folded : mapping of float to ndarray, shape (n, D)
        Unit embeddings of the light curves at the catalogue period times each of `FACTORS`.
    others : ndarray, shape (n, D), optional
        Unit mean of the objects' other modalities; NaN rows where there are none.
    usable : ndarray of bool, shape (n,)
        Objects with a light curve and a period.
    reference : ndarray of int
        Rows of the training objects: the library of light curves, and those that teach.
    typical : mapping of float to ndarray, shape (n,), optional
        `typicality` at each of `FACTORS`, where it is known.
    folds : int
        Parts of the reference objects; each is judged by what the others taught.
    seed : int

    Raises
    ------
    DataError
        If a factor is missing, or too few reference objects are usable.
    """
    missing = [factor for factor in FACTORS if factor not in folded]
    if missing:
        raise DataError(f"The light curves were not embedded at {missing[0]} times the period.")
    teachers = reference[usable[reference]]
    if len(teachers) < max(50, folds):
        raise DataError(
            f"Only {len(teachers)} training objects have a light curve and a period: too few to "
            "learn what a wrong period looks like (50 are needed)."
        )
    rows = np.flatnonzero(usable)
    if typical is None:
        every = np.arange(len(usable))
        typical = {f: typicality(folded[f], folded[1.0], usable, teachers, every) for f in FACTORS}
    views = _views(folded, others, rows, typical)
    rng = np.random.default_rng(seed)
    fold = np.full(len(usable), -1)
    fold[teachers] = rng.permutation(len(teachers)) % folds
    probability = np.full((len(usable), 3), np.nan)
    probability[rows] = _judged(views, fold[rows], np.searchsorted(rows, teachers), folds, seed)
    return PeriodDoubt(probability)


@dataclass(frozen=True)
class _Views:
    """How the light curves look at each factor: agreement with the rest, and typicality."""

    vectors: dict[float, np.ndarray]
    agreement: dict[float, np.ndarray]
    typical: dict[float, np.ndarray]


def typicality(
    vectors: np.ndarray,
    catalogued: np.ndarray,
    usable: np.ndarray,
    library: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:
    """Measure how much light curves look like those of the library, shape (m,).

    Parameters
    ----------
    vectors : ndarray, shape (m, D)
        Unit embeddings of some light curves, at any period.
    catalogued : ndarray, shape (n, D)
        Those of all at the catalogue period.
    usable : ndarray of bool, shape (n,)
        Objects with a light curve and a period.
    library : ndarray of int
        Rows of the light curves that they are compared with.
    rows : ndarray of int, shape (m,)
        Whose they are.

    Returns
    -------
    ndarray
        Mean cosine of the nearest; NaN where not usable.
    """
    seen = usable[rows]
    index, cosine = nearest(catalogued[library], vectors[seen], NEIGHBOURS + 1)
    # itself in the library, at any factor, must not count as a neighbour
    own = library[index] == rows[seen, None]
    keep = ~own
    keep[~own.any(axis=1), NEIGHBOURS:] = False
    found = np.full(len(rows), np.nan)
    found[seen] = (cosine * keep).sum(axis=1) / np.maximum(keep.sum(axis=1), 1)
    return found


def _views(
    folded: Mapping[float, np.ndarray],
    others: np.ndarray | None,
    rows: np.ndarray,
    typical: Mapping[float, np.ndarray],
) -> _Views:
    vectors = {factor: folded[factor][rows] for factor in FACTORS}
    agreement = {}
    for factor, values in vectors.items():
        none = np.full(len(rows), np.nan)
        agreement[factor] = none if others is None else (values * others[rows]).sum(axis=1)
    return _Views(vectors, agreement, {factor: typical[factor][rows] for factor in FACTORS})


def _inputs(views: _Views, base: float) -> np.ndarray:
    """What the classifier sees of all objects if `base` times the period is taken for it."""
    low, here, high = base / 2, base, base * 2
    a, t, v = views.agreement, views.typical, views.vectors
    columns = [a[low], a[here], a[high], t[low], t[here], t[high]]
    columns += [a[low] - a[here], a[high] - a[here], t[low] - t[here], t[high] - t[here]]
    columns += [(v[low] * v[here]).sum(axis=1), (v[high] * v[here]).sum(axis=1)]
    return np.stack(columns, axis=1)


def _judged(
    views: _Views, fold: np.ndarray, teachers: np.ndarray, folds: int, seed: int
) -> np.ndarray:
    """Judge every view by classifiers that never saw it, shape (m, 3).

    `fold` is -1 for objects that teach nothing: they get the mean of all classifiers.
    """
    probability = np.full((len(fold), 3), np.nan)
    inputs = _inputs(views, 1.0)
    new = fold < 0
    probability[new] = 0.0
    for part in range(folds):
        own = fold == part
        asked = own | new
        told = _told(views, teachers[fold[teachers] != part], inputs[asked], seed + part)
        probability[own] = told[own[asked]]
        probability[new] += told[new[asked]] / folds
    return probability


def _told(views: _Views, taught: np.ndarray, query: np.ndarray, seed: int) -> np.ndarray:
    """Let a forest tell right periods (class 0) from halved (1) and doubled ones (2)."""
    inputs = np.concatenate([_inputs(views, base)[taught] for base in _TAUGHT])
    target = np.repeat([0, 1, 2], len(taught))
    weight = np.repeat([2.0, 1.0, 1.0], len(taught))
    return forest_probability(
        inputs.astype(np.float32),
        target,
        query,
        seed=seed,
        trees=200,
        weight=weight,
        min_samples_leaf=5,
    )[1]
