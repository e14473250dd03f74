"""Numbers as a preview tells them: their range, and values that look like 'not known'."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from skybind.data.times import time_system
from skybind.data.units import convert, parse_unit
from skybind.errors import ConfigError

#: 99, -999, 9.999, 99.99 ...
_NINES = re.compile(r"-?9+(\.9+)?")
#: What programs write where there is nothing, besides nines.
_FILLS = frozenset((0.0, -1.0, -9.0, -32768.0, 32767.0, -2147483648.0, 2147483647.0))
_HUGE = 1e20
#: Fewer equal values are no sign, and there are not more sentinels than this in a column.
LEAST, MOST = 2, 4
#: Among fewer different numbers a 0 is one of them.
_DISTINCT = 10


@dataclass(frozen=True)
class Suspect:
    """A value that stands so far from the others, so often, that it may mean 'not known'."""

    value: str
    count: int


class Rest(NamedTuple):
    """Where the other numbers lie: ends, percentiles 5 and 95, and how many differ at least."""

    low: float
    first: float
    last: float
    high: float
    distinct: int


@dataclass
class Range:
    """Where numbers lie.

    Attributes
    ----------
    n, missing : int
        Numbers in all, and how many of them are not known.
    low, median, high : float
        NaN where none is known.
    suspects : list of Suspect
        In the unit that the file states.
    """

    n: int
    missing: int
    low: float
    median: float
    high: float
    suspects: list[Suspect] = field(default_factory=list)

    @property
    def constant(self) -> bool:
        """Whether all numbers that are known are one."""
        return self.n - self.missing > 1 and self.low == self.high


def missing_advice(name: str, suspect: Suspect, of: str = "") -> str:
    """Say what to do about a value that looks as if it meant 'not known'.

    Parameters
    ----------
    name : str
        Of the column or field.
    suspect : Suspect
    of : str
        The observation that a field is of.
    """
    prefix = f"{of}: " if of else ""
    return (
        f"{prefix}'{name}' has {suspect.count:,} values of {suspect.value}: if these mean 'not "
        f"known', declare missing: ['{suspect.value}']."
    )


def range_of(values: np.ndarray, unit: str | None = None, stated: str | None = None) -> Range:
    """Tell where numbers lie.

    Parameters
    ----------
    values : ndarray, shape (n,)
        As a dataset holds them, NaN where not known.
    unit, stated : str, optional
        Unit of the dataset, and of the file.
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    if not len(finite):
        return Range(len(values), len(values), np.nan, np.nan, np.nan)
    low, median, high = (float(v) for v in np.percentile(finite, [0, 50, 100]))
    found = suspects(as_stated(finite, unit, stated))
    return Range(len(values), len(values) - len(finite), low, median, high, found)


def suspects(values: np.ndarray) -> list[Suspect]:
    """Find values that look as if they meant 'not known': repeated, at an end, and of nines.

    Also 0, -1 and the fill values of programs, where they lie far from all others.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Finite numbers.
    """
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)  # in which 99.98999786 is written 99.99
    known, counts = np.unique(single, return_counts=True)
    found: list[Suspect] = []
    first, last = 0, len(known) - 1
    while first < last and len(found) < MOST:
        for at in (first, last):
            rest = known[first:last] if at == last else known[first + 1 : last + 1]
            if counts[at] >= LEAST and stands_apart(float(known[at]), _rest_of(rest)):
                found.append(Suspect(written(known[at]), int(counts[at])))
                first, last = (first + 1, last) if at == first else (first, last - 1)
                break
        else:
            break
    return found


def looks_like_nines(value: float) -> bool:
    """Whether a number is written as most sentinels are, in two nines or more: -99, 99.99."""
    return _of_nines(written(np.float32(value)))


def may_mean_nothing(value: np.float32) -> bool:
    """Whether a number is one of those that stand for 'not known' anywhere."""
    return bool(abs(value) >= _HUGE) or float(value) in _FILLS or _of_nines(written(value))


def stands_apart(value: float, rest: Rest) -> bool:
    """Whether a value at an end of all numbers stands apart, as the ones that mean nothing do."""
    text = written(np.float32(value))
    gap = rest.low - value if value < rest.low else value - rest.high
    far = bool(gap > 0.5 * (rest.last - rest.first))
    if _of_nines(text):
        return far or "." in text or bool(value < 0 <= rest.low)
    fill = value in _FILLS and rest.distinct >= _DISTINCT
    return far and bool(fill or abs(value) >= _HUGE)


def _of_nines(text: str) -> bool:
    return bool(_NINES.fullmatch(text)) and text.count("9") > 1


def _rest_of(known: np.ndarray) -> Rest:
    """Tell where numbers that ascend lie."""
    wide = known.astype(np.float64)
    first, last = np.percentile(wide, [5, 95])
    return Rest(float(wide[0]), float(first), float(last), float(wide[-1]), len(wide))


def written(value: np.float32) -> str:
    """Write a number as a file does."""
    if abs(value) >= _HUGE:
        return f"{value:g}"
    return np.format_float_positional(value, trim="-")


def as_stated(values: np.ndarray, unit: str | None, stated: str | None) -> np.ndarray:
    """Numbers in the unit of the file, in which its sentinels are known."""
    if unit is None or stated is None or unit == stated:
        return values
    system = time_system(stated)
    if system is not None:
        return values - system.zero
    try:
        parse_unit(stated, "")
        return convert(values, unit, stated, "")
    except ConfigError:
        return values  # of a file whose unit astropy does not know
