"""Several spectra of one object that stand in one table as if they were one."""

import numpy as np

from skybind.modalities.order import same_as_before
from skybind.ragged import Ragged

#: Arms of a spectrograph share a few per cent of their pixels; two spectra on one grid half.
SHARED_PIXELS = 0.2
#: Pixels of a run of rising (or falling) wavelengths, and the share of all that is in runs.
RUN, IN_RUNS = 5, 0.8
#: Orders of a spectrograph overlap by less of their length.
OVERLAP = 0.5
#: Sorted together, spectra of different level alternate: a pixel is like that so many places on,
#: and unlike its neighbour. Median differences, and the fewest pixels in which that is no chance.
PLACES, SAWTOOTH, FEWEST = range(2, 7), 0.25, 20


def in_turn(r: Ragged) -> np.ndarray:
    """Which objects have several runs of wavelengths, one after the other, over one range.

    Parameters
    ----------
    r : Ragged
        With `wavelength`, in the order of the source.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    wavelength = r.fields["wavelength"].astype(np.float64)
    found = np.zeros(len(r), bool)
    step = np.diff(wavelength)
    turns = np.zeros(max(len(wavelength) - 1, 0), bool)
    inside = np.diff(r.owner) == 0
    turns[1:] = ((step[1:] > 0) != (step[:-1] > 0)) & inside[1:] & inside[:-1]
    if not turns.any():
        return found
    turned = np.add.reduceat(np.append(turns, [False, False]).astype(np.int64), r.offsets[:-1])
    for row in np.flatnonzero((turned > 0) & (r.lengths >= 2 * RUN)).tolist():
        found[row] = _overlapping_runs(wavelength[r.offsets[row] : r.offsets[row + 1]])
    return found


def repeated(r: Ragged) -> np.ndarray:
    """Which objects have several fluxes at many wavelengths; sorted by wavelength."""
    again = same_as_before(r, r.fields["wavelength"])
    if not again.any():
        return np.zeros(len(r), bool)
    flux = r.fields["flux"]
    differ = again & ~same_as_before(r, np.where(np.isfinite(flux), flux, 0))
    n = r.filter(differ).lengths
    return (n >= RUN) & (n > SHARED_PIXELS * r.lengths)


def sawtooth(r: Ragged) -> np.ndarray:
    """Which objects hold spectra of different level, pixel by pixel; sorted by wavelength."""
    flux = r.fields["flux"].astype(np.float64)
    use = np.isfinite(flux)
    if "mask" in r.fields:
        use &= ~r.fields["mask"].astype(bool)
    good = r.filter(use)
    flux, starts = good.fields["flux"].astype(np.float64), good.offsets[:-1]
    found = np.zeros(len(r), bool)
    enough = good.lengths >= FEWEST
    if not enough.any():
        return found

    def steps(places: int) -> np.ndarray:
        """Mean difference over some places, of the objects with enough pixels."""
        some = np.zeros(len(flux))
        some[:-places] = np.abs(flux[places:] - flux[:-places])
        ends = good.offsets[1:, None][enough] - 1 - np.arange(places)
        some[ends.ravel()] = 0
        total = np.add.reduceat(np.append(some, 0.0), starts[enough])
        return np.asarray(total / (good.lengths[enough] - places))

    near = steps(1)
    least = np.min([steps(places) for places in PLACES], axis=0)
    for row in np.flatnonzero(enough)[least < 0.7 * near].tolist():
        own = flux[starts[row] : starts[row] + good.lengths[row]]
        neighbours = np.median(np.abs(np.diff(own)))
        far = min(np.median(np.abs(own[places:] - own[:-places])) for places in PLACES)
        found[row] = far < SAWTOOTH * neighbours
    return found


def _overlapping_runs(wavelength: np.ndarray) -> bool:
    rises = np.diff(wavelength) > 0
    # a turn back to the beginning is one step of the other sign: it parts two runs
    ends = np.flatnonzero(rises != (np.mean(rises) >= 0.5)) + 1
    runs = [run for run in np.split(wavelength, ends) if len(run) >= RUN]
    if sum(map(len, runs)) < IN_RUNS * len(wavelength):
        return False
    ranges = sorted((run.min(), run.max()) for run in runs)
    for i, (low, high) in enumerate(ranges):
        for low_2, high_2 in ranges[i + 1 :]:
            shared = min(high, high_2) - low_2
            if shared > OVERLAP * min(high - low, high_2 - low_2):
                return True
            if low_2 > high:
                break
    return False
