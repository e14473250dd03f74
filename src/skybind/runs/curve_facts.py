"""What the light curves of a dataset are like, seen in a sample of them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.lightcurves.bands import BAND_SHARE
from skybind.lightcurves.columns import FAP
from skybind.lightcurves.periods import DOUBTFUL, find_periods
from skybind.modalities.cleaning import value_field
from skybind.modalities.computed import FLUX_ZERO, PERIOD, computed_name, is_computed, raw_period
from skybind.modalities.transient import brightest, detections
from skybind.progress import step
from skybind.ragged import Ragged

#: Objects of a modality, at most, whose observations are looked at, and how many lie together:
#: neighbouring rows are read together, whatever the size of the dataset.
SAMPLE, BLOCK = 2048, 128
#: Light curves, at most, in which periods are looked for, and their most epochs.
SEARCHED, LONGEST = 40, 1000
#: A period is believed in that repeats so often within the light curve.
CYCLES = 3
#: Share of light curves with a period from which they are folded.
PERIODIC = 0.5
#: Light curves are of transients if they last at most this share of the survey, and fade by so
#: much [mag].
BRIEF, FADING = 0.25, 0.5
#: Days before the maximum at which no transient has begun: what is detected there is another
#: source, such as its galaxy.
EARLY = 200.0


@dataclass(frozen=True)
class LightCurveFacts:
    """One column of light curves.

    Attributes
    ----------
    name : str
    objects, sampled : int
        How many were observed so, and how many of these were looked at.
    epochs, long : int
        Median and 90th percentile of the number of epochs.
    magnitudes : bool
        Whether they are magnitudes, not fluxes.
    bands : dict of str to (int, int)
        Band -> epochs, and light curves, of the sample; "" counts epochs that name none. Empty
        where the light curves have no bands.
    used : list of str
        The bands that enough light curves have; empty where there is nothing to be told apart.
    outside : int
        Light curves of the sample that have fewer than two epochs in these.
    features : list of str
        Columns of the catalogue that belong to light curves.
    span, survey : float
        Days from the first detection to the last, in the median, and of all light curves together.
    fading : float
        Magnitudes between the brightest detection and the faintest one in its band, in the median.
    early : float
        Share of the light curves that begin more than `EARLY` days before their maximum.
    source : str
        Whose periods: `catalogue`, `computed` (columns of the dataset), `searched` (in a sample).
    periodic, tried : float, int
        Share of the light curves that have a period, a significant one where it was found; and of
        how many.
    """

    name: str
    objects: int
    sampled: int
    epochs: int
    long: int
    magnitudes: bool
    bands: dict[str, tuple[int, int]]
    used: list[str]
    outside: int
    features: list[str]
    span: float
    survey: float
    fading: float
    early: float
    source: str
    periodic: float
    tried: int

    @property
    def folds(self) -> bool:
        """Whether enough of them have a period."""
        return self.periodic >= PERIODIC

    @property
    def transient(self) -> bool:
        """Whether they are of transients: without period, short against the survey, and fading."""
        brief = 0 < self.span <= BRIEF * self.survey
        return not self.folds and brief and self.fading >= FADING


def sample_rows(rows: np.ndarray, most: int = SAMPLE, block: int = BLOCK) -> np.ndarray:
    """Choose some of the rows: blocks of neighbours, evenly spread; all where they are few."""
    if len(rows) <= most:
        return rows
    starts = np.linspace(0, len(rows) - block, most // block).astype(int)
    return np.unique(np.concatenate([rows[start : start + block] for start in starts]))


def pieces(dataset: Dataset, name: str, rows: np.ndarray) -> Iterator[Ragged]:
    """Read some rows in blocks."""
    for start in range(0, len(rows), BLOCK):
        yield dataset.ragged(name, rows[start : start + BLOCK])


def look_at_curves(
    dataset: Dataset, name: str, column: Column, lengths: np.ndarray
) -> LightCurveFacts:
    """Look what the light curves of a column are like.

    Parameters
    ----------
    dataset : Dataset
    name : str
    column : Column
        What the schema says of it.
    lengths : ndarray of int, shape (n,)
        Epochs of each object; below 0 where it has no light curve.
    """
    rows = sample_rows(np.flatnonzero(lengths >= 0))
    epochs: Counter[str] = Counter()
    curves: Counter[str] = Counter()
    each: list[Counter[str]] = []
    courses: list[np.ndarray] = []
    for piece in pieces(dataset, name, rows):
        if FLUX_ZERO not in column.attributes:  # otherwise nothing tells what a detection is
            courses.append(_courses(piece))
        if "band" in piece.fields:
            bands = [str(band or "") for band in piece.fields["band"].tolist()]
            each += [Counter(bands[a:b]) for a, b in pairwise(piece.offsets.tolist())]
    for own in each:
        epochs.update(own)
        curves.update(own.keys())
    used = _used_bands(curves, len(rows))
    outside = sum(sum(own[band] for band in used) < 2 for own in each) if used else 0
    observed = lengths[lengths >= 0]
    source, periodic, tried = _periods(dataset, name, lengths)
    features = dataset.schema.features("photometry")
    return LightCurveFacts(
        name,
        len(observed),
        len(rows),
        int(np.median(observed)),
        int(np.percentile(observed, 90)),
        value_field(column.fields) == "magnitude",
        {band: (epochs[band], n) for band, n in curves.most_common()},
        used,
        outside,
        [f for f in features if not is_computed(dataset.schema.attributes(f))],
        *_course(courses),
        source,
        periodic,
        tried,
    )


def _courses(curves: Ragged) -> np.ndarray:
    """First, last and brightest detection [d], and fading [mag], of each curve that has one."""
    value, n, owner = value_field(curves.fields), len(curves), curves.owner
    time, own = curves.fields["time"].astype(float), curves.fields[value].astype(float)
    seen = detections(curves) & np.isfinite(time) & np.isfinite(own)
    brightness = own if value == "flux" else -own
    first, last, top = (brightest(by, owner, n, seen) for by in (-time, time, brightness))
    if "band" in curves.fields:  # another band differs by its colour
        band = np.unique(np.asarray(curves.fields["band"], str), return_inverse=True)[1]
        like_top = seen & (band == band[top[owner]])
    else:
        like_top = seen
    bottom = brightest(-brightness, owner, n, like_top)
    some = top >= 0
    first, last, top, bottom = first[some], last[some], top[some], bottom[some]
    fading = own[bottom] - own[top]
    if value == "flux":
        fading = 2.5 * np.log10(own[top] / own[bottom])
    return np.column_stack([time[first], time[last], time[top], fading])


def _course(measured: list[np.ndarray]) -> tuple[float, float, float, float]:
    """Span, span of the survey [d], fading [mag] and share of early ones, of all curves."""
    courses = np.concatenate([np.zeros((0, 4)), *measured])
    if not len(courses):
        return 0.0, 0.0, 0.0, 0.0
    first, last, top, fading = courses.T
    survey = float(np.percentile(last, 95) - np.percentile(first, 5))
    early = float((top - first > EARLY).mean())
    return float(np.median(last - first)), survey, float(np.median(fading)), early


def _used_bands(curves: Counter[str], n: int) -> list[str]:
    """Choose the bands that enough light curves have, the most frequent first."""
    named = [(band, count) for band, count in curves.most_common() if band]
    if not named or len(curves) == 1:
        return []
    return [band for band, count in named if count >= BAND_SHARE * n] or [named[0][0]]


def _periods(dataset: Dataset, name: str, lengths: np.ndarray) -> tuple[str, float, int]:
    """Say whose periods there are, what share of the light curves has one, and of how many."""
    here = np.flatnonzero(lengths >= 0)
    columns = dataset.schema.columns
    period, fap = computed_name(name, PERIOD), computed_name(name, FAP)
    if period in columns and fap in columns:
        good = np.isfinite(dataset.numbers(period)) & (dataset.numbers(fap) < DOUBTFUL)
        return "computed", float(good[here].mean()), len(here)
    if raw_period(dataset.schema, PERIOD):
        known = np.isfinite(dataset.numbers(PERIOD)[here])
        if known.any():
            return "catalogue", float(known.mean()), len(here)
    able = here[(lengths[here] > 1) & (lengths[here] <= LONGEST)]
    if not len(able):
        return "searched", 0.0, 0
    rows = able[np.unique(np.linspace(0, len(able) - 1, SEARCHED).astype(int))]
    curves = dataset.ragged(name, rows)
    time = curves.fields["time"].astype(float)
    span = np.asarray([np.ptp(time[a:b]) for a, b in pairwise(curves.offsets)])
    # an impossible date makes a span, and with it a search, without end
    usual = np.flatnonzero(np.isfinite(span) & (span <= 5 * np.nanmedian(span)))
    with step("looking for periods in a sample"):
        found = find_periods(curves.take(usual))
    with np.errstate(invalid="ignore"):
        good = (found.log10_fap < DOUBTFUL) & (span[usual] / found.period >= CYCLES)
    return "searched", float(good.mean()) if len(good) else 0.0, len(usual)
