"""Values at the ends of a column that look as if they meant 'not known', found chunk by chunk.

An import takes numbers for measured that no mapping declares missing. It tells of those that stand
apart from all others, as the preview does of a hundred objects.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from skybind.ingest.preview.values import (
    LEAST,
    MOST,
    Rest,
    Suspect,
    as_stated,
    may_mean_nothing,
    missing_advice,
    stands_apart,
    written,
)
from skybind.ragged import Ragged

Units = Mapping[str, str | None]

#: Numbers from which the spread of a chunk is told.
SAMPLE = 4096
#: Fields of observations in which sentinels stand.
BRIGHTNESS = ("flux", "magnitude", "flux_err", "magnitude_err")
#: Half of the errors of magnitudes are smaller than this in any survey [mag].
LARGE_ERROR = 1.0


@dataclass
class Ends:
    """The ends of a column's numbers.

    Attributes
    ----------
    n : int
        Finite numbers.
    found : dict of str to int
        Values at the ends that may mean nothing, as they are written, and how many there are.
    rest : list of float
        Of the others: the least, the 5th and the 95th percentile, the largest; empty if none is.
    distinct : int
        How many different ones were seen at least.
    median : float
    """

    n: int = 0
    found: dict[str, int] = field(default_factory=dict)
    rest: list[float] = field(default_factory=list)
    distinct: int = 0
    median: float = 0.0

    @classmethod
    def of(cls, values: np.ndarray, unit: str | None = None, stated: str | None = None) -> "Ends":
        """Look at the ends of numbers.

        Parameters
        ----------
        values : ndarray, shape (n,)
            As a dataset holds them, NaN where not known.
        unit, stated : str, optional
            Unit of the dataset, and of the file, in which its sentinels are known.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            single = as_stated(values[np.isfinite(values)], unit, stated).astype(np.float32)
        made = cls(len(single))
        for end in (np.min, np.max):
            for _ in range(MOST):
                if not len(single) or not may_mean_nothing(value := end(single)):
                    break
                there = single == value
                made.found[written(value)] = int(there.sum())
                single = single[~there]
        if len(single):
            known = np.unique(single[:: -(-len(single) // SAMPLE)]).astype(np.float64)
            first, made.median, last = (float(v) for v in np.percentile(known, [5, 50, 95]))
            made.rest = [float(single.min()), first, last, float(single.max())]
            made.distinct = len(known)
        return made

    def add(self, other: "Ends") -> None:
        """Add the numbers of another chunk."""
        if other.rest:
            mine, weights = self.median if self.rest else other.median, (self.n, other.n)
            self.median = float(np.average([mine, other.median], weights=weights))
            low, first, last, high = self.rest or other.rest
            ends = other.rest
            self.rest = [
                min(low, ends[0]), min(first, ends[1]), max(last, ends[2]), max(high, ends[3]),
            ]  # fmt: skip
            self.distinct = max(self.distinct, other.distinct)
        self.n += other.n
        self.found = dict(Counter(self.found) + Counter(other.found))

    def suspects(self) -> list[Suspect]:
        """Give the values that stand so far from the others that they may mean 'not known'."""
        if not self.rest:
            return []
        low, first, last, high = self.rest
        rest = Rest(low, first, last, high, self.distinct)
        return [
            Suspect(text, n)
            for text, n in self.found.items()
            if n >= LEAST and not low <= float(text) <= high and stands_apart(float(text), rest)
        ]

    def to_json(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        return asdict(self)


def ends_of(observed: Ragged, units: Units, stated: Units) -> dict[str, Ends]:
    """Look at the ends of the brightness of observations, cleaned.

    Parameters
    ----------
    observed : Ragged
    units, stated : mapping of str to (str or None)
        Of the fields, in the dataset and in the file.
    """
    found = {}
    good: np.ndarray | slice = slice(None)
    if "mask" in observed.fields:
        good = ~observed.fields["mask"].astype(bool)
    for name in BRIGHTNESS:
        if name in observed.fields:
            values = observed.fields[name][good]
            found[name] = Ends.of(values, units.get(name), stated.get(name))
    return found


def ends_notes(ends: Ends, name: str, of: str = "") -> list[str]:
    """Say which numbers of a column look as if they meant 'not known' (see `missing_advice`)."""
    return [missing_advice(name, suspect, of) for suspect in ends.suspects()]


def error_notes(ends: Ends, of: str) -> list[str]:
    """Say where errors of magnitudes are so large that they are probably in another unit."""
    if ends.n < LEAST or ends.median <= LARGE_ERROR:
        return []
    return [
        f"{of}: errors of magnitudes lie around {ends.median:.3g} mag: if they are in mmag, give "
        "unit: mmag."
    ]
