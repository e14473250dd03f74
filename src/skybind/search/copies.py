"""Which matches have the observation or the catalogue row of their query, whatever was searched."""

from collections.abc import Mapping, Sequence

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.fingerprints import LEAST, compared, telling
from skybind.ragged import Ragged
from skybind.search.query import Query

#: Values that are the same but for digits that were not written differ by no more than this share
#: of what they vary by: of the range of the middle 68 % of the values, or, for one far outside, of
#: how far it is. So no outlier decides for the others; noise and other stars differ by more.
_DIGITS = 5e-3
#: The same of times and wavelengths, of their whole range.
_AXIS = 1e-5
#: The same of the numbers of a catalogue, of each.
_NUMBER = 5e-5
#: Of the shorter of two that are the same at least this share of the values agrees, beyond what
#: agrees by chance.
_PART = 0.9
#: Values that agree tell this many bits at least, counted by how many would by chance.
_BITS = 20
#: How often values are compared with others of the same observation, to know what chance does.
_CHANCES = 8


def copies_of(
    query: Query, dataset: Dataset, rows: np.ndarray, own: int | None = None
) -> np.ndarray:
    """Find the objects of a dataset that have what a query has.

    Parameters
    ----------
    query : Query
    dataset : Dataset
    rows : ndarray of int, shape (n,)
        Of the matches; -1 of one that the dataset has not.
    own : int, optional
        Row of a query that is an object of the dataset: all that it has is looked for.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    there, place = np.unique(rows[rows >= 0], return_inverse=True)
    found = np.zeros(len(there), bool)
    if len(there):
        for column, observed in _observed(query, dataset, own).items():
            found |= _observed_alike(observed, dataset, column, there)
        for numbers in _numbers(query, dataset, own):
            found |= _rows_alike(numbers, dataset, there)
    made = np.zeros(len(rows), bool)
    made[rows >= 0] = found[place]
    return made


def _observed(query: Query, dataset: Dataset, own: int | None) -> dict[str, Ragged]:
    """Observations of a query, by the column that holds such."""
    kinds = dataset.schema.kinds
    if own is not None:
        return {column: dataset.ragged(column, np.array([own])) for column in kinds}
    if query.observed is None:
        return {}
    return {column: query.observed for column, kind in kinds.items() if kind == query.kind}


def _numbers(query: Query, dataset: Dataset, own: int | None) -> list[dict[str, float]]:
    """Known features of a query, those of one row of a catalogue together."""
    columns = dataset.schema.columns
    if own is None:
        return [{name: x for name, x in query.features.items() if name in columns}]
    features = dataset.schema.with_role("feature")
    row = {name: float(_column(dataset, name, np.array([own]))[0]) for name in features}
    groups = dict.fromkeys(columns[name].modality for name in features)
    return [
        {n: x for n, x in row.items() if columns[n].modality == group and np.isfinite(x)}
        for group in groups
    ]


def _column(dataset: Dataset, name: str, rows: np.ndarray) -> np.ndarray:
    values = dataset.plotted(name, rows)
    return values.astype(float) if values.dtype.kind in "fiub" else np.full(len(values), np.nan)


def _observed_alike(
    observed: Ragged, dataset: Dataset, column: str, rows: np.ndarray
) -> np.ndarray:
    """Which objects have the same observation, also as one of several visits."""
    kind = dataset.schema.kinds[column]
    wanted = next(compared(observed, kind, np.zeros(1, int)))
    found = np.zeros(len(rows), bool)
    if wanted is None:
        return found
    axis = bool({"time", "wavelength"} & set(observed.fields))
    ragged, owner = dataset.ragged(column, rows), np.arange(len(rows))
    if column in dataset.schema.visits:
        visits = dataset.visits(column, rows)
        ragged, owner = visits.ragged, visits.owner
    for number, values in enumerate(compared(ragged, kind, np.arange(len(ragged)))):
        found[owner[number]] |= values is not None and _same(wanted, values, axis)
    return found


def _same(one: Sequence[np.ndarray], two: Sequence[np.ndarray], axis: bool) -> bool:
    """Whether two observations are the same but for written digits, and for parts left out.

    With an `axis` the first field is the time or the wavelength, which ascends.
    """
    if len(one) != len(two) or (not axis and len(one[0]) != len(two[0])):
        return False
    one, two = (_finite(fields) for fields in (one, two))
    short, long = (one, two) if len(one[0]) <= len(two[0]) else (two, one)
    if len(short[0]) < LEAST:
        return False
    if len(short[0]) < len(long[0]):
        after = np.clip(np.searchsorted(long[0], short[0]), 1, len(long[0]) - 1)
        nearer = short[0] - long[0][after - 1] < long[0][after] - short[0]
        long = [values[after - nearer] for values in long]
    near = np.ones(len(short[0]), bool)
    if axis:
        near = np.abs(short[0] - long[0]) <= _AXIS * np.ptp(short[0])
        short, long = short[1:], long[1:]
    return _agree(short, long, near)


def _agree(one: Sequence[np.ndarray], two: Sequence[np.ndarray], near: np.ndarray) -> bool:
    """Whether values agree, more than by chance; `near` are those at the same time.

    What chance does, such as in an image that is blank but for one star, or in counts of few
    photons, is what values do that are moved against each other.
    """
    off = [_tolerance(a, b) for a, b in zip(one, two, strict=True)]

    def alike(by: int) -> np.ndarray:
        every = zip(one, two, off, strict=True)
        return np.logical_and.reduce([np.abs(a - np.roll(b, by)) <= most for a, b, most in every])

    n = len(near)
    shifts = np.unique(np.linspace(1, n - 1, _CHANCES).astype(int)).tolist()
    agreeing = alike(0) & near
    hits = sum(int(alike(by).sum()) for by in shifts)
    chance = (hits + 1) / (n * len(shifts) + 1)
    beyond = agreeing.mean() - chance >= _PART * (1 - chance)
    return bool(beyond and -agreeing.sum() * np.log2(chance) >= _BITS)


def _tolerance(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """How far values may be from each other that differ in written digits alone."""
    low, middle, high = np.percentile(one, [16, 50, 84])
    spread = high - low
    steps = _written_step(one, spread), _written_step(two, spread)
    rounding = 0.51 * max(steps) if steps[0] != steps[1] else 0.0  # the last digit of the coarser
    return np.maximum(_DIGITS * np.maximum(spread, np.abs(one - middle)), rounding)


def _written_step(values: np.ndarray, spread: float) -> float:
    """Last decimal place to which all values are written, if that matters beside their spread."""
    if not spread > 0:
        return 0.0
    first = int(np.floor(np.log10(spread)))
    for place in (first, first - 1, first - 2):
        step = 10.0**place
        rounded = np.rint(values / step) * step
        if np.array_equal(rounded.astype(np.float32), values.astype(np.float32)):
            return step
    return 0.0


def _finite(fields: Sequence[np.ndarray]) -> list[np.ndarray]:
    known = np.logical_and.reduce([np.isfinite(values) for values in fields])
    return [values[known].astype(float) for values in fields]


def _rows_alike(numbers: Mapping[str, float], dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """Which objects have the same numbers in a catalogue."""
    names = sorted(numbers)
    if not names:
        return np.zeros(len(rows), bool)
    theirs = np.stack([_column(dataset, name, rows) for name in names], axis=1)
    wanted = np.array([numbers[name] for name in names])
    same = np.abs(theirs - wanted) <= _NUMBER * np.abs(wanted)
    return np.asarray(same.all(axis=1) & telling(theirs))
