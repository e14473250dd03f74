"""The period search of one light curve: peaks, aliases, harmonics."""

from dataclasses import dataclass
from math import lgamma
from typing import NamedTuple

import numpy as np

from skybind.errors import ConfigError
from skybind.lightcurves.fourier import FourierSums, harmonic_chi2

SIDEREAL = 1.0027379  # sidereal days a solar day: the frequency [1/d] of a site's nights


ALIASES = (SIDEREAL, -SIDEREAL, 2 * SIDEREAL, -2 * SIDEREAL)


MULTIPLES = (1.0, 2.0)  # of each peak's frequency


FRACTIONS = (1 / 2, 1 / 3, 1 / 4, 1 / 6)


CYCLES = 20  # a fraction must repeat so often: Miras are not quite the same each time


WINDOW_LIMIT = 0.5  # spectral window at one cycle a day from which nights leave aliases


MARGIN = 1.5  # half width, in resolution elements 1/T, of what is cut out at whole days


SLOW = 0.02  # [1/d]: what is slower is mirrored within so much of whole days


SLOW_POWER = 0.9  # of the highest peak, above which a slow peak explains those mirrors


PENALTY = 2.0  # times that of the Bayesian criterion: many candidates are tried


PRECISION = 1e-6  # of the periodogram's sums


RELATED = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1.5)  # a period times or over these tells nothing new


ALIAS_PEAKS = 2  # how many further periods are told


class Found(NamedTuple):
    """What was found in one light curve; the fields are those of `Periods`."""

    period: float = np.nan
    ls_period: float = np.nan
    ls_power: float = np.nan
    ls_power_second: float = np.nan
    harmonics: int = 0
    alias_1: float = np.nan
    alias_2: float = np.nan
    log10_fap: float = np.nan


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


def search_curve(
    time: np.ndarray, value: np.ndarray, error: np.ndarray, options: PeriodOptions
) -> Found:
    """Search one light curve; `find_period` says how. NaN and 0 where nothing can be found."""
    good = np.isfinite(time) & np.isfinite(value) & np.isfinite(error) & (error > 0)
    time, value, error = time[good], value[good], error[good]
    if len(time) < 5 or np.ptp(time) <= 0 or np.ptp(value) <= 0:
        return Found()
    order = np.argsort(time)
    time, value, error = time[order] - time[order[0]], value[order], error[order]
    span = time[-1]
    low = options.minimum_frequency or 1 / span
    high = options.maximum_frequency
    if low >= high:
        return Found()
    frequency, power = _periodogram(time, value, error, low, high, options.oversampling)
    if options.whole_days:
        _cut_whole_days(time, frequency, power, span)
    tops, heights = _peaks(frequency, power, options.peaks, separation=2 / span)
    if len(tops) == 0:
        return Found()
    slow = options.whole_days and (heights[tops < SLOW] > SLOW_POWER * heights[0]).any()
    slow = slow and (tops[0] < SLOW or _near_whole_days(tops[:1])[0])
    slow = slow and _window(time, 1.0) > WINDOW_LIMIT
    if slow:
        kept = ~_near_whole_days(tops)
        tops, heights = tops[kept], heights[kept]
    second = heights[1] if len(tops) > 1 else 0.0
    candidates = _candidates(tops, low, high, span)
    if slow:
        candidates = candidates[~_near_whole_days(candidates)]
    criterion = _criterion(time, value, error, candidates, options.harmonics)
    best = float(candidates[criterion.min(axis=1).argmin()])
    # Two unlike narrow eclipses need twice the harmonics at the orbital period.
    longer = best * np.array([1, 1 / 2, 1 / 3])
    longer = longer[(longer == best) | ((longer * span >= CYCLES) & (longer >= low))]
    finer = _criterion(time, value, error, longer, 2 * options.harmonics)
    place, term = np.unravel_index(finer.argmin(), finer.shape)
    terms = int(term) + 1
    best = _refine(time, value, error, float(longer[place]), terms, span)
    others = _aliases(candidates[criterion.min(axis=1).argsort(kind="stable")], best, span)
    return Found(
        1 / best,
        1 / float(tops[0]),
        float(heights[0]),
        float(second),
        terms,
        float(1 / others[0]),
        float(1 / others[1]),
        log10_false_alarm(float(heights[0]), time, error, high),
    )


def power_spectrum(
    time: np.ndarray, value: np.ndarray, error: np.ndarray, options: PeriodOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Return the Lomb-Scargle power of one light curve, in which `search_curve` looks for peaks.

    Parameters
    ----------
    time, value, error : ndarray, shape (n,)
        [d], and values with standard errors in any unit; what is not finite is left out.
    options : PeriodOptions

    Returns
    -------
    frequency, power : ndarray
        [1/d], and the power from 0 to 1; both empty where nothing can be searched. Whole days are
        not cut out.
    """
    good = np.isfinite(time) & np.isfinite(value) & np.isfinite(error) & (error > 0)
    time, value, error = time[good], value[good], error[good]
    if len(time) < 5 or np.ptp(time) <= 0 or np.ptp(value) <= 0:
        return np.zeros(0), np.zeros(0)
    order = np.argsort(time)
    time, value, error = time[order] - time[order[0]], value[order], error[order]
    low, high = options.minimum_frequency or 1 / time[-1], options.maximum_frequency
    if low >= high:
        return np.zeros(0), np.zeros(0)
    return _periodogram(time, value, error, low, high, options.oversampling)


def log10_false_alarm(
    power: float, time: np.ndarray, error: np.ndarray, maximum_frequency: float
) -> float:
    """Return log10 of the false-alarm probability of a periodogram's highest peak.

    The probability that white noise of the curve's errors gives a peak as high anywhere up to
    `maximum_frequency`, for one sine with a free mean: Baluev (2008, MNRAS 385, 1279), an upper
    limit that is sharp where it is small. Red noise and trends give high peaks more often.

    Parameters
    ----------
    power : float
        Height of the peak, 0 to 1.
    time, error : ndarray, shape (n,)
        [d] and standard errors, n above 3.
    maximum_frequency : float
        [1/d]
    """
    number = len(time)
    weight = error**-2.0 / (error**-2.0).sum()
    spread = float(weight @ (time - weight @ time) ** 2)
    left = np.log(max(1 - power, np.finfo(float).tiny))
    single = 0.5 * (number - 3) * left
    width = maximum_frequency * np.sqrt(4 * np.pi * spread)
    bias = lgamma((number - 1) / 2) - lgamma((number - 2) / 2)
    crossings = np.log(width) + bias + 0.5 * ((number - 4) * left + np.log(power))
    if max(single, crossings) < -30:  # both small: their sum, where 1 - (1 - a) exp(-b) is 0
        return float(np.logaddexp(single, crossings) / np.log(10))
    chance = -np.expm1(np.log1p(-min(np.exp(single), 1 - 1e-16)) - np.exp(crossings))
    return float(np.log10(min(chance, 1.0)))


def _aliases(candidates: np.ndarray, best: float, span: float) -> np.ndarray:
    """Return the next `ALIAS_PEAKS` frequencies, the best first, NaN where there are no more.

    Those that differ from the best and from one another by a small ratio describe one variation
    and are told once.
    """
    told = [best]
    ratios = np.concatenate([RELATED, 1 / np.array(RELATED)])
    for frequency in candidates.tolist():
        if len(told) > ALIAS_PEAKS:
            break
        if all(np.abs(frequency - other * ratios).min() > 0.5 / span for other in told):
            told.append(frequency)
    return np.array([*told[1:], *[np.nan] * ALIAS_PEAKS][:ALIAS_PEAKS])


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


def _criterion(
    time: np.ndarray,
    value: np.ndarray,
    error: np.ndarray,
    candidates: np.ndarray,
    harmonics: int,
) -> np.ndarray:
    """Bayesian information criterion of each frequency and number of harmonics, the lower better.

    Shape (candidates, K): column k is of k + 1 harmonics.
    """
    number = len(time)
    # No more terms than a third of the epochs, or anything could be fitted.
    harmonics = max(1, min(harmonics, number // 6))
    sums = FourierSums.of_frequencies(time, value, error, candidates, harmonics)
    chi2 = harmonic_chi2(sums)[:, 1:]
    terms = np.arange(1, harmonics + 1)
    return number * np.log(chi2) + PENALTY * (2 * terms + 1) * np.log(number)


def _refine(
    time: np.ndarray, value: np.ndarray, error: np.ndarray, best: float, terms: int, span: float
) -> float:
    """Follow the best fit of `terms` harmonics within a fifth of a resolution element."""
    width = 0.2 / span
    for _ in range(2):
        grid = best + np.linspace(-width, width, 9)
        grid = grid[grid > 0]
        sums = FourierSums.of_frequencies(time, value, error, grid, terms)
        best = float(grid[np.argmin(harmonic_chi2(sums)[:, -1])])
        width /= 5
    return best
