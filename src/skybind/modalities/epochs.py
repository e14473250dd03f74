"""Epochs that are no measurements: upper limits, absurd magnitudes, impossible dates.

Each function says which epochs; `skybind.modalities.cleaning` leaves them out and counts them.
"""

import numpy as np

from skybind.ragged import Ragged, segment_median

#: Values of the field `limit`: whether an epoch is an upper limit, as far as its source says.
LIMIT, DETECTION, NOT_SAID = 1, 0, -1
#: No apparent magnitude lies outside: the Sun has -26.8, the deepest exposures reach about 32.
MAGNITUDES = (-30.0, 50.0)
#: No star varies so much: the largest amplitudes are those of novae, up to about 19 mag.
LARGEST_AMPLITUDE = 22.0
#: A magnitude with a larger error tells nothing (a signal of a fifth of the noise).
LARGEST_MAGNITUDE_ERROR = 5.0
#: The first photograph of a star was taken in 1850: no two epochs lie further apart [d].
LONGEST_GAP = 200 * 365.25
#: An isolated epoch lies this many spans of the others away.
SPANS = 20
#: An epoch at exactly 0 is a missing date where the others begin so late [d], and so many of
#: their spans later.
ZERO_GAP, ZERO_SPANS = 1000.0, 2


def possible_magnitudes(magnitude: np.ndarray) -> np.ndarray:
    """Which magnitudes a star may have: the others are sentinels, or not known."""
    with np.errstate(invalid="ignore"):
        found: np.ndarray = (magnitude > MAGNITUDES[0]) & (magnitude < MAGNITUDES[1])
    return found


def absurd_magnitudes(r: Ragged, used: np.ndarray) -> np.ndarray:
    """Which magnitudes no star has: sentinels, or logarithms of negative fluxes.

    Parameters
    ----------
    r : Ragged
        With the field `magnitude`.
    used : ndarray of bool
        Epochs that count.
    """
    magnitude = r.fields["magnitude"].astype(np.float64)
    wild = used & ~possible_magnitudes(magnitude)
    rest = r.filter(used & ~wild)
    median = np.repeat(segment_median(rest.fields["magnitude"], rest.offsets), r.lengths)
    with np.errstate(invalid="ignore"):
        return wild | (used & (np.abs(magnitude - median) > LARGEST_AMPLITUDE))


def without_errors(r: Ragged, value: str) -> np.ndarray:
    """Which epochs have no error although others of the same curve have one.

    Surveys write a limit like this: as a magnitude whose error is missing. An error of 0 is one
    that was rounded. Where the source says that an epoch is a detection, its error is unknown.

    Parameters
    ----------
    r : Ragged
        With the field `{value}_err`, and perhaps `limit`.
    value : {"flux", "magnitude"}
    """
    errors = r.fields[f"{value}_err"]
    with np.errstate(invalid="ignore"):
        none = ~(np.isfinite(errors) & (errors >= 0))
        if value == "magnitude":
            none |= errors > LARGEST_MAGNITUDE_ERROR
    if not none.any():
        return none
    some = r.filter(~none & (errors > 0)).lengths > 0
    said = r.fields["limit"] == DETECTION if "limit" in r.fields else False
    return none & np.repeat(some, r.lengths) & ~said


def impossible_dates(r: Ragged) -> np.ndarray:
    """Which epochs cannot be of their curve: isolated by centuries from all others, or at 0.

    An epoch (or a group of fewer than half) is isolated where the gap to the others is longer
    than photometry exists, and than twenty times their span. Photographic plates are never lost.

    Parameters
    ----------
    r : Ragged
        Sorted by `time`.
    """
    time, found = r.fields["time"], np.zeros(int(r.offsets[-1]), bool)
    starts, ends = r.offsets[:-1], r.offsets[1:]
    some = np.flatnonzero(r.lengths > 1)
    first, last = time[starts[some]], time[ends[some] - 1]
    zero = r.filter(time == 0).lengths[some] > 0
    for row in some[(last - first > LONGEST_GAP) | zero].tolist():
        own = slice(starts[row], ends[row])
        found[own] = _isolated(time[own])
    return found


def mixed_systems(r: Ragged) -> int:
    """Count the light curves of which one band holds magnitudes of several photometric systems.

    Parameters
    ----------
    r : Ragged
        Perhaps with `system`, in which "" is one that is not known, and `band`.
    """
    if "system" not in r.fields or not len(r.fields["system"]):
        return 0
    codes = [r.owner]
    for name in ("band", "system"):
        text = np.asarray([str(v or "") for v in r.fields.get(name, [""] * len(r.owner))])
        codes.append(np.unique(text, return_inverse=True)[1].ravel())
    each = np.unique(np.column_stack(codes), axis=0)
    owners, bands = np.unique(each[:, :2], axis=0, return_counts=True)
    return len(np.unique(owners[bands > 1, 0]))


def _isolated(time: np.ndarray) -> np.ndarray:
    """Which of the sorted times of one curve are isolated."""
    keep = np.ones(len(time), bool)
    rest = time[time != 0]
    if 0 < len(rest) < len(time):
        gap, span = np.abs(rest).min(), rest[-1] - rest[0]
        if gap > ZERO_GAP and gap > ZERO_SPANS * span:
            keep = time != 0
    while True:
        places = np.flatnonzero(keep)
        if len(places) < 2:
            return ~keep
        gaps = np.diff(time[places])
        split = int(np.argmax(gaps)) + 1
        sides = places[:split], places[split:]
        large = max(sides, key=len)
        span = time[large[-1]] - time[large[0]]
        if gaps[split - 1] <= max(LONGEST_GAP, SPANS * span):
            return ~keep
        if len(sides[0]) == len(sides[1]):  # which of them is wrong cannot be told
            keep[places] = False
        else:
            keep[min(sides, key=len)] = False
