"""Is a combination of modalities better than the best single one? Errors and significance.

One table for any measure: accuracy by class, retrieval by target, R^2 by predicted number. All
columns are about the same objects, and every resample draws the same objects for all columns
(a paired bootstrap), so that what is hard for all of them cancels in the difference. To each group
of scores the resamples add two objects that nobody saw, in one of which combinations are ahead by
the largest difference of all, and single modalities in the other: a group of one or two objects has
a scatter too.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field

from skybind.errors import DataError
from skybind.measures.shares import score_error
from skybind.measures.significance import FEWEST, LEVEL
from skybind.memory import at_once
from skybind.record import Counts, Numbers, Record

Combination = tuple[str, ...]


#: Numbers drawn at once by the bootstrap where memory allows.
CELLS = 5_000_000

_NOBODY = np.empty(0, dtype=int)


class ComparisonTable(Record):
    """A measure for every combination of modalities, by group of objects.

    The last row of each table is the unweighted mean over the groups.
    """

    groups: tuple[str, ...] = Field(
        ..., description="The rows: classes, or what is retrieved or predicted."
    )
    combinations: tuple[Combination, ...] = Field(..., description="The columns.")
    n: Counts = Field(..., description="Objects of each group.")
    value: Numbers = Field(
        ...,
        description="The measure, a row a group; null where a group has no objects or a "
        "combination makes no sense for it.",
    )
    error: Numbers = Field(
        ...,
        description="Its standard error: of scores as Wilson's of shares, within the range that "
        "they have, never 0; of R^2 by the bootstrap.",
    )
    change: Numbers = Field(
        ...,
        description="Difference to the best single modality of the combination; null for singles.",
    )
    p_value: Numbers = Field(
        ...,
        description="Two-sided, of no difference; null for singles and for fewer than ten objects "
        "(of R^2 the mean over groups too where one has fewer).",
    )

    @property
    def significant(self) -> np.ndarray:
        """Whether a difference to the best single is more than chance, shape (G + 1, M)."""
        return np.nan_to_num(self.p_value, nan=1.0) < LEVEL


def compare_means(
    scores: Mapping[Combination, np.ndarray],
    group: np.ndarray,
    groups: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
) -> ComparisonTable:
    """Compare the mean score of combinations, group by group.

    Parameters
    ----------
    scores : mapping of combination to ndarray, shape (n,)
        From 0 to 1: 1 if classified right, reciprocal rank of its partner, ...; NaN in all rows of
        a group that a combination makes no sense for.
    group : ndarray of int, shape (n,)
        Which group each object belongs to.
    groups : sequence of str
        Their names.
    resamples : int
        Of the bootstrap; objects are drawn within their group.
    seed : int

    Raises
    ------
    DataError
        If there are no combinations or no objects.
    """
    columns = _columns(scores, group)
    seen = np.stack([np.asarray(scores[names], dtype=float) for names in columns], axis=1)
    # Bonett & Price (2012), for right or wrong: with one more object that speaks for either side a
    # paired difference of few is no longer called significant too often. Other scores differ by
    # less, so these objects do
    several = np.asarray([len(names) > 1 for names in columns])
    apart = np.abs(seen[:, several, None] - seen[:, None, ~several])
    most = float(np.max(apart, where=np.isfinite(apart), initial=0.0))
    stacked = np.concatenate([seen, [most * several, most * ~several]])

    def measure(rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
        return np.asarray(counts @ stacked[rows] / counts.sum(axis=1, keepdims=True))

    unseen = np.arange(len(seen), len(stacked))
    table = _compare(measure, group, groups, columns, resamples, seed, unseen)
    return table.model_copy(update={"error": _errors(seen, group, len(groups))})


def compare_r2(
    predictions: Mapping[Combination, np.ndarray],
    true: np.ndarray,
    group: np.ndarray,
    groups: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
) -> ComparisonTable:
    """Compare the coefficient of determination of combinations, group by group.

    Parameters
    ----------
    predictions : mapping of combination to ndarray, shape (n,)
        Predicted numbers, finite.
    true : ndarray, shape (n,)
    group, groups, resamples, seed
        As of `compare_means`; a group is one predicted column.

    Raises
    ------
    DataError
        If there are no combinations or no objects.
    """
    columns = _columns(predictions, group)
    squared = np.stack([(np.asarray(predictions[c]) - true) ** 2 for c in columns], axis=1)

    def measure(rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
        t = true[rows]
        total = counts.sum(axis=1)
        spread = counts @ t**2 - (counts @ t) ** 2 / total
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(1 - counts @ squared[rows] / spread[:, None])

    return _compare(measure, group, groups, columns, resamples, seed)


def _columns(
    values: Mapping[Combination, np.ndarray], group: np.ndarray
) -> tuple[Combination, ...]:
    """The combinations, few modalities first; there must be some, and objects too."""
    if not values or not len(group):
        raise DataError("There is nothing to compare: no combination, or no object.")
    return tuple(sorted(values, key=len))


def _compare(  # type: ignore[no-untyped-def]
    measure, group, groups, columns, resamples: int, seed: int, unseen: np.ndarray = _NOBODY
) -> ComparisonTable:
    """Measure and bootstrap every group; `measure(rows, counts)` gives (len(counts), M).

    Every resample draws from the group and the rows `unseen`.
    """
    rng = np.random.default_rng(seed)
    n = np.bincount(group, minlength=len(groups))
    value = np.full((len(groups) + 1, len(columns)), np.nan)
    drawn = np.full((resamples, len(groups) + 1, len(columns)), np.nan)
    for number in np.flatnonzero(n):
        rows = np.flatnonzero(group == number)
        value[number] = measure(rows, np.ones((1, len(rows))))[0]
        rows = np.append(rows, unseen)
        step = at_once(24.0 * len(rows), max(1, CELLS // len(rows)))
        for start in range(0, resamples, step):
            size = min(step, resamples - start)
            counts = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size)
            drawn[start : start + size, number] = measure(rows, counts.astype(float))
    filled = n > 0
    value[-1] = value[:-1][filled].mean(axis=0)
    drawn[:, -1] = drawn[:, :-1][:, filled].mean(axis=1)
    change, p_value = _against_singles(value, drawn, columns)
    ground = n.sum() if len(unseen) else n[filled].min()
    p_value[np.append(n, ground) < FEWEST] = np.nan
    return ComparisonTable(
        groups=tuple(groups),
        combinations=columns,
        n=n,
        value=value,
        error=drawn.std(axis=0),
        change=change,
        p_value=p_value,
    )


def _errors(scores: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """Standard errors of the means of groups, and of the mean over them, (n, M) -> (G + 1, M).

    As Wilson's, within the range of the scores: of right and wrong that is from 0 to 1.
    """
    error = np.full((n_groups + 1, scores.shape[1]), np.nan)
    finite = scores[np.isfinite(scores)]
    width = float(np.ptp(finite)) if len(finite) and np.ptp(finite) else 1.0
    for number in np.unique(group):
        own = scores[group == number] / width
        error[number] = [width * score_error(variance, len(own)) for variance in own.var(axis=0)]
    filled = error[np.unique(group)]
    error[-1] = np.sqrt((filled**2).sum(axis=0)) / len(filled)
    return error


def _against_singles(
    value: np.ndarray, drawn: np.ndarray, columns: tuple[Combination, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Differences to the best single modality, and how often chance turns their sign."""
    single = {names[0]: column for column, names in enumerate(columns) if len(names) == 1}
    change, p_value = np.full(value.shape, np.nan), np.full(value.shape, np.nan)
    for column, names in enumerate(columns):
        parts = [single[name] for name in names if name in single]
        if len(names) < 2 or not parts:
            continue
        # the best single is chosen anew in every resample: choosing it is part of the noise
        change[:, column] = value[:, column] - value[:, parts].max(axis=1)
        difference = drawn[:, :, column] - drawn[:, :, parts].max(axis=2)
        low = (1 + (difference <= 0).sum(axis=0)) / (1 + len(drawn))
        high = (1 + (difference >= 0).sum(axis=0)) / (1 + len(drawn))
        p = np.minimum(1.0, 2 * np.minimum(low, high))
        p_value[:, column] = np.where(np.isnan(change[:, column]), np.nan, p)
    return change, p_value
