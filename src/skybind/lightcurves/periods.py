"""Periods of light curves: a Lomb-Scargle search, then a comparison of harmonics."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from skybind.errors import ConfigError
from skybind.files import atomic_path, json_hash
from skybind.lightcurves.period_search import Found, PeriodOptions, search_curve
from skybind.lightcurves.series import photometry_series
from skybind.processes import in_order
from skybind.ragged import Ragged

DOUBTFUL = -3.0  # log10 of the false-alarm probability above which a period is doubted


VERSION = 5  # part of the cache's key: raise it when the numbers change


@dataclass(frozen=True)
class Periods:
    """What a period search found, one entry an object (NaN or 0 where nothing could be).

    Attributes
    ----------
    period : ndarray
        [d] after the comparison of harmonics and aliases: for eclipsing binaries whose two
        minima differ it is the orbital period, for equal minima half of it.
    ls_period : ndarray
        [d] at the highest peak of the Lomb-Scargle periodogram (one sine).
    ls_power : ndarray
        Its power: the fraction of the weighted variance that one sine explains, 0 to 1.
    ls_power_second : ndarray
        Power of the second highest peak.
    harmonics : ndarray of int
        Number of harmonics that describe the curve at `period` best.
    alias_1, alias_2 : ndarray
        [d] the next best periods of the comparison, such as a daily alias; multiples and simple
        fractions of `period` are not among them. NaN where there is none.
    log10_fap : ndarray
        log10 of the false-alarm probability of the highest peak (`log10_false_alarm`).
    """

    period: np.ndarray
    ls_period: np.ndarray
    ls_power: np.ndarray
    ls_power_second: np.ndarray
    harmonics: np.ndarray
    alias_1: np.ndarray
    alias_2: np.ndarray
    log10_fap: np.ndarray

    def __len__(self) -> int:
        return len(self.period)

    def take(self, rows: np.ndarray) -> "Periods":
        """Select objects by index or mask."""
        return Periods(*(getattr(self, field.name)[rows] for field in fields(self)))

    def describe(self, row: int = 0) -> str:
        """Return one period in words, with its significance and the next best ones."""
        chance = self.log10_fap[row]
        words = f"{10**chance:.2g}" if chance > -300 else f"below 1e{int(np.ceil(chance))}"
        others = [f"{p:.5g}" for p in (self.alias_1[row], self.alias_2[row]) if np.isfinite(p)]
        following = f"; next best {' and '.join(others)} d" if others else ""
        doubt = ", it may be chance" if chance > DOUBTFUL else ""
        return (
            f"{self.period[row]:.6g} d (false-alarm probability {words} of the Lomb-Scargle peak"
            f"{doubt}{following})"
        )

    def save(self, path: str | Path) -> None:
        """Write an `.npz` file, whole or not at all."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: str | Path) -> "Periods":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(*(stored[field.name] for field in fields(cls)))

    @classmethod
    def join(cls, parts: "list[Periods]") -> "Periods":
        """Put several after one another."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def find_period(
    time: np.ndarray,
    value: np.ndarray,
    error: np.ndarray | None = None,
    *,
    minimum_frequency: float | None = None,
    maximum_frequency: float = 20.0,
    oversampling: float = 5.0,
    peaks: int = 8,
    harmonics: int = 12,
    whole_days: bool = True,
) -> Periods:
    """Find the period of one light curve.

    A Lomb-Scargle periodogram with floating mean (nifty-ls) gives the highest peaks. Their
    multiples, fractions and daily aliases are candidates; Fourier series of 1 to `harmonics`
    terms are fitted at each, and the lowest criterion `N ln(chi2) + 2 (2 K + 1) ln N` wins
    (twice the penalty of the Bayesian one, as many candidates are tried): a sub-harmonic wins
    only if its odd terms are real. Where nights leave aliases, frequencies next to whole days
    are cut out, and if a slow variation explains nearly as much as those near whole days do,
    the slow one is taken.

    Parameters
    ----------
    time : ndarray, shape (n,)
        [d], in any order.
    value, error : ndarray, shape (n,)
        Magnitudes or fluxes and their standard errors (None: all equal).
        Epochs that are not finite or have an error <= 0 are left out.
    minimum_frequency, maximum_frequency, oversampling, peaks, harmonics, whole_days
        See `PeriodOptions`.

    Returns
    -------
    Periods
        Of length one. All NaN (and `harmonics` 0) with fewer than 5 epochs, a constant curve
        or a time span of zero.
    """
    options = PeriodOptions(
        minimum_frequency, maximum_frequency, oversampling, peaks, harmonics, whole_days
    )
    time, value = np.asarray(time, float), np.asarray(value, float)
    error = np.ones_like(value) if error is None else np.asarray(error, float)
    found = search_curve(time, value, error, options)
    return Periods(*(np.array([number]) for number in found))


def find_periods(
    ragged: Ragged,
    options: PeriodOptions | None = None,
    *,
    workers: int = 1,
    cache: str | Path | None = None,
    shard: int = 500,
    progress: Callable[[int, int], None] | None = None,
) -> Periods:
    """Find the periods of many light curves.

    Parameters
    ----------
    ragged : Ragged
        Fields `time` [d] and `magnitude` or `flux`, with `magnitude_err` or `flux_err` if known,
        and optionally `band`: each band is then shifted to a common median.
    options : PeriodOptions, optional
    workers : int
        Processes.
    cache : path, optional
        Folder of `.npz` shards named by the hash of their light curves and of the options:
        an interrupted search goes on where it stopped, and changed data are searched again.
    shard : int
        Objects in a shard.
    progress : callable, optional
        Called with (objects done, objects in all) after each shard.

    Returns
    -------
    Periods
        One entry an object, NaN where the light curve is absent or too short.

    Raises
    ------
    DataError
        If a field is missing.
    """
    options = options or PeriodOptions()
    if shard < 1:
        raise ConfigError("shard of find_periods starts at 1")
    time, value, error = photometry_series(ragged)
    folder = None if cache is None else Path(cache)
    work = partial(_search_shard, options=options, folder=folder)
    tasks = (
        (time[a:b], value[a:b], error[a:b], ragged.offsets[first : last + 1] - a)
        for first, last in _ranges(len(ragged), shard)
        for a, b in [(ragged.offsets[first], ragged.offsets[last])]
    )
    parts: list[Periods] = [_nothing()]
    done = 0
    for part in in_order(work, tasks, workers):
        parts.append(part)
        done += len(part)
        if progress is not None:
            progress(done, len(ragged))
    return Periods.join(parts)


def _search_shard(
    task: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    options: PeriodOptions,
    folder: Path | None,
) -> Periods:
    """Search one shard's light curves, or read what an earlier run found for them."""
    time, value, error, offsets = task
    path = None
    if folder is not None:
        digest = hashlib.sha256()
        for array in task:
            digest.update(np.ascontiguousarray(array).tobytes())
        key = {"data": digest.hexdigest(), "options": vars(options), "version": VERSION}
        path = folder / f"periods-{json_hash(key)}.npz"
        if path.exists():
            return Periods.load(path)
    pairs = pairwise(offsets)
    rows = [search_curve(time[a:b], value[a:b], error[a:b], options) for a, b in pairs]
    found = Periods(*(np.array(column) for column in zip(*rows, strict=True)))
    if path is not None:
        found.save(path)
    return found


def _ranges(number: int, step: int) -> Iterator[tuple[int, int]]:
    return ((first, min(first + step, number)) for first in range(0, number, step))


def _nothing() -> Periods:
    return Periods(*(np.zeros(0, np.asarray(value).dtype) for value in Found()))
