"""Periods of light curves: a Lomb-Scargle search, then a comparison of harmonics."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from skybind.data.fourier import FourierSums, harmonic_chi2
from skybind.data.series import photometry_series
from skybind.errors import ConfigError
from skybind.files import atomic_path, json_hash
from skybind.ragged import Ragged

SIDEREAL = 1.0027379  # sidereal days a solar day: the frequency [1/d] of a site's nights
ALIASES = (SIDEREAL, -SIDEREAL, 2 * SIDEREAL, -2 * SIDEREAL)
MULTIPLES = (1.0, 2.0)  # of each peak's frequency
FRACTIONS = (1 / 2, 1 / 3, 1 / 4, 1 / 6)
CYCLES = 20  # a fraction must repeat so often: Miras are not quite the same each time
WINDOW_LIMIT = 0.5  # spectral window at one cycle a day from which nights leave aliases
MARGIN = 1.5  # half width, in resolution elements 1/T, of what is cut out at whole days
SLOW = 0.05  # [1/d]: what is slower is mirrored within so much of whole days
SLOW_POWER = 0.75  # of the highest peak, above which a slow peak explains those mirrors
PENALTY = 2.0  # times that of the Bayesian criterion: many candidates are tried
PRECISION = 1e-6  # of the periodogram's sums
VERSION = 3  # part of the cache's key: raise it when the numbers change


@dataclass(frozen=True)
class PeriodOptions:
    """How periods are searched.

    Attributes
    ----------
    minimum_frequency : float or None
        [1/d]; None: one cycle in each light curve's time span.
    maximum_frequency : float
        [1/d]; the default is 20 cycles a day.
    oversampling : float
        Grid points in one resolution element 1/T.
    peaks : int
        How many peaks of the periodogram are looked at more closely.
    harmonics : int
        Highest number of harmonics in the comparison of candidates (twice as many in that of
        the best with its half and third).
    whole_days : bool
        Cut out frequencies at whole solar and sidereal days, where the spectral window
        shows that observing by night leaves aliases there.
    """

    minimum_frequency: float | None = None
    maximum_frequency: float = 20.0
    oversampling: float = 5.0
    peaks: int = 8
    harmonics: int = 12
    whole_days: bool = True

    def __post_init__(self) -> None:
        low = self.minimum_frequency
        if self.maximum_frequency <= 0 or (low is not None and low >= self.maximum_frequency):
            raise ConfigError(
                f"the period search from {low} to {self.maximum_frequency} cycles a day is empty: "
                "give a minimum_frequency below the maximum_frequency"
            )
        if self.oversampling < 1 or self.peaks < 1 or self.harmonics < 1:
            raise ConfigError("oversampling, peaks and harmonics of a period search start at 1")


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
    """

    period: np.ndarray
    ls_period: np.ndarray
    ls_power: np.ndarray
    ls_power_second: np.ndarray
    harmonics: np.ndarray

    def __len__(self) -> int:
        return len(self.period)

    def take(self, rows: np.ndarray) -> "Periods":
        """Select objects by index or mask."""
        return Periods(*(getattr(self, field.name)[rows] for field in fields(self)))

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
    found = _search(time, value, error, options)
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
    if workers < 1 or shard < 1:
        raise ConfigError("workers and shard of find_periods start at 1")
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
    for part in _map(work, tasks, workers):
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
    rows = [_search(time[a:b], value[a:b], error[a:b], options) for a, b in pairs]
    found = Periods(*(np.array(column) for column in zip(*rows, strict=True)))
    if path is not None:
        found.save(path)
    return found


def _search(
    time: np.ndarray, value: np.ndarray, error: np.ndarray, options: PeriodOptions
) -> tuple[float, float, float, float, int]:
    """Search one light curve; the order of the result is that of `Periods`."""
    nothing = (np.nan, np.nan, np.nan, np.nan, 0)
    good = np.isfinite(time) & np.isfinite(value) & np.isfinite(error) & (error > 0)
    time, value, error = time[good], value[good], error[good]
    if len(time) < 5 or np.ptp(time) <= 0 or np.ptp(value) <= 0:
        return nothing
    order = np.argsort(time)
    time, value, error = time[order] - time[order[0]], value[order], error[order]
    span = time[-1]
    low = options.minimum_frequency or 1 / span
    high = options.maximum_frequency
    if low >= high:
        return nothing
    frequency, power = _periodogram(time, value, error, low, high, options.oversampling)
    if options.whole_days:
        _cut_whole_days(time, frequency, power, span)
    tops, heights = _peaks(frequency, power, options.peaks, separation=2 / span)
    if len(tops) == 0:
        return nothing
    slow = options.whole_days and (heights[tops < SLOW] > SLOW_POWER * heights[0]).any()
    slow = slow and _window(time, 1.0) > WINDOW_LIMIT
    if slow:
        kept = ~_near_whole_days(tops)
        tops, heights = tops[kept], heights[kept]
    second = heights[1] if len(tops) > 1 else 0.0
    candidates = _candidates(tops, low, high, span)
    if slow:
        candidates = candidates[~_near_whole_days(candidates)]
    best, _ = _compare(time, value, error, candidates, options.harmonics)
    # Two unlike narrow eclipses need twice the harmonics at the orbital period.
    longer = best * np.array([1, 1 / 2, 1 / 3])
    longer = longer[(longer == best) | ((longer * span >= CYCLES) & (longer >= low))]
    best, terms = _compare(time, value, error, longer, 2 * options.harmonics)
    best = _refine(time, value, error, best, terms, span)
    return 1 / best, 1 / float(tops[0]), float(heights[0]), float(second), terms


def _periodogram(
    time: np.ndarray,
    value: np.ndarray,
    error: np.ndarray,
    low: float,
    high: float,
    oversampling: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Lomb-Scargle power (floating mean, standard normalisation) on a regular grid."""
    import nifty_ls

    number = max(int(np.ceil((high - low) * time[-1] * oversampling)) + 1, 3)
    result = nifty_ls.lombscargle(
        *(time, value, error),
        fmin=low,
        fmax=high,
        Nf=number,
        backend="finufft",
        nthreads=1,
        finufft_kwargs={"eps": PRECISION},
    )
    return np.linspace(low, high, number), np.nan_to_num(result.power)


def _cut_whole_days(
    time: np.ndarray, frequency: np.ndarray, power: np.ndarray, span: float
) -> None:
    """Set the power at whole solar and sidereal days to zero where the window has them.

    A slow trend or a zero point that changes from night to night shows up there.
    """
    for day in (1.0, SIDEREAL):
        if _window(time, day) < WINDOW_LIMIT:
            continue
        nearest = np.round(frequency / day) * day
        power[(np.abs(frequency - nearest) < MARGIN / span) & (nearest > 0)] = 0.0


def _window(time: np.ndarray, frequency: float) -> float:
    """Spectral window of the epochs, 0 to 1."""
    return float(np.abs(np.exp(2j * np.pi * frequency * time).mean()))


def _near_whole_days(frequency: np.ndarray) -> np.ndarray:
    """Whether a frequency lies where a slow variation of a night's means is mirrored."""
    nearest = np.round(frequency / SIDEREAL) * SIDEREAL
    return (nearest > 0) & (np.abs(frequency - nearest) < SLOW)


def _peaks(
    frequency: np.ndarray, power: np.ndarray, number: int, separation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Highest separate local maxima, their tops found by a parabola; highest first."""
    padded = np.concatenate([[-np.inf], power, [-np.inf]])
    top = np.flatnonzero((power > padded[:-2]) & (power >= padded[2:]) & (power > 0))
    keep = min(len(top), 50 * number)
    top = top[np.argpartition(-power[top], keep - 1)[:keep]] if keep else top
    top = top[np.argsort(-power[top], kind="stable")]
    chosen: list[int] = []
    while len(top) and len(chosen) < number:
        chosen.append(int(top[0]))
        top = top[np.abs(frequency[top] - frequency[top[0]]) > separation]
    index = np.array(chosen, int)
    inner = np.clip(index, 1, len(power) - 2)
    left, centre, right = power[inner - 1], power[inner], power[inner + 1]
    bend = left - 2 * centre + right
    flat = (bend >= 0) | (inner != index)
    shift = np.where(flat, 0.0, 0.5 * (left - right) / np.where(flat, 1.0, bend))
    shift = np.clip(shift, -0.5, 0.5)
    return frequency[index] + shift * (frequency[1] - frequency[0]), power[index]


def _candidates(tops: np.ndarray, low: float, high: float, span: float) -> np.ndarray:
    """Frequencies to compare: multiples and fractions of the peaks, and daily aliases."""
    roots = np.concatenate([tops, np.abs(tops[0] + np.array(ALIASES))])
    longer = (roots * np.array(FRACTIONS)[:, None]).ravel()
    every = np.concatenate([roots * multiple for multiple in MULTIPLES])
    every = np.concatenate([every, longer[longer * span >= CYCLES]])
    return every[(every >= low) & (every <= high)]


def _compare(
    time: np.ndarray,
    value: np.ndarray,
    error: np.ndarray,
    candidates: np.ndarray,
    harmonics: int,
) -> tuple[float, int]:
    """Frequency and number of harmonics with the lowest Bayesian information criterion."""
    number = len(time)
    # No more terms than a third of the epochs, or anything could be fitted.
    harmonics = max(1, min(harmonics, number // 6))
    sums = FourierSums.of_frequencies(time, value, error, candidates, harmonics)
    chi2 = harmonic_chi2(sums)[:, 1:]
    terms = np.arange(1, harmonics + 1)
    criterion = number * np.log(chi2) + PENALTY * (2 * terms + 1) * np.log(number)
    best, term = np.unravel_index(np.argmin(criterion), criterion.shape)
    return float(candidates[best]), int(terms[term])


def _refine(
    time: np.ndarray, value: np.ndarray, error: np.ndarray, best: float, terms: int, span: float
) -> float:
    """Follow the best fit of `terms` harmonics within a tenth of a resolution element."""
    width = 0.2 / span
    for _ in range(2):
        grid = best + np.linspace(-width, width, 9)
        grid = grid[grid > 0]
        sums = FourierSums.of_frequencies(time, value, error, grid, terms)
        best = float(grid[np.argmin(harmonic_chi2(sums)[:, -1])])
        width /= 5
    return best


def _ranges(number: int, step: int) -> Iterator[tuple[int, int]]:
    return ((first, min(first + step, number)) for first in range(0, number, step))


def _nothing() -> Periods:
    empty = np.zeros(0)
    return Periods(empty, empty, empty, empty, np.zeros(0, np.int64))


def _map(work: Callable, tasks: Iterator, workers: int) -> Iterator[Periods]:
    """Work through the tasks in order, in this process or in several."""
    if workers == 1:
        yield from map(work, tasks)
        return
    with get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(work, tasks)
